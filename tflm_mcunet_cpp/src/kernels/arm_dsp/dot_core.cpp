#include "dot_core.h"

#include <string.h>

namespace tflm_mcunet {
namespace arm_dsp {
namespace {

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)

// Registers: r0 widened pixels, r1 stream, r2 output (4 pixels) or fifth sum (5 pixels), r3 count, r4-r7
// sums, r8-r11 pixels, r12 weights, lr widened weights. On the stack: count, entry into the loop, stride, 3
// * stride, x, out, output_min, output_max. GCC spends one load on each SMLAD and spills pointers; hence the
// assembler.
#define DOT_4(widen)        \
  "sxtb16 lr, r12" widen    \
  "\n"                      \
  "ldm r0!, {r8-r11}\n"     \
  "smlad r4, r8, lr, r4\n"  \
  "smlad r5, r9, lr, r5\n"  \
  "smlad r6, r10, lr, r6\n" \
  "smlad r7, r11, lr, r7\n"
#define DOT_5(widen)   \
  DOT_4(widen)         \
  "ldr r8, [r0], #4\n" \
  "smlad r2, r8, lr, r2\n"

// The first word of a channel: the bias is the addend.
#define FIRST_4             \
  "ldm r1!, {r3, r12}\n"    \
  "ldm r0!, {r8-r11}\n"     \
  "sxtb16 lr, r12\n"        \
  "smlad r4, r8, lr, r3\n"  \
  "smlad r5, r9, lr, r3\n"  \
  "smlad r6, r10, lr, r3\n" \
  "smlad r7, r11, lr, r3\n"
#define FIRST_5        \
  FIRST_4              \
  "ldr r8, [r0], #4\n" \
  "smlad r2, r8, lr, r3\n"
#define LOAD_WEIGHTS "ldr.w r12, [r1], #4\n"
#define WORD_4 LOAD_WEIGHTS DOT_4("") DOT_4(", ror #8")
#define WORD_5 LOAD_WEIGHTS DOT_5("") DOT_5(", ror #8")

#define SCALE_PLAIN(sum) "smmla " sum ", " sum ", r8, r9\n"
// Halves of negative values: one unit of the first rounding less, 2^7.
#define SCALE_FIXED(sum)         \
  "asr.w r12, " sum              \
  ", #31\n"                      \
  "add.w r12, r9, r12, lsl #7\n" \
  "smmla " sum ", " sum ", r8, r12\n"
#define SHIFT(sum) "asr.w " sum ", " sum ", r10\n"
#define SATURATE(sum) "ssat " sum ", #8, " sum "\n"
#define CLAMP(sum) \
  "cmp " sum       \
  ", r11\n"        \
  "it lt\n"        \
  "movlt " sum     \
  ", r11\n"        \
  "cmp " sum       \
  ", r12\n"        \
  "it gt\n"        \
  "movgt " sum ", r12\n"

#define FINISH_0(sum) SCALE_PLAIN(sum) SHIFT(sum) SATURATE(sum)
#define FINISH_1(sum) SCALE_FIXED(sum) SHIFT(sum) SATURATE(sum)
#define FINISH_2(sum) SCALE_FIXED(sum) SHIFT(sum) "ldrd r11, r12, [sp, #24]\n" CLAMP(sum)

#define STORE_4                  \
  "ldrd r11, r12, [sp, #8]\n"    \
  "strb r7, [r2, r12]\n"         \
  "strb r6, [r2, r11, lsl #1]\n" \
  "strb r5, [r2, r11]\n"         \
  "strb r4, [r2], #1\n"          \
  "ldr r0, [sp, #16]\n"
#define STORE_5                  \
  "ldrd r11, r12, [sp, #8]\n"    \
  "ldrd r0, r3, [sp, #16]\n"     \
  "strb r2, [r3, r11, lsl #2]\n" \
  "strb r7, [r3, r12]\n"         \
  "strb r6, [r3, r11, lsl #1]\n" \
  "strb r5, [r3, r11]\n"         \
  "strb r4, [r3], #1\n"          \
  "str r3, [sp, #20]\n"

// `size`: bytes of one WORD, every instruction of which takes four.
#define DOT_BODY(FIRST, DOT, WORD, FINISH, STORE, size) \
  "push {r4-r11, lr}\n"                                 \
  "sub sp, sp, #36\n"                                   \
  "ldrd r5, r6, [r0, #20]\n"                            \
  "strd r5, r6, [sp, #24]\n"                            \
  "ldm r0, {r0-r4}\n"                                   \
  "add r5, r3, r3, lsl #1\n"                            \
  "strd r3, r5, [sp, #8]\n"                             \
  "strd r0, r2, [sp, #16]\n"                            \
  "sub r4, r4, #1\n"                                    \
  "add r5, r4, #3\n"                                    \
  "lsr r5, r5, #2\n"                                    \
  "rsb r6, r4, #0\n"                                    \
  "and r6, r6, #3\n"                                    \
  "mov r7, #" size "\n"                                 \
  "mul r6, r6, r7\n"                                    \
  "adr.w r7, 2f\n"                                      \
  "add r6, r6, r7\n"                                    \
  "adr.w r7, 3f\n"                                      \
  "cmp r4, #0\n"                                        \
  "it eq\n"                                             \
  "moveq r6, r7\n"                                      \
  "orr r6, r6, #1\n"                                    \
  "strd r5, r6, [sp]\n"                                 \
  "1:\n" FIRST DOT(", ror #8")                          \
  "ldm.w sp, {r3, pc}\n"                                \
  "2:\n" WORD WORD WORD WORD                            \
  "subs r3, r3, #1\n"                                   \
  "bne 2b\n"                                            \
  "3:\n"                                                \
  "ldm r1!, {r8-r10}\n" FINISH STORE                    \
  "cmp r10, #0\n"                                       \
  "bpl.w 1b\n"                                          \
  "add sp, sp, #36\n"                                   \
  "pop {r4-r11, pc}\n"

#define ALL_4(FINISH) FINISH("r4") FINISH("r5") FINISH("r6") FINISH("r7")
#define ALL_5(FINISH) ALL_4(FINISH) FINISH("r2")
#define BODY_4(FINISH) asm volatile(DOT_BODY(FIRST_4, DOT_4, WORD_4, ALL_4(FINISH), STORE_4, "52"))
#define BODY_5(FINISH) asm volatile(DOT_BODY(FIRST_5, DOT_5, WORD_5, ALL_5(FINISH), STORE_5, "68"))

__attribute__((naked, noinline)) void dot_4_saturate(const DotJob*) { BODY_4(FINISH_0); }
__attribute__((naked, noinline)) void dot_4_sign_fix(const DotJob*) { BODY_4(FINISH_1); }
__attribute__((naked, noinline)) void dot_4_clamp(const DotJob*) { BODY_4(FINISH_2); }
__attribute__((naked, noinline)) void dot_5_saturate(const DotJob*) { BODY_5(FINISH_0); }
__attribute__((naked, noinline)) void dot_5_sign_fix(const DotJob*) { BODY_5(FINISH_1); }
__attribute__((naked, noinline)) void dot_5_clamp(const DotJob*) { BODY_5(FINISH_2); }

// (source, stride, words, x, 3 * stride): x's end.
__attribute__((naked, noinline)) void* widen_4(const int8_t*, int32_t, int32_t, void*) {
  asm volatile(
      "push {r4-r11, lr}\n"
      "add lr, r1, r1, lsl #1\n"
      "mov r12, #0xFF00FF00\n"
      "1:\n"
      "ldr.w r8, [r0, r1]\n"
      "ldr.w r9, [r0, r1, lsl #1]\n"
      "ldr.w r10, [r0, lr]\n"
      "ldr r7, [r0], #4\n"
      "and.w r4, r12, r7, lsl #8\n"
      "and.w r5, r12, r8, lsl #8\n"
      "and.w r6, r12, r9, lsl #8\n"
      "and.w r11, r12, r10, lsl #8\n"
      "stm r3!, {r4, r5, r6, r11}\n"
      "and.w r7, r7, r12\n"
      "and.w r8, r8, r12\n"
      "and.w r9, r9, r12\n"
      "and.w r10, r10, r12\n"
      "stm r3!, {r7-r10}\n"
      "subs r2, r2, #1\n"
      "bne 1b\n"
      "mov r0, r3\n"
      "pop {r4-r11, pc}\n");
}

__attribute__((naked, noinline)) void* widen_5(const int8_t*, int32_t, int32_t, void*) {
  asm volatile(
      "push {r4-r11, lr}\n"
      "add lr, r1, r1, lsl #1\n"
      "mov r12, #0xFF00FF00\n"
      "1:\n"
      "ldr.w r8, [r0, r1]\n"
      "ldr.w r9, [r0, r1, lsl #1]\n"
      "ldr.w r10, [r0, lr]\n"
      "ldr.w r11, [r0, r1, lsl #2]\n"
      "ldr r7, [r0], #4\n"
      "and.w r4, r12, r7, lsl #8\n"
      "and.w r5, r12, r8, lsl #8\n"
      "and.w r6, r12, r9, lsl #8\n"
      "stm r3!, {r4, r5, r6}\n"
      "and.w r4, r12, r10, lsl #8\n"
      "and.w r5, r12, r11, lsl #8\n"
      "and.w r7, r7, r12\n"
      "and.w r8, r8, r12\n"
      "and.w r9, r9, r12\n"
      "and.w r10, r10, r12\n"
      "and.w r11, r11, r12\n"
      "stm r3!, {r4, r5, r7-r11}\n"
      "subs r2, r2, #1\n"
      "bne 1b\n"
      "mov r0, r3\n"
      "pop {r4-r11, pc}\n");
}

#else

inline int32_t lanes(const uint8_t* x, int32_t first, int32_t second) {
  int16_t pair[2];
  memcpy(pair, x, sizeof(pair));
  return pair[0] * first + pair[1] * second;
}

inline int32_t load_int32(const uint8_t* source) {
  int32_t value;
  memcpy(&value, source, sizeof(value));
  return value;
}

// What the assembler does, for compilers without the DSP extension.
void dot_pixels(const DotJob& job, int32_t finish, int32_t pixels) {
  const uint8_t* stream = static_cast<const uint8_t*>(job.stream);
  int8_t* out = job.out;
  for (int32_t shift = 0; shift >= 0; ++out) {
    const uint8_t* weights = stream + 4;
    const uint8_t* ending = weights + job.words * 4;
    shift = load_int32(ending + 8);
    for (int32_t p = 0; p < pixels; ++p) {
      const uint8_t* x = static_cast<const uint8_t*>(job.x) + p * 4;
      uint32_t sum = static_cast<uint32_t>(load_int32(stream));
      for (const uint8_t* w = weights; w < ending; w += 4, x += pixels * 8) {
        const int8_t* four = reinterpret_cast<const int8_t*>(w);
        sum += static_cast<uint32_t>(lanes(x, four[0], four[2]));
        sum += static_cast<uint32_t>(lanes(x + pixels * 4, four[1], four[3]));
      }
      const int64_t product = static_cast<int64_t>(static_cast<int32_t>(sum)) * load_int32(ending);
      const int32_t fix = finish != kSaturate && static_cast<int32_t>(sum) < 0 ? 128 : 0;
      int32_t value = static_cast<int32_t>(product >> 32) + load_int32(ending + 4) - fix;
      value >>= shift & 0xFF;
      const int32_t low = finish == kClamp ? job.output_min : -128;
      const int32_t high = finish == kClamp ? job.output_max : 127;
      out[p * job.stride] = static_cast<int8_t>(value < low ? low : (value > high ? high : value));
    }
    stream = ending + 12;
  }
}

#endif

}  // namespace

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)

