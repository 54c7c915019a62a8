#include "dot_core.h"

#define EACH_SHIFT(apply) apply(9) apply(10) apply(11) apply(12) apply(13) apply(14) apply(15) apply(16)

namespace tflm_mcunet {
namespace arm_dsp {
namespace {

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)

// Registers of the loops: r0 pixels, r1 stream, r2 count; the sums of A from r3 on, then those of A + 256 B;
// pixels; weights in the last two. GCC spends one load on each SMLAD and spills pointers; hence the
// assembler. On the stack: of the job what lies before `stream`; count, and the entry into the loop.
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

// The sum of B, times 256 as it is; that of A, times 256 and with its bias.
#define PART_OF(bias, a, b) \
  "sub.w " b ", " b ", " a  \
  "\n"                      \
  "add.w " a ", " bias ", " a ", lsl #8\n"
#define PART(a, b) PART_OF("r0", a, b)
#define PARTS_3 PART("r3", "r6") PART("r4", "r7") PART("r5", "r8")
#define PARTS_2 PART("r3", "r5") PART("r4", "r6")

// With the layer's constant, r10, and shift, r11.
#define SATURATED(sum, multiplier)      \
  "smmla " sum ", " sum ", " multiplier \
  ", r10\n"                             \
  "asr.w " sum ", " sum                 \
  ", r11\n"                             \
  "ssat " sum ", #8, " sum "\n"
// With the channel's: one unit of the first rounding less, 2^7, below zero. 8 bits are left.
#define FIXED(sum, multiplier, shift)   \
  "asr.w r0, " sum                      \
  ", #31\n"                             \
  "add.w r0, r10, r0, lsl #7\n"         \
  "smmla " sum ", " sum ", " multiplier \
  ", r0\n"                              \
  "asr.w " sum ", " sum ", " shift "\n"
#define ROUNDED(sum) "ssat " sum ", #8, " sum ", asr #8\n"
#define CLAMPED(sum)    \
  "asr.w " sum ", " sum \
  ", #8\n"              \
  "cmp " sum            \
  ", r0\n"              \
  "it lt\n"             \
  "movlt " sum          \
  ", r0\n"              \
  "cmp " sum            \
  ", r2\n"              \
  "it gt\n"             \
  "movgt " sum ", r2\n"

// Of the job: pixels, stride, output, its end, and the layer's constant.
#define PLACE "ldm.w sp, {r0, r10-r12, lr}\n"
#define CHANNEL_CONSTANT(shift) \
  "lsl.w r10, lr, " shift       \
  "\n"                          \
  "add.w r10, r10, #64\n"
// Takes the shifts off the bias: r11 and r12.
#define FIX(PARTS)          \
  "ldm r1!, {r0, r2, r9}\n" \
  "ldr.w lr, [sp, #16]\n"   \
  "and.w r11, r0, #15\n"    \
  "ubfx r12, r0, #4, #4\n"  \
  "bfc r0, #0, #8\n" PARTS CHANNEL_CONSTANT("r11")
#define SATURATE_3                                                                                       \
  "ldm r1!, {r0, r2, r9}\n"                                                                              \
  "ldrd r10, r11, [sp, #16]\n" PARTS_3 SATURATED("r3", "r2") SATURATED("r4", "r2") SATURATED("r5", "r2") \
      SATURATED("r6", "r9") SATURATED("r7", "r9") SATURATED("r8", "r9") PLACE
// The same with a shift that the code knows.
#define SHIFTED(sum, multiplier, shift) \
  "smmla " sum ", " sum ", " multiplier \
  ", lr\n"                              \
  "ssat " sum ", #8, " sum ", asr #" shift "\n"
#define SHIFTED_3(shift)                                                                                 \
  "ldm r1!, {r0, r2, r9}\n" PARTS_3 PLACE SHIFTED("r3", "r2", shift) SHIFTED("r4", "r2", shift) SHIFTED( \
      "r5", "r2", shift) SHIFTED("r6", "r9", shift) SHIFTED("r7", "r9", shift) SHIFTED("r8", "r9", shift)
#define FIX_3              \
  FIX(PARTS_3)             \
  FIXED("r3", "r2", "r11") \
  FIXED("r4", "r2", "r11") \
  FIXED("r5", "r2", "r11") \
  CHANNEL_CONSTANT("r12") FIXED("r6", "r9", "r12") FIXED("r7", "r9", "r12") FIXED("r8", "r9", "r12")
#define SIGN_FIX_3 \
  FIX_3 ROUNDED("r3") ROUNDED("r4") ROUNDED("r5") ROUNDED("r6") ROUNDED("r7") ROUNDED("r8") PLACE
#define CLAMP_3                                                                                          \
  FIX_3 "ldrd r0, r2, [sp, #24]\n" CLAMPED("r3") CLAMPED("r4") CLAMPED("r5") CLAMPED("r6") CLAMPED("r7") \
      CLAMPED("r8") PLACE
#define SATURATE_2                                                                                       \
  "ldm r1!, {r0, r2, r9}\n"                                                                              \
  "ldrd r10, r11, [sp, #16]\n" PARTS_2 SATURATED("r3", "r2") SATURATED("r4", "r2") SATURATED("r5", "r9") \
      SATURATED("r6", "r9") PLACE
#define FIX_2              \
  FIX(PARTS_2)             \
  FIXED("r3", "r2", "r11") \
  FIXED("r4", "r2", "r11") CHANNEL_CONSTANT("r12") FIXED("r5", "r9", "r12") FIXED("r6", "r9", "r12")
#define SIGN_FIX_2 FIX_2 ROUNDED("r3") ROUNDED("r4") ROUNDED("r5") ROUNDED("r6") PLACE
#define CLAMP_2 FIX_2 "ldrd r0, r2, [sp, #24]\n" CLAMPED("r3") CLAMPED("r4") CLAMPED("r5") CLAMPED("r6") PLACE

// Both channels of a pixel at once. Leaves the flags of: was it the last pair?
#define BOTH(a, b) "bfi " a ", " b ", #8, #8\n"
#define STORE(first, behind)     \
  behind "strh.w " first         \
         ", [r11], #2\n"         \
         "str.w r11, [sp, #8]\n" \
         "cmp r11, r12\n"
#define STORE_3    \
  BOTH("r3", "r6") \
  BOTH("r4", "r7") BOTH("r5", "r8") STORE("r3", "strh.w r4, [r11, r10]\nstrh.w r5, [r11, r10, lsl #1]\n")
#define STORE_2 BOTH("r3", "r5") BOTH("r4", "r6") STORE("r3", "strh.w r4, [r11, r10]\n")

// `size`: bytes of one WORD, every instruction of which takes four.
#define DOT_BODY(FIRST, WORD, FINISH, STORE, size) \
  "push {r4-r11, lr}\n"                            \
  "sub sp, sp, #40\n"                              \
  "ldm r0!, {r1-r8}\n"                             \
  "stm.w sp, {r1-r8}\n"                            \
  "ldm r0, {r2, r4, r5}\n"                         \
  "mov r0, r1\n"                                   \
  "mov r1, r2\n"                                   \
  "adr.w r6, 2f\n"                                 \
  "orr r6, r6, #1\n"                               \
  "mov r7, #" size                                 \
  "\n"                                             \
  "mla r5, r5, r7, r6\n"                           \
  "strd r4, r5, [sp, #32]\n"                       \
  "1:\n" FIRST                                     \
  "ldr.w r2, [sp, #32]\n"                          \
  "ldr.w pc, [sp, #36]\n"                          \
  "2:\n" WORD WORD WORD WORD WORD WORD WORD WORD   \
  "subs r2, r2, #1\n"                              \
  "bne.w 2b\n" FINISH STORE                        \
  "bne.w 1b\n"                                     \
  "add sp, sp, #40\n"                              \
  "pop {r4-r11, pc}\n"

#define DOT_3(FINISH) asm volatile(DOT_BODY(FIRST_3, WORD_3, FINISH, STORE_3, "68"))
#define DOT_2(FINISH) asm volatile(DOT_BODY(FIRST_2, WORD_2, FINISH, STORE_2, "48"))
#define ASSEMBLER TFLM_MCUNET_ASSEMBLER void

// A number of words that the code knows, of three pixels, with a shift that it knows, too. On the stack:
// pixels, stride, output, its end, constant.
#define NARROW(sum, multiplier, shift)  \
  "smmla " sum ", " sum ", " multiplier \
  ", lr\n"                              \
  "ssat " sum ", #8, " sum ", asr #" shift "\n"
#define NARROW_3(shift, WORDS) \
  asm volatile(                                                                               \
      "push {r4-r11, lr}\n"                                                                   \
      "sub sp, sp, #20\n"                                                                     \
      "ldr r1, [r0, #32]\n"                                                                   \
      "ldm.w r0, {r0, r2-r5}\n"                                                               \
      "stm.w sp, {r0, r2-r5}\n"                                                               \
      "1:\n" FIRST_3 WORDS \
      "ldm r1!, {r2, r9, r10}\n" PART_OF("r2", "r3", "r6") PART_OF("r2", "r4", "r7")           \
          PART_OF("r2", "r5", "r8") "ldm.w sp, {r0, r2, r11, r12, lr}\n"                      \
          NARROW("r3", "r9", shift) NARROW("r4", "r9", shift)                                 \
              NARROW("r5", "r9", shift) NARROW("r6", "r10", shift) NARROW("r7", "r10", shift) \
                  NARROW("r8", "r10", shift) BOTH("r3", "r6") BOTH("r4", "r7") BOTH("r5", "r8") \
      "strh.w r4, [r11, r2]\n"                                                                \
      "strh.w r5, [r11, r2, lsl #1]\n"                                                        \
      "strh.w r3, [r11], #2\n"                                                                \
      "str.w r11, [sp, #8]\n"                                                                 \
      "cmp r11, r12\n"                                                                        \
      "bne.w 1b\n"                                                                            \
      "add sp, sp, #20\n"                                                                     \
      "pop {r4-r11, pc}\n")

#define SHIFTED_CORE(shift)                                                                                 \
  ASSEMBLER words_2_##shift(const DotJob*) { NARROW_3(#shift, WORD_3); }                                    \
  ASSEMBLER words_4_##shift(const DotJob*) { NARROW_3(#shift, WORD_3 WORD_3 WORD_3); }                      \
  ASSEMBLER words_6_##shift(const DotJob*) { NARROW_3(#shift, WORD_3 WORD_3 WORD_3 WORD_3 WORD_3); }        \
  ASSEMBLER words_7_##shift(const DotJob*) { NARROW_3(#shift, WORD_3 WORD_3 WORD_3 WORD_3 WORD_3 WORD_3); } \
  ASSEMBLER shifted_3_##shift(const DotJob*) { DOT_3(SHIFTED_3(#shift)); }
EACH_SHIFT(SHIFTED_CORE)
ASSEMBLER saturate_3(const DotJob*) { DOT_3(SATURATE_3); }
ASSEMBLER sign_fix_3(const DotJob*) { DOT_3(SIGN_FIX_3); }
ASSEMBLER clamp_3(const DotJob*) { DOT_3(CLAMP_3); }
ASSEMBLER saturate_2(const DotJob*) { DOT_2(SATURATE_2); }
ASSEMBLER sign_fix_2(const DotJob*) { DOT_2(SIGN_FIX_2); }
ASSEMBLER clamp_2(const DotJob*) { DOT_2(CLAMP_2); }

#else

inline int32_t load_int32(const void* source) { return static_cast<int32_t>(load_word(source)); }

// What the assembler does, for compilers without the DSP extension.
template <Finish kFinish, int32_t kPixels>
void dot_pixels(const DotJob* job) {
  const uint8_t* stream = static_cast<const uint8_t*>(job->stream);
  for (int8_t* out = job->out; out != job->end; out += 2) {
    const uint8_t* weights = stream + 4;
    const int32_t words = 1 + 8 * job->passes - job->skipped;
    const uint8_t* ending = weights + words * 8;
    const uint32_t shifts = kFinish == kSaturate ? 0 : load_word(ending) & 0xFFu;
    for (int32_t p = 0; p < kPixels; ++p) {
      const uint8_t* x = static_cast<const uint8_t*>(job->x) + p * 4;
      int32_t first = 0;
      int32_t both = load_int32(stream);
      for (const uint8_t* w = weights; w < ending; w += 4, x += kPixels * 4) {
        first = smlad(load_word(x), widen_even(load_word(w)), first);
        both = smlad(load_word(x), load_word(w), both);
      }
      const uint32_t sums[2] = {(static_cast<uint32_t>(first) << 8) + load_word(ending) - shifts,
                                static_cast<uint32_t>(both) - static_cast<uint32_t>(first)};
      for (int32_t i = 0; i < 2; ++i) {
        const int32_t sum = static_cast<int32_t>(sums[i]);
        const int32_t multiplier = load_int32(ending + 4 + 4 * i);
        int8_t& target = out[p * job->stride + i];
        if (kFinish == kSaturate) {
          target = saturated(sum, multiplier, job->constant, job->shift);
          continue;
        }
        const int32_t value =
            rounded(sum, multiplier, job->constant >> 7, static_cast<int32_t>(shifts >> (4 * i) & 15) + 7);
        const int32_t low = kFinish == kClamp ? job->output_min : -128;
        const int32_t high = kFinish == kClamp ? job->output_max : 127;
        target = static_cast<int8_t>(value < low ? low : (value > high ? high : value));
      }
    }
    stream = ending + 12;
  }
}

void widen(const void* const* rows, const WidenRows& part, int32_t count, int32_t pixels, void* x) {
  uint32_t* target = static_cast<uint32_t*>(x);
  for (int32_t row = 0; row < count; ++row) {
    const int8_t* source = static_cast<const int8_t*>(rows[row]) + part.offset;
    for (int32_t i = 0; i < part.words; ++i, source += 4) {
      for (int32_t p = 0; p < pixels; ++p) {
        *target++ = widen_even(load_word(source + p * part.step));
      }
      for (int32_t p = 0; p < pixels; ++p) {
        *target++ = widen_odd(load_word(source + p * part.step));
      }
    }
  }
  const int32_t last = part.offset + 4 * part.words;
  for (int32_t row = 0; part.has_last != 0 && row < count; row += 2) {
    const int8_t* first = static_cast<const int8_t*>(rows[row]) + last;
    const int8_t* second = static_cast<const int8_t*>(rows[row + 1 < count ? row + 1 : row]) + last;
    for (int32_t p = 0; p < pixels; ++p) {
      *target++ = halves(first[p * part.step], second[p * part.step]);
    }
  }
}

#endif

}  // namespace

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)

