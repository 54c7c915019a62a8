#include "layers.h"

namespace {

using namespace tflm_mcunet;

int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }
int32_t larger(int32_t a, int32_t b) { return a > b ? a : b; }

int32_t bits_of(int32_t value) {
  int32_t bits = 0;
  for (; value > 0; value >>= 1) {
    ++bits;
  }
  return bits;
}

// One axis of a window: what SAME and VALID make of it.
struct Axis {
  int32_t output;
  int32_t pad;
};

Axis axis_of(int32_t input, int32_t kernel, int32_t stride, bool is_same) {
  if (!is_same) {
    return {(input - kernel) / stride + 1, 0};
  }
  const int32_t output = (input + stride - 1) / stride;
  return {output, larger((output - 1) * stride + kernel - input, 0) / 2};
}

// Map and window of a layer; the columns are all of them, or some with the input's rows begun further on.
void draw_map(Random& random, const Shape& shape, int32_t most, Map* input, Window* window,
              int32_t* pad_left) {
  const bool is_same = random.between(0, 2) != 0;
  const int32_t height = random.between(is_same ? 1 : shape.kernel_h, larger(most, shape.kernel_h));
  const int32_t width = random.between(is_same ? 1 : shape.kernel_w, larger(most, shape.kernel_w));
  *input = {height, width, shape.channels, random.values(height * width * shape.channels, -128, 127)};
  const Axis down = axis_of(height, shape.kernel_h, shape.stride_h, is_same);
  const Axis across = axis_of(width, shape.kernel_w, shape.stride_w, is_same);
  *pad_left = across.pad;
  Columns columns = {0, across.output, 0};
  if (random.between(0, 2) == 0) {
    columns.begin = random.between(0, across.output - 1);
    columns.end = random.between(columns.begin + 1, across.output);
    columns.input_begin = larger(columns.begin * shape.stride_w - across.pad, 0);
  }
  *window = {shape.kernel_h, shape.stride_h,        1, down.pad, down.output,
             across.output,  shape.output_channels, 1, columns};
}

template <typename Params>
void share(const Weights& weights, Params* params) {
  params->bias = weights.bias.data();
  params->multiplier = weights.multiplier.data();
  params->shift = weights.shift.data();
  params->input_zero_point = weights.input_zero_point;
  params->output_zero_point = weights.output_zero_point;
  params->output_min = weights.output_min;
  params->output_max = weights.output_max;
}

}  // namespace

int32_t Weights::offset(int32_t channel) const {
  int32_t sum = 0;
  for (int32_t i = 0; i < taps; ++i) {
    sum += by_channel[static_cast<size_t>(channel * taps + i)];
  }
  return bias[static_cast<size_t>(channel)] - input_zero_point * sum;
}

bool Weights::saturates() const {
  return output_min == INT8_MIN && output_max == INT8_MAX && output_zero_point == INT8_MIN;
}

Weights draw_weights(Random& random, int32_t channels, int32_t taps, Clamps clamps) {
  Weights weights = {};
  weights.channels = channels;
  weights.taps = taps;
  const int32_t most = random.pick({127, 127, 40, 20});
  weights.by_channel = random.values(channels * taps, -most, most);
  weights.input_zero_point = random.pick({-128, 0, 127, random.between(-128, 127)});
  const bool is_saturating = clamps == Clamps::kSaturate || random.between(0, 2) == 0;
  weights.output_zero_point = is_saturating ? -128 : random.between(-128, 127);
  const bool is_clamped = !is_saturating && random.between(0, 1) == 0;
  weights.output_min = is_clamped ? random.between(-128, -20) : -128;
  weights.output_max = is_clamped ? random.between(20, 127) : 127;
  // A sum of drawn products is some 40 times the largest weight and the root of their number; outputs are
  // some 2^7.
  const int32_t usual = bits_of(taps * taps) / 4 + bits_of(40 * most) - 7;
  for (int32_t c = 0; c < channels; ++c) {
    weights.bias.push_back(random.between(-160 * most, 160 * most));
    weights.multiplier.push_back(random.between(1 << 30, INT32_MAX));
    weights.shift.push_back(static_cast<int8_t>(-smaller(larger(usual + random.between(-1, 2), 1), 15)));
  }
  return weights;
}

