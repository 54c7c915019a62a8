#include "depthwise_conv_2d.h"

#include "requantize.h"

namespace tflm_mcunet {

void depthwise_conv_2d_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                           void* /*scratch*/) {
  const DepthwiseConv2D& conv = *static_cast<const DepthwiseConv2D*>(params);
  const int32_t output_channels = conv.input_channels * conv.depth_multiplier;
  int8_t* output = static_cast<int8_t*>(out);
  for (int32_t x = columns.begin; x < columns.end; ++x) {
    const int32_t first_column = x * conv.stride_w - conv.pad_left;
    int32_t channel = 0;
    for (int32_t input_channel = 0; input_channel < conv.input_channels; ++input_channel) {
      for (int32_t m = 0; m < conv.depth_multiplier; ++m, ++channel) {
        int32_t sum = conv.bias != nullptr ? conv.bias[channel] : 0;
        const int8_t* weight = conv.weights + channel;
        for (int32_t ky = 0; ky < conv.kernel_h; ++ky) {
          const int8_t* row = static_cast<const int8_t*>(rows[ky]);
          if (row == nullptr) {
            weight += conv.kernel_w * output_channels;
            continue;
          }
          for (int32_t kx = 0; kx < conv.kernel_w; ++kx, weight += output_channels) {
            const int32_t column = first_column + kx * conv.dilation_w;
            if (column < 0 || column >= conv.input_width) {
              continue;
            }
            const int32_t value =
                row[(column - columns.input_begin) * conv.input_channels + input_channel];
            sum += (value - conv.input_zero_point) * *weight;
          }
        }
        const int32_t scaled = requantize(sum, conv.multiplier[channel], conv.shift[channel]);
        *output++ = static_cast<int8_t>(
            clamp(scaled + conv.output_zero_point, conv.output_min, conv.output_max));
      }
    }
  }
}

}  // namespace tflm_mcunet
