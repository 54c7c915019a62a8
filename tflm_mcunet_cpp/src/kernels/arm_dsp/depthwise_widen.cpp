#include "depthwise_widen.h"

#include "simd.h"

namespace tflm_mcunet {
namespace arm_dsp {

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)

namespace {

#define HALVES(bytes, first, second) \
  "and.w " first ", r6, " bytes      \
  ", lsl #8\n"                       \
  "and.w " second ", r6, " bytes     \
  "\n"                               \
  "shsub16 " first ", " first        \
  ", r11\n"                          \
  "shsub16 " second ", " second ", r11\n"

// One column of four channels to one half, at `at`, of a word in each plane.
#define COLUMN(at)                                                      \
  "ldr.w r8, [r0]\n" HALVES("r8", "r9", "r10") "strh.w r9, [r3, #" at   \
                                               "]\n"                    \
                                               "lsr.w r9, r9, #16\n"    \
                                               "add.w r12, r3, r4\n"    \
                                               "strh.w r10, [r12, #" at \
                                               "]\n"                    \
                                               "lsr.w r10, r10, #16\n"  \
                                               "add.w r12, r12, r4\n"   \
                                               "strh.w r9, [r12, #" at  \
                                               "]\n"                    \
                                               "add.w r12, r12, r4\n"   \
                                               "strh.w r10, [r12, #" at "]\n"

// Registers: r0 source, r1 step, r2 pairs left, r3 plane, r4 pitch, r5 3 * pitch, r6 mask, r11 zero.
TFLM_MCUNET_ASSEMBLER void widen_all(WidenJob*) {
  asm volatile(
      "push {r0, r4-r11, lr}\n"
      "ldrd r1, r4, [r0, #32]\n"
      "ldr r11, [r0, #40]\n"
      "add r5, r4, r4, lsl #1\n"
      "mov r6, #0xFF00FF00\n"
      "5:\n"
      "ldr r7, [sp]\n"
      "ldrd r8, r12, [r7, #4]\n"
      "ldrd r3, r10, [r7, #12]\n"
      "ldr r9, [r7]\n"
      "ldr r0, [r9], #4\n"
      "sub r8, r8, #1\n"
      "strd r9, r8, [r7]\n"
      "add r9, r3, r10\n"
      "str r9, [r7, #12]\n"
      "cmp r0, #0\n"
      "beq.w 4f\n"
      "add r0, r0, r12\n"
      "ldrd r2, r9, [r7, #20]\n"
      "cmp r9, #0\n"
      "beq.n 2f\n" COLUMN("2")
      "add r0, r0, r1\n"
      "add r3, r3, #4\n"
      "2:\n"
      "cmp r2, #0\n"
      "beq.n 3f\n"
      "1:\n"
      "ldr.w r8, [r0, r1]\n"
      "ldr.w r7, [r0]\n"
      "add.w r0, r0, r1, lsl #1\n"
      "pkhbt r9, r7, r8, lsl #16\n"
      "pkhtb r10, r8, r7, asr #16\n" HALVES("r9", "r8", "r12") HALVES("r10", "lr", "r7")
      "str.w r12, [r3, r4]\n"
      "str.w lr, [r3, r4, lsl #1]\n"
      "str.w r7, [r3, r5]\n"
      "str.w r8, [r3], #4\n"
      "subs r2, r2, #1\n"
      "bne 1b\n"
      "3:\n"
      "ldr r7, [sp]\n"
      "ldr r9, [r7, #28]\n"
      "cmp r9, #0\n"
      "beq.n 4f\n" COLUMN("0")
      "4:\n"
      "ldr r7, [sp]\n"
      "ldr r8, [r7, #4]\n"
      "cmp r8, #0\n"
      "bne.w 5b\n"
      "pop {r0, r4-r11, pc}\n");
}

// Pairs across: the second half of one word and the first of the next.
#define ACROSS(result, one, two) \
  "lsr.w " result ", " one       \
  ", #16\n"                      \
  "orr.w " result ", " result ", " two ", lsl #16\n"
#define ROW_OF_4    \
  "ldr r3, [r0]\n"  \
  "sxtb16 r5, r3\n" \
  "sxtb16 r7, r3, ror #8\n"
#define ROW_OF_5           \
  ROW_OF_4                 \
  "ldrsb.w r9, [r0, #4]\n" \
  "add r0, r0, #5\n"       \
  "uxth r9, r9\n"
// The second word begins with the last byte of the first.
#define ROW_OF_7            \
  ROW_OF_4                  \
  "ldr.w r4, [r0, #3]\n"    \
  "add r0, r0, #7\n"        \
  "sxtb16 r9, r4, ror #8\n" \
  "sxtb16 r11, r4\n"        \
  "lsr r11, r11, #16\n"
#define ACROSS_5 "lsl.w r6, r5, #16\n" ACROSS("r8", "r5", "r7") ACROSS("r10", "r7", "r9")
#define ACROSS_7 ACROSS_5 ACROSS("r12", "r9", "r11")
// (packed, weights, rows)
#define WEIGHTS(ROW, ACROSS, list)        \
  asm volatile(                           \
      "push {r4-r11, lr}\n"               \
      "1:\n" ROW ACROSS "stm r1!, {" list \
      "}\n"                               \
      "subs r2, r2, #1\n"                 \
      "bne 1b\n"                          \
      "pop {r4-r11, pc}\n")

using Widen = void(const int8_t*, uint32_t*, int32_t);

TFLM_MCUNET_ASSEMBLER void weights_5_1(const int8_t*, uint32_t*, int32_t) {
  WEIGHTS(ROW_OF_5, ACROSS_5, "r5-r10");
}
TFLM_MCUNET_ASSEMBLER void weights_7_1(const int8_t*, uint32_t*, int32_t) {
  WEIGHTS(ROW_OF_7, ACROSS_7, "r5-r12");
}
TFLM_MCUNET_ASSEMBLER void weights_5_2(const int8_t*, uint32_t*, int32_t) {
  WEIGHTS(ROW_OF_5, "", "r5, r7, r9");
}
TFLM_MCUNET_ASSEMBLER void weights_7_2(const int8_t*, uint32_t*, int32_t) {
  WEIGHTS(ROW_OF_7, "", "r5, r7, r9, r11");
}

// By stride and kernel.
Widen* const kWeights[2][2] = {
    {weights_5_1, weights_7_1},
    {weights_5_2, weights_7_2},
};

}  // namespace

void widen_rows(WidenJob* job) { widen_all(job); }

void widen_weights(const int8_t* packed, uint32_t* weights, int32_t kernel, int32_t stride) {
  kWeights[stride - 1][(kernel - 5) / 2](packed, weights, kernel);
}

#else

namespace {

inline uint32_t widened(const int8_t* value, int32_t zero_point) {
  return static_cast<uint32_t>((*value - zero_point) * 128) & 0xFFFFu;
}

}  // namespace

void widen_rows(WidenJob* job) {
  const int32_t zero_point = static_cast<int16_t>(job->zero & 0xFFFFu) / 256;
  for (int32_t y = 0; y < job->rows_left; ++y) {
    for (int32_t c = 0; c < 4 && job->rows[y] != nullptr; ++c) {
      const int8_t* source = static_cast<const int8_t*>(job->rows[y]) + job->offset + c;
      uint32_t* plane = job->plane + (y * job->row_bytes + c * job->pitch) / 4;
      if (job->has_lead != 0) {
        *plane = (*plane & 0xFFFFu) | widened(source, zero_point) << 16;
        ++plane;
        source += job->step;
      }
      for (int32_t i = 0; i < job->pairs; ++i, source += 2 * job->step) {
        *plane++ = widened(source, zero_point) | widened(source + job->step, zero_point) << 16;
      }
      if (job->has_trail != 0) {
        *plane = (*plane & 0xFFFF0000u) | widened(source, zero_point);
      }
    }
  }
}

void widen_weights(const int8_t* packed, uint32_t* weights, int32_t kernel, int32_t stride) {
  for (int32_t row = 0; row < kernel; ++row) {
    uint32_t before = 0;
    for (int32_t tap = 0; tap < kernel; tap += 2) {
      // w0 w2 w1 w3 w4 w6 w5: the second of a pair lies two bytes behind, if there is one.
      const int8_t* first = packed + tap / 4 * 4 + (tap & 2) / 2;
      const int32_t second = tap + 1 < kernel ? first[2] : 0;
      const uint32_t pair = (static_cast<uint32_t>(*first) & 0xFFFFu) | static_cast<uint32_t>(second) << 16;
      *weights++ = pair;
      if (stride == 1) {
        *weights++ = before >> 16 | pair << 16;
      }
      before = pair;
    }
    packed += kernel;
  }
}

#endif

}  // namespace arm_dsp
}  // namespace tflm_mcunet
