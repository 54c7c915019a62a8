#include "broadcast.h"

#include <string.h>

namespace tflm_mcunet {

void channels_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                      void* /*scratch*/) {
  const ChannelsDsp& walk = *static_cast<const ChannelsDsp*>(params);
  const int8_t* first =
      static_cast<const int8_t*>(rows[0]) + (columns.begin - columns.input_begin) * walk.channels;
  int8_t* output = static_cast<int8_t*>(out);
  const Columns all = {0, walk.channels, 0};
  for (int32_t x = columns.begin; x < columns.end; ++x) {
    const void* const operands[2] = {first, rows[1]};
    walk.row(walk.arithmetic, operands, output, all, nullptr);
    first += walk.channels;
    output += walk.channels;
  }
}

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
