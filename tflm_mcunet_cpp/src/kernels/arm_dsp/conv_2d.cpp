#include "conv_2d.h"

#include <string.h>

namespace tflm_mcunet {
namespace {

using arm_dsp::DotJob;

// Pixels of the next job: threes, and a two or two of them for what remains.
inline int32_t next_pixels(int32_t left) { return left == 1 ? 1 : (left == 2 || left == 4 ? 2 : 3); }

// Computes the outputs of one to three pixels from their widened inputs; a single pixel is computed twice.
void dot(const ConvDsp2D& conv, const void* x, int32_t pixels, int8_t* out, int8_t* spare) {
  const int32_t channels = conv.output_channels;
  const int32_t even = (channels + 1) & ~1;
  int8_t* const target = even == channels ? out : spare;
  const DotJob job = {target, pixels == 1 ? 0 : even, target + even,   conv.constant, conv.shift,
                      x,      conv.output_min,        conv.output_max, conv.stream,   conv.words};
  (pixels == 3 ? conv.dot->three : conv.dot->two)(&job);
  if (target == spare) {
    for (int32_t p = 0; p < pixels; ++p) {
      memcpy(out + p * channels, spare + p * even, static_cast<uint32_t>(channels));
    }
  }
}

// Widens the words of one to three pixels.
inline void* widen(const int8_t* source, int32_t step, int32_t words, int32_t pixels, void* x) {
  return arm_dsp::widen_pixels(source, pixels == 1 ? 0 : step, words, pixels == 3 ? 3 : 2, x);
}

// Copies the columns [first, first + count) of a row, those outside the map as zero points.
void copy_segment(const ConvDsp2D& conv, const int8_t* row, int32_t input_begin, int32_t first, int32_t count,
                  int8_t* target) {
  const int32_t channels = conv.input_channels;
  int32_t low = first < 0 ? -first : 0;
  low = low < count ? low : count;
  int32_t high = conv.input_width - first;
  high = high < count ? (high > low ? high : low) : count;
  const int8_t padding = static_cast<int8_t>(conv.input_zero_point);
  for (int32_t i = 0; i < low * channels; ++i) {
    target[i] = padding;
  }
  memcpy(target + low * channels, row + (first + low - input_begin) * channels,
         static_cast<uint32_t>((high - low) * channels));
  for (int32_t i = high * channels; i < count * channels; ++i) {
    target[i] = padding;
  }
}

// The last value of each kernel row, two rows to a step.
void widen_last(const ConvDsp2D& conv, const int8_t* const* sources, int32_t last, int32_t step,
                int32_t pixels, uint32_t* x) {
  for (int32_t ky = 0; ky < conv.kernel_h; ky += 2) {
    const int8_t* first = sources[ky] + last;
    const int8_t* second = ky + 1 < conv.kernel_h ? sources[ky + 1] + last : first;
    for (int32_t p = 0; p < pixels; ++p, first += step, second += step) {
      *x++ = (static_cast<uint32_t>(*first) & 0xFFFFu) | static_cast<uint32_t>(*second) << 16;
    }
  }
}

}  // namespace

void pointwise_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                       void* scratch) {
  const ConvDsp2D& conv = *static_cast<const ConvDsp2D*>(params);
  const int32_t step = conv.stride_w * conv.input_channels;
  const int8_t* row =
      static_cast<const int8_t*>(rows[0]) + columns.begin * step - columns.input_begin * conv.input_channels;
  int8_t* output = static_cast<int8_t*>(out);
  int8_t* const spare = static_cast<int8_t*>(scratch) + conv.words * 24;
  for (int32_t left = columns.end - columns.begin; left > 0;) {
    const int32_t pixels = next_pixels(left);
    widen(row, step, conv.words, pixels, scratch);
    dot(conv, scratch, pixels, output, spare);
    row += pixels * step;
    output += pixels * conv.output_channels;
    left -= pixels;
  }
}

void conv_2d_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                     void* scratch) {
  const ConvDsp2D& conv = *static_cast<const ConvDsp2D*>(params);
  const int32_t row_values = conv.kernel_w * conv.input_channels;
  const int32_t row_words = (row_values + 2) / 4;
  const int32_t step = conv.stride_w * conv.input_channels;
  const int32_t pitch = (2 * step + row_values + 6) & ~3;
  const int8_t** const sources =
      reinterpret_cast<const int8_t**>(static_cast<uint8_t*>(scratch) + conv.words * 24);
  int8_t* const segments = reinterpret_cast<int8_t*>(sources + conv.kernel_h);
  int8_t* const padding = segments + conv.kernel_h * pitch;
  int8_t* const spare = padding + pitch;
  int8_t* output = static_cast<int8_t*>(out);
  memset(padding, conv.input_zero_point, static_cast<uint32_t>(pitch));
  for (int32_t x = columns.begin; x < columns.end;) {
    const int32_t pixels = next_pixels(columns.end - x);
    const int32_t first = x * conv.stride_w - conv.pad_left;
    const int32_t count = (pixels - 1) * conv.stride_w + conv.kernel_w;
    const bool is_inside = first >= 0 && first + count <= conv.input_width;
    void* widened = scratch;
    for (int32_t ky = 0; ky < conv.kernel_h; ++ky) {
      const int8_t* source = static_cast<const int8_t*>(rows[ky]);
      if (source == nullptr) {
        source = padding;
      } else if (is_inside) {
        source += (first - columns.input_begin) * conv.input_channels;
      } else {
        int8_t* const segment = segments + ky * pitch;
        copy_segment(conv, source, columns.input_begin, first, count, segment);
        source = segment;
      }
      sources[ky] = source;
      if (row_words > 0) {
        widened = widen(source, step, row_words, pixels, widened);
      }
    }
    if (row_values % 4 == 1) {
      widen_last(conv, sources, row_values - 1, pixels == 1 ? 0 : step, pixels == 3 ? 3 : 2,
                 static_cast<uint32_t*>(widened));
    }
    dot(conv, scratch, pixels, output, spare);
    output += pixels * conv.output_channels;
    x += pixels;
  }
}

}  // namespace tflm_mcunet
