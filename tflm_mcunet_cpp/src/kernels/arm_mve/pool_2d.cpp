// Eight channels are added in int16 lanes, sixteen compared in int8 lanes; the few quotients are scalar.
#include "pool_2d.h"

#include "../requantize.h"

#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>
#endif

namespace tflm_mcunet {
namespace {

// The most values whose sum fits into 16 bits.
constexpr int32_t kMostSummed = 255;

inline int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }

// The part of a window that lies inside the input, from the pixel `skip` bytes into each row.
struct Window {
  const void* const* rows;
  int32_t height;
  int32_t width;
  int32_t skip;
  int32_t channels;
};

#if defined(__ARM_FEATURE_MVE)

void add_8_channels(const Window& window, int16_t* sums) {
  int16x8_t sum = vdupq_n_s16(0);
  for (int32_t ky = 0; ky < window.height; ++ky) {
    if (window.rows[ky] == nullptr) {
      continue;
    }
    const int8_t* value = static_cast<const int8_t*>(window.rows[ky]) + window.skip;
    for (int32_t x = 0; x < window.width; ++x, value += window.channels) {
      sum = vaddq_s16(sum, vldrbq_s16(value));
    }
  }
  vstrhq_s16(sums, sum);
}

void compare_16_channels(const Window& window, int8_t* largest) {
  int8x16_t most = vdupq_n_s8(INT8_MIN);
  for (int32_t ky = 0; ky < window.height; ++ky) {
    if (window.rows[ky] == nullptr) {
      continue;
    }
    const int8_t* value = static_cast<const int8_t*>(window.rows[ky]) + window.skip;
    for (int32_t x = 0; x < window.width; ++x, value += window.channels) {
      most = vmaxq_s8(most, vldrbq_s8(value));
    }
  }
  vstrbq_s8(largest, most);
}

// Adds up to 255 pixels of the first `lanes` channels to the channels' sums.
void add_pixels(const int8_t* pixel, int32_t pixels, int32_t channels, int32_t lanes, int32_t* sums) {
  int16x8_t added = vdupq_n_s16(0);
  for (; pixels > 0; --pixels, pixel += channels) {
    added = vaddq_s16(added, vldrbq_s16(pixel));
  }
  if (lanes >= 8) {
    int32x4x2_t all = vld2q_s32(sums);
    all.val[0] = vaddq_s32(all.val[0], vmovlbq_s16(added));
    all.val[1] = vaddq_s32(all.val[1], vmovltq_s16(added));
    vst2q_s32(sums, all);
    return;
  }
  int16_t each[8];
  vstrhq_s16(each, added);
  for (int32_t lane = 0; lane < lanes; ++lane) {
    sums[lane] += each[lane];
  }
}

#else

// Calls `take(lane, value)` for the values of the first `lanes` channels.
template <typename Take>
void for_each_value(const Window& window, int32_t lanes, const Take& take) {
  for (int32_t ky = 0; ky < window.height; ++ky) {
    if (window.rows[ky] == nullptr) {
      continue;
    }
    const int8_t* pixel = static_cast<const int8_t*>(window.rows[ky]) + window.skip;
    for (int32_t x = 0; x < window.width; ++x, pixel += window.channels) {
      for (int32_t lane = 0; lane < lanes; ++lane) {
        take(lane, pixel[lane]);
      }
    }
  }
}

void add_8_channels(const Window& window, int16_t* sums) {
  for (int32_t lane = 0; lane < 8; ++lane) {
    sums[lane] = 0;
  }
  for_each_value(window, 8, [sums](int32_t lane, int8_t value) {
    sums[lane] = static_cast<int16_t>(sums[lane] + value);
  });
}

void compare_16_channels(const Window& window, int8_t* largest) {
  for (int32_t lane = 0; lane < 16; ++lane) {
    largest[lane] = INT8_MIN;
  }
  for_each_value(window, 16, [largest](int32_t lane, int8_t value) {
    largest[lane] = value > largest[lane] ? value : largest[lane];
  });
}

void add_pixels(const int8_t* pixel, int32_t pixels, int32_t channels, int32_t lanes, int32_t* sums) {
  for (; pixels > 0; --pixels, pixel += channels) {
    for (int32_t lane = 0; lane < smaller(lanes, 8); ++lane) {
      sums[lane] += pixel[lane];
    }
  }
}

#endif

// Adds pixels that follow each other to the sums of their channels.
void add_to_sums(const int8_t* pixel, int32_t pixels, int32_t channels, int32_t* sums) {
  while (pixels > 0) {
    const int32_t part = smaller(pixels, kMostSummed);
    for (int32_t channel = 0; channel < channels; channel += 8) {
      add_pixels(pixel + channel, part, channels, channels - channel, sums + channel);
    }
    pixel += part * channels;
    pixels -= part;
  }
}

Window window_at(const Pool2D& pool, const void* const* rows, const Columns& columns, int32_t x) {
  const int32_t origin = x * pool.stride_w - pool.pad_left;
  const int32_t first = origin > 0 ? origin : 0;
  const int32_t past = origin + pool.kernel_w;
  const int32_t last = past < pool.input_width ? past : pool.input_width;
  return {rows, pool.kernel_h, last - first, (first - columns.input_begin) * pool.channels, pool.channels};
}

inline int32_t rows_inside(const Window& window) {
  int32_t count = 0;
  for (int32_t ky = 0; ky < window.height; ++ky) {
    count += window.rows[ky] != nullptr ? 1 : 0;
  }
  return count;
}

void add_pool_row(const void* params, const void* row, int32_t* sums, const Columns& columns) {
  const Pool2D& pool = *static_cast<const Pool2D*>(params);
  for (int32_t x = columns.begin; x < columns.end; ++x, sums += pool.channels) {
    const Window window = window_at(pool, &row, columns, x);
    add_to_sums(static_cast<const int8_t*>(row) + window.skip, window.width, pool.channels, sums);
  }
}

void add_mean_row(const void* params, const void* row, int32_t* sums, const Columns& /*columns*/) {
  const MapMean& mean = *static_cast<const MapMean*>(params);
  add_to_sums(static_cast<const int8_t*>(row), mean.input_width, mean.channels, sums);
}

}  // namespace

