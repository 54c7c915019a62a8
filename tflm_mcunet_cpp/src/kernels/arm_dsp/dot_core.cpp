#include "dot_core.h"

namespace tflm_mcunet {
namespace arm_dsp {
namespace {

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)

// Registers of the loops: r0 pixels, r1 stream, r2 count; the sums of A from r3 on, then those of A + 256 B;
// pixels; weights in the last two. GCC spends one load on each SMLAD and spills pointers; hence the
// assembler. On the stack: count, entry into the loop, and of the job what lies before `stream`.
#define STEP_3(weights)          \
  "ldm r0!, {r9-r11}\n"          \
  "smlad r6, r9, " weights       \
  ", r6\n"                       \
  "smlad r7, r10, " weights      \
  ", r7\n"                       \
  "smlad r8, r11, " weights      \
  ", r8\n"                       \
  "sxtb16 " weights ", " weights \
  "\n"                           \
  "smlad r3, r9, " weights       \
  ", r3\n"                       \
  "smlad r4, r10, " weights      \
  ", r4\n"                       \
  "smlad r5, r11, " weights ", r5\n"
#define WORD_3 "ldm r1!, {r12, lr}\n" STEP_3("r12") STEP_3("lr")
// The first word of a channel pair: the bias is an addend.
#define FIRST_3              \
  "ldm r1!, {r2, r12, lr}\n" \
  "ldm r0!, {r9-r11}\n"      \
  "smlad r6, r9, r12, r2\n"  \
  "smlad r7, r10, r12, r2\n" \
  "smlad r8, r11, r12, r2\n" \
  "sxtb16 r12, r12\n"        \
  "smuad r3, r9, r12\n"      \
  "smuad r4, r10, r12\n"     \
  "smuad r5, r11, r12\n" STEP_3("lr")

#define STEP_2(first, second, weights) \
  "smlad r5, " first ", " weights      \
  ", r5\n"                             \
  "smlad r6, " second ", " weights     \
  ", r6\n"                             \
  "sxtb16 " weights ", " weights       \
  "\n"                                 \
  "smlad r3, " first ", " weights      \
  ", r3\n"                             \
  "smlad r4, " second ", " weights ", r4\n"
#define WORD_2           \
  "ldm r1!, {r12, lr}\n" \
  "ldm r0!, {r7-r10}\n" STEP_2("r7", "r8", "r12") STEP_2("r9", "r10", "lr")
#define FIRST_2              \
  "ldm r1!, {r2, r12, lr}\n" \
  "ldm r0!, {r7-r10}\n"      \
  "smlad r5, r7, r12, r2\n"  \
  "smlad r6, r8, r12, r2\n"  \
  "sxtb16 r12, r12\n"        \
  "smuad r3, r7, r12\n"      \
  "smuad r4, r8, r12\n" STEP_2("r9", "r10", "lr")

// The sum of B, times 256 as it is; that of A, times 256 and with its bias, r0.
#define PART(a, b)         \
  "sub.w " b ", " b ", " a \
  "\n"                     \
  "add.w " a ", r0, " a ", lsl #8\n"
#define PARTS_3 PART("r3", "r6") PART("r4", "r7") PART("r5", "r8")
#define PARTS_2 PART("r3", "r5") PART("r4", "r6")

// With the layer's constant, r10, and shift, r11.
#define SATURATED(sum, multiplier)      \
  "smmla " sum ", " sum ", " multiplier \
  ", r10\n"                             \
  "asr.w " sum ", " sum                 \
  ", r11\n"                             \
  "ssat " sum ", #8, " sum "\n"
// With the channel's: one unit of the first rounding less, 2^7, below zero. The last bit is left.
#define FIXED(sum, multiplier)          \
  "asr.w r12, " sum                     \
  ", #31\n"                             \
  "add.w r12, r10, r12, lsl #7\n"       \
  "smmla " sum ", " sum ", " multiplier \
  ", r12\n"                             \
  "asr.w " sum ", " sum ", r11\n"
#define ROUNDED(sum) "ssat " sum ", #8, " sum ", asr #1\n"
#define CLAMPED(sum)    \
  "asr.w " sum ", " sum \
  ", #1\n"              \
  "cmp " sum            \
  ", r0\n"              \
  "it lt\n"             \
  "movlt " sum          \
  ", r0\n"              \
  "cmp " sum            \
  ", r2\n"              \
  "it gt\n"             \
  "movgt " sum ", r2\n"

#define CHANNEL_CONSTANT \
  "lsl.w r10, lr, r11\n" \
  "add.w r10, r10, #64\n"
#define SATURATE_3                                                                                       \
  "ldm r1!, {r0, r2, r9}\n"                                                                              \
  "ldrd r10, r11, [sp, #20]\n" PARTS_3 SATURATED("r3", "r2") SATURATED("r4", "r2") SATURATED("r5", "r2") \
      SATURATED("r6", "r9") SATURATED("r7", "r9") SATURATED("r8", "r9")
#define FIX_3                                                                                       \
  "ldm r1!, {r0, r2, r9, r11}\n"                                                                    \
  "ldr.w lr, [sp, #20]\n" PARTS_3 CHANNEL_CONSTANT FIXED("r3", "r2") FIXED("r4", "r2")              \
      FIXED("r5", "r2") "lsr.w r11, r11, #8\n" CHANNEL_CONSTANT FIXED("r6", "r9") FIXED("r7", "r9") \
          FIXED("r8", "r9")
#define SIGN_FIX_3 FIX_3 ROUNDED("r3") ROUNDED("r4") ROUNDED("r5") ROUNDED("r6") ROUNDED("r7") ROUNDED("r8")
#define CLAMP_3                                                                                          \
  FIX_3 "ldrd r0, r2, [sp, #32]\n" CLAMPED("r3") CLAMPED("r4") CLAMPED("r5") CLAMPED("r6") CLAMPED("r7") \
      CLAMPED("r8")
#define SATURATE_2                                                                                       \
  "ldm r1!, {r0, r2, r9}\n"                                                                              \
  "ldrd r10, r11, [sp, #20]\n" PARTS_2 SATURATED("r3", "r2") SATURATED("r4", "r2") SATURATED("r5", "r9") \
      SATURATED("r6", "r9")
#define FIX_2                                                        \
  "ldm r1!, {r0, r2, r9, r11}\n"                                     \
  "ldr.w lr, [sp, #20]\n" PARTS_2 CHANNEL_CONSTANT FIXED("r3", "r2") \
      FIXED("r4", "r2") "lsr.w r11, r11, #8\n" CHANNEL_CONSTANT FIXED("r5", "r9") FIXED("r6", "r9")
#define SIGN_FIX_2 FIX_2 ROUNDED("r3") ROUNDED("r4") ROUNDED("r5") ROUNDED("r6")
#define CLAMP_2 FIX_2 "ldrd r0, r2, [sp, #32]\n" CLAMPED("r3") CLAMPED("r4") CLAMPED("r5") CLAMPED("r6")

// Leaves the flags of: was it the last pair?
#define STORE(first_a, first_b, more) \
  "ldrd r0, r2, [sp, #8]\n"           \
  "ldr.w r9, [sp, #16]\n"             \
  "strb.w " first_a                   \
  ", [r0], #1\n"                      \
  "strb.w " first_b                   \
  ", [r0], #1\n"                      \
  "str.w r0, [sp, #8]\n"              \
  "add.w r10, r0, r2\n" more          \
  "cmp r0, r9\n"                      \
  "ldr.w r0, [sp, #28]\n"
#define BEHIND(a, b) \
  "strb.w " a        \
  ", [r10, #-2]\n"   \
  "strb.w " b ", [r10, #-1]\n"
#define STORE_3 STORE("r3", "r6", BEHIND("r4", "r7") "add.w r10, r10, r2\n" BEHIND("r5", "r8"))
#define STORE_2 STORE("r3", "r5", BEHIND("r4", "r6"))

// `size`: bytes of one WORD, every instruction of which takes four.
#define DOT_BODY(FIRST, WORD, FINISH, STORE, size) \
  "push {r4-r11, lr}\n"                            \
  "sub sp, sp, #44\n"                              \
  "ldm r0!, {r1-r8}\n"                             \
  "add.w r12, sp, #8\n"                            \
  "stm r12, {r1-r8}\n"                             \
  "ldrd r1, r4, [r0]\n"                            \
  "mov r0, r6\n"                                   \
  "subs r4, r4, #1\n"                              \
  "add.w r5, r4, #3\n"                             \
  "lsr.w r5, r5, #2\n"                             \
  "rsb r6, r4, #0\n"                               \
  "and r6, r6, #3\n"                               \
  "mov r7, #" size                                 \
  "\n"                                             \
  "mul r6, r6, r7\n"                               \
  "adr.w r7, 2f\n"                                 \
  "add r6, r6, r7\n"                               \
  "adr.w r7, 3f\n"                                 \
  "cmp r4, #0\n"                                   \
  "it eq\n"                                        \
  "moveq r6, r7\n"                                 \
  "orr r6, r6, #1\n"                               \
  "strd r5, r6, [sp]\n"                            \
  "1:\n" FIRST                                     \
  "ldm.w sp, {r2, pc}\n"                           \
  "2:\n" WORD WORD WORD WORD                       \
  "subs r2, r2, #1\n"                              \
  "bne 2b\n"                                       \
  "3:\n" FINISH STORE                              \
  "bne.w 1b\n"                                     \
  "add sp, sp, #44\n"                              \
  "pop {r4-r11, pc}\n"

#define DOT_3(FINISH) asm volatile(DOT_BODY(FIRST_3, WORD_3, FINISH, STORE_3, "68"))
#define DOT_2(FINISH) asm volatile(DOT_BODY(FIRST_2, WORD_2, FINISH, STORE_2, "48"))
#define ASSEMBLER __attribute__((naked, noinline)) void

ASSEMBLER saturate_3(const DotJob*) { DOT_3(SATURATE_3); }
ASSEMBLER sign_fix_3(const DotJob*) { DOT_3(SIGN_FIX_3); }
ASSEMBLER clamp_3(const DotJob*) { DOT_3(CLAMP_3); }
ASSEMBLER saturate_2(const DotJob*) { DOT_2(SATURATE_2); }
ASSEMBLER sign_fix_2(const DotJob*) { DOT_2(SIGN_FIX_2); }
ASSEMBLER clamp_2(const DotJob*) { DOT_2(CLAMP_2); }

// (source, stride, words, x): x's end. At least one word.
__attribute__((naked, noinline)) void* widen_3(const int8_t*, int32_t, int32_t, void*) {
  asm volatile(
      "push {r4-r7, lr}\n"
      "1:\n"
      "ldr r5, [r0, r1]\n"
      "ldr.w r6, [r0, r1, lsl #1]\n"
      "ldr r4, [r0], #4\n"
      "sxtb16 r7, r4\n"
      "sxtb16 r12, r5\n"
      "sxtb16 lr, r6\n"
      "stm r3!, {r7, r12, lr}\n"
      "sxtb16 r4, r4, ror #8\n"
      "sxtb16 r5, r5, ror #8\n"
      "sxtb16 r6, r6, ror #8\n"
      "stm r3!, {r4, r5, r6}\n"
      "subs r2, r2, #1\n"
      "bne 1b\n"
      "mov r0, r3\n"
      "pop {r4-r7, pc}\n");
}

__attribute__((naked, noinline)) void* widen_2(const int8_t*, int32_t, int32_t, void*) {
  asm volatile(
      "push {r4-r7, lr}\n"
      "1:\n"
      "ldr r5, [r0, r1]\n"
      "ldr r4, [r0], #4\n"
      "sxtb16 r6, r4\n"
      "sxtb16 r7, r5\n"
      "sxtb16 r12, r4, ror #8\n"
      "sxtb16 lr, r5, ror #8\n"
      "stm r3!, {r6, r7, r12, lr}\n"
      "subs r2, r2, #1\n"
      "bne 1b\n"
      "mov r0, r3\n"
      "pop {r4-r7, pc}\n");
}

#else

inline int32_t load_int32(const void* source) { return static_cast<int32_t>(load_word(source)); }

// What the assembler does, for compilers without the DSP extension.
template <Finish kFinish, int32_t kPixels>
void dot_pixels(const DotJob* job) {
  const uint8_t* stream = static_cast<const uint8_t*>(job->stream);
  for (int8_t* out = job->out; out != job->end; out += 2) {
    const uint8_t* weights = stream + 4;
    const uint8_t* ending = weights + job->words * 8;
    const uint32_t shifts = kFinish == kSaturate ? 0 : load_word(ending + 12);
    for (int32_t p = 0; p < kPixels; ++p) {
      const uint8_t* x = static_cast<const uint8_t*>(job->x) + p * 4;
      int32_t first = 0;
      int32_t both = load_int32(stream);
      for (const uint8_t* w = weights; w < ending; w += 4, x += kPixels * 4) {
        first = smlad(load_word(x), widen_even(load_word(w)), first);
        both = smlad(load_word(x), load_word(w), both);
      }
      const uint32_t sums[2] = {(static_cast<uint32_t>(first) << 8) + load_word(ending),
                                static_cast<uint32_t>(both) - static_cast<uint32_t>(first)};
      for (int32_t i = 0; i < 2; ++i) {
        const int32_t sum = static_cast<int32_t>(sums[i]);
        const int32_t multiplier = load_int32(ending + 4 + 4 * i);
        int8_t& target = out[p * job->stride + i];
        if (kFinish == kSaturate) {
          target = saturated(sum, multiplier, job->constant, job->shift);
          continue;
        }
        const int32_t value = rounded(sum, multiplier, job->constant, shifts >> (8 * i) & 0xFF);
        const int32_t low = kFinish == kClamp ? job->output_min : -128;
        const int32_t high = kFinish == kClamp ? job->output_max : 127;
        target = static_cast<int8_t>(value < low ? low : (value > high ? high : value));
      }
    }
    stream = ending + (kFinish == kSaturate ? 12 : 16);
  }
}

#endif

}  // namespace

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)

