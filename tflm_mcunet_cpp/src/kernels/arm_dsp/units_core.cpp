#include "units_core.h"

namespace tflm_mcunet {
namespace arm_dsp {

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)

// Registers: r0 x, r1 stream, r2 count; r4 and r6 the sums of A and C, r5 and r7 those of A + 256 B and of
// C + 256 D. On the stack: x, count, entry into the loop, output and its end, constant, shift.
#define STEP(x, first, second) \
  "smlad r5, " x ", " first    \
  ", r5\n"                     \
  "smlad r7, " x ", " second   \
  ", r7\n"                     \
  "sxtb16 " first ", " first   \
  "\n"                         \
  "sxtb16 " second ", " second \
  "\n"                         \
  "smlad r4, " x ", " first    \
  ", r4\n"                     \
  "smlad r6, " x ", " second ", r6\n"
// Every instruction takes four bytes: 56 of them.
#define WORD              \
  "ldm.w r0!, {r8, r9}\n" \
  "ldm.w r1!, {r10-r12, lr}\n" STEP("r8", "r10", "r11") STEP("r9", "r12", "lr")

// The sums of B and D, times 256 as they are; those of A and C times 256.
#define PARTS                  \
  "ldm.w r1!, {r8-r12, lr}\n"  \
  "subs r5, r5, r4\n"          \
  "subs r7, r7, r6\n"          \
  "add.w r4, r8, r4, lsl #8\n" \
  "add.w r6, r9, r6, lsl #8\n"
#define SATURATED(sum, multiplier)      \
  "smmla " sum ", " sum ", " multiplier \
  ", r8\n"                              \
  "asr.w " sum ", " sum                 \
  ", r9\n"                              \
  "ssat " sum ", #8, " sum "\n"
#define SATURATE                                                                                        \
  PARTS "ldrd r8, r9, [sp, #20]\n" SATURATED("r4", "r10") SATURATED("r5", "r11") SATURATED("r6", "r12") \
      SATURATED("r7", "lr")
// The shift is the lowest byte of r2; the constant follows from it and from r8. Below zero one unit of the
// first rounding less, 2^7.
#define FIXED(sum, multiplier)          \
  "lsl.w r0, r8, r2\n"                  \
  "add.w r0, r0, #64\n"                 \
  "asr.w r9, " sum                      \
  ", #31\n"                             \
  "add.w r0, r0, r9, lsl #7\n"          \
  "smmla " sum ", " sum ", " multiplier \
  ", r0\n"                              \
  "asr.w " sum ", " sum                 \
  ", r2\n"                              \
  "ssat " sum ", #8, " sum ", asr #1\n"
#define SIGN_FIX                                                        \
  PARTS                                                                 \
  "ldr.w r2, [r1], #4\n"                                                \
  "ldr.w r8, [sp, #20]\n" FIXED("r4", "r10") "lsrs r2, r2, #8\n" FIXED( \
      "r5", "r11") "lsrs r2, r2, #8\n" FIXED("r6", "r12") "lsrs r2, r2, #8\n" FIXED("r7", "lr")

#define UNITS_BODY(FINISH)                       \
  "push {r4-r11, lr}\n"                          \
  "sub sp, sp, #28\n"                            \
  "ldm.w r0!, {r2-r6}\n"                         \
  "add.w r12, sp, #12\n"                         \
  "add.w r4, r3, r4, lsl #2\n"                   \
  "stm.w r12, {r3-r6}\n"                         \
  "ldm.w r0, {r1, r4, r5}\n"                     \
  "adr.w r6, 2f\n"                               \
  "orr r6, r6, #1\n"                             \
  "mov r7, #56\n"                                \
  "mla r5, r5, r7, r6\n"                         \
  "stm.w sp, {r2, r4, r5}\n"                     \
  "1:\n"                                         \
  "ldm.w r1!, {r5, r7}\n"                        \
  "movs r4, #0\n"                                \
  "movs r6, #0\n"                                \
  "ldm.w sp, {r0, r2, pc}\n"                     \
  "2:\n" WORD WORD WORD WORD WORD WORD WORD WORD \
  "subs r2, r2, #1\n"                            \
  "bne.w 2b\n" FINISH                            \
  "bfi r4, r5, #8, #8\n"                         \
  "bfi r6, r7, #8, #8\n"                         \
  "pkhbt r4, r4, r6, lsl #16\n"                  \
  "ldrd r8, r9, [sp, #12]\n"                     \
  "str.w r4, [r8], #4\n"                         \
  "str.w r8, [sp, #12]\n"                        \
  "cmp r8, r9\n"                                 \
  "bne.w 1b\n"                                   \
  "add sp, sp, #28\n"                            \
  "pop {r4-r11, pc}\n"

TFLM_MCUNET_ASSEMBLER void units_saturate(const UnitsJob*) { asm volatile(UNITS_BODY(SATURATE)); }
TFLM_MCUNET_ASSEMBLER void units_sign_fix(const UnitsJob*) { asm volatile(UNITS_BODY(SIGN_FIX)); }

#else

namespace {

// What the assembler does, for compilers without the DSP extension.
template <Finish kFinish>
void units(const UnitsJob& job) {
  const int32_t steps = 2 * (8 * job.passes - job.skipped);
  const int32_t* stream = job.stream;
  int8_t* out = job.out;
  for (int32_t four = 0; four < job.fours; ++four) {
    int32_t alone[2] = {0, 0};
    int32_t both[2] = {stream[0], stream[1]};
    stream += 2;
    for (int32_t i = 0; i < steps; ++i) {
      for (int32_t pair = 0; pair < 2; ++pair) {
        const uint32_t weights = static_cast<uint32_t>(*stream++);
        both[pair] = smlad(job.x[i], weights, both[pair]);
        alone[pair] = smlad(job.x[i], widen_even(weights), alone[pair]);
      }
    }
    const uint32_t shifts = kFinish == kSaturate ? 0 : static_cast<uint32_t>(stream[6]);
    for (int32_t unit = 0; unit < 4; ++unit) {
      const uint32_t first = static_cast<uint32_t>(alone[unit / 2]);
      const uint32_t sum = unit % 2 == 0 ? (first << 8) + static_cast<uint32_t>(stream[unit / 2])
                                         : static_cast<uint32_t>(both[unit / 2]) - first;
      const int32_t value = static_cast<int32_t>(sum);
      const int32_t multiplier = stream[2 + unit];
      *out++ = kFinish == kSaturate ? saturated(value, multiplier, job.constant, job.shift)
                                    : static_cast<int8_t>(saturate(rounded(value, multiplier, job.constant,
                                                                           shifts >> (8 * unit) & 0xFF)));
    }
    stream += kFinish == kSaturate ? 6 : 7;
  }
}

}  // namespace

void units_saturate(const UnitsJob* job) { units<kSaturate>(*job); }
void units_sign_fix(const UnitsJob* job) { units<kSignFix>(*job); }

#endif

}  // namespace arm_dsp
}  // namespace tflm_mcunet
