// A group of channels at a time: the lines of the windows are interleaved in one plane for each channel, and
// then each channel is a convolution of bytes that lie side by side. A group is read before its output, which
// has its bytes alone, is written; so the output may lie over a line.
#include "depthwise_conv_2d.h"

#include "bytes.h"
#include "planes.h"

namespace tflm_mcunet {
namespace {

using arm_mve::DepthwiseJob;
using arm_mve::PlaneJob;

inline int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }

// A line of outputs: `count` of them, whose windows begin at pixel `origin` of the input's lines, which point
// at pixel `begin`.
struct Line {
  const void* const* lines;  // nullptr where the line is padding
  int32_t origin;
  int32_t begin;
  int32_t count;
  int8_t* out;
};

// The pixels [first, last) of a plane that lie inside the input.
struct Inside {
  int32_t first;
  int32_t last;
};

inline Inside pixels_inside(const DepthwiseMve2D& conv, int32_t origin, int32_t pixels) {
  const int32_t first = origin < 0 ? -origin : 0;
  const int32_t last = smaller(conv.input_length - origin, pixels);
  return {first, last > first ? last : first};
}

inline bool has_padding(const DepthwiseMve2D& conv, const Line& line, const Inside& inside, int32_t pixels) {
  for (int32_t i = 0; i < conv.taps_across; ++i) {
    if (line.lines[i] == nullptr) {
      return true;
    }
  }
  return inside.first > 0 || inside.last < pixels;
}

void compute_line(const DepthwiseMve2D& conv, const Line& line, int8_t* planes) {
  const int32_t step = conv.stride * conv.taps_across;
  const int32_t fours = (line.count + 3) & ~3;
  const int32_t pitch = (fours - 1) * step + conv.vectors * 16;
  const int32_t covered = (line.count - 1) * conv.stride + conv.taps_along;
  const Inside inside = pixels_inside(conv, line.origin, covered);
  // Padding lies at the same place in every group.
  if (has_padding(conv, line, inside, covered)) {
    const int32_t held = smaller(conv.group, (conv.channels + 7) & ~7);
    arm_mve::fill_bytes(planes, conv.input_zero_point, held * pitch);
  }
  DepthwiseJob job = {planes,
                      conv.stream,
                      nullptr,
                      line.out,
                      conv.output_step,
                      line.count,
                      pitch - fours * step,
                      1 - (line.count & ~7) * conv.output_step,
                      conv.output_zero_point,
                      conv.output_min,
                      conv.output_max,
                      step,
                      pitch,
                      conv.stream_bytes,
                      conv.lead,
                      conv.vectors};
  PlaneJob plane = {nullptr,          nullptr, inside.last - inside.first, 0, conv.input_step,
                    conv.taps_across, pitch};
  const int32_t skip = (line.origin + inside.first - line.begin) * conv.input_step;
  for (int32_t channel = 0; channel < conv.channels; channel += conv.group) {
    plane.channels = smaller(conv.group, conv.channels - channel);
    plane.planes = planes + inside.first * conv.taps_across;
    for (int32_t i = 0; i < conv.taps_across; ++i, ++plane.planes) {
      if (line.lines[i] != nullptr) {
        plane.row = static_cast<const int8_t*>(line.lines[i]) + skip + channel;
        arm_mve::write_planes(plane);
      }
    }
    job.stream_end = job.stream + plane.channels * conv.stream_bytes;
    conv.routine(job);
    job.stream = job.stream_end;
    job.out += plane.channels;
  }
}

}  // namespace

void depthwise_conv_2d_mve_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                               void* scratch) {
  const DepthwiseMve2D& conv = *static_cast<const DepthwiseMve2D*>(params);
  const Line line = {rows, columns.begin * conv.stride - conv.pad, columns.input_begin,
                     columns.end - columns.begin, static_cast<int8_t*>(out)};
  compute_line(conv, line, static_cast<int8_t*>(scratch));
}

void depthwise_conv_2d_mve_map(const void* params, const void* const* rows, void* out,
                               const Columns& /*columns*/, void* scratch) {
  const DepthwiseColumnsMve2D& conv = *static_cast<const DepthwiseColumnsMve2D*>(params);
  const DepthwiseMve2D& along = *conv.line;
  const void* lines[8];
  Line line = {lines, -along.pad, 0, conv.output_height, static_cast<int8_t*>(out)};
  for (int32_t x = 0; x < conv.output_width; ++x, line.out += along.channels) {
    const int32_t first = x * conv.stride_w - conv.pad_left;
    for (int32_t i = 0; i < along.taps_across; ++i) {
      const int32_t column = first + i;
      const bool is_inside = column >= 0 && column < conv.input_width;
      lines[i] = is_inside ? static_cast<const int8_t*>(rows[0]) + column * along.channels : nullptr;
    }
    compute_line(along, line, static_cast<int8_t*>(scratch));
  }
}

}  // namespace tflm_mcunet