const DotKernels kDotSaturate = {saturate_3, saturate_2};
const DotKernels kDotSignFix = {sign_fix_3, sign_fix_2};
const DotKernels kDotClamp = {clamp_3, clamp_2};

void* widen_pixels(const int8_t* source, int32_t stride, int32_t words, int32_t pixels, void* x) {
  return (pixels == 3 ? widen_3 : widen_2)(source, stride, words, x);
}

#else

const DotKernels kDotSaturate = {dot_pixels<kSaturate, 3>, dot_pixels<kSaturate, 2>};
const DotKernels kDotSignFix = {dot_pixels<kSignFix, 3>, dot_pixels<kSignFix, 2>};
const DotKernels kDotClamp = {dot_pixels<kClamp, 3>, dot_pixels<kClamp, 2>};

void* widen_pixels(const int8_t* source, int32_t stride, int32_t words, int32_t pixels, void* x) {
  uint32_t* target = static_cast<uint32_t*>(x);
  for (; words > 0; --words, source += 4) {
    for (int32_t p = 0; p < pixels; ++p) {
      *target++ = widen_even(load_word(source + p * stride));
    }
    for (int32_t p = 0; p < pixels; ++p) {
      *target++ = widen_odd(load_word(source + p * stride));
    }
  }
  return target;
}

#endif

}  // namespace arm_dsp
}  // namespace tflm_mcunet
