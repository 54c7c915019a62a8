#include "conv_2d.h"

#include "requantize.h"

namespace tflm_mcunet {

void conv_2d_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                 void* /*scratch*/) {
  const Conv2D& conv = *static_cast<const Conv2D*>(params);
  const int32_t group_outputs = conv.output_channels / (conv.input_channels / conv.group_channels);
  int8_t* output = static_cast<int8_t*>(out);
  for (int32_t x = columns.begin; x < columns.end; ++x) {
    const int32_t first_column = x * conv.stride_w - conv.pad_left;
    const int8_t* weights = conv.weights;
    for (int32_t channel = 0; channel < conv.output_channels; ++channel) {
      const int32_t first_channel = (channel / group_outputs) * conv.group_channels;
      int32_t sum = conv.bias != nullptr ? conv.bias[channel] : 0;
      for (int32_t ky = 0; ky < conv.kernel_h; ++ky) {
        const int8_t* row = static_cast<const int8_t*>(rows[ky]);
        if (row == nullptr) {
          weights += conv.kernel_w * conv.group_channels;
          continue;
        }
        for (int32_t kx = 0; kx < conv.kernel_w; ++kx, weights += conv.group_channels) {
          const int32_t column = first_column + kx * conv.dilation_w;
          if (column < 0 || column >= conv.input_width) {
            continue;
          }
          const int8_t* pixel = row + (column - columns.input_begin) * conv.input_channels + first_channel;
          for (int32_t i = 0; i < conv.group_channels; ++i) {
            sum += (pixel[i] - conv.input_zero_point) * weights[i];
          }
        }
      }
      const int32_t scaled = requantize(sum, conv.multiplier[channel], conv.shift[channel]);
      *output++ = static_cast<int8_t>(
          clamp(scaled + conv.output_zero_point, conv.output_min, conv.output_max));
    }
  }
}

}  // namespace tflm_mcunet
