#include "planes.h"

#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>
#endif

namespace tflm_mcunet {
namespace arm_mve {

#if defined(__ARM_FEATURE_MVE)

namespace {

// Two pixels of 16 channels at a time: four loads and four scattering stores.
void write_16_channels(const PlaneJob& job, const int8_t* row, int8_t* planes) {
  const uint16x8_t low = vmulq_n_u16(vidupq_n_u16(0, 1), static_cast<uint16_t>(job.pitch));
  const uint16x8_t high = vaddq_n_u16(low, static_cast<uint16_t>(8 * job.pitch));
  const uint16x8_t next_low = vaddq_n_u16(low, static_cast<uint16_t>(job.step));
  const uint16x8_t next_high = vaddq_n_u16(high, static_cast<uint16_t>(job.step));
  const int32_t row_step = job.row_step;
  const int32_t step = 2 * job.step;
  for (int32_t pairs = job.pixels >> 1; pairs > 0; --pairs) {
    const int16x8_t a = vldrbq_s16(row);
    const int16x8_t b = vldrbq_s16(row + 8);
    row += row_step;
    const int16x8_t c = vldrbq_s16(row);
    const int16x8_t d = vldrbq_s16(row + 8);
    row += row_step;
    vstrbq_scatter_offset_s16(planes, low, a);
    vstrbq_scatter_offset_s16(planes, high, b);
    vstrbq_scatter_offset_s16(planes, next_low, c);
    vstrbq_scatter_offset_s16(planes, next_high, d);
    planes += step;
  }
  if ((job.pixels & 1) != 0) {
    vstrbq_scatter_offset_s16(planes, low, vldrbq_s16(row));
    vstrbq_scatter_offset_s16(planes, high, vldrbq_s16(row + 8));
  }
}

void write_8_channels(const PlaneJob& job, const int8_t* row, int8_t* planes) {
  const uint16x8_t offsets = vmulq_n_u16(vidupq_n_u16(0, 1), static_cast<uint16_t>(job.pitch));
  const uint16x8_t next = vaddq_n_u16(offsets, static_cast<uint16_t>(job.step));
  const int32_t row_step = job.row_step;
  const int32_t step = 2 * job.step;
  for (int32_t pairs = job.pixels >> 1; pairs > 0; --pairs) {
    const int16x8_t a = vldrbq_s16(row);
    row += row_step;
    const int16x8_t b = vldrbq_s16(row);
    row += row_step;
    vstrbq_scatter_offset_s16(planes, offsets, a);
    vstrbq_scatter_offset_s16(planes, next, b);
    planes += step;
  }
  if ((job.pixels & 1) != 0) {
    vstrbq_scatter_offset_s16(planes, offsets, vldrbq_s16(row));
  }
}

}  // namespace

void write_planes(const PlaneJob& job) {
  int32_t channel = 0;
  for (; channel + 16 <= job.channels; channel += 16) {
    write_16_channels(job, job.row + channel, job.planes + channel * job.pitch);
  }
  for (; channel < job.channels; channel += 8) {
    write_8_channels(job, job.row + channel, job.planes + channel * job.pitch);
  }
}

#else

void write_planes(const PlaneJob& job) {
  const int32_t channels = (job.channels + 7) & ~7;
  for (int32_t x = 0; x < job.pixels; ++x) {
    for (int32_t c = 0; c < channels; ++c) {
      job.planes[c * job.pitch + x * job.step] = job.row[x * job.row_step + c];
    }
  }
}

#endif

}  // namespace arm_mve
}  // namespace tflm_mcunet
