#include "kernel_weighted.h"

#include <string.h>

#include "kernel_parameters.h"

namespace tflm_mcunet {
namespace {

int64_t largest(const SumRange& sums) { return sums.most > -sums.least ? sums.most : -sums.least; }

// The bits of a value in magnitude, of a negative one less 1.
inline uint32_t folded(int32_t value) { return static_cast<uint32_t>(value ^ (value >> 31)); }

void fill_words(int32_t value, int32_t count, int32_t* words) {
  int32_t* const end = words + count;
  for (int32_t* const whole = words + (count & ~3); words != whole; words += 4) {
    words[0] = words[1] = words[2] = words[3] = value;
  }
  while (words != end) {
    *words++ = value;
  }
}

// What no bias exceeds in magnitude, a power of two.
uint32_t largest_bias(const int32_t* bias, int32_t count) {
  uint32_t bits = 0;
  const int32_t* const end = bias + count;
  for (const int32_t* const whole = bias + (count & ~7); bias != whole; bias += 8) {
    for (int32_t i = 0; i < 8; ++i) {
      bits |= folded(bias[i]);
    }
  }
  for (; bias != end; ++bias) {
    bits |= folded(*bias);
  }
  return bits == 0 ? 1u : 2 * (0x80000000u >> __builtin_clz(bits));
}

// Whether no input makes TFLite Micro's int32 arithmetic overflow. What is known of all channels says so
// nearly always, and their number of weights of most others, so that Prepare seldom reads weights.
bool sums_fit(const Weighted& weighted, const WeightLayout& layout) {
  if (has_headroom(weighted.largest_sum, weighted.all.most_shift)) {
    return true;
  }
  // What a bias may be in magnitude where no shift is to the left.
  const int64_t room = INT32_MAX - most_products(layout);
  const uint32_t most_bias = static_cast<uint32_t>(room > 0 ? room : 0);
  for (int32_t c = 0; c < layout.channels; ++c) {
    const int32_t bias = weighted.bias_values == nullptr ? 0 : weighted.bias_values[c];
    if (weighted.shift[c] <= 0 && magnitude(bias) <= most_bias && room >= 0) {
      continue;
    }
    const SumRange sums = sum_range(weighted, layout, c);
    if (!has_headroom(largest({sums.least - bias, sums.most - bias}), 0) ||
        !has_headroom(largest(sums), weighted.shift[c])) {
      return false;
    }
  }
  return true;
}

}  // namespace

SumRange sum_range(const Weighted& weighted, const WeightLayout& layout, int32_t channel) {
  const int32_t low = -128 - weighted.input.zero_point;
  const int32_t high = 127 - weighted.input.zero_point;
  const int8_t* weight = weighted.weight_values + channel * layout.channel_stride;
  const int32_t bias = weighted.bias_values != nullptr ? weighted.bias_values[channel] : 0;
  SumRange sums = {bias, bias};
  for (int32_t i = 0; i < layout.taps; ++i, weight += layout.tap_stride) {
    const int32_t one = *weight * low;
    const int32_t other = *weight * high;
    sums.most += one > other ? one : other;
    sums.least += one > other ? other : one;
  }
  return sums;
}

const char* read_weighted(const Operator& op, Weighted* weighted) {
  if (!op.input(0, &weighted->input) || !op.input(1, &weighted->weights) || !op.output(&weighted->output)) {
    return "an operand is missing, or has more than 6 axes";
  }
  if (!is_int8(weighted->input) || !is_int8(weighted->output)) {
    return kNotInt8;
  }
  if (weighted->weights.type != kTfLiteInt8 || weighted->weights.data == nullptr) {
    return "the weights must be int8 constants";
  }
  // Of one for each channel, TFLite Micro reads the first.
  if (weighted->weights.zero_point != 0 || weighted->weights.scale_count < 1) {
    return "the weights must be quantised symmetrically";
  }
  weighted->weight_values = static_cast<const int8_t*>(weighted->weights.data);
  weighted->bias_values = nullptr;
  if (op.has_input(2)) {
    if (!op.input(2, &weighted->bias) || weighted->bias.type != kTfLiteInt32 ||
        weighted->bias.data == nullptr) {
      return "the biases must be int32 constants";
    }
    weighted->bias_values = static_cast<const int32_t*>(weighted->bias.data);
  }
  return nullptr;
}

const char* prepare_weighted(const Operator& op, const WeightLayout& layout, int32_t activation,
                             bool is_layer, Weighted* weighted) {
  const int32_t scales = weighted->weights.scale_count;
  if (scales != 1 && scales != layout.channels) {
    return "the number of weight scales is neither 1 nor that of the output channels";
  }
  if (weighted->bias_values != nullptr && weighted->bias.elements != layout.channels) {
    return "the number of biases is not that of the output channels";
  }
  if (!activation_range(activation, weighted->output.scale, weighted->output.zero_point,
                        &weighted->output_min, &weighted->output_max)) {
    return "the fused activation has no int8 form";
  }
  const size_t count = static_cast<size_t>(layout.channels);
  weighted->multiplier = static_cast<int32_t*>(op.keep(count * sizeof(int32_t)));
  weighted->shift = static_cast<int8_t*>(op.keep(count));
  if (weighted->multiplier == nullptr || weighted->shift == nullptr) {
    return kNoMemory;
  }
  const float* const scale = weighted->weights.scales;
  const float input_scale = weighted->input.scale;
  const float output_scale = weighted->output.scale;
  if (scales == layout.channels && !is_layer) {
    weighted->all =
        quantize_quotients(input_scale, scale, scales, output_scale, weighted->multiplier, weighted->shift);
  } else {
    const Multiplier shared = is_layer ? quantize_quotient(input_scale * *scale, 1.0f, output_scale)
                                       : quantize_quotient(input_scale, *scale, output_scale);
    const int8_t shift = narrow(shared.shift);
    fill_words(shared.value, layout.channels, weighted->multiplier);
    memset(weighted->shift, shift, count);
    weighted->all = {shared.value > 0, shift, shift};
  }
  const int32_t* const bias = weighted->bias_values;
  weighted->largest_sum = most_products(layout) + (bias == nullptr ? 0 : largest_bias(bias, layout.channels));
  return sums_fit(*weighted, layout) ? nullptr : "some input would overflow an int32 sum";
}

}  // namespace tflm_mcunet
