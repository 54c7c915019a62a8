// Where the model's input comes from. Replace sample.cpp with your sensor, microphone or camera.
#ifndef TFLM_MCUNET_PORTS_SAMPLE_H_
#define TFLM_MCUNET_PORTS_SAMPLE_H_

#include <stdint.h>

namespace sample {

// Whether a new input can be read. Called again and again; the host's requests are answered in between.
bool is_ready();

// Writes all bytes of input `index`: values as the model takes them, as model.h says.
void read(int32_t index, void* values, uint32_t bytes);

// Writes row `y` of the image, for a model that is fed by rows. A model with MODEL_FED_PASSES above 1 reads
// the whole image as often: every time the same.
void read_row(int32_t y, void* values, uint32_t bytes);

}  // namespace sample

#endif  // TFLM_MCUNET_PORTS_SAMPLE_H_