const DotKernels kDotSaturate = {saturate_3, saturate_2};
#define SHIFTED_KERNELS(shift)                                             \
  const DotKernels kDotShift##shift = {shifted_3_##shift, saturate_2};     \
  const DotKernels kDotWords2Shift##shift = {words_2_##shift, saturate_2}; \
  const DotKernels kDotWords4Shift##shift = {words_4_##shift, saturate_2}; \
  const DotKernels kDotWords6Shift##shift = {words_6_##shift, saturate_2}; \
  const DotKernels kDotWords7Shift##shift = {words_7_##shift, saturate_2};
EACH_SHIFT(SHIFTED_KERNELS)
const DotKernels kDotSignFix = {sign_fix_3, sign_fix_2};
const DotKernels kDotClamp = {clamp_3, clamp_2};

#define WIDEN(WORD, LAST)      \
  "push {r0-r2, r4-r11, lr}\n" \
  "ldm.w r1, {r1, r4, r5}\n"   \
  "cmp r5, #0\n"               \
  "beq.w 3f\n"                 \
  "1:\n"                       \
  "ldr.w r12, [r0], #4\n"      \
  "add.w r12, r12, r1\n"       \
  "lsrs r6, r5, #1\n"          \
  "bcc 2f\n" WORD              \
  "cbz r6, 6f\n"               \
  "2:\n" WORD WORD             \
  "subs r6, r6, #1\n"          \
  "bne 2b\n"                   \
  "6:\n"                       \
  "subs r2, r2, #1\n"          \
  "bne 1b\n"                   \
  "3:\n"                       \
  "pop {r0, r2, r6}\n"         \
  "ldr.w r7, [r2, #12]\n"      \
  "cbz r7, 5f\n"               \
  "add.w r1, r1, r5, lsl #2\n" \
  "4:\n"                       \
  "ldr.w r12, [r0], #4\n"      \
  "mov lr, r12\n"              \
  "subs r6, r6, #1\n"          \
  "itt ne\n"                   \
  "ldrne.w lr, [r0], #4\n"     \
  "subne r6, r6, #1\n"         \
  "add.w r12, r12, r1\n"       \
  "add.w lr, lr, r1\n" LAST    \
  "cmp r6, #0\n"               \
  "bne 4b\n"                   \
  "5:\n"                       \
  "pop {r4-r11, pc}\n"
