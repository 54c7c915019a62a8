#include "move.h"

#include <string.h>

#include "fill.h"

namespace tflm_mcunet {
namespace {

constexpr int32_t kAxes = 6;

// Copies the runs along one axis; single bytes, as most transpositions move them, without a call.
inline void move_runs(int32_t count, int32_t source_stride, int32_t target_stride, int32_t run_bytes,
                      const uint8_t* source, uint8_t* target) {
  if (run_bytes == 1) {
    for (; count > 0; --count, source += source_stride, target += target_stride) {
      *target = *source;
    }
    return;
  }
  for (; count > 0; --count, source += source_stride, target += target_stride) {
    memcpy(target, source, static_cast<size_t>(run_bytes));
  }
}

// Copies one part; an index per axis is counted up like the digits of a number, the innermost first.
void move_part(const int32_t* extent, const int32_t* source_stride, const int32_t* target_stride,
               int32_t run_bytes, const uint8_t* source, uint8_t* target) {
  constexpr int32_t kLast = kAxes - 1;
  int32_t index[kLast] = {0, 0, 0, 0, 0};
  for (;;) {
    move_runs(extent[kLast], source_stride[kLast], target_stride[kLast], run_bytes, source, target);
    int32_t axis = kLast - 1;
    for (; axis >= 0; --axis) {
      if (++index[axis] < extent[axis]) {
        source += source_stride[axis];
        target += target_stride[axis];
        break;
      }
      source -= source_stride[axis] * (extent[axis] - 1);
      target -= target_stride[axis] * (extent[axis] - 1);
      index[axis] = 0;
    }
    if (axis < 0) {
      return;
    }
  }
}

}  // namespace

void move(const void* params, const void* const* inputs, void* const* outputs, void* /*scratch*/) {
  const Move& move = *static_cast<const Move*>(params);
  fill_bytes(static_cast<uint8_t*>(outputs[0]), move.fill_bytes, move.fill);
  for (int32_t i = 0; i < move.parts; ++i) {
    const uint8_t* source = static_cast<const uint8_t*>(inputs[i * move.input_step]);
    uint8_t* target = static_cast<uint8_t*>(outputs[i * move.output_step]);
    const int32_t first = i * kAxes;
    move_part(move.extent + first, move.source_stride + first, move.target_stride + first, move.run_bytes[i],
              source + move.source_offset[i], target + move.target_offset[i]);
  }
}

}  // namespace tflm_mcunet
