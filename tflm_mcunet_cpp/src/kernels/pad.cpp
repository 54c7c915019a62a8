#include "pad.h"

#include <string.h>

#include "fill.h"
#include "requantize.h"

namespace tflm_mcunet {

void pad_row(const void* params, const void* const* rows, void* out, const Columns& columns,
             void* /*scratch*/) {
  const Pad& pad = *static_cast<const Pad*>(params);
  const uint8_t* input = static_cast<const uint8_t*>(rows[0]);
  uint8_t* output = static_cast<uint8_t*>(out);
  const int32_t past = pad.pad_left + pad.input_width;
  // The output columns that hold the input; none where the whole row is padding.
  const int32_t first = input == nullptr ? columns.end : clamp(pad.pad_left, columns.begin, columns.end);
  const int32_t last = input == nullptr ? columns.end : clamp(past, first, columns.end);
  fill_bytes(output, (first - columns.begin) * pad.pixel_bytes, pad.fill);
  if (last > first) {
    memcpy(output + (first - columns.begin) * pad.pixel_bytes,
           input + (first - pad.pad_left - columns.input_begin) * pad.pixel_bytes,
           static_cast<size_t>((last - first) * pad.pixel_bytes));
  }
  fill_bytes(output + (last - columns.begin) * pad.pixel_bytes, (columns.end - last) * pad.pixel_bytes,
             pad.fill);
}

}  // namespace tflm_mcunet