#define LAST_2                  \
  "ldrsb.w r7, [r12]\n"         \
  "ldrsb.w r8, [lr]\n"          \
  "ldrsb.w r9, [r12, r4]\n"     \
  "ldrsb.w r10, [lr, r4]\n"     \
  "pkhbt r7, r7, r8, lsl #16\n" \
  "pkhbt r8, r9, r10, lsl #16\n"

TFLM_MCUNET_ASSEMBLER void widen_3_pixels(const void* const*, const WidenRows*, int32_t, void*) {
  asm volatile(
      WIDEN("ldr.w r8, [r12, r4]\n"
            "ldr.w r9, [r12, r4, lsl #1]\n"
            "ldr.w r7, [r12], #4\n"
            "sxtb16 r10, r7\n"
            "sxtb16 r11, r8\n"
            "sxtb16 lr, r9\n"
            "sxtb16 r7, r7, ror #8\n"
            "stm r3!, {r10, r11, lr}\n"
            "sxtb16 r8, r8, ror #8\n"
            "sxtb16 r9, r9, ror #8\n"
            "stm r3!, {r7-r9}\n",
            LAST_2 "ldrsb.w r9, [r12, r4, lsl #1]\n"
                   "ldrsb.w r10, [lr, r4, lsl #1]\n"
                   "pkhbt r9, r9, r10, lsl #16\n"
                   "stm r3!, {r7-r9}\n"));
}