Merged merged(const Weights& weights, int32_t channel, int32_t bits) {
  const int32_t shift = bits - 1 - weights.shift[static_cast<size_t>(channel)];
  return {(1 << (shift - 1)) + weights.output_zero_point * (1 << shift) + (1 << (bits - 2)), shift};
}

void draw_conv_2d(Random& random, const Shape& shape, int32_t most, Clamps clamps, Layer<Conv2D>* layer) {
  const int32_t taps = shape.kernel_h * shape.kernel_w * shape.channels;
  layer->weights = draw_weights(random, shape.output_channels, taps, clamps);
  layer->ordered = layer->weights.by_channel;
  Conv2D& conv = layer->params;
  conv = {};
  share(layer->weights, &conv);
  conv.weights = layer->ordered.data();
  draw_map(random, shape, most, &layer->input, &layer->window, &conv.pad_left);
  conv.input_width = layer->input.width;
  conv.input_channels = conv.group_channels = shape.channels;
  conv.output_channels = shape.output_channels;
  conv.kernel_h = shape.kernel_h;
  conv.kernel_w = shape.kernel_w;
  conv.stride_w = shape.stride_w;
  conv.dilation_w = 1;
}

void draw_depthwise(Random& random, const Shape& shape, int32_t most, Clamps clamps,
                    Layer<DepthwiseConv2D>* layer) {
  const int32_t taps = shape.kernel_h * shape.kernel_w;
  layer->weights = draw_weights(random, shape.channels, taps, clamps);
  layer->ordered.clear();
  for (int32_t i = 0; i < taps; ++i) {
    for (int32_t c = 0; c < shape.channels; ++c) {
      layer->ordered.push_back(layer->weights.by_channel[static_cast<size_t>(c * taps + i)]);
    }
  }
  DepthwiseConv2D& conv = layer->params;
  conv = {};
  share(layer->weights, &conv);
  conv.weights = layer->ordered.data();
  draw_map(random, shape, most, &layer->input, &layer->window, &conv.pad_left);
  conv.input_width = layer->input.width;
  conv.input_channels = shape.channels;
  conv.depth_multiplier = 1;
  conv.kernel_h = shape.kernel_h;
  conv.kernel_w = shape.kernel_w;
  conv.stride_w = shape.stride_w;
  conv.dilation_w = 1;
}

void draw_fully_connected(Random& random, int32_t depth, int32_t units, Clamps clamps,
                          Layer<FullyConnected>* layer) {
  layer->weights = draw_weights(random, units, depth, clamps);
  layer->ordered = layer->weights.by_channel;
  layer->params = {};
  share(layer->weights, &layer->params);
  layer->params.weights = layer->ordered.data();
  layer->params.depth = depth;
  const int32_t vectors = random.between(1, 3);
  layer->input = {vectors, 1, depth, random.values(vectors * depth, -128, 127)};
  layer->window = {1, 1, 1, 0, vectors, units, 1, 1, {0, units, 0}};
}

std::vector<int8_t> portable(const Layer<Conv2D>& layer) {
  return run_rows(conv_2d_row, &layer.params, {&layer.input}, layer.window, 0, 0);
}

std::vector<int8_t> portable(const Layer<DepthwiseConv2D>& layer) {
  return run_rows(depthwise_conv_2d_row, &layer.params, {&layer.input}, layer.window, 0, 0);
}

std::vector<int8_t> portable(const Layer<FullyConnected>& layer) {
  return run_rows(fully_connected_row, &layer.params, {&layer.input}, layer.window, 0, 0);
}
