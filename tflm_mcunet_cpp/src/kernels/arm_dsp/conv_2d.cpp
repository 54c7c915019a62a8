#include "conv_2d.h"

#include <string.h>

namespace tflm_mcunet {
namespace {

using arm_dsp::DotJob;

// Pixels of the next job: fours, and a five for each of the last pixels where there are enough.
inline int32_t next_pixels(int32_t left) {
  const int32_t odd = left & 3;
  return left >= 5 && (odd == 1 || (odd == 2 && left >= 10) || (odd == 3 && left >= 15)) ? 5 : 4;
}

// Computes `pixels` outputs from widened ones. A job is of four or five; the results of pixels that do not
// exist are dropped.
inline void dot(const ConvDsp2D& conv, const void* x, int32_t pixels, int32_t job_pixels, int8_t* out,
                int8_t* spare) {
  const DotJob job = {x,
                      conv.stream,
                      pixels == job_pixels ? out : spare,
                      conv.output_channels,
                      conv.words,
                      conv.output_min,
                      conv.output_max};
  if (job_pixels == 5) {
    arm_dsp::dot_5_pixels(job, conv.finish);
  } else {
    arm_dsp::dot_4_pixels(job, conv.finish);
  }
  if (pixels != job_pixels) {
    memcpy(out, spare, static_cast<uint32_t>(pixels * conv.output_channels));
  }
}

// Copies the part [first, first + kernel_w) of a row's columns that an output pixel reads.
inline int8_t* copy_columns(const ConvDsp2D& conv, const int8_t* row, int32_t input_begin, int32_t first,
                            int8_t* target) {
  const int32_t count = conv.kernel_w * conv.input_channels;
  if (row == nullptr) {
    memset(target, conv.input_zero_point, static_cast<uint32_t>(count));
    return target + count;
  }
  int32_t low = first < 0 ? -first : 0;
  low = low < conv.kernel_w ? low : conv.kernel_w;
  int32_t high = conv.input_width - first;
  high = high < conv.kernel_w ? (high > low ? high : low) : conv.kernel_w;
  low *= conv.input_channels;
  high *= conv.input_channels;
  const int8_t* source = row + (first - input_begin) * conv.input_channels;
  int32_t i = 0;
  for (; i < low; ++i) {
    target[i] = static_cast<int8_t>(conv.input_zero_point);
  }
  for (; i + 4 <= high; i += 4) {
    memcpy(target + i, source + i, 4);
  }
  for (; i < high; ++i) {
    target[i] = source[i];
  }
  for (; i < count; ++i) {
    target[i] = static_cast<int8_t>(conv.input_zero_point);
  }
  return target + count;
}

// As `copy_columns` for every row of the kernel, where no column is padding: whole words, so that up to
// three bytes more are written behind each part, which the next one overwrites or which meet weights of
// zero.
inline void copy_inside(const ConvDsp2D& conv, const void* const* rows, int32_t skip, int8_t* target) {
  const int32_t count = conv.kernel_w * conv.input_channels;
  for (int32_t ky = 0; ky < conv.kernel_h; ++ky, target += count) {
    const int8_t* source = static_cast<const int8_t*>(rows[ky]);
    if (source == nullptr) {
      memset(target, conv.input_zero_point, static_cast<uint32_t>(count));
      continue;
    }
    source += skip;
    int8_t* to = target;
    int8_t* const end = target + count;
    if (count > 8 && count <= 12) {
      memcpy(to, source, 12);
      continue;
    }
    for (; end - to >= 16; to += 16, source += 16) {
      memcpy(to, source, 16);
    }
    while (to < end) {
      memcpy(to, source, 4);
      source += 4;
      to += 4;
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
  int8_t* spare = static_cast<int8_t*>(scratch) + conv.words * 40;
  int8_t* saved = spare + 5 * conv.output_channels;
  for (int32_t left = columns.end - columns.begin; left > 0;) {
    const int32_t job = next_pixels(left);
    const int32_t pixels = job < left ? job : left;
    if (pixels == job) {
      arm_dsp::widen_pixels(row, step, conv.words, job, scratch);
    } else {
      int8_t* copy = saved;
      for (int32_t p = 0; p < pixels; ++p, copy += conv.words * 4) {
        memcpy(copy, row + p * step, static_cast<uint32_t>(conv.input_channels));
      }
      arm_dsp::widen_pixels(saved, conv.words * 4, conv.words, job, scratch);
    }
    dot(conv, scratch, pixels, job, output, spare);
    row += pixels * step;
    output += pixels * conv.output_channels;
    left -= pixels;
  }
}

void conv_2d_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                     void* scratch) {
  const ConvDsp2D& conv = *static_cast<const ConvDsp2D*>(params);
  int8_t* output = static_cast<int8_t*>(out);
  int8_t* gathered = static_cast<int8_t*>(scratch) + conv.words * 40;
  int8_t* spare = gathered + conv.words * 20;
  for (int32_t x = columns.begin; x < columns.end;) {
    const int32_t left = columns.end - x;
    const int32_t job = next_pixels(left);
    const int32_t pixels = job < left ? job : left;
    for (int32_t p = 0; p < pixels; ++p) {
      int8_t* target = gathered + p * conv.words * 4;
      const int32_t first = (x + p) * conv.stride_w - conv.pad_left;
      if (first >= 0 && first + conv.kernel_w <= conv.input_width) {
        copy_inside(conv, rows, (first - columns.input_begin) * conv.input_channels, target);
        continue;
      }
      for (int32_t ky = 0; ky < conv.kernel_h; ++ky) {
        target = copy_columns(conv, static_cast<const int8_t*>(rows[ky]), columns.input_begin, first, target);
      }
    }
    arm_dsp::widen_pixels(gathered, conv.words * 4, conv.words, job, scratch);
    dot(conv, scratch, pixels, job, output, spare);
    output += pixels * conv.output_channels;
    x += pixels;
  }
}

}  // namespace tflm_mcunet
