#include "sum.h"

namespace tflm_mcunet {
namespace {

inline int32_t scaled(int8_t value, int32_t factor) {
  const int32_t shifted = static_cast<int32_t>(static_cast<uint32_t>(value) << 24);
  return static_cast<int32_t>(static_cast<int64_t>(shifted) * factor >> 32);
}

}  // namespace

void sum_rv_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                void* /*scratch*/) {
  const SumRv sum = *static_cast<const SumRv*>(params);
  const int32_t skipped = (columns.begin - columns.input_begin) * sum.channels;
  const int8_t* first = static_cast<const int8_t*>(rows[0]) + skipped;
  const int8_t* second = static_cast<const int8_t*>(rows[1]) + skipped;
  int8_t* output = static_cast<int8_t*>(out);
  int8_t* const end = output + (columns.end - columns.begin) * sum.channels;
  while (output != end) {
    const int32_t one = scaled(*first++, sum.first_factor);
    const int32_t total = (one + scaled(*second++, sum.second_factor) + sum.constant) >> 20;
    *output++ = static_cast<int8_t>(total < -128 ? -128 : (total > 127 ? 127 : total));
  }
}

}  // namespace tflm_mcunet
