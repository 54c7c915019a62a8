#include "broadcast.h"

#include <string.h>

namespace tflm_mcunet {

void broadcast_dsp(const void* params, const void* const* inputs, void* const* outputs, void* scratch) {
  const BroadcastDsp& walk = *static_cast<const BroadcastDsp*>(params);
  int8_t* output = static_cast<int8_t*>(outputs[0]);
  const Columns columns = {0, walk.run, 0};
  for (int32_t i = 0; i < walk.extent[0]; ++i) {
    const int8_t* first = static_cast<const int8_t*>(inputs[0]) + i * walk.first_stride[0];
    const int8_t* second = static_cast<const int8_t*>(inputs[1]) + i * walk.second_stride[0];
    for (int32_t k = 0; k < walk.extent[1]; ++k) {
      const void* operands[2] = {first, second};
      if (walk.repeated >= 0) {
        memset(scratch, *static_cast<const int8_t*>(operands[walk.repeated]),
               static_cast<uint32_t>(walk.run));
        operands[walk.repeated] = scratch;
      }
      walk.row(walk.arithmetic, operands, output, columns, nullptr);
      output += walk.run;
      first += walk.first_stride[1];
      second += walk.second_stride[1];
    }
  }
}

}  // namespace tflm_mcunet
