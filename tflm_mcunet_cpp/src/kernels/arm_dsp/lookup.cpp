#include "lookup.h"

#include "lanes.h"
#include "simd.h"

namespace tflm_mcunet {

void lookup_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                    void* /*scratch*/) {
  const Lookup& lookup = *static_cast<const Lookup*>(params);
  const uint8_t* const table = lookup.table;
  const uint8_t* input =
      static_cast<const uint8_t*>(rows[0]) + (columns.begin - columns.input_begin) * lookup.channels;
  uint8_t* output = static_cast<uint8_t*>(out);
  const int32_t count = (columns.end - columns.begin) * lookup.channels;
  uint8_t* const end = output + count;
  for (const uint8_t* const whole = output + (count & ~3); output != whole; input += 4, output += 4) {
    const uint32_t word = arm_dsp::load_word(input);
    const uint32_t low = table[word & 0xFFu] | static_cast<uint32_t>(table[word >> 8 & 0xFFu]) << 8;
    const uint32_t high = table[word >> 16 & 0xFFu] | static_cast<uint32_t>(table[word >> 24]) << 8;
    arm_dsp::store_word(output, low | high << 16);
  }
  for (; output != end; ++output) {
    *output = table[*input++];
  }
}

}  // namespace tflm_mcunet
