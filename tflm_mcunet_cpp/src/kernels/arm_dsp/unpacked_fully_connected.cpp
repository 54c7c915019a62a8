// Four units at a time, so that each four values are widened once for them.
#include "unpacked_fully_connected.h"

namespace tflm_mcunet {
namespace {

using arm_dsp::load_word;
using arm_dsp::smlad;
using arm_dsp::UnpackedEnding;

inline int32_t add_word(uint32_t weights, uint32_t even, uint32_t odd, int32_t sum) {
  return smlad(arm_dsp::widen_odd(weights), odd, smlad(arm_dsp::widen_even(weights), even, sum));
}

// Adds the products of four units' weights, `depth` apart.
void add_four_units(const FullyConnected& layer, const int8_t* x, const int8_t* weights, int32_t* sums) {
  const int32_t depth = layer.depth;
  const uint32_t offset = arm_dsp::minus_both(layer.input_zero_point);
  int32_t s0 = sums[0];
  int32_t s1 = sums[1];
  int32_t s2 = sums[2];
  int32_t s3 = sums[3];
  const int8_t* const end = x + (depth & ~3);
  for (; x != end; x += 4, weights += 4) {
    const uint32_t word = load_word(x);
    const uint32_t even = arm_dsp::widen_even_plus(offset, word);
    const uint32_t odd = arm_dsp::widen_odd_plus(offset, word);
    s0 = add_word(load_word(weights), even, odd, s0);
    s1 = add_word(load_word(weights + depth), even, odd, s1);
    s2 = add_word(load_word(weights + 2 * depth), even, odd, s2);
    s3 = add_word(load_word(weights + 3 * depth), even, odd, s3);
  }
  for (int32_t i = depth & 3; i > 0; --i, ++x, ++weights) {
    const int32_t value = *x - layer.input_zero_point;
    s0 += value * weights[0];
    s1 += value * weights[depth];
    s2 += value * weights[2 * depth];
    s3 += value * weights[3 * depth];
  }
  sums[0] = s0;
  sums[1] = s1;
  sums[2] = s2;
  sums[3] = s3;
}

}  // namespace

void fully_connected_unpacked_row(const void* params, const void* const* rows, void* out,
                                  const Columns& columns, void* scratch) {
  const FullyConnected& layer = *static_cast<const FullyConnected*>(params);
  if (columns.end - columns.begin < 4) {
    fully_connected_row(params, rows, out, columns, scratch);
    return;
  }
  int8_t* const output = static_cast<int8_t*>(out) - columns.begin;
  for (int32_t next = columns.begin; next < columns.end; next += 4) {
    // The last four may overlap those before: they are computed again.
    const int32_t unit = next + 4 <= columns.end ? next : columns.end - 4;
    int32_t sums[4] = {0, 0, 0, 0};
    add_four_units(layer, static_cast<const int8_t*>(rows[0]), layer.weights + unit * layer.depth, sums);
    for (int32_t i = 0; i < 4; ++i) {
      const int32_t bias = layer.bias != nullptr ? layer.bias[unit + i] : 0;
      output[unit + i] = UnpackedEnding(layer, unit + i).of<false>(layer, bias + sums[i]);
    }
  }
}

}  // namespace tflm_mcunet
