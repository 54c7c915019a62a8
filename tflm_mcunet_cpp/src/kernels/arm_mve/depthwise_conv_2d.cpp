// A group of channels at a time: the rows of the window are interleaved in one plane for each channel, and
// then each channel is a convolution of bytes that lie side by side. A group is read before its output, which
// has its bytes alone, is written; so the output may lie over a row.
#include "depthwise_conv_2d.h"

#include "bytes.h"
#include "planes.h"

namespace tflm_mcunet {
namespace {

using arm_mve::DepthwiseJob;
using arm_mve::PlaneJob;

inline int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }

// The columns [first, last) of a plane that lie inside the input.
struct Inside {
  int32_t first;
  int32_t last;
};

inline Inside columns_inside(const DepthwiseMve2D& conv, int32_t origin, int32_t columns) {
  const int32_t first = origin < 0 ? -origin : 0;
  const int32_t last = smaller(conv.input_width - origin, columns);
  return {first, last > first ? last : first};
}

inline bool has_padding(const DepthwiseMve2D& conv, const void* const* rows, const Inside& inside,
                        int32_t columns) {
  for (int32_t ky = 0; ky < conv.kernel_h; ++ky) {
    if (rows[ky] == nullptr) {
      return true;
    }
  }
  return inside.first > 0 || inside.last < columns;
}

}  // namespace

void depthwise_conv_2d_mve_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                               void* scratch) {
  const DepthwiseMve2D& conv = *static_cast<const DepthwiseMve2D*>(params);
  const int32_t count = columns.end - columns.begin;
  const int32_t step = conv.stride_w * conv.kernel_h;
  const int32_t fours = (count + 3) & ~3;
  const int32_t pitch = (fours - 1) * step + conv.vectors * 16;
  const int32_t origin = columns.begin * conv.stride_w - conv.pad_left;
  const int32_t covered = (count - 1) * conv.stride_w + conv.kernel_w;
  const Inside inside = columns_inside(conv, origin, covered);
  int8_t* const planes = static_cast<int8_t*>(scratch);
  // Padding lies at the same place in every group.
  if (has_padding(conv, rows, inside, covered)) {
    arm_mve::fill_bytes(planes, conv.input_zero_point, smaller(conv.group, (conv.channels + 7) & ~7) * pitch);
  }
  DepthwiseJob job = {planes,
                      conv.stream,
                      nullptr,
                      static_cast<int8_t*>(out),
                      conv.channels,
                      count,
                      pitch - fours * step,
                      1 - (count & ~7) * conv.channels,
                      conv.output_zero_point,
                      conv.output_min,
                      conv.output_max,
                      step,
                      pitch,
                      conv.stream_bytes,
                      conv.lead,
                      conv.vectors};
  PlaneJob plane = {nullptr, nullptr, inside.last - inside.first, 0, conv.channels, conv.kernel_h, pitch};
  const int32_t skip = (origin + inside.first - columns.input_begin) * conv.channels;
  for (int32_t channel = 0; channel < conv.channels; channel += conv.group) {
    plane.channels = smaller(conv.group, conv.channels - channel);
    plane.planes = planes + inside.first * conv.kernel_h;
    for (int32_t ky = 0; ky < conv.kernel_h; ++ky, ++plane.planes) {
      if (rows[ky] != nullptr) {
        plane.row = static_cast<const int8_t*>(rows[ky]) + skip + channel;
        arm_mve::write_planes(plane);
      }
    }
    job.stream_end = job.stream + plane.channels * conv.stream_bytes;
    arm_mve::depthwise_channels(job, conv.core);
    job.stream = job.stream_end;
    job.out += plane.channels;
  }
}

}  // namespace tflm_mcunet