void average_pool_2d_mve_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                             void* scratch) {
  const Pool2D& pool = *static_cast<const Pool2D*>(params);
  int8_t* output = static_cast<int8_t*>(out);
  int16_t* const sums = static_cast<int16_t*>(scratch);
  for (int32_t x = columns.begin; x < columns.end; ++x) {
    Window window = window_at(pool, rows, columns, x);
    const int32_t count = rows_inside(window) * window.width;
    for (int32_t channel = 0; channel < pool.channels; channel += 8, window.skip += 8) {
      add_8_channels(window, sums);
      const int32_t lanes = smaller(8, pool.channels - channel);
      for (int32_t lane = 0; lane < lanes; ++lane) {
        const int32_t half = sums[lane] > 0 ? count / 2 : -(count / 2);
        *output++ = static_cast<int8_t>(clamp((sums[lane] + half) / count, pool.output_min, pool.output_max));
      }
    }
  }
}

void max_pool_2d_mve_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                         void* scratch) {
  const Pool2D& pool = *static_cast<const Pool2D*>(params);
  int8_t* output = static_cast<int8_t*>(out);
  int8_t* const largest = static_cast<int8_t*>(scratch);
  for (int32_t x = columns.begin; x < columns.end; ++x) {
    Window window = window_at(pool, rows, columns, x);
    for (int32_t channel = 0; channel < pool.channels; channel += 16, window.skip += 16) {
      compare_16_channels(window, largest);
      const int32_t lanes = smaller(16, pool.channels - channel);
      for (int32_t lane = 0; lane < lanes; ++lane) {
        *output++ = static_cast<int8_t>(clamp(largest[lane], pool.output_min, pool.output_max));
      }
    }
  }
}

const SumKernels average_pool_2d_mve_sum = {add_pool_row, finish_average_pool_2d};
const SumKernels mean_mve_sum = {add_mean_row, finish_mean};

}  // namespace tflm_mcunet
