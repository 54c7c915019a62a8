#include "unpacked_core.h"

#include "simd.h"

namespace tflm_mcunet {
namespace arm_dsp {

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)

namespace {

// Registers: r0 x, r1 weights, r2 their end, r3-r6 sums, r7 a word of weights, r8 two of them, r9-r12 x; lr
// the job.
#define HALF(value)         \
  "ldm r0!, {r9-r12}\n"     \
  "sxtb16 r8, r7" value     \
  "\n"                      \
  "smlad r3, r9, r8, r3\n"  \
  "smlad r4, r10, r8, r4\n" \
  "smlad r5, r11, r8, r5\n" \
  "smlad r6, r12, r8, r6\n"
#define FOUR HALF("") HALF(", ror #8")
#define WORD "ldr r7, [r1], #4\n" FOUR

// r9 multiplier, r10 shift, r11 constant, r7 and r8 the clamps.
#define SCALED(sum, negative)   \
  "add r12, r11, " negative     \
  ", asr #31\n"                 \
  "qadd " sum ", " sum ", " sum \
  "\n"                          \
  "smmlar " sum ", " sum        \
  ", r9, r12\n"                 \
  "asr.w " sum ", " sum ", r10\n"
#define SATURATED(sum) SCALED(sum, sum) "ssat " sum ", #8, " sum "\n"
#define CLAMPED(sum) SCALED(sum, sum) BOUNDED(sum)
#define SIGNED(sum) "eor r12, r9, " sum "\n" SCALED(sum, "r12") BOUNDED(sum)
#define BOUNDED(sum) \
  "cmp " sum         \
  ", r7\n"           \
  "it lt\n"          \
  "movlt " sum       \
  ", r7\n"           \
  "cmp " sum         \
  ", r8\n"           \
  "it gt\n"          \
  "movgt " sum ", r8\n"

// Label 2: a channel, 1: two words, 3: behind the words, 4: the sums are complete.
#define BODY(FINISH) \
  asm volatile(                      \
      "push {r4-r11, lr}\n"          \
      "mov lr, r0\n"                 \
      "2:\n"                         \
      "ldm lr, {r0-r4}\n"            \
      "ldr r5, [r3]\n"               \
      "add r3, r3, r4\n"             \
      "str r3, [lr, #12]\n"          \
      "lsls r7, r2, #29\n"           \
      "add r2, r1, r2\n"             \
      "mov r3, r5\n"                 \
      "mov r4, r5\n"                 \
      "mov r6, r5\n"                 \
      "bpl.n 1f\n" WORD              \
      "cmp r1, r2\n"                 \
      "beq.n 3f\n"                   \
      "1:\n" WORD WORD               \
      "cmp r1, r2\n"                 \
      "bne.n 1b\n"                   \
      "3:\n"                         \
      "ldrd r7, r8, [lr, #20]\n"     \
      "cmp r7, #0\n"                 \
      "beq.n 4f\n"                   \
      "add r1, r1, r8\n"             \
      "ldr r8, [r1], #4\n"           \
      "lsr r7, r8, r7\n" FOUR        \
      "4:\n"                         \
      "ldrd r7, r8, [lr, #28]\n"     \
      "str r1, [lr, #4]\n"           \
      "ldr r9, [r7], #4\n"           \
      "ldrsb r10, [r8], #1\n"        \
      "strd r7, r8, [lr, #28]\n"     \
      "ldrd r11, r7, [lr, #36]\n"    \
      "ldrd r8, r0, [lr, #44]\n"     \
      "mvn r12, r10\n"               \
      "rsb r10, r10, #0\n"           \
      "lsl r11, r11, r12\n"          \
      FINISH("r3") FINISH("r4")      \
      FINISH("r5") FINISH("r6")      \
      "ldrd r7, r8, [lr, #52]\n"     \
      "ldrd r9, r10, [lr, #60]\n"    \
      "strb r6, [r0, r10]\n"         \
      "strb r5, [r0, r9]\n"          \
      "strb r4, [r0, r8]\n"          \
      "strb r3, [r0], #1\n"          \
      "str r0, [lr, #48]\n"          \
      "cmp r0, r7\n"                 \
      "bne.w 2b\n"                   \
      "pop {r4-r11, pc}\n")

// r0 x, r1 and r2 weights, r3 their end, r4-r7 sums, r8 and r9 words of weights, r10 and r11 x, r12 two
// weights.
#define PAIR_HALF(value)      \
  "ldrd r10, r11, [r0], #8\n" \
  "sxtb16 r12, r8" value      \
  "\n"                        \
  "smlad r4, r10, r12, r4\n"  \
  "smlad r5, r11, r12, r5\n"  \
  "sxtb16 r12, r9" value      \
  "\n"                        \
  "smlad r6, r10, r12, r6\n"  \
  "smlad r7, r11, r12, r7\n"

}  // namespace

TFLM_MCUNET_ASSEMBLER void unpacked_pair(UnpackedPair*) {
  asm volatile(
      "push {r4-r11, lr}\n"
      "mov lr, r0\n"
      "ldm lr, {r0-r7}\n"
      "1:\n"
      "ldr r8, [r1], #4\n"
      "ldr r9, [r2], #4\n" PAIR_HALF("") PAIR_HALF(", ror #8")
      "cmp r1, r3\n"
      "bne.n 1b\n"
      "str r0, [lr], #16\n"
      "stm lr, {r4-r7}\n"
      "pop {r4-r11, pc}\n");
}

TFLM_MCUNET_ASSEMBLER void unpacked_clamp(UnpackedJob*) { BODY(CLAMPED); }
TFLM_MCUNET_ASSEMBLER void unpacked_saturate(UnpackedJob*) { BODY(SATURATED); }
TFLM_MCUNET_ASSEMBLER void unpacked_signed(UnpackedJob*) { BODY(SIGNED); }

#else

namespace {

void add(uint32_t weights, const uint32_t* x, int32_t* sums) {
  for (int32_t p = 0; p < 4; ++p) {
    sums[p] = smlad(x[p], widen_even(weights), sums[p]);
    sums[p] = smlad(x[4 + p], widen_odd(weights), sums[p]);
  }
}

void channels(const UnpackedJob& job, int32_t low, int32_t high) {
  const int32_t last = job.last_bits != 0 ? job.last_back + 4 : 0;
  const int32_t offsets[4] = {0, job.offset_1, job.offset_2, job.offset_3};
  for (int32_t c = 0; c < job.end - job.out; ++c) {
    const int8_t* const weights = job.weights + c * (job.bytes + last);
    const int32_t bias = job.bias[c * job.bias_step / 4];
    int32_t sums[4] = {bias, bias, bias, bias};
    for (int32_t i = 0; i < job.bytes; i += 4) {
      add(load_word(weights + i), job.x + 2 * i, sums);
    }
    if (last != 0) {
      add(load_word(weights + job.bytes + job.last_back) >> job.last_bits, job.x + 2 * job.bytes, sums);
    }
    const int32_t shift = -job.shift[c];
    for (int32_t p = 3; p >= 0; --p) {
      const int32_t sign = (sums[p] ^ job.multiplier[c]) >> 31;
      const int32_t constant = job.constant * (1 << (shift - 1)) + sign;
      const int32_t value = scale_rounded(doubled(sums[p]), job.multiplier[c], constant) >> shift;
      job.out[c + offsets[p]] = static_cast<int8_t>(value < low ? low : (value > high ? high : value));
    }
  }
}

}  // namespace

void unpacked_pair(UnpackedPair* pair) {
  for (; pair->first != pair->end; pair->first += 4, pair->second += 4, pair->x += 4) {
    const uint32_t both[2] = {load_word(pair->first), load_word(pair->second)};
    for (int32_t s = 0; s < 4; ++s) {
      const int32_t even = smlad(pair->x[s & 1], widen_even(both[s >> 1]), pair->sums[s]);
      pair->sums[s] = smlad(pair->x[2 + (s & 1)], widen_odd(both[s >> 1]), even);
    }
  }
}

void unpacked_clamp(UnpackedJob* job) { channels(*job, job->low, job->high); }
void unpacked_saturate(UnpackedJob* job) { channels(*job, -128, 127); }
void unpacked_signed(UnpackedJob* job) { channels(*job, job->low, job->high); }

#endif

}  // namespace arm_dsp
}  // namespace tflm_mcunet
