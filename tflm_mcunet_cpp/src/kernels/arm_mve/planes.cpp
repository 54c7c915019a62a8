#include "planes.h"

#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>
#endif

namespace tflm_mcunet {
namespace arm_mve {

#if defined(__ARM_FEATURE_MVE)

namespace {

// Groups of 16 channels; two pixels at a time take four loads and four scattering stores.
void write_16_channels(const PlaneJob& job, int32_t groups) {
  const uint16x8_t low = vmulq_n_u16(vidupq_n_u16(0, 1), static_cast<uint16_t>(job.pitch));
  const uint16x8_t high = vaddq_n_u16(low, static_cast<uint16_t>(8 * job.pitch));
  const uint16x8_t next_low = vaddq_n_u16(low, static_cast<uint16_t>(job.step));
  const uint16x8_t next_high = vaddq_n_u16(high, static_cast<uint16_t>(job.step));
  const int8_t* first = job.row;
  int8_t* planes = job.planes;
  const int8_t* row;
  int8_t* plane;
  asm volatile(
      "1:\n"
      "mov %[row], %[first]\n"
      "mov %[plane], %[planes]\n"
      "wls lr, %[pairs], 3f\n"
      "2:\n"
      "vldrb.u16 q0, [%[row]]\n"
      "vldrb.u16 q1, [%[row], #8]\n"
      "add %[row], %[row], %[row_step]\n"
      "vldrb.u16 q2, [%[row]]\n"
      "vldrb.u16 q3, [%[row], #8]\n"
      "add %[row], %[row], %[row_step]\n"
      "vstrb.16 q0, [%[plane], %q[low]]\n"
      "vstrb.16 q1, [%[plane], %q[high]]\n"
      "vstrb.16 q2, [%[plane], %q[next_low]]\n"
      "vstrb.16 q3, [%[plane], %q[next_high]]\n"
      "add %[plane], %[plane], %[steps]\n"
      "le lr, 2b\n"
      "3:\n"
      "cmp %[odd], #0\n"
      "beq 4f\n"
      "vldrb.u16 q0, [%[row]]\n"
      "vldrb.u16 q1, [%[row], #8]\n"
      "vstrb.16 q0, [%[plane], %q[low]]\n"
      "vstrb.16 q1, [%[plane], %q[high]]\n"
      "4:\n"
      "add %[first], %[first], #16\n"
      "add %[planes], %[planes], %[pitches]\n"
      "subs %[groups], %[groups], #1\n"
      "bne 1b\n"
      : [row] "=&l"(row), [plane] "=&r"(plane), [first] "+r"(first), [planes] "+r"(planes),
        [groups] "+r"(groups)
      : [pairs] "r"(job.pixels >> 1), [odd] "r"(job.pixels & 1), [row_step] "r"(job.row_step),
        [steps] "r"(2 * job.step), [pitches] "r"(16 * job.pitch), [low] "w"(low), [high] "w"(high),
        [next_low] "w"(next_low), [next_high] "w"(next_high)
      : "lr", "cc", "q0", "q1", "q2", "q3", "memory");
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
  const int32_t groups = job.channels >> 4;
  if (groups > 0) {
    write_16_channels(job, groups);
  }
  for (int32_t channel = groups << 4; channel < job.channels; channel += 8) {
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
