#include "conv_2d.h"

#include <string.h>

#include "pair_products.h"

namespace tflm_mcunet {
namespace {

constexpr int32_t kMostPixels = 6;

// The columns [first, first + kernel_w) of a row, those outside the map being zero points: a copy at
// `target`.
const int8_t* copy_columns(const ConvRv2D& conv, const int8_t* row, int32_t input_begin, int32_t first,
                           int8_t* target) {
  for (int32_t k = 0; k < conv.kernel_w; ++k) {
    const int32_t column = first + k;
    int8_t* const pixel = target + k * conv.input_channels;
    if (column < 0 || column >= conv.input_width) {
      memset(pixel, conv.input_zero_point, static_cast<uint32_t>(conv.input_channels));
    } else {
      memcpy(pixel, row + (column - input_begin) * conv.input_channels,
             static_cast<uint32_t>(conv.input_channels));
    }
  }
  return target;
}

}  // namespace

void conv_2d_rv_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                    void* scratch) {
  const ConvRv2D& conv = *static_cast<const ConvRv2D*>(params);
  const int32_t row_taps = conv.kernel_w * conv.input_channels;
  int32_t* const words = static_cast<int32_t*>(scratch);
  int8_t* const padding = reinterpret_cast<int8_t*>(words + conv.taps * (kMostPixels / 2));
  int8_t* const copies = padding + row_taps;
  if (conv.kernel_h > 1 || rows[0] == nullptr) {
    memset(padding, conv.input_zero_point, static_cast<uint32_t>(row_taps));
  }
  riscv::PairJob job = {words,
                        conv.stream,
                        static_cast<int8_t*>(out),
                        conv.output_channels,
                        0,
                        {conv.sign_fix, conv.output_min, conv.output_max}};
  for (int32_t x = columns.begin; x < columns.end; x += job.pixels) {
    const int32_t left = columns.end - x;
    job.pixels = left < kMostPixels ? left : kMostPixels;
    const int32_t pairs = (job.pixels + 1) / 2;
    int32_t* end = words;
    for (int32_t ky = 0; ky < conv.kernel_h; ++ky) {
      const int8_t* const row = static_cast<const int8_t*>(rows[ky]);
      const int8_t* sources[kMostPixels];
      for (int32_t p = 0; p < 2 * pairs; ++p) {
        const int32_t first = (x + (p < job.pixels ? p : p - 1)) * conv.stride_w - conv.pad_left;
        if (row == nullptr) {
          sources[p] = padding;
        } else if (first >= 0 && first + conv.kernel_w <= conv.input_width) {
          sources[p] = row + (first - columns.input_begin) * conv.input_channels;
        } else {
          sources[p] = copy_columns(conv, row, columns.input_begin, first, copies + p * row_taps);
        }
      }
      end = riscv::widen_pairs(sources, row_taps, pairs, end);
    }
    memset(end, 0, static_cast<uint32_t>(conv.taps * pairs - (end - words)) * sizeof(int32_t));
    riscv::multiply_pairs(job, pairs);
    job.out += job.pixels * conv.output_channels;
  }
}

}  // namespace tflm_mcunet
