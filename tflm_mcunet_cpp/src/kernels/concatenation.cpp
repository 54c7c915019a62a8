#include "concatenation.h"

#include <string.h>

namespace tflm_mcunet {

void concatenation_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                       void* /*scratch*/) {
  const Concatenation& concatenation = *static_cast<const Concatenation*>(params);
  uint8_t* output = static_cast<uint8_t*>(out);
  for (int32_t x = columns.begin - columns.input_begin; x < columns.end - columns.input_begin; ++x) {
    for (int32_t part = 0; part < concatenation.parts; ++part) {
      const int32_t bytes = concatenation.part_bytes[part];
      memcpy(output, static_cast<const uint8_t*>(rows[part]) + x * bytes, static_cast<size_t>(bytes));
      output += bytes;
    }
  }
}

}  // namespace tflm_mcunet