TFLM_MCUNET_ASSEMBLER void widen_2_pixels(const void* const*, const WidenRows*, int32_t, void*) {
  asm volatile(
      WIDEN("ldr.w r8, [r12, r4]\n"
            "ldr.w r7, [r12], #4\n"
            "sxtb16 r9, r7\n"
            "sxtb16 r10, r8\n"
            "sxtb16 r11, r7, ror #8\n"
            "sxtb16 lr, r8, ror #8\n"
            "stm r3!, {r9-r11, lr}\n",
            LAST_2 "stm r3!, {r7, r8}\n"));
}

#else

const DotKernels kDotSaturate = {dot_pixels<kSaturate, 3>, dot_pixels<kSaturate, 2>};
#define SHIFTED_KERNELS(shift)                                                              \
  const DotKernels kDotShift##shift = {dot_pixels<kSaturate, 3>, dot_pixels<kSaturate, 2>}; \
  const DotKernels kDotWords2Shift##shift = kDotShift##shift;                               \
  const DotKernels kDotWords4Shift##shift = kDotShift##shift;                               \
  const DotKernels kDotWords6Shift##shift = kDotShift##shift;                               \
  const DotKernels kDotWords7Shift##shift = kDotShift##shift;
EACH_SHIFT(SHIFTED_KERNELS)
const DotKernels kDotSignFix = {dot_pixels<kSignFix, 3>, dot_pixels<kSignFix, 2>};
const DotKernels kDotClamp = {dot_pixels<kClamp, 3>, dot_pixels<kClamp, 2>};

void widen_3_pixels(const void* const* rows, const WidenRows* part, int32_t count, void* x) {
  widen(rows, *part, count, 3, x);
}

void widen_2_pixels(const void* const* rows, const WidenRows* part, int32_t count, void* x) {
  widen(rows, *part, count, 2, x);
}

#endif

}  // namespace arm_dsp
}  // namespace tflm_mcunet
