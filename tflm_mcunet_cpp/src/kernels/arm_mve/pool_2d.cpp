// Eight channels of a window are added in int16 lanes, sixteen compared in int8 lanes; the few quotients are
// scalar.
#include "pool_2d.h"

#include "../requantize.h"

#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>
#endif

namespace tflm_mcunet {
namespace {

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

#endif

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

inline int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }

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

}  // namespace tflm_mcunet
