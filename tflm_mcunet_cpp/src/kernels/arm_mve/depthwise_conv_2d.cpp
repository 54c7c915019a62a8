// A group of channels at a time: the lines of the windows are interleaved in one plane for each channel, and
// then each channel is a convolution of bytes that lie side by side. A group is read before its output, which
// has its bytes alone, is written; so the output may lie over a line.
//
// Of a whole map a line enters the planes once. Pixel y of line x lies at y * taps_across + x: there line
// x + taps_across puts its pixel y - 1, which no window reads together with line x, and the windows of a line
// of outputs are those of the line before, `stride_across` bytes on.
#include "depthwise_conv_2d.h"

#include "bytes.h"
#include "planes.h"

namespace tflm_mcunet {
namespace {

using arm_mve::DepthwiseJob;
using arm_mve::PlaneJob;

inline int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }

inline int32_t fours(int32_t count) { return (count + 3) & ~3; }

// Bytes that the windows of a line of `count` outputs take in a plane.
inline int32_t line_bytes(const DepthwiseMve2D& conv, int32_t count) {
  return (fours(count) - 1) * conv.stride * conv.taps_across + conv.vectors * 16;
}

// The outputs of a line, without their channels.
DepthwiseJob new_job(const DepthwiseMve2D& conv, const int8_t* planes, int32_t pitch, int8_t* out,
                     int32_t count) {
  const int32_t step = conv.stride * conv.taps_across;
  return {planes,
          conv.stream,
          nullptr,
          out,
          conv.output_step,
          count,
          pitch - fours(count) * step,
          1 - (count & ~7) * conv.output_step,
          conv.output_zero_point,
          conv.output_min,
          conv.output_max,
          step,
          pitch,
          conv.stream_bytes,
          conv.lead,
          conv.vectors};
}

// The input of `count` outputs whose windows begin at pixel `origin` of the input's lines.
PlaneJob new_planes(const DepthwiseMve2D& conv, int32_t pitch, int32_t origin, int32_t count) {
  const int32_t covered = (count - 1) * conv.stride + conv.taps_along;
  const int32_t before = origin < 0 ? smaller(-origin, covered) : 0;
  const int32_t end = smaller(conv.input_length - origin, covered);
  const int32_t inside = end > before ? end - before : 0;
  const int32_t after = covered - before - inside;
  return {before, inside, after, conv.input_zero_point, conv.input_step, conv.taps_across, pitch, 0, 0};
}

// Pixels of padding that the lines of a window have.
int32_t padding_pixels(const DepthwiseMve2D& conv, const void* const* rows, const PlaneJob& line) {
  int32_t pixels = 0;
  for (int32_t i = 0; i < conv.taps_across; ++i) {
    pixels += line.before + line.after + (rows[i] == nullptr ? line.pixels : 0);
  }
  return pixels;
}

// Computes the channels of a group.
inline void run(const DepthwiseMve2D& conv, int32_t channels, DepthwiseJob* job) {
  job->stream_end = job->stream + channels * conv.stream_bytes;
  conv.routine(*job);
}

}  // namespace

void depthwise_conv_2d_mve_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                               void* scratch) {
  const DepthwiseMve2D& conv = *static_cast<const DepthwiseMve2D*>(params);
  const int32_t count = columns.end - columns.begin;
  const int32_t origin = columns.begin * conv.stride - conv.pad;
  const int32_t pitch = line_bytes(conv, count);
  int8_t* const planes = static_cast<int8_t*>(scratch);
  DepthwiseJob job = new_job(conv, planes, pitch, static_cast<int8_t*>(out), count);
  PlaneJob line = new_planes(conv, pitch, origin, count);
  const int32_t skip = (origin + line.before - columns.input_begin) * conv.input_step;
  // Padding lies at the same place in every group: much of it is written once, with what lies between.
  const int32_t held = smaller(conv.group, (conv.channels + 7) & ~7);
  int8_t* first = planes;
  if (2 * padding_pixels(conv, rows, line) * conv.channels > held * pitch) {
    arm_mve::fill_bytes(planes, conv.input_zero_point, held * pitch);
    first += line.before * conv.taps_across;
    line.before = line.after = 0;
    line.is_padded = 1;
  }
  for (int32_t channel = 0; channel < conv.channels; channel += conv.group) {
    line.channels = smaller(conv.group, conv.channels - channel);
    arm_mve::write_planes(line, rows, conv.taps_across, skip + channel, first);
    run(conv, line.channels, &job);
    job.stream = job.stream_end;
    job.out += line.channels;
  }
}

void depthwise_conv_2d_mve_map(const void* params, const void* const* rows, void* out,
                               const Columns& /*columns*/, void* scratch) {
  const DepthwiseMapMve2D& map = *static_cast<const DepthwiseMapMve2D*>(params);
  const DepthwiseMve2D& conv = map.line;
  const int32_t pitch = line_bytes(conv, map.output_length) + (map.output_lines - 1) * map.stride_across;
  int8_t* const planes = static_cast<int8_t*>(scratch);
  PlaneJob line = new_planes(conv, pitch, -conv.pad, map.output_length);
  const int8_t* const input =
      static_cast<const int8_t*>(rows[0]) + (line.before - conv.pad) * conv.input_step;
  DepthwiseJob job = new_job(conv, planes, pitch, static_cast<int8_t*>(out), map.output_length);
  for (int32_t channel = 0; channel < conv.channels; channel += conv.group) {
    line.channels = smaller(conv.group, conv.channels - channel);
    int32_t next = -map.pad_across;
    job.plane = planes;
    job.out = static_cast<int8_t*>(out) + channel;
    for (int32_t y = 0; y < map.output_lines; ++y) {
      const int32_t first = y * map.stride_across - map.pad_across;
      for (next = next < first ? first : next; next < first + conv.taps_across; ++next) {
        const bool is_inside = next >= 0 && next < map.input_lines;
        const void* const row = is_inside ? input + next * map.input_pitch : nullptr;
        arm_mve::write_planes(line, &row, 1, channel, planes + next + map.pad_across);
      }
      run(conv, line.channels, &job);
      job.plane += map.stride_across;
      job.out += map.output_pitch;
    }
    job.stream = job.stream_end;
  }
}

}  // namespace tflm_mcunet
