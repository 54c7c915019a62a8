#include "lookup.h"

namespace tflm_mcunet {

void lookup_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                void* /*scratch*/) {
  const Lookup& lookup = *static_cast<const Lookup*>(params);
  const int32_t skipped = (columns.begin - columns.input_begin) * lookup.channels;
  const uint8_t* input = static_cast<const uint8_t*>(rows[0]) + skipped;
  uint8_t* output = static_cast<uint8_t*>(out);
  const int32_t count = (columns.end - columns.begin) * lookup.channels;
  for (int32_t i = 0; i < count; ++i) {
    output[i] = lookup.table[input[i]];
  }
}

}  // namespace tflm_mcunet
