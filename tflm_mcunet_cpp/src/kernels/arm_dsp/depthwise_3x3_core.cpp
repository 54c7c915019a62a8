#include "depthwise_3x3_core.h"

#include "simd.h"

namespace tflm_mcunet {
namespace arm_dsp {

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)

namespace {

// Registers: r0 units, r1-r3 weights of the pairs, r4 and r5 of the single row, r6-r8 a unit, r9 and r10 the
// sums of an even and an odd output (at stride 2 r10 is the stride), r11 multiplier, r12 bias, lr out. An
// output takes two units: it begins with the first and ends with the second. The stack is Job3x3 up to
// `records_end`: 0 stride, 4 entry, 8 tail, 12 end, 16 gap, 20 record, 24 its end. Every instruction takes
// four bytes, so that a row can begin in the middle of the unrolled loop.
#define BEGIN_EVEN          \
  "smlad r9, r6, r1, r12\n" \
  "smlad r9, r7, r2, r9\n"  \
  "smlad r9, r8, r4, r9\n"
#define BEGIN_TWO            \
  BEGIN_EVEN                 \
  "smlad r10, r7, r1, r12\n" \
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
#define SCALE(sum, shift) \
  "smmul " sum ", " sum   \
  ", r11\n"               \
  "ssat " sum ", #8, " sum ", asr #" shift "\n"
#define KEEP_TWO(shift)    \
  SCALE("r9", shift)       \
  SCALE("r10", shift)      \
  "strb.w r9, [lr]\n"      \
  "ldr.w r9, [sp]\n"       \
  "strb.w r10, [lr, r9]\n" \
  "add.w lr, lr, r9, lsl #1\n"
#define KEEP_ONE      \
  SCALE("r9", "8")    \
  "strb.w r9, [lr]\n" \
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
  "ldr.w r9, [sp, #12]\n"                    \
  "cmp.w lr, r9\n"                           \
  "blo.w 1b\n"

// Label 2 begins a channel.
#define PROLOGUE                     \
  "push {r4-r11, lr}\n"              \
  "ldmia.w r0, {r1-r9}\n"            \
  "push {r1-r7}\n"                   \
  "mov r10, r1\n"                    \
  "mov r0, r8\n"                     \
  "mov lr, r9\n"                     \
  "2:\n"                             \
  "ldr r7, [sp, #16]\n"              \
  "ldmia.w r6!, {r1-r5, r11, r12}\n" \
  "add lr, lr, r7\n"                 \
  "str r6, [sp, #20]\n" UNIT
#define NEXT_CHANNEL         \
  "ldrd r6, r7, [sp, #20]\n" \
  "cmp r6, r7\n"             \
  "bne.w 2b\n"               \
  "add sp, sp, #28\n"        \
  "pop {r4-r11, pc}\n"

#define OUTPUTS_1(shift) \
  asm volatile(PROLOGUE                                             \
      "ldr.w pc, [sp, #4]\n"                                       \
      "tflm_mcunet_3x3_odd_" shift ":\n"                           \
      BEGIN_EVEN UNIT END_EVEN SCALE("r9", shift)                  \
      "strb.w r9, [lr]\n"                                          \
      "tflm_mcunet_3x3_even_" shift ":\n" NEXT_CHANNEL             \
      "tflm_mcunet_3x3_loop_1_" shift ":\n"                        \
      LOOP(BEGIN_TWO UNIT END_TWO KEEP_TWO(shift), "76")           \
      "ldr.w pc, [sp, #8]\n")

TFLM_MCUNET_ASSEMBLER void outputs_1_6(const Job3x3*) { OUTPUTS_1("6"); }
TFLM_MCUNET_ASSEMBLER void outputs_1_8(const Job3x3*) { OUTPUTS_1("8"); }

TFLM_MCUNET_ASSEMBLER void outputs_2(const Job3x3*) {
  asm volatile(PROLOGUE
               "ldr.w pc, [sp, #4]\n"
               "tflm_mcunet_3x3_loop_2:\n" LOOP(BEGIN_EVEN UNIT END_EVEN KEEP_ONE, "40") NEXT_CHANNEL);
}

// Here `end` is the bytes of a row; where a row ends takes the place of `entry`.
TFLM_MCUNET_ASSEMBLER void sums_1(const Job3x3*) {
  asm volatile(PROLOGUE
               "ldr r9, [sp, #12]\n"
               "cmp r9, #0\n"
               "add r9, r9, lr\n"
               "str r9, [sp, #4]\n"
               "beq.w 3f\n"
               "1:\n" BEGIN_TWO UNIT END_TWO
               "strd r9, r10, [lr], #8\n"
               "ldr.w r9, [sp, #4]\n"
               "cmp.w lr, r9\n"
               "bne.w 1b\n"
               "3:\n"
               "ldr.w r10, [sp, #8]\n"
               "cmp.w r10, #0\n"
               "beq.w 4f\n" BEGIN_EVEN UNIT END_EVEN
               "str.w r9, [lr]\n"
               "4:\n" NEXT_CHANNEL);
}

TFLM_MCUNET_ASSEMBLER void sums_2(const Job3x3*) {
  asm volatile(PROLOGUE
               "ldr r9, [sp, #12]\n"
               "add r9, r9, lr\n"
               "str r9, [sp, #4]\n"
               "1:\n" BEGIN_EVEN UNIT END_EVEN
               "str.w r9, [lr], #4\n"
               "ldr.w r9, [sp, #4]\n"
               "cmp.w lr, r9\n"
               "bne.w 1b\n" NEXT_CHANNEL);
}

// Rows A and B, and C, of one window.
#define SET(at, a, b, odd_a, odd_b, c, odd_c, at_2, at_4, at_6) \
  "pkhbt r7, " a ", " b                                         \
  ", lsl #16\n"                                                 \
  "pkhtb r11, " b ", " a                                        \
  ", asr #16\n"                                                 \
  "strd r7, r11, [r1, #" at                                     \
  "]\n"                                                         \
  "pkhtb r7, " odd_b ", " odd_a                                 \
  ", asr #16\n"                                                 \
  "strd r7, " c ", [r1, #" at_2                                 \
  "]\n"                                                         \
  "strd " odd_c ", r3, [r1, #" at_4                             \
  "]\n"                                                         \
  "str lr, [r1, #" at_6 "]\n"
#define SET_A SET("0", "r4", "r5", "r8", "r9", "r6", "r10", "8", "16", "24")
#define SET_B SET("112", "r6", "r4", "r10", "r8", "r5", "r9", "120", "128", "136")
#define SET_C SET("224", "r5", "r6", "r9", "r10", "r4", "r8", "232", "240", "248")

}  // namespace

// Registers: r0 stream, r1 records, r2 channels left, r3 multiplier, r4-r6 the rows' even halves, r8-r10 the
// odd ones, lr bias.
TFLM_MCUNET_ASSEMBLER void prepare_rows_3x3(const int32_t*, Record3x3*, int32_t) {
  asm volatile(
      "push {r4-r11, lr}\n"
      "1:\n"
      "ldrd lr, r3, [r0], #8\n"
      "ldmia.w r0!, {r4-r6}\n"
      "sxtb16 r8, r4, ror #8\n"
      "sxtb16 r9, r5, ror #8\n"
      "sxtb16 r10, r6, ror #8\n"
      "sxtb16 r4, r4\n"
      "sxtb16 r5, r5\n"
      "sxtb16 r6, r6\n" SET_A SET_B SET_C
      "add r1, r1, #28\n"
      "subs r2, r2, #1\n"
      "bne 1b\n"
      "pop {r4-r11, pc}\n");
}

extern "C" {
extern const char tflm_mcunet_3x3_loop_1_6[];
extern const char tflm_mcunet_3x3_loop_1_8[];
extern const char tflm_mcunet_3x3_loop_2[];
extern const char tflm_mcunet_3x3_odd_6[];
extern const char tflm_mcunet_3x3_odd_8[];
extern const char tflm_mcunet_3x3_even_6[];
extern const char tflm_mcunet_3x3_even_8[];
}

const Core3x3 kOutputs3x3Stride1Shift6 = {outputs_1_6,           tflm_mcunet_3x3_loop_1_6, 76,
                                          tflm_mcunet_3x3_odd_6, tflm_mcunet_3x3_even_6,   nullptr};
const Core3x3 kOutputs3x3Stride1Shift8 = {outputs_1_8,           tflm_mcunet_3x3_loop_1_8, 76,
                                          tflm_mcunet_3x3_odd_8, tflm_mcunet_3x3_even_8,   nullptr};
const Core3x3 kOutputs3x3Stride2Shift8 = {outputs_2, tflm_mcunet_3x3_loop_2, 40, nullptr, nullptr, nullptr};
const Core3x3 kSums3x3Stride1 = {sums_1, nullptr, 0, nullptr, nullptr, finish_sums};
const Core3x3 kSums3x3Stride2 = {sums_2, nullptr, 0, nullptr, nullptr, finish_sums};

void set_code_of_3x3(const Core3x3& core, int32_t stride, Job3x3* job) {
  if (core.loop == nullptr) {
    job->tail = static_cast<uint32_t>(job->count & 1);
    return;
  }
  const int32_t steps = stride == 1 ? job->count / 2 : job->count;
  const uint32_t skipped = static_cast<uint32_t>((-steps & 3) * core.block_bytes);
  job->tail = reinterpret_cast<uint32_t>((job->count & 1) != 0 ? core.odd : core.even) | 1;
  job->entry = steps == 0 ? job->tail : (reinterpret_cast<uint32_t>(core.loop) | 1) + skipped;
}

#else

void set_code_of_3x3(const Core3x3&, int32_t, Job3x3*) {}

namespace {

// Bytes 0 and 2, 1 and 3 of a kernel row, as halves.
struct Halves3x3 {
  uint32_t even;
  uint32_t odd;
};

Halves3x3 halves_of(int32_t packed) {
  const uint32_t bytes = static_cast<uint32_t>(packed);
  return {widen_even(bytes), widen_odd(bytes)};
}

Record3x3 arranged(const Halves3x3& a, const Halves3x3& b, const Halves3x3& c, const int32_t* stream) {
  return {{low_halves(a.even, b.even), high_halves(a.even, b.even), high_halves(a.odd, b.odd)},
          {c.even, c.odd},
          stream[1],
          stream[0]};
}

// Sums where the shift is 0.
template <int32_t stride, int32_t shift>
void rows_of_channels(const Job3x3* given) {
  const Job3x3& job = *given;
  const int32_t units = units_of_3x3(job.count, stride);
  const int32_t step = shift == 0 ? 4 : job.stride;
  const Unit3x3* unit = job.x;
  uint8_t* out = static_cast<uint8_t*>(job.out);
  for (const Record3x3* w = job.record; w != job.records_end; ++w, unit += units) {
    out += job.gap;
    for (int32_t i = 0; i < job.count; ++i) {
      const bool is_second = stride == 1 && (i & 1) != 0;
      const Unit3x3* const x = unit + (stride == 1 ? i / 2 : i);
      int32_t sum = w->bias;
      if (is_second) {
        sum = smlad(x[0].pair[1], w->pair[0], sum);
        sum = smlad(x[1].pair[0], w->pair[1], sum);
        sum = smlad(x[1].pair[1], w->pair[2], sum);
        sum = smlad(x[0].single >> 16, w->single[0] & 0xFFFFu, sum);
        sum = smlad(x[1].single, w->single[1], sum);
      } else {
        sum = smlad(x[0].pair[0], w->pair[0], sum);
        sum = smlad(x[0].pair[1], w->pair[1], sum);
        sum = smlad(x[1].pair[0], w->pair[2], sum);
        sum = smlad(x[0].single, w->single[0], sum);
        sum = smlad(x[1].single & 0xFFFFu, w->single[1] >> 16, sum);
      }
      if (shift == 0) {
        memcpy(out + i * step, &sum, sizeof(sum));
      } else {
        out[i * step] = static_cast<uint8_t>(saturate(scale(sum, w->multiplier, 0) >> shift));
      }
    }
    out += (stride == 1 ? job.count & ~1 : job.count) * step;
  }
}

}  // namespace

void prepare_rows_3x3(const int32_t* stream, Record3x3* records, int32_t channels) {
  for (int32_t c = 0; c < channels; ++c, ++records, stream += kStreamWords3x3) {
    const Halves3x3 one = halves_of(stream[2]);
    const Halves3x3 two = halves_of(stream[3]);
    const Halves3x3 three = halves_of(stream[4]);
    records[0] = arranged(one, two, three, stream);
    records[4] = arranged(three, one, two, stream);
    records[8] = arranged(two, three, one, stream);
  }
}

const Core3x3 kOutputs3x3Stride1Shift6 = {rows_of_channels<1, 6>, nullptr, 0, nullptr, nullptr, nullptr};
const Core3x3 kOutputs3x3Stride1Shift8 = {rows_of_channels<1, 8>, nullptr, 0, nullptr, nullptr, nullptr};
const Core3x3 kOutputs3x3Stride2Shift8 = {rows_of_channels<2, 8>, nullptr, 0, nullptr, nullptr, nullptr};
const Core3x3 kSums3x3Stride1 = {rows_of_channels<1, 0>, nullptr, 0, nullptr, nullptr, finish_sums};
const Core3x3 kSums3x3Stride2 = {rows_of_channels<2, 0>, nullptr, 0, nullptr, nullptr, finish_sums};

#endif

}  // namespace arm_dsp
}  // namespace tflm_mcunet
