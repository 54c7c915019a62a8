// Drawn layers for the portable kernels, which every family is compared with.
#ifndef TFLM_MCUNET_TESTS_CPP_LAYERS_H_
#define TFLM_MCUNET_TESTS_CPP_LAYERS_H_

#include <stddef.h>
#include <stdint.h>

#include <vector>

#include "random.h"
#include "rows.h"
#include "tflm_mcunet/kernels/conv_2d.h"
#include "tflm_mcunet/kernels/depthwise_conv_2d.h"
#include "tflm_mcunet/kernels/fully_connected.h"

// A layer's weights and how its sums become outputs. Sums stay below 2^23, and every shift is to the right by
// 1 to 15: what all families take without a search for constants.
struct Weights {
  int32_t channels;
  int32_t taps;                    // of one channel
  std::vector<int8_t> by_channel;  // [channels][taps]
  std::vector<int32_t> bias;
  std::vector<int32_t> multiplier;
  std::vector<int8_t> shift;
  int32_t input_zero_point;
  int32_t output_zero_point;
  int32_t output_min;
  int32_t output_max;

  // The bias less the zero point's part of the products.
  int32_t offset(int32_t channel) const;
  // Whether the lower clamp hides how halves of negative values are rounded, and clamps are those of int8.
  bool saturates() const;
};

enum class Clamps { kAny, kSaturate };

Weights draw_weights(Random& random, int32_t channels, int32_t taps, Clamps clamps);

// A layer, its input and what it is compared on; `params` points into the layer's own `weights`.
template <typename Params>
struct Layer {
  Weights weights;
  std::vector<int8_t> ordered;  // weights in the order of the portable kernel
  Params params;
  Map input;
  Window window;
};

struct Shape {
  int32_t channels;
  int32_t kernel_h;
  int32_t kernel_w;
  int32_t stride_h;
  int32_t stride_w;
  int32_t output_channels;  // of a depthwise convolution: those of the input
};

// Fills `layer` in: a map of up to `most` rows and columns, padded to the same size or not at all, and all
// columns or some of them.
void draw_conv_2d(Random& random, const Shape& shape, int32_t most, Clamps clamps,
                  Layer<tflm_mcunet::Conv2D>* layer);
void draw_depthwise(Random& random, const Shape& shape, int32_t most, Clamps clamps,
                    Layer<tflm_mcunet::DepthwiseConv2D>* layer);
void draw_fully_connected(Random& random, int32_t depth, int32_t units, Clamps clamps,
                          Layer<tflm_mcunet::FullyConnected>* layer);

// What the portable kernels compute.
std::vector<int8_t> portable(const Layer<tflm_mcunet::Conv2D>& layer);
std::vector<int8_t> portable(const Layer<tflm_mcunet::DepthwiseConv2D>& layer);
std::vector<int8_t> portable(const Layer<tflm_mcunet::FullyConnected>& layer);

// The rounding of families without a rounding high multiply, for sums times 2^bits: ((sum * multiplier >> 32)
// + constant) >> shift, the constant being less by 2^(bits - 1) below zero unless the layer saturates.
struct Merged {
  int32_t constant;
  int32_t shift;
};
Merged merged(const Weights& weights, int32_t channel, int32_t bits);

#endif  // TFLM_MCUNET_TESTS_CPP_LAYERS_H_
