#include "conv_2d.h"

#include <string.h>

namespace tflm_mcunet {
namespace {

using arm_dsp::DotJob;
using arm_dsp::WidenRows;

// Pixels of the next job: threes, and a two or two of them for what remains.
inline int32_t next_pixels(int32_t left) { return left == 1 ? 1 : (left == 2 || left == 4 ? 2 : 3); }

// A job but for what changes from pixel to pixel.
inline DotJob job_of(const ConvDsp2D& conv, const void* x) {
  const int32_t passes = arm_dsp::passes_of(conv.words);
  return {x,
          0,
          nullptr,
          nullptr,
          conv.constant,
          conv.shift,
          conv.output_min,
          conv.output_max,
          conv.stream,
          passes,
          1 + 8 * passes - conv.words};
}

// Computes one to three pixels; a single one is computed twice.
__attribute__((noinline)) void compute(const ConvDsp2D& conv, DotJob& job, const void* const* rows,
                                       WidenRows part, int32_t pixels, int8_t* out, int8_t* spare, void* x) {
  const int32_t channels = conv.output_channels;
  const int32_t even = (channels + 1) & ~1;
  job.out = even == channels ? out : spare;
  job.end = job.out + even;
  job.stride = pixels == 1 ? 0 : even;
  part.step = pixels == 1 ? 0 : part.step;
  if (pixels == 3) {
    arm_dsp::widen_3_pixels(rows, &part, conv.kernel_h, x);
    conv.dot->three(&job);
  } else {
    arm_dsp::widen_2_pixels(rows, &part, conv.kernel_h, x);
    conv.dot->two(&job);
  }
  if (even != channels) {
    for (int32_t p = 0; p < pixels; ++p) {
      memcpy(out + p * channels, spare + p * even, static_cast<uint32_t>(channels));
    }
  }
}

// Three pixels at a time, none of whose inputs is padding, of an even number of channels; `part` moves on.
__attribute__((noinline)) int8_t* compute_threes(const ConvDsp2D& conv, DotJob& job, const void* const* rows,
                                                 WidenRows& part, int32_t count, int8_t* out, void* x) {
  const int32_t channels = conv.output_channels;
  job.stride = channels;
  for (; count > 0; --count) {
    arm_dsp::widen_3_pixels(rows, &part, conv.kernel_h, x);
    job.out = out;
    job.end = out + channels;
    conv.dot->three(&job);
    out += 3 * channels;
    part.offset += 3 * part.step;
  }
  return out;
}

// Threes of `left` pixels so that no single pixel remains.
inline int32_t threes_of(int32_t left) { return left % 3 == 1 ? left / 3 - 1 : left / 3; }

// Copies the columns [first, first + count) of a row, those outside the map as zero points.
__attribute__((noinline)) void copy_segment(const ConvDsp2D& conv, const int8_t* row, int32_t input_begin,
                                            int32_t first, int32_t count, int8_t* target) {
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

}  // namespace

void pointwise_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                       void* scratch) {
  const ConvDsp2D& conv = *static_cast<const ConvDsp2D*>(params);
  const int32_t step = conv.stride_w * conv.input_channels;
  WidenRows part = {columns.begin * step - columns.input_begin * conv.input_channels, step, conv.row_words,
                    conv.has_last};
  int8_t* output = static_cast<int8_t*>(out);
  int8_t* const spare = static_cast<int8_t*>(scratch) + conv.words * 24;
  DotJob job = job_of(conv, scratch);
  int32_t left = columns.end - columns.begin;
  if (conv.output_channels % 2 == 0 && left >= 3) {
    const int32_t threes = threes_of(left);
    output = compute_threes(conv, job, rows, part, threes, output, scratch);
    left -= 3 * threes;
  }
  while (left > 0) {
    const int32_t pixels = next_pixels(left);
    compute(conv, job, rows, part, pixels, output, spare, scratch);
    part.offset += pixels * step;
    output += pixels * conv.output_channels;
    left -= pixels;
  }
}

void conv_2d_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                     void* scratch) {
  const ConvDsp2D& conv = *static_cast<const ConvDsp2D*>(params);
  const int32_t row_values = conv.kernel_w * conv.input_channels;
  const int32_t step = conv.stride_w * conv.input_channels;
  const int32_t pitch = ((conv.segment_pixels - 1) * step + row_values + 6) & ~3;
  const void** const sources =
      reinterpret_cast<const void**>(static_cast<uint8_t*>(scratch) + conv.words * 24);
  int8_t* const segments = reinterpret_cast<int8_t*>(sources + conv.kernel_h);
  int8_t* const padding = segments + conv.kernel_h * pitch;
  int8_t* const spare = padding + pitch;
  int8_t* output = static_cast<int8_t*>(out);
  bool is_whole = true;
  for (int32_t ky = 0; ky < conv.kernel_h; ++ky) {
    is_whole = is_whole && rows[ky] != nullptr;
  }
  if (!is_whole) {
    memset(padding, conv.input_zero_point, static_cast<uint32_t>(pitch));
  }
  WidenRows part = {0, step, conv.row_words, conv.has_last};
  DotJob job = job_of(conv, scratch);
  for (int32_t x = columns.begin; x < columns.end;) {
    const int32_t left = columns.end - x;
    const int32_t first = x * conv.stride_w - conv.pad_left;
    const int32_t offset = (first - columns.input_begin) * conv.input_channels;
    if (is_whole && first >= 0 && left >= 3 && conv.output_channels % 2 == 0) {
      const int32_t room = conv.input_width - conv.kernel_w - first;
      const int32_t inside = room < 0 ? 0 : (room / conv.stride_w + 1) / 3;
      const int32_t wanted = threes_of(left);
      const int32_t threes = inside < wanted ? inside : wanted;
      if (threes > 0) {
        part.offset = offset;
        output = compute_threes(conv, job, rows, part, threes, output, scratch);
        x += 3 * threes;
        continue;
      }
    }
    const int32_t run = conv.segment_pixels == 3 ? next_pixels(left) : left;
    const int32_t count = (run - 1) * conv.stride_w + conv.kernel_w;
    const bool is_inside = first >= 0 && first + count <= conv.input_width;
    for (int32_t ky = 0; ky < conv.kernel_h; ++ky) {
      const int8_t* const row = static_cast<const int8_t*>(rows[ky]);
      int8_t* const segment = segments + ky * pitch;
      sources[ky] = row == nullptr ? padding : (is_inside ? row + offset : segment);
      if (sources[ky] == segment) {
        copy_segment(conv, row, columns.input_begin, first, count, segment);
      }
    }
    part.offset = 0;
    for (int32_t done = 0; done < run;) {
      const int32_t pixels = next_pixels(run - done);
      compute(conv, job, sources, part, pixels, output, spare, scratch);
      output += pixels * conv.output_channels;
      part.offset += pixels * step;
      done += pixels;
    }
    x += run;
  }
}

}  // namespace tflm_mcunet
