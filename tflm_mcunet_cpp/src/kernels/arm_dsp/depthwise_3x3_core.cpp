#include "depthwise_3x3_core.h"

#include "simd.h"

namespace tflm_mcunet {
namespace arm_dsp {

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)

namespace {

// Registers: r0 units, r1-r3 weights of the pairs, r4 and r5 of the single row, r6-r8 a unit, r9 and r10 the
// sums of an even and an odd output (at stride 2 r10 is the stride), r11 multiplier, r12 constant, lr out.
// An output takes two units: it begins with the first and ends with the second. The stack is Job3x3: 0
// stride, 4 shift, 8 and 12 bias, 16 entry, 20 tail, 24 end, 28 row bytes, 32 out, 36 step, 40 weights, 44
// endings, 48 channels. Every instruction takes four bytes, so that a row can begin in the middle of the
// unrolled loop.
#define BEGIN_EVEN         \
  "smlad r9, r6, r1, r9\n" \
  "smlad r9, r7, r2, r9\n" \
  "smlad r9, r8, r4, r9\n"
#define BEGIN_TWO                       \
  "ldrd r9, r10, [sp, #8]\n" BEGIN_EVEN \
  "smlad r10, r7, r1, r10\n"            \
  "smlatb r10, r8, r4, r10\n"
#define UNIT "ldmia.w r0!, {r6-r8}\n"
#define END_EVEN           \
  "smlad r9, r6, r3, r9\n" \
  "smlabt r9, r8, r5, r9\n"
#define END_TWO              \
  END_EVEN                   \
  "smlad r10, r6, r2, r10\n" \
  "smlad r10, r7, r3, r10\n" \
  "smlad r10, r8, r5, r10\n"
#define KEEP_TWO(shift)            \
  "smmla r9, r9, r11, r12\n"       \
  "smmla r10, r10, r11, r12\n"     \
  "ssat r9, #8, r9, asr #" shift   \
  "\n"                             \
  "ssat r10, #8, r10, asr #" shift \
  "\n"                             \
  "strb.w r9, [lr]\n"              \
  "ldr.w r9, [sp]\n"               \
  "strb.w r10, [lr, r9]\n"         \
  "add.w lr, lr, r9, lsl #1\n"
#define KEEP_ONE             \
  "smmla r9, r9, r11, r12\n" \
  "asr.w r9, r9, r5\n"       \
  "ssat r9, #8, r9\n"        \
  "strb.w r9, [lr]\n"        \
  "add.w lr, lr, r10\n"
// `bytes` is the length of the body: where a row begins follows from it.
#define LOOP(body, bytes)                    \
  "1:\n"                                     \
  ".rept 4\n" body                           \
  ".endr\n"                                  \
  ".if . - 1b - 4 * " bytes                  \
  "\n"                                       \
  ".error \"the body has another length\"\n" \
  ".endif\n"                                 \
  "ldr.w r9, [sp, #24]\n"                    \
  "cmp.w lr, r9\n"                           \
  "bne.w 1b\n"
#define LOOP_TWO(shift) LOOP(BEGIN_TWO UNIT END_TWO KEEP_TWO(shift), "80") "ldr.w pc, [sp, #20]\n"

#define PROLOGUE           \
  "push {r4-r11, lr}\n"    \
  "sub sp, sp, #52\n"      \
  "mov lr, sp\n"           \
  "ldmia.w r0!, {r1-r7}\n" \
  "stmia.w lr!, {r1-r7}\n" \
  "ldmia.w r0!, {r1-r6}\n" \
  "stmia.w lr!, {r1-r6}\n" \
  "ldr r0, [r0]\n"
#define CHANNEL(more)         \
  "2:\n"                      \
  "ldrd r6, r7, [sp, #40]\n"  \
  "ldrd lr, r10, [sp, #32]\n" \
  "ldmia.w r6!, {r1-r5}\n"    \
  "add.w r8, lr, r10\n"       \
  "str.w r8, [sp, #32]\n"     \
  "ldmia.w r7!, {r8-r12}\n"   \
  "strd r6, r7, [sp, #40]\n"  \
  "ldr.w r6, [sp, #28]\n"     \
  "strd r8, r9, [sp, #4]\n"   \
  "add.w r6, r6, lr\n"        \
  "strd r9, r10, [sp, #12]\n" \
  "str.w r6, [sp, #24]\n" more UNIT
#define NEXT_CHANNEL      \
  "ldr.w r6, [sp, #48]\n" \
  "subs.w r6, r6, #1\n"   \
  "str.w r6, [sp, #48]\n" \
  "bne.w 2b\n"            \
  "add sp, sp, #52\n"     \
  "pop {r4-r11, pc}\n"

#define VARIANTS_TWO \
  LOOP_TWO("9")      \
  LOOP_TWO("10") LOOP_TWO("11") LOOP_TWO("12") LOOP_TWO("13") LOOP_TWO("14") LOOP_TWO("15") LOOP_TWO("16")

constexpr uint32_t kTwoBlock = 20 * 4;
constexpr uint32_t kTwoBytes = 4 * kTwoBlock + 16;
constexpr uint32_t kOneBlock = 12 * 4;

// The loops' addresses, for `entry_of_3x3` and `tail_of_3x3`.
extern "C" {
extern const char tflm_mcunet_3x3_loops_1[];
extern const char tflm_mcunet_3x3_loop_2[];
extern const char tflm_mcunet_3x3_odd[];
extern const char tflm_mcunet_3x3_even[];
}

TFLM_MCUNET_ASSEMBLER void outputs_1(const Job3x3*) {
  asm volatile(PROLOGUE CHANNEL(
      "") "ldr.w pc, [sp, #16]\n"
          // The last of an odd number of outputs.
          "tflm_mcunet_3x3_odd:\n"
          "ldr.w r9, [sp, #8]\n" BEGIN_EVEN UNIT END_EVEN
          "smmla r9, r9, r11, r12\n"
          "ldr.w r10, [sp, #4]\n"
          "asr.w r9, r9, r10\n"
          "ssat r9, #8, r9\n"
          "strb.w r9, [lr]\n"
          "tflm_mcunet_3x3_even:\n" NEXT_CHANNEL "tflm_mcunet_3x3_loops_1:\n" VARIANTS_TWO);
}

TFLM_MCUNET_ASSEMBLER void outputs_2(const Job3x3*) {
  asm volatile(PROLOGUE CHANNEL("ldr.w r10, [sp]\n")
      "ldr.w pc, [sp, #16]\n"
      "tflm_mcunet_3x3_loop_2:\n"
      LOOP("ldr.w r9, [sp, #8]\n" BEGIN_EVEN UNIT END_EVEN KEEP_ONE, "48")
      NEXT_CHANNEL);
}

TFLM_MCUNET_ASSEMBLER void sums_1(const Job3x3*) {
  asm volatile(PROLOGUE CHANNEL(
      "") "ldr.w r10, [sp, #24]\n"
          "cmp.w lr, r10\n"
          "beq.w 3f\n"
          "1:\n" BEGIN_TWO UNIT END_TWO
          "strd r9, r10, [lr], #8\n"
          "ldr.w r9, [sp, #24]\n"
          "cmp.w lr, r9\n"
          "bne.w 1b\n"
          "3:\n"
          "ldr.w r10, [sp, #20]\n"
          "cmp.w r10, #0\n"
          "beq.w 4f\n"
          "ldr.w r9, [sp, #8]\n" BEGIN_EVEN UNIT END_EVEN
          "str.w r9, [lr]\n"
          "4:\n" NEXT_CHANNEL);
}

TFLM_MCUNET_ASSEMBLER void sums_2(const Job3x3*) {
  asm volatile(PROLOGUE CHANNEL(
      "") "1:\n"
          "ldr.w r9, [sp, #8]\n" BEGIN_EVEN UNIT END_EVEN
          "str.w r9, [lr], #4\n"
          "ldr.w r9, [sp, #24]\n"
          "cmp.w lr, r9\n"
          "bne.w 1b\n" NEXT_CHANNEL);
}

// Registers: r0 stream, r1 weights, r2 endings, r3 channels left, r12 mask; on the stack what channels share.
#define PREPARE(put_shift)              \
  asm volatile(                         \
      "push {r4-r11, lr}\n"             \
      "mov r12, #0xFF00FF00\n"          \
      "1:\n"                            \
      "ldmia.w r0!, {r4, r5, r8-r10}\n" \
      "ldrd r11, r7, [sp, #36]\n"       \
      "ldr r6, [sp, #44]\n"             \
      "strd r7, r4, [r2], #8\n"         \
      "str r11, [r2], #4\n"             \
      "strd r5, r6, [r2], #8\n"         \
      "and r4, r12, r8, lsl #8\n"       \
      "and r5, r12, r9, lsl #8\n"       \
      "and r8, r12, r8\n"               \
      "and r9, r12, r9\n"               \
      "pkhbt r6, r4, r5, lsl #16\n"     \
      "pkhtb r4, r5, r4, asr #16\n"     \
      "pkhtb r8, r9, r8, asr #16\n"     \
      "and r11, r12, r10, lsl #8\n"     \
      "and r10, r12, r10\n" put_shift   \
      "strd r6, r4, [r1], #8\n"         \
      "str r8, [r1], #4\n"              \
      "strd r11, r10, [r1], #8\n"       \
      "subs r3, r3, #1\n"               \
      "bne 1b\n"                        \
      "pop {r4-r11, pc}\n")

TFLM_MCUNET_ASSEMBLER void prepare_1(const int32_t*, Weights3x3*, Ending3x3*, int32_t, Shared3x3) {
  PREPARE("");
}

TFLM_MCUNET_ASSEMBLER void prepare_2(const int32_t*, Weights3x3*, Ending3x3*, int32_t, Shared3x3) {
  PREPARE("pkhtb r10, r10, r7\n");
}

// The same for weights of three windows: r4-r6 are the rows' even halves, r8-r10 the odd ones.
#define PREPARE_ROWS(widen, set_for_b) \
  asm volatile(                         \
      "push {r4-r11, lr}\n"             \
      "mov r12, #0xFF00FF00\n"          \
      "1:\n"                            \
      "ldmia.w r0!, {r4, r5, r8-r10}\n" \
      "ldrd r11, r7, [sp, #36]\n"       \
      "ldr r6, [sp, #44]\n"             \
      "strd r7, r4, [r2], #8\n"         \
      "str r11, [r2], #4\n"             \
      "strd r5, r6, [r2], #8\n" widen   \
      SET("0", "r4", "r5", "r8", "r9", "r6", "r10", "8", "16") set_for_b \
      SET("160", "r5", "r6", "r9", "r10", "r4", "r8", "168", "176") \
      "add r1, r1, #20\n"               \
      "subs r3, r3, #1\n"               \
      "bne 1b\n"                        \
      "pop {r4-r11, pc}\n")
// Rows A and B, and C, of one window.
#define SET(at, a, b, odd_a, odd_b, c, odd_c, at_2, at_4) \
  "pkhbt r7, " a ", " b                                   \
  ", lsl #16\n"                                           \
  "pkhtb r11, " b ", " a                                  \
  ", asr #16\n"                                           \
  "strd r7, r11, [r1, #" at                               \
  "]\n"                                                   \
  "pkhtb r7, " odd_b ", " odd_a                           \
  ", asr #16\n"                                           \
  "strd r7, " c ", [r1, #" at_2                           \
  "]\n"                                                   \
  "str " odd_c ", [r1, #" at_4 "]\n"

TFLM_MCUNET_ASSEMBLER void prepare_rows_1(const int32_t*, Weights3x3*, Ending3x3*, int32_t, Shared3x3) {
  PREPARE_ROWS(
      "sxtb16 r4, r8\n"
      "sxtb16 r5, r9\n"
      "sxtb16 r6, r10\n"
      "sxtb16 r8, r8, ror #8\n"
      "sxtb16 r9, r9, ror #8\n"
      "sxtb16 r10, r10, ror #8\n",
      SET("80", "r6", "r4", "r10", "r8", "r5", "r9", "88", "96"));
}

TFLM_MCUNET_ASSEMBLER void prepare_rows_2(const int32_t*, Weights3x3*, Ending3x3*, int32_t, Shared3x3) {
  PREPARE_ROWS(
      "and r4, r12, r8, lsl #8\n"
      "and r5, r12, r9, lsl #8\n"
      "and r6, r12, r10, lsl #8\n"
      "and r8, r12, r8\n"
      "and r9, r12, r9\n"
      "and r10, r12, r10\n"
      "pkhtb r8, r8, r7\n"
      "pkhtb r10, r10, r7\n",
      "");
}

}  // namespace

Prepare3x3* prepare_of_3x3(int32_t stride) { return stride == 1 ? prepare_1 : prepare_2; }

Prepare3x3* prepare_rows_of_3x3(int32_t stride) { return stride == 1 ? prepare_rows_1 : prepare_rows_2; }

Entry3x3 entry_of_3x3(int32_t count, int32_t stride) {
  const int32_t steps = stride == 1 ? count / 2 : count;
  if (steps == 0) {
    return {tail_of_3x3(count), 0};
  }
  const uint32_t skipped = static_cast<uint32_t>(-steps & 3);
  if (stride == 2) {
    return {(reinterpret_cast<uint32_t>(tflm_mcunet_3x3_loop_2) | 1) + skipped * kOneBlock, 0};
  }
  const uint32_t loops = reinterpret_cast<uint32_t>(tflm_mcunet_3x3_loops_1) | 1;
  return {loops + skipped * kTwoBlock - kLeastShift3x3 * kTwoBytes, kTwoBytes};
}

uint32_t tail_of_3x3(int32_t count) {
  return reinterpret_cast<uint32_t>((count & 1) != 0 ? tflm_mcunet_3x3_odd : tflm_mcunet_3x3_even) | 1;
}

Core3x3* core_of_3x3(int32_t stride, bool is_sum) {
  if (stride == 1) {
    return is_sum ? sums_1 : outputs_1;
  }
  return is_sum ? sums_2 : outputs_2;
}

#else

Entry3x3 entry_of_3x3(int32_t, int32_t) { return {0, 0}; }

uint32_t tail_of_3x3(int32_t) { return 0; }

namespace {

template <int32_t stride>
void prepare_rows(const int32_t* stream, Weights3x3* weights, Ending3x3* endings, int32_t channels,
                  Shared3x3 shared) {
  for (int32_t c = 0; c < channels; ++c, ++weights, stream += kStreamWords3x3) {
    const Halves3x3 one = halves_of(stream[2], stride == 2);
    const Halves3x3 two = halves_of(stream[3], stride == 2);
    const Halves3x3 three = halves_of(stream[4], stride == 2);
    weights[0] = arranged(one, two, three);
    weights[8] = arranged(two, three, one);
    if (stride == 1) {
      weights[4] = arranged(three, one, two);
    } else {
      weights[0].put(shared.shift);
      weights[8].put(shared.shift);
    }
    endings[c] = {shared.shift, stream[0], shared.entry, stream[1], shared.constant};
  }
}

template <int32_t stride>
void prepare(const int32_t* stream, Weights3x3* weights, Ending3x3* endings, int32_t channels,
             Shared3x3 shared) {
  for (int32_t c = 0; c < channels; ++c, stream += kStreamWords3x3) {
    uint32_t even[3];
    uint32_t odd[3];
    for (int32_t row = 0; row < 3; ++row) {
      const uint32_t bytes = static_cast<uint32_t>(stream[2 + row]);
      even[row] = bytes << 8 & 0xFF00FF00u;
      odd[row] = bytes & 0xFF00FF00u;
    }
    weights[c] = {{low_halves(even[0], even[1]), high_halves(even[0], even[1]), high_halves(odd[0], odd[1])},
                  {even[2], odd[2]}};
    if (stride == 2) {
      weights[c].put(shared.shift);
    }
    endings[c] = {shared.shift, stream[0], 0, stream[1], shared.constant};
  }
}

template <int32_t stride, bool is_sum>
void rows_of_channels(const Job3x3* given) {
  const Job3x3& job = *given;
  const int32_t units = units_of_3x3(job.count, stride);
  for (int32_t c = 0; c < job.channels; ++c) {
    const Weights3x3& w = job.weights[c];
    const Ending3x3& ending = job.endings[c];
    uint8_t* const out = static_cast<uint8_t*>(job.out) + c * job.out_step;
    for (int32_t i = 0; i < job.count; ++i) {
      const bool is_second = stride == 1 && (i & 1) != 0;
      const Unit3x3* const x = job.x + c * units + (stride == 1 ? i / 2 : i);
      int32_t sum = ending.bias;
      if (is_second) {
        sum = smlad(x[0].pair[1], w.pair[0], sum);
        sum = smlad(x[1].pair[0], w.pair[1], sum);
        sum = smlad(x[1].pair[1], w.pair[2], sum);
        sum = smlad(x[0].single >> 16, w.single[0] & 0xFFFFu, sum);
        sum = smlad(x[1].single, w.single[1], sum);
      } else {
        sum = smlad(x[0].pair[0], w.pair[0], sum);
        sum = smlad(x[0].pair[1], w.pair[1], sum);
        sum = smlad(x[1].pair[0], w.pair[2], sum);
        sum = smlad(x[0].single, w.single[0], sum);
        sum = smlad(x[1].single & 0xFFFFu, w.single[1] >> 16, sum);
      }
      if (is_sum) {
        memcpy(out + 4 * i, &sum, sizeof(sum));
      } else {
        const int32_t value = saturate(scale(sum, ending.multiplier, ending.constant) >> ending.shift);
        out[i * job.stride] = static_cast<uint8_t>(value);
      }
    }
  }
}

}  // namespace

Prepare3x3* prepare_of_3x3(int32_t stride) { return stride == 1 ? prepare<1> : prepare<2>; }

Prepare3x3* prepare_rows_of_3x3(int32_t stride) { return stride == 1 ? prepare_rows<1> : prepare_rows<2>; }

Core3x3* core_of_3x3(int32_t stride, bool is_sum) {
  if (stride == 1) {
    return is_sum ? rows_of_channels<1, true> : rows_of_channels<1, false>;
  }
  return is_sum ? rows_of_channels<2, true> : rows_of_channels<2, false>;
}

#endif

}  // namespace arm_dsp
}  // namespace tflm_mcunet
