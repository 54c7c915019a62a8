// What CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED have in common: weights, bias, and a multiplier for
// each channel.
#ifndef TFLM_MCUNET_TFLM_KERNEL_WEIGHTED_H_
#define TFLM_MCUNET_TFLM_KERNEL_WEIGHTED_H_

#include "kernel_multiplier.h"
#include "kernel_tensor.h"

namespace tflm_mcunet {

struct Weighted {
  TensorFacts input;
  TensorFacts weights;
  TensorFacts bias;
  TensorFacts output;
  const int8_t* weight_values;
  const int32_t* bias_values;  // nullptr for none
  int32_t* multiplier;
  int8_t* shift;
  int32_t output_min;
  int32_t output_max;
  Multipliers all;
  int64_t largest_sum;  // what no channel's sum exceeds in magnitude
};

// Reads the operands and checks their types. nullptr, or what is wrong.
const char* read_weighted(const Operator& op, Weighted* weighted);

// Fills in multipliers, shifts and clamp for that many output channels. `is_layer` means one multiplier that
// TFLite computes in float32 (FULLY_CONNECTED with one weight scale). `channel_stride` and `tap_stride` are
// the elements from a weight to that of the next channel, and to the channel's next. nullptr, or what is
// wrong.
struct WeightLayout {
  int32_t channels;
  int32_t taps;
  int32_t channel_stride;
  int32_t tap_stride;
};
const char* prepare_weighted(const Operator& op, const WeightLayout& layout, int32_t activation,
                             bool is_layer, Weighted* weighted);

inline uint32_t magnitude(int32_t value) {
  return value < 0 ? 0u - static_cast<uint32_t>(value) : static_cast<uint32_t>(value);
}

// What the products of one channel do not exceed in magnitude together, whatever they are.
inline int64_t most_products(const WeightLayout& layout) {
  return static_cast<int64_t>(layout.taps) * 128 * 255;
}

// The sums of one channel with its bias, over every input: this reads its weights.
struct SumRange {
  int64_t least;
  int64_t most;
};
SumRange sum_range(const Weighted& weighted, const WeightLayout& layout, int32_t channel);

// The fields that the three parameter structures share.
template <typename Params>
void fill_weighted(const Weighted& weighted, Params* params) {
  params->weights = weighted.weight_values;
  params->bias = weighted.bias_values;
  params->multiplier = weighted.multiplier;
  params->shift = weighted.shift;
  params->input_zero_point = weighted.input.zero_point;
  params->output_zero_point = weighted.output.zero_point;
  params->output_min = weighted.output_min;
  params->output_max = weighted.output_max;
}

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_TFLM_KERNEL_WEIGHTED_H_
