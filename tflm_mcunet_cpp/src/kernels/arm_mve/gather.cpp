// Pixels whose windows lie inside the input are copied row by row of the kernel; the few at its ends one by
// one, in pieces of 16 bytes, of which the next piece or pixel overwrites what was too much.
#include "gather.h"

#include "bytes.h"

namespace tflm_mcunet {
namespace arm_mve {
namespace {

#if defined(__ARM_FEATURE_MVE)

// Copies 48 bytes for each pixel.
void copy_48_bytes(const int8_t* source, int32_t step, int8_t* target, int32_t pixel_bytes, int32_t pixels) {
  for (; pixels > 0; --pixels, source += step, target += pixel_bytes) {
    const int8x16_t first = vldrbq_s8(source);
    const int8x16_t second = vldrbq_s8(source + 16);
    const int8x16_t third = vldrbq_s8(source + 32);
    vstrbq_s8(target, first);
    vstrbq_s8(target + 16, second);
    vstrbq_s8(target + 32, third);
  }
}

// Copies `count` bytes for each pixel and no more.
void copy_row(const int8_t* source, int32_t step, int8_t* target, int32_t pixel_bytes, int32_t count,
              int32_t pixels) {
  for (; count >= 48; count -= 48, source += 48, target += 48) {
    copy_48_bytes(source, step, target, pixel_bytes, pixels);
  }
  if (count == 0) {
    return;
  }
  if (count <= 16) {
    asm volatile(
        "vctp.8 %[count]\n"
        "dls lr, %[pixels]\n"
        "1:\n"
        "vldrb.8 q0, [%[source]]\n"
        "add %[source], %[source], %[step]\n"
        "vpst\n"
        "vstrbt.8 q0, [%[target]]\n"
        "add %[target], %[target], %[pixel]\n"
        "le lr, 1b\n"
        : [source] "+r"(source), [target] "+r"(target)
        : [count] "r"(count), [pixels] "r"(pixels), [step] "r"(step), [pixel] "r"(pixel_bytes)
        : "lr", "q0", "p0", "memory");
    return;
  }
  for (; pixels > 0; --pixels, source += step, target += pixel_bytes) {
    const int8_t* from = source;
    int8_t* to = target;
    asm volatile(
        "dlstp.8 lr, %[count]\n"
        "1:\n"
        "vldrb.8 q0, [%[from]], #16\n"
        "vstrb.8 q0, [%[to]], #16\n"
        "letp lr, 1b\n"
        : [from] "+r"(from), [to] "+r"(to)
        : [count] "r"(count)
        : "lr", "q0", "memory");
  }
}

// Fills `count` bytes for each pixel and no more.
void fill_row(int32_t value, int8_t* target, int32_t pixel_bytes, int32_t count, int32_t pixels) {
  const int8x16_t vector = vdupq_n_s8(static_cast<int8_t>(value));
  for (; pixels > 0; --pixels, target += pixel_bytes) {
    int8_t* to = target;
    asm volatile(
        "dlstp.8 lr, %[count]\n"
        "1:\n"
        "vstrb.8 %q[vector], [%[to]], #16\n"
        "letp lr, 1b\n"
        : [to] "+r"(to)
        : [count] "r"(count), [vector] "w"(vector)
        : "lr", "memory");
  }
}

#else

void copy_row(const int8_t* source, int32_t step, int8_t* target, int32_t pixel_bytes, int32_t count,
              int32_t pixels) {
  for (; pixels > 0; --pixels, source += step, target += pixel_bytes) {
    memcpy(target, source, static_cast<uint32_t>(count));
  }
}

void fill_row(int32_t value, int8_t* target, int32_t pixel_bytes, int32_t count, int32_t pixels) {
  for (; pixels > 0; --pixels, target += pixel_bytes) {
    memset(target, value, static_cast<uint32_t>(count));
  }
}

#endif

inline int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }
inline int32_t larger(int32_t a, int32_t b) { return a > b ? a : b; }

// A pixel whose window reaches over an end of the input.
void gather_at_end(const GatherJob& job, int32_t first, int8_t* target) {
  const int32_t low = smaller(larger(-first, 0), job.kernel_bytes);
  const int32_t high = larger(smaller(job.input_bytes - first, job.kernel_bytes), low);
  for (int32_t ky = 0; ky < job.kernel_h; ++ky, target += job.kernel_bytes) {
    const int8_t* row = static_cast<const int8_t*>(job.rows[ky]);
    if (row == nullptr) {
      fill_bytes(target, job.input_zero_point, job.kernel_bytes);
      continue;
    }
    fill_bytes(target, job.input_zero_point, low);
    copy_bytes(target + low, row + first + low - job.begin, high - low);
    fill_bytes(target + high, job.input_zero_point, job.kernel_bytes - high);
  }
}

// Pixels whose windows lie inside the input.
void gather_inside(const GatherJob& job, int32_t first, int32_t pixels, int8_t* target) {
  for (int32_t ky = 0; ky < job.kernel_h; ++ky, target += job.kernel_bytes) {
    const int8_t* row = static_cast<const int8_t*>(job.rows[ky]);
    if (row == nullptr) {
      fill_row(job.input_zero_point, target, job.pixel_bytes, job.kernel_bytes, pixels);
    } else {
      copy_row(row + first - job.begin, job.step, target, job.pixel_bytes, job.kernel_bytes, pixels);
    }
  }
}

}  // namespace

void gather_pixels(const GatherJob& job, int32_t first, int32_t pixels, int8_t* target) {
  for (; pixels > 0 && first < 0; --pixels, first += job.step, target += job.pixel_bytes) {
    gather_at_end(job, first, target);
  }
  const int32_t room = job.input_bytes - job.kernel_bytes - first;
  const int32_t inside = room < 0 ? 0 : smaller(room / job.step + 1, pixels);
  if (inside > 0) {
    gather_inside(job, first, inside, target);
  }
  first += inside * job.step;
  target += inside * job.pixel_bytes;
  for (pixels -= inside; pixels > 0; --pixels, first += job.step, target += job.pixel_bytes) {
    gather_at_end(job, first, target);
  }
}

}  // namespace arm_mve
}  // namespace tflm_mcunet
