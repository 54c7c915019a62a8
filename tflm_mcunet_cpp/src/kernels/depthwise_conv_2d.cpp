#include "depthwise_conv_2d.h"

#include "requantize.h"

namespace tflm_mcunet {
namespace {

// One output value: column `x` of an output channel.
inline int8_t output_value(const DepthwiseConv2D& conv, const void* const* rows, const Columns& columns,
                           int32_t x, int32_t input_channel, int32_t channel) {
  const int32_t output_channels = conv.input_channels * conv.depth_multiplier;
  const int32_t first_column = x * conv.stride_w - conv.pad_left;
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
      const int32_t value = row[(column - columns.input_begin) * conv.input_channels + input_channel];
      sum += (value - conv.input_zero_point) * *weight;
    }
  }
  const int32_t scaled = requantize(sum, conv.multiplier[channel], conv.shift[channel]);
  return static_cast<int8_t>(clamp(scaled + conv.output_zero_point, conv.output_min, conv.output_max));
}

// The output over the first row of the window. A channel touches its own bytes only, so it is finished before
// the next one begins; of its values, those wait in `delay` whose column a later window still reads.
void row_in_place(const DepthwiseConv2D& conv, const void* const* rows, int8_t* output,
                  const Columns& columns, int8_t* delay) {
  const int32_t count = columns.end - columns.begin;
  for (int32_t channel = 0; channel < conv.input_channels; ++channel) {
    int32_t written = 0;
    for (int32_t i = 0; i < count; ++i) {
      delay[i % (conv.pad_left + 1)] = output_value(conv, rows, columns, columns.begin + i, channel, channel);
      // Output i lies at column input_begin + i; the windows after this one begin at `needed`.
      const int32_t needed = (columns.begin + i + 1) * conv.stride_w - conv.pad_left - columns.input_begin;
      for (; written <= i && (written < needed || i + 1 == count); ++written) {
        output[written * conv.input_channels + channel] = delay[written % (conv.pad_left + 1)];
      }
    }
  }
}

}  // namespace

void depthwise_conv_2d_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                           void* scratch) {
  const DepthwiseConv2D& conv = *static_cast<const DepthwiseConv2D*>(params);
  int8_t* output = static_cast<int8_t*>(out);
  if (out == rows[0]) {
    row_in_place(conv, rows, output, columns, static_cast<int8_t*>(scratch));
    return;
  }
  for (int32_t x = columns.begin; x < columns.end; ++x) {
    int32_t channel = 0;
    for (int32_t input_channel = 0; input_channel < conv.input_channels; ++input_channel) {
      for (int32_t m = 0; m < conv.depth_multiplier; ++m, ++channel) {
        *output++ = output_value(conv, rows, columns, x, input_channel, channel);
      }
    }
  }
}

}  // namespace tflm_mcunet
