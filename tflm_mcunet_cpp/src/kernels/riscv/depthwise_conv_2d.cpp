// A channel at a time: its columns are copied side by side, with padding around them, and then it is a small
// convolution of a plane, some neighbouring outputs at once. Rows of padding take no part.
#include "depthwise_conv_2d.h"

#include <string.h>

namespace tflm_mcunet {
namespace {

// The outputs of the next block: eights, and then threes, fours and fives, which make up all from three on.
inline int32_t next_outputs(int32_t left) {
  if (left == 8 || left > 10) {
    return 8;
  }
  const int32_t odd = left & 3;
  if (odd == 0) {
    return 4;
  }
  return odd == 3 || left < 5 || left == 6 ? 3 : 5;
}

constexpr int32_t kMostOutputs = 8;

template <int kOutputs>
struct Sums {
  int32_t of[kOutputs];
};

// Adds the products of one row of a plane.
template <int kKernel, int kStride, int kOutputs>
inline void add_row(const int8_t* x, const int8_t* weights, Sums<kOutputs>* sums) {
  int32_t w[kKernel];
  for (int32_t k = 0; k < kKernel; ++k) {
    w[k] = weights[k];
  }
#pragma GCC unroll 32
  for (int32_t i = 0; i < (kOutputs - 1) * kStride + kKernel; ++i) {
    const int32_t value = x[i];
#pragma GCC unroll 8
    for (int32_t o = 0; o < kOutputs; ++o) {
      const int32_t k = i - o * kStride;
      if (k >= 0 && k < kKernel) {
        sums->of[o] += value * w[k];
      }
    }
  }
}

// The rows of a plane that an output row reads, at least one.
struct PlaneRows {
  const int8_t* x;
  const int8_t* weights;
  int32_t pitch;  // bytes from row to row
  int32_t count;
};

// Not inlined: what it needs fills the registers.
template <int kKernel, int kStride, int kOutputs>
__attribute__((noinline)) void block(const PlaneRows& rows, int32_t bias, int32_t* results) {
  Sums<kOutputs> sums;
  for (int32_t o = 0; o < kOutputs; ++o) {
    sums.of[o] = bias;
  }
  const int8_t* x = rows.x;
  const int8_t* weights = rows.weights;
  const int8_t* const end = weights + rows.count * kKernel;
  const int32_t pitch = rows.pitch;
  do {
    add_row<kKernel, kStride, kOutputs>(x, weights, &sums);
    x += pitch;
    weights += kKernel;
  } while (weights != end);
  for (int32_t o = 0; o < kOutputs; ++o) {
    results[o] = sums.of[o];
  }
}

template <int kKernel, int kStride>
void output_row(PlaneRows rows, int32_t bias, int32_t count, const riscv::Channel& of_channel,
                const riscv::Ending& of_layer, int32_t step, int8_t* out) {
  const riscv::Channel channel = of_channel;
  const riscv::Ending ending = of_layer;
  while (count > 0) {
    int32_t sums[kMostOutputs];
    const int32_t outputs = next_outputs(count);
    if (outputs == 8) {
      block<kKernel, kStride, 8>(rows, bias, sums);
    } else if (outputs == 4) {
      block<kKernel, kStride, 4>(rows, bias, sums);
    } else if (outputs == 5) {
      block<kKernel, kStride, 5>(rows, bias, sums);
    } else {
      block<kKernel, kStride, 3>(rows, bias, sums);
    }
    const int32_t done = outputs < count ? outputs : count;
    const int32_t* const end = sums + done;
    for (const int32_t* sum = sums; sum != end; ++sum, out += step) {
      *out = static_cast<int8_t>(riscv::finished(static_cast<uint32_t>(*sum), channel, ending));
    }
    rows.x += done * kStride;
    count -= done;
  }
}

// What the rows of padding add to a sum.
template <int kKernel>
inline int32_t padding_product(const int8_t* weights, int32_t rows, int32_t zero_point) {
  int32_t sum = 0;
  for (const int8_t* const end = weights + rows * kKernel; weights != end; ++weights) {
    sum += *weights;
  }
  return sum * zero_point;
}

// Copies `count` values that lie `step` bytes apart.
inline void gather(const int8_t* source, int32_t step, int32_t count, int8_t* target) {
  for (; count >= 4; count -= 4, target += 4) {
    for (int32_t i = 0; i < 4; ++i, source += step) {
      target[i] = *source;
    }
  }
  for (; count > 0; --count, source += step) {
    *target++ = *source;
  }
}

template <int kKernel, int kStride>
void run(const DepthwiseRv2D& conv, const void* const* rows, int8_t* out, const Columns& columns,
         int8_t* plane) {
  const riscv::Ending ending = {conv.sign_fix, conv.output_min, conv.output_max};
  const int32_t step = conv.input_channels;
  const int32_t count = columns.end - columns.begin;
  const int32_t window = kKernel + (conv.output_rows - 1) * kStride;
  // The plane's columns, and those of the map that it holds.
  const int32_t pitch = (count + 1) * kStride + kKernel;
  const int32_t first = columns.begin * kStride - conv.pad_left;
  const int32_t low = first < 0 ? -first : 0;
  const int32_t reach = conv.input_width - first;
  const int32_t held = (reach < pitch ? reach : pitch) - low;
  memset(plane, conv.input_zero_point, static_cast<uint32_t>(window * pitch));
  for (int32_t c = 0; c < step; ++c) {
    const int32_t skipped = (first + low - columns.input_begin) * step + c;
    for (int32_t y = 0; y < window; ++y) {
      if (rows[y] != nullptr) {
        gather(static_cast<const int8_t*>(rows[y]) + skipped, step, held, plane + y * pitch + low);
      }
    }
    const riscv::Channel channel = riscv::channel_at(conv.channels, c);
    const int8_t* const weights = conv.weights + c * (kKernel * kKernel);
    for (int32_t y = 0; y < conv.output_rows; ++y) {
      const void* const* const read = rows + y * kStride;
      int32_t top = 0;
      int32_t bottom = kKernel;
      for (; top + 1 < bottom && read[top] == nullptr; ++top) {
      }
      for (; top + 1 < bottom && read[bottom - 1] == nullptr; --bottom) {
      }
      int32_t bias = channel.bias;
      if (bottom - top < kKernel) {
        bias += padding_product<kKernel>(weights, top, conv.input_zero_point);
        bias += padding_product<kKernel>(weights + bottom * kKernel, kKernel - bottom, conv.input_zero_point);
      }
      const PlaneRows existing = {plane + (y * kStride + top) * pitch, weights + top * kKernel, pitch,
                                  bottom - top};
      output_row<kKernel, kStride>(existing, bias, count, channel, ending, step, out + y * count * step + c);
    }
  }
}

template <int kKernel, int kStride>
inline void run(const void* params, const void* const* rows, void* out, const Columns& columns,
                void* scratch) {
  run<kKernel, kStride>(*static_cast<const DepthwiseRv2D*>(params), rows, static_cast<int8_t*>(out), columns,
                        static_cast<int8_t*>(scratch));
}

}  // namespace

void depthwise_3_1_rv_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                          void* scratch) {
  run<3, 1>(params, rows, out, columns, scratch);
}
void depthwise_3_2_rv_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                          void* scratch) {
  run<3, 2>(params, rows, out, columns, scratch);
}
void depthwise_5_1_rv_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                          void* scratch) {
  run<5, 1>(params, rows, out, columns, scratch);
}
void depthwise_5_2_rv_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                          void* scratch) {
  run<5, 2>(params, rows, out, columns, scratch);
}
void depthwise_7_1_rv_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                          void* scratch) {
  run<7, 1>(params, rows, out, columns, scratch);
}
void depthwise_7_2_rv_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                          void* scratch) {
  run<7, 2>(params, rows, out, columns, scratch);
}

}  // namespace tflm_mcunet
