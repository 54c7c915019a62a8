// What a board does: reads an input whenever there is one, infers, prints what came out; in between, the host
// is answered.
#ifndef TFLM_MCUNET_PORTS_LOOP_H_
#define TFLM_MCUNET_PORTS_LOOP_H_

namespace device_loop {

// Starts board and model; false where the model does not start.
bool begin();

// One turn; call it for ever.
void turn();

}  // namespace device_loop

#endif  // TFLM_MCUNET_PORTS_LOOP_H_
