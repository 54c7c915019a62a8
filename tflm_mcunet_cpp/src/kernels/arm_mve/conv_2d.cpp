// Pixels of a 1x1 convolution are read where they lie; those of larger kernels are gathered first, a tile of
// them at a time.
#include "conv_2d.h"

#include <string.h>

#include "bytes.h"
#include "gather.h"

namespace tflm_mcunet {
namespace {

using arm_mve::DotJob;

inline int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }

inline int32_t channels_in_fours(const ConvMve2D& conv) { return (conv.output_channels + 3) & ~3; }

inline int32_t pixel_bytes(const ConvMve2D& conv) { return conv.chunks * 16; }

DotJob new_job(const ConvMve2D& conv, const int8_t* x, int32_t step, int8_t* out, int32_t stride) {
  const int32_t blocks = channels_in_fours(conv) / 4;
  const int8_t* stream_end = conv.stream + blocks * arm_mve::block_bytes(conv.chunks);
  return {x,
          step,
          conv.stream,
          stream_end,
          conv.chunks,
          out,
          stride,
          0,
          conv.output_zero_point,
          conv.output_min,
          conv.output_max};
}

// Computes `pixels` outputs from inputs that lie `step` bytes apart.
void dot(const ConvMve2D& conv, const int8_t* x, int32_t step, int32_t pixels, int8_t* out) {
  DotJob job = new_job(conv, x, step, out, conv.output_channels);
  job.pairs = pixels / 2;
  if (job.pairs > 0) {
    conv.pairs(job);
  }
  if ((pixels & 1) != 0) {
    job.x += (pixels - 1) * step;
    job.out += (pixels - 1) * conv.output_channels;
    conv.single(job);
  }
}

// As `dot` where the channels do not come in fours: every pixel by way of `spare`.
void dot_apart(const ConvMve2D& conv, const int8_t* x, int32_t step, int32_t pixels, int8_t* out,
               int8_t* spare) {
  DotJob job = new_job(conv, x, step, spare, channels_in_fours(conv));
  for (; pixels > 0; --pixels, job.x += step, out += conv.output_channels) {
    conv.single(job);
    memcpy(out, spare, static_cast<uint32_t>(conv.output_channels));
  }
}

inline void dot_any(const ConvMve2D& conv, const int8_t* x, int32_t step, int32_t pixels, int8_t* out,
                    int8_t* spare) {
  if (conv.output_channels % 4 == 0) {
    dot(conv, x, step, pixels, out);
  } else {
    dot_apart(conv, x, step, pixels, out, spare);
  }
}

inline bool is_apart(const int8_t* first, int32_t first_bytes, const int8_t* second, int32_t second_bytes) {
  const uintptr_t a = reinterpret_cast<uintptr_t>(first);
  const uintptr_t b = reinterpret_cast<uintptr_t>(second);
  return a + static_cast<uint32_t>(first_bytes) <= b || b + static_cast<uint32_t>(second_bytes) <= a;
}

}  // namespace

void pointwise_mve_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                       void* scratch) {
  const ConvMve2D& conv = *static_cast<const ConvMve2D*>(params);
  const int32_t step = conv.stride_w * conv.input_channels;
  const int32_t count = columns.end - columns.begin;
  const int8_t* row =
      static_cast<const int8_t*>(rows[0]) + columns.begin * step - columns.input_begin * conv.input_channels;
  int8_t* output = static_cast<int8_t*>(out);
  int8_t* const gathered = static_cast<int8_t*>(scratch);
  int8_t* const spare = gathered + conv.tile * pixel_bytes(conv) + 16;
  if (is_apart(row, count * step, output, count * conv.output_channels)) {
    dot_any(conv, row, step, count, output, spare);
    return;
  }
  // In place: pixels are saved before their output, which never runs ahead of them, can reach them.
  const bool is_dense = step == conv.input_channels;
  const int32_t saved_step = is_dense ? step : pixel_bytes(conv);
  for (int32_t x = 0; x < count; x += conv.tile) {
    const int32_t pixels = smaller(conv.tile, count - x);
    if (is_dense) {
      arm_mve::copy_bytes(gathered, row, pixels * step);
    } else {
      for (int32_t p = 0; p < pixels; ++p) {
        arm_mve::copy_bytes(gathered + p * saved_step, row + p * step, conv.input_channels);
      }
    }
    row += pixels * step;
    dot_any(conv, gathered, saved_step, pixels, output, spare);
    output += pixels * conv.output_channels;
  }
}

void conv_2d_mve_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                     void* scratch) {
  const ConvMve2D& conv = *static_cast<const ConvMve2D*>(params);
  const int32_t channels = conv.input_channels;
  const arm_mve::GatherJob job = {rows,
                                  conv.kernel_h,
                                  conv.kernel_w * channels,
                                  columns.input_begin * channels,
                                  conv.input_width * channels,
                                  conv.input_zero_point,
                                  conv.stride_w * channels,
                                  pixel_bytes(conv)};
  int8_t* output = static_cast<int8_t*>(out);
  int8_t* const gathered = static_cast<int8_t*>(scratch);
  int8_t* const spare = gathered + conv.tile * pixel_bytes(conv) + 16;
  for (int32_t x = columns.begin; x < columns.end; x += conv.tile) {
    const int32_t pixels = smaller(conv.tile, columns.end - x);
    arm_mve::gather_pixels(job, (x * conv.stride_w - conv.pad_left) * channels, pixels, gathered);
    dot_any(conv, gathered, pixel_bytes(conv), pixels, output, spare);
    output += pixels * conv.output_channels;
  }
}

}  // namespace tflm_mcunet
