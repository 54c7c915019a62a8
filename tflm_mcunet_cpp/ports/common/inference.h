// One inference, timed, from whatever fills the inputs.
#ifndef TFLM_MCUNET_PORTS_INFERENCE_H_
#define TFLM_MCUNET_PORTS_INFERENCE_H_

#include <stdint.h>

namespace inference {

// What fills the inputs: all of input `index`, or row `y` of an image that is fed by rows.
struct Source {
  void (*read)(int32_t index, void* values, uint32_t bytes);
  void (*read_row)(int32_t y, void* values, uint32_t bytes);
};

struct Result {
  int32_t status;  // 0: the outputs are there
  uint64_t ticks;  // of board::ticks(), without reading the inputs
};

Result run(const Source& source);

// The checksum of all outputs, one behind the other.
uint32_t outputs_checksum();

}  // namespace inference

#endif  // TFLM_MCUNET_PORTS_INFERENCE_H_
