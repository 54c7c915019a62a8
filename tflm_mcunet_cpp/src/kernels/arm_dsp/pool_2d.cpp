#include "pool_2d.h"

#include <string.h>

#include "../requantize.h"
#include "lanes.h"
#include "simd.h"

namespace tflm_mcunet {
namespace {

using arm_dsp::lane;
using arm_dsp::load_word;

// The most values whose sum fits into 16 bits.
constexpr int32_t kMostSummed = 255;

// Four channels at a time: sums of the even and the odd ones.
class Average {
 public:
  void add(uint32_t bytes) {
    even_ = arm_dsp::add_even(even_, bytes);
    odd_ = arm_dsp::add_odd(odd_, bytes);
  }
  int32_t sum(int32_t channel) const { return lane((channel & 1) == 0 ? even_ : odd_, channel >> 1); }
  // Rounded to nearest, halves away from zero.
  int32_t result(int32_t channel, int32_t count) const {
    const int32_t total = sum(channel);
    return (total > 0 ? total + count / 2 : total - count / 2) / count;
  }

 private:
  uint32_t even_ = 0;
  uint32_t odd_ = 0;
};

class Maximum {
 public:
  void add(uint32_t bytes) { largest_ = arm_dsp::larger_bytes(largest_, bytes); }
  int32_t result(int32_t channel, int32_t /*count*/) const {
    return static_cast<int8_t>(largest_ >> (8 * channel));
  }

 private:
  uint32_t largest_ = 0x80808080u;
};

// A word of up to four channels.
inline uint32_t load_channels(const int8_t* source, int32_t channels) {
  if (channels >= 4) {
    return load_word(source);
  }
  uint32_t word = 0;
  for (int32_t i = 0; i < channels; ++i) {
    word |= static_cast<uint32_t>(static_cast<uint8_t>(source[i])) << (8 * i);
  }
  return word;
}

template <typename Reduction>
inline void add_pixels(const int8_t* pixel, int32_t pixels, int32_t step, int32_t channels,
                       Reduction& reduction) {
  if (channels < 4) {
    for (; pixels > 0; --pixels, pixel += step) {
      reduction.add(load_channels(pixel, channels));
    }
    return;
  }
  if ((pixels & 1) != 0) {
    reduction.add(load_word(pixel));
    pixel += step;
  }
  for (pixels >>= 1; pixels > 0; --pixels) {
    reduction.add(load_word(pixel));
    pixel += step;
    reduction.add(load_word(pixel));
    pixel += step;
  }
}

// Whether the windows of rows that follow each other lie side by side, so that they are one long row.
inline bool is_one_run(const void* const* rows, int32_t count, int32_t bytes) {
  for (int32_t i = 0; i + 1 < count; ++i) {
    if (rows[i] == nullptr || rows[i + 1] == nullptr ||
        static_cast<const int8_t*>(rows[i]) + bytes != static_cast<const int8_t*>(rows[i + 1])) {
      return false;
    }
  }
  return true;
}

inline int32_t larger(int32_t a, int32_t b) { return a > b ? a : b; }
inline int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }

template <typename Reduction>
void pool_2d_row(const void* params, const void* const* rows, void* out, const Columns& columns) {
  const Pool2D& pool = *static_cast<const Pool2D*>(params);
  int8_t* output = static_cast<int8_t*>(out);
  int32_t inside = 0;
  for (int32_t ky = 0; ky < pool.kernel_h; ++ky) {
    inside += rows[ky] != nullptr ? 1 : 0;
  }
  for (int32_t x = columns.begin; x < columns.end; ++x) {
    const int32_t origin = x * pool.stride_w - pool.pad_left;
    const int32_t first = larger(origin, 0);
    int32_t pixels = smaller(origin + pool.kernel_w, pool.input_width) - first;
    const int32_t count = pixels * inside;
    const int32_t skipped = (first - columns.input_begin) * pool.channels;
    int32_t height = pool.kernel_h;
    if (inside == height && is_one_run(rows, height, pixels * pool.channels)) {
      pixels *= height;
      height = 1;
    }
    for (int32_t channel = 0; channel < pool.channels; channel += 4) {
      const int32_t left = pool.channels - channel;
      Reduction reduction;
      for (int32_t ky = 0; ky < height; ++ky) {
        if (rows[ky] != nullptr) {
          const int8_t* pixel = static_cast<const int8_t*>(rows[ky]) + skipped + channel;
          add_pixels(pixel, pixels, pool.channels, left, reduction);
        }
      }
      for (int32_t i = 0; i < smaller(left, 4); ++i) {
        *output++ = static_cast<int8_t>(clamp(reduction.result(i, count), pool.output_min, pool.output_max));
      }
    }
  }
}

// Adds pixels to the sums of their channels.
void add_to_sums(const int8_t* pixel, int32_t pixels, int32_t channels, int32_t* sums) {
  while (pixels > 0) {
    const int32_t part = smaller(pixels, kMostSummed);
    for (int32_t channel = 0; channel < channels; channel += 4) {
      const int32_t left = channels - channel;
      Average average;
      add_pixels(pixel + channel, part, channels, left, average);
      for (int32_t i = 0; i < smaller(left, 4); ++i) {
        sums[channel + i] += average.sum(i);
      }
    }
    pixel += part * channels;
    pixels -= part;
  }
}

void add_pool_row(const void* params, const void* row, int32_t* sums, const Columns& columns) {
  const Pool2D& pool = *static_cast<const Pool2D*>(params);
  const int8_t* input = static_cast<const int8_t*>(row);
  for (int32_t x = columns.begin; x < columns.end; ++x, sums += pool.channels) {
    const int32_t origin = x * pool.stride_w - pool.pad_left;
    const int32_t first = larger(origin, 0);
    const int32_t pixels = smaller(origin + pool.kernel_w, pool.input_width) - first;
    add_to_sums(input + (first - columns.input_begin) * pool.channels, pixels, pool.channels, sums);
  }
}

void add_mean_row(const void* params, const void* row, int32_t* sums, const Columns& /*columns*/) {
  const MapMean& mean = *static_cast<const MapMean*>(params);
  add_to_sums(static_cast<const int8_t*>(row), mean.input_width, mean.channels, sums);
}

}  // namespace

void average_pool_2d_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                             void* /*scratch*/) {
  pool_2d_row<Average>(params, rows, out, columns);
}

void max_pool_2d_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                         void* /*scratch*/) {
  pool_2d_row<Maximum>(params, rows, out, columns);
}

void mean_dsp_map(const void* params, const void* const* inputs, void* const* outputs, void* scratch) {
  const MapMean& mean = *static_cast<const MapMean*>(params);
  int32_t* sums = static_cast<int32_t*>(scratch);
  memset(sums, 0, static_cast<uint32_t>(mean.channels) * sizeof(int32_t));
  const Columns all = {0, mean.input_width, 0};
  add_mean_row(params, inputs[0], sums, all);
  finish_mean(params, sums, 1, outputs[0], all);
}

const SumKernels average_pool_2d_dsp_sum = {add_pool_row, finish_average_pool_2d};
const SumKernels mean_dsp_sum = {add_mean_row, finish_mean};

}  // namespace tflm_mcunet
