#include "planes.h"

#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>
#endif

namespace tflm_mcunet {
namespace arm_mve {
namespace {

#if defined(__ARM_FEATURE_MVE)

// Where channels of a pixel lie, eight and eight, and those of the next pixel.
struct Offsets {
  uint16x8_t low;
  uint16x8_t high;
  uint16x8_t next_low;
  uint16x8_t next_high;
};

inline Offsets offsets_of(const PlaneJob& job) {
  const uint16_t eight = static_cast<uint16_t>(8 * job.pitch);
  const uint16_t step = static_cast<uint16_t>(job.step);
  const uint16x8_t low = vmulq_n_u16(vidupq_n_u16(0, 1), static_cast<uint16_t>(job.pitch));
  const uint16x8_t high = vaddq_n_u16(low, eight);
  return {low, high, vaddq_n_u16(low, step), vaddq_n_u16(high, step)};
}

// Groups of 16 channels; two pixels at a time take four loads and four scattering stores.
inline void write_sixteens(const PlaneJob& job, const Offsets& offsets, int32_t groups, const int8_t* row,
                           int8_t* planes) {
  const int8_t* pixel;
  int8_t* plane;
  int32_t count;
  asm volatile(
      "1:\n"
      "ldrd %[count], %[plane], [%[job], #8]\n"
      "vdup.16 q0, %[plane]\n"
      "ldr %[count], [%[job]]\n"
      "mov %[plane], %[planes]\n"
      "wls lr, %[count], 3f\n"
      "2:\n"
      "vstrb.16 q0, [%[plane], %q[low]]\n"
      "vstrb.16 q0, [%[plane], %q[high]]\n"
      "add %[plane], %[plane], %[step]\n"
      "le lr, 2b\n"
      "3:\n"
      "ldr %[count], [%[job], #4]\n"
      "mov %[pixel], %[row]\n"
      "lsr %[count], %[count], #1\n"
      "wls lr, %[count], 5f\n"
      "4:\n"
      "vldrb.u16 q0, [%[pixel]]\n"
      "vldrb.u16 q1, [%[pixel], #8]\n"
      "add %[pixel], %[pixel], %[row_step]\n"
      "vldrb.u16 q2, [%[pixel]]\n"
      "vldrb.u16 q3, [%[pixel], #8]\n"
      "add %[pixel], %[pixel], %[row_step]\n"
      "vstrb.16 q0, [%[plane], %q[low]]\n"
      "vstrb.16 q1, [%[plane], %q[high]]\n"
      "vstrb.16 q2, [%[plane], %q[next_low]]\n"
      "vstrb.16 q3, [%[plane], %q[next_high]]\n"
      "add %[plane], %[plane], %[step], lsl #1\n"
      "le lr, 4b\n"
      "5:\n"
      "ldr %[count], [%[job], #4]\n"
      "lsls %[count], %[count], #31\n"
      "beq 6f\n"
      "vldrb.u16 q0, [%[pixel]]\n"
      "vldrb.u16 q1, [%[pixel], #8]\n"
      "vstrb.16 q0, [%[plane], %q[low]]\n"
      "vstrb.16 q1, [%[plane], %q[high]]\n"
      "add %[plane], %[plane], %[step]\n"
      "6:\n"
      "ldrd %[count], %[pixel], [%[job], #8]\n"
      "vdup.16 q0, %[pixel]\n"
      "wls lr, %[count], 8f\n"
      "7:\n"
      "vstrb.16 q0, [%[plane], %q[low]]\n"
      "vstrb.16 q0, [%[plane], %q[high]]\n"
      "add %[plane], %[plane], %[step]\n"
      "le lr, 7b\n"
      "8:\n"
      "ldr %[count], [%[job], #24]\n"
      "add %[row], %[row], #16\n"
      "add %[planes], %[planes], %[count], lsl #4\n"
      "subs %[groups], %[groups], #1\n"
      "bne 1b\n"
      : [pixel] "=&l"(pixel), [plane] "=&r"(plane), [count] "=&r"(count), [row] "+r"(row),
        [planes] "+r"(planes), [groups] "+r"(groups)
      : [job] "r"(&job), [row_step] "r"(job.row_step), [step] "r"(job.step), [low] "w"(offsets.low),
        [high] "w"(offsets.high), [next_low] "w"(offsets.next_low), [next_high] "w"(offsets.next_high)
      : "lr", "cc", "q0", "q1", "q2", "q3", "memory");
}

// Groups of 16 channels of three lines that have pixels: what is done for a group is done for all three at
// once.
void write_three_lines(const PlaneJob& job, int32_t groups, const void* const* rows, int32_t skip,
                       int8_t* planes) {
  const uint16_t eight = static_cast<uint16_t>(8 * job.pitch);
  const uint16x8_t low = vmulq_n_u16(vidupq_n_u16(0, 1), static_cast<uint16_t>(job.pitch));
  const uint16x8_t high = vaddq_n_u16(low, eight);
  const uint16x8_t second_low = vaddq_n_u16(low, 1);
  const uint16x8_t second_high = vaddq_n_u16(high, 1);
  const int8_t* first = static_cast<const int8_t*>(rows[0]) + skip;
  const int8_t* second = static_cast<const int8_t*>(rows[1]) + skip;
  const int8_t* third = static_cast<const int8_t*>(rows[2]) + skip;
  int8_t* plane;
  int32_t count;
  asm volatile(
      "1:\n"
      "ldrd %[count], %[plane], [%[job], #8]\n"
      "vdup.16 q0, %[plane]\n"
      "ldr %[count], [%[job]]\n"
      "mov %[plane], %[planes]\n"
      "wls lr, %[count], 3f\n"
      "2:\n"
      "vstrb.16 q0, [%[plane], %q[low]]\n"
      "vstrb.16 q0, [%[plane], %q[high]]\n"
      "vstrb.16 q0, [%[plane], %q[second_low]]\n"
      "vstrb.16 q0, [%[plane], %q[second_high]]\n"
      "add %[plane], %[plane], #1\n"
      "vstrb.16 q0, [%[plane], %q[second_low]]\n"
      "vstrb.16 q0, [%[plane], %q[second_high]]\n"
      "add %[plane], %[plane], %[step]\n"
      "le lr, 2b\n"
      "3:\n"
      "ldr %[count], [%[job], #4]\n"
      "wls lr, %[count], 5f\n"
      "4:\n"
      "vldrb.u16 q0, [%[first]]\n"
      "vldrb.u16 q1, [%[first], #8]\n"
      "add %[first], %[first], %[row_step]\n"
      "vldrb.u16 q2, [%[second]]\n"
      "vldrb.u16 q3, [%[second], #8]\n"
      "add %[second], %[second], %[row_step]\n"
      "vstrb.16 q0, [%[plane], %q[low]]\n"
      "vstrb.16 q1, [%[plane], %q[high]]\n"
      "vldrb.u16 q0, [%[third]]\n"
      "vldrb.u16 q1, [%[third], #8]\n"
      "add %[third], %[third], %[row_step]\n"
      "vstrb.16 q2, [%[plane], %q[second_low]]\n"
      "vstrb.16 q3, [%[plane], %q[second_high]]\n"
      "add %[plane], %[plane], #1\n"
      "vstrb.16 q0, [%[plane], %q[second_low]]\n"
      "vstrb.16 q1, [%[plane], %q[second_high]]\n"
      "add %[plane], %[plane], %[step]\n"
      "le lr, 4b\n"
      "5:\n"
      "ldrd %[count], lr, [%[job], #8]\n"
      "vdup.16 q0, lr\n"
      "wls lr, %[count], 7f\n"
      "6:\n"
      "vstrb.16 q0, [%[plane], %q[low]]\n"
      "vstrb.16 q0, [%[plane], %q[high]]\n"
      "vstrb.16 q0, [%[plane], %q[second_low]]\n"
      "vstrb.16 q0, [%[plane], %q[second_high]]\n"
      "add %[plane], %[plane], #1\n"
      "vstrb.16 q0, [%[plane], %q[second_low]]\n"
      "vstrb.16 q0, [%[plane], %q[second_high]]\n"
      "add %[plane], %[plane], %[step]\n"
      "le lr, 6b\n"
      "7:\n"
      "ldr %[count], [%[job], #24]\n"
      "add %[first], %[first], %[back]\n"
      "add %[second], %[second], %[back]\n"
      "add %[third], %[third], %[back]\n"
      "add %[planes], %[planes], %[count], lsl #4\n"
      "subs %[groups], %[groups], #1\n"
      "bne 1b\n"
      : [plane] "=&r"(plane), [count] "=&r"(count), [first] "+l"(first), [second] "+l"(second),
        [third] "+l"(third), [planes] "+r"(planes), [groups] "+r"(groups)
      : [job] "r"(&job), [row_step] "r"(job.row_step), [step] "r"(job.step - 1),
        [back] "r"(16 - job.pixels * job.row_step), [low] "w"(low), [high] "w"(high),
        [second_low] "w"(second_low), [second_high] "w"(second_high)
      : "lr", "cc", "q0", "q1", "q2", "q3", "memory");
}

// Eight channels.
inline void write_eight(const PlaneJob& job, const Offsets& offsets, const int8_t* row, int8_t* plane) {
  asm volatile(
      "vdup.16 q1, %[padding]\n"
      "wls lr, %[before], 2f\n"
      "1:\n"
      "vstrb.16 q1, [%[plane], %q[low]]\n"
      "add %[plane], %[plane], %[step]\n"
      "le lr, 1b\n"
      "2:\n"
      "wls lr, %[pixels], 4f\n"
      "3:\n"
      "vldrb.u16 q0, [%[row]]\n"
      "add %[row], %[row], %[row_step]\n"
      "vstrb.16 q0, [%[plane], %q[low]]\n"
      "add %[plane], %[plane], %[step]\n"
      "le lr, 3b\n"
      "4:\n"
      "wls lr, %[after], 6f\n"
      "5:\n"
      "vstrb.16 q1, [%[plane], %q[low]]\n"
      "add %[plane], %[plane], %[step]\n"
      "le lr, 5b\n"
      "6:\n"
      : [row] "+l"(row), [plane] "+r"(plane)
      : [before] "r"(job.before), [pixels] "r"(job.pixels), [after] "r"(job.after),
        [padding] "r"(job.padding), [row_step] "r"(job.row_step), [step] "r"(job.step), [low] "w"(offsets.low)
      : "lr", "cc", "q0", "q1", "memory");
}

inline void write_line(const PlaneJob& job, const Offsets& offsets, const int8_t* row, int8_t* planes) {
  const int32_t groups = job.channels >> 4;
  if (groups > 0) {
    write_sixteens(job, offsets, groups, row, planes);
  }
  for (int32_t channel = groups << 4; channel < job.channels; channel += 8) {
    write_eight(job, offsets, row + channel, planes + channel * job.pitch);
  }
}

// Whether it wrote all lines.
inline bool write_at_once(const PlaneJob& job, const void* const* rows, int32_t lines, int32_t skip,
                          int8_t* planes) {
  if (lines != 3 || (job.channels & 15) != 0 || rows[0] == nullptr || rows[1] == nullptr ||
      rows[2] == nullptr) {
    return false;
  }
  write_three_lines(job, job.channels >> 4, rows, skip, planes);
  return true;
}

#else

struct Offsets {};

inline bool write_at_once(const PlaneJob& /*job*/, const void* const* /*rows*/, int32_t /*lines*/,
                          int32_t /*skip*/, int8_t* /*planes*/) {
  return false;
}

inline Offsets offsets_of(const PlaneJob& /*job*/) { return {}; }

void write_line(const PlaneJob& job, const Offsets& /*offsets*/, const int8_t* row, int8_t* planes) {
  const int32_t channels = (job.channels + 7) & ~7;
  const int32_t end = job.before + job.pixels;
  for (int32_t x = 0; x < end + job.after; ++x) {
    for (int32_t c = 0; c < channels; ++c) {
      const bool is_inside = x >= job.before && x < end;
      const int8_t padding = static_cast<int8_t>(job.padding);
      planes[c * job.pitch + x * job.step] = is_inside ? row[(x - job.before) * job.row_step + c] : padding;
    }
  }
}

#endif

inline PlaneJob of_padding(const PlaneJob& job) {
  PlaneJob padding = job;
  padding.before += job.pixels + job.after;
  padding.pixels = padding.after = 0;
  return padding;
}

}  // namespace

void write_planes(const PlaneJob& job, const void* const* rows, int32_t lines, int32_t skip, int8_t* planes) {
  if (write_at_once(job, rows, lines, skip, planes)) {
    return;
  }
  const Offsets offsets = offsets_of(job);
  for (int32_t i = 0; i < lines; ++i, ++planes) {
    if (rows[i] != nullptr) {
      write_line(job, offsets, static_cast<const int8_t*>(rows[i]) + skip, planes);
    } else if (job.is_padded == 0) {
      write_line(of_padding(job), offsets, planes, planes);
    }
  }
}

}  // namespace arm_mve
}  // namespace tflm_mcunet