void dot_4_pixels(const DotJob& job, int32_t finish) {
  (finish == kSaturate ? dot_4_saturate : finish == kSignFix ? dot_4_sign_fix : dot_4_clamp)(&job);
}

void dot_5_pixels(const DotJob& job, int32_t finish) {
  (finish == kSaturate ? dot_5_saturate : finish == kSignFix ? dot_5_sign_fix : dot_5_clamp)(&job);
}

void* widen_pixels(const int8_t* source, int32_t stride, int32_t words, int32_t pixels, void* x) {
  return pixels == 4 ? widen_4(source, stride, words, x) : widen_5(source, stride, words, x);
}

#else

void dot_4_pixels(const DotJob& job, int32_t finish) { dot_pixels(job, finish, 4); }

void dot_5_pixels(const DotJob& job, int32_t finish) { dot_pixels(job, finish, 5); }

void* widen_pixels(const int8_t* source, int32_t stride, int32_t words, int32_t pixels, void* x) {
  int16_t* target = static_cast<int16_t*>(x);
  for (int32_t i = 0; i < words; ++i, source += 4) {
    for (int32_t odd = 0; odd < 2; ++odd) {
      for (int32_t p = 0; p < pixels; ++p) {
        *target++ = static_cast<int16_t>(source[p * stride + odd] * 256);
        *target++ = static_cast<int16_t>(source[p * stride + odd + 2] * 256);
      }
    }
  }
  return target;
}

#endif

}  // namespace arm_dsp
}  // namespace tflm_mcunet
