#include "unpacked_depthwise_conv_2d.h"

#include "depthwise_planes.h"

namespace tflm_mcunet {
namespace {

using arm_dsp::high_halves;
using arm_dsp::load_word;
using arm_dsp::low_halves;
using arm_dsp::widen_even;
using arm_dsp::widen_odd;

// Bytes that the widened rows of one call may take.
constexpr int32_t kMostPlanes = 2048;

// Columns of the core that takes the kernel; the rest are weights of 0.
inline int32_t core_kernel(int32_t kernel_w) { return kernel_w <= 3 ? 3 : (kernel_w <= 5 ? 5 : 7); }

arm_dsp::DepthwiseCore core_of(const DepthwiseConv2D& conv) {
  static const arm_dsp::DepthwiseCore kCores[2][2][3] = {
      {{arm_dsp::depthwise_clamp_3_1, arm_dsp::depthwise_clamp_5_1, arm_dsp::depthwise_clamp_7_1},
       {arm_dsp::depthwise_clamp_3_2, arm_dsp::depthwise_clamp_5_2, arm_dsp::depthwise_clamp_7_2}},
      {{arm_dsp::depthwise_saturate_3_1, arm_dsp::depthwise_saturate_5_1, arm_dsp::depthwise_saturate_7_1},
       {arm_dsp::depthwise_saturate_3_2, arm_dsp::depthwise_saturate_5_2, arm_dsp::depthwise_saturate_7_2}}};
  // The lower clamp hides how halves of negative values are rounded.
  const bool is_plain = conv.output_zero_point == -128 && conv.output_min == -128 && conv.output_max == 127;
  return kCores[is_plain ? 1 : 0][conv.stride_w - 1][(core_kernel(conv.kernel_w) - 3) / 2];
}

// Widens two neighbouring weights of four channels, words of the first column and of the second, to a word of
// each channel, `pitch` words apart.
inline void put_pairs(uint32_t first, uint32_t second, int32_t pitch, uint32_t* to) {
  const uint32_t even = widen_even(first);
  const uint32_t odd = widen_odd(first);
  const uint32_t next_even = widen_even(second);
  const uint32_t next_odd = widen_odd(second);
  to[0] = low_halves(even, next_even);
  to[pitch] = low_halves(odd, next_odd);
  to[2 * pitch] = high_halves(even, next_even);
  to[3 * pitch] = high_halves(odd, next_odd);
}

// The weights of four channels from `channel` on, as DepthwiseJob has them.
void put_weights(const DepthwiseConv2D& conv, int32_t kernel, int32_t channel, int32_t pitch, uint32_t* to) {
  const int32_t channels = conv.input_channels;
  const int8_t* weights = conv.weights + channel;
  for (int32_t ky = 0; ky < conv.kernel_h; ++ky) {
    uint32_t before = 0;
    for (int32_t kx = 0; kx < kernel; kx += 2) {
      const uint32_t one = kx < conv.kernel_w ? load_word(weights + kx * channels) : 0;
      const uint32_t two = kx + 1 < conv.kernel_w ? load_word(weights + (kx + 1) * channels) : 0;
      put_pairs(one, two, pitch, to++);
      if (conv.stride_w == 1) {
        put_pairs(before, one, pitch, to++);
      }
      before = two;
    }
    weights += conv.kernel_w * channels;
  }
}

// Bias, multiplier, constant and shift of one channel for sums times 128; the shift is 6 more than TFLite's.
inline void put_head(const DepthwiseConv2D& conv, int32_t channel, int32_t* head) {
  const int32_t shift = 6 - conv.shift[channel];
  head[0] = (conv.bias != nullptr ? conv.bias[channel] : 0) * 128;
  head[1] = conv.multiplier[channel];
  head[2] = (2 * conv.output_zero_point + 1) * (1 << (shift - 1)) + 32;
  head[3] = shift;
}

struct UnpackedShape {
  const DepthwiseUnpacked& params;

  arm_dsp::DepthwiseCore core() const { return core_of(params.conv); }
  int32_t input_width() const { return params.conv.input_width; }
  int32_t channels() const { return params.conv.input_channels; }
  int32_t kernel() const { return core_kernel(params.conv.kernel_w); }
  int32_t kernel_h() const { return params.conv.kernel_h; }
  int32_t stride() const { return params.conv.stride_w; }
  int32_t stride_h() const { return params.stride_h; }
  int32_t output_rows() const { return params.output_rows; }
  int32_t pad_left() const { return params.conv.pad_left; }
  int32_t input_zero_point() const { return params.conv.input_zero_point; }
  int32_t output_min() const { return params.conv.output_min; }
  int32_t output_max() const { return params.conv.output_max; }
};

}  // namespace

bool depthwise_conv_2d_unpacked_takes(const DepthwiseConv2D& conv) {
  return conv.depth_multiplier == 1 && conv.dilation_w == 1 && conv.kernel_w <= 7 && conv.stride_w <= 2 &&
         conv.input_channels >= 4;
}

int32_t depthwise_conv_2d_unpacked_rows(const DepthwiseConv2D& conv, int32_t stride_h, int32_t dilation_h,
                                        int32_t output_height, int32_t output_width) {
  const int32_t words = arm_dsp::plane_row_words(core_kernel(conv.kernel_w), conv.stride_w, output_width);
  int32_t rows = dilation_h == 1 ? output_height : 1;
  while (rows > 1 &&
         (output_height % rows != 0 || (conv.kernel_h + (rows - 1) * stride_h) * words * 16 > kMostPlanes)) {
    --rows;
  }
  return rows;
}

int32_t depthwise_conv_2d_unpacked_scratch(const DepthwiseUnpacked& params, int32_t output_width) {
  const DepthwiseConv2D& conv = params.conv;
  const int32_t kernel = core_kernel(conv.kernel_w);
  const int32_t window = conv.kernel_h + (params.output_rows - 1) * params.stride_h;
  const int32_t words = 4 * conv.kernel_h * arm_dsp::plane_weights_pitch(kernel, conv.stride_w) +
                        4 * arm_dsp::kPlanesHeadWords +
                        4 * window * arm_dsp::plane_row_words(kernel, conv.stride_w, output_width);
  return params.output_rows * static_cast<int32_t>(sizeof(arm_dsp::DepthwiseRow)) + 4 * words;
}

void depthwise_conv_2d_unpacked_row(const void* params, const void* const* rows, void* out,
                                    const Columns& columns, void* scratch) {
  const UnpackedShape shape = {*static_cast<const DepthwiseUnpacked*>(params)};
  const DepthwiseConv2D& conv = shape.params.conv;
  const auto fill = [&](int32_t channel, int32_t count, int32_t* heads, uint32_t* weights,
                        int32_t weights_words) {
    for (int32_t i = 0; i < count; ++i) {
      put_head(conv, channel + i, heads + i * arm_dsp::kPlanesHeadWords);
    }
    put_weights(conv, shape.kernel(), channel, weights_words, weights);
  };
  arm_dsp::depthwise_planes(shape, rows, out, columns, scratch, true, fill);
}

}  // namespace tflm_mcunet
