// Four channels at a time are widened, for each row of the map the columns (0 1) and (1 2); then a row of
// outputs takes four multiplications for each row of the kernel that meets the map. Padding takes none.
#include "depthwise_3x3_map.h"

#include "finish.h"
#include "simd.h"

namespace tflm_mcunet {

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)

// Four channels of two pairs of columns, `pairs` and `others`, with the zero point taken off.
#define STORE(pairs, others, rotation, at) \
  "sxtab16 r5, r2, " pairs rotation        \
  "\n"                                     \
  "sxtab16 r6, r2, " others rotation       \
  "\n"                                     \
  "strd r5, r6, [r3, #" at "]\n"

// Adds what a row of the map gives to a row of outputs in r2-r4, under weights (w0 w1) and (w1 w2).
#define ADD(at, w01, w12, to_2, to_3, to_4) \
  "ldrd r5, r6, [r0, #" at                  \
  "]\n"                                     \
  "smlad r2, r5, " w12 ", " to_2            \
  "\n"                                      \
  "smlad r3, r5, " w01 ", " to_3            \
  "\n"                                      \
  "smlatt r3, r6, " w12                     \
  ", r3\n"                                  \
  "smlad r4, r6, " w01 ", " to_4 "\n"
#define FIRST(at, w01, w12) ADD(at, w01, w12, "r1", "r1", "r1")
#define MORE(at, w01, w12) ADD(at, w01, w12, "r2", "r3", "r4")
#define FINISH                  \
  "ldrd r5, r6, [sp]\n"         \
  "smmla r2, r2, r5, r6\n"      \
  "smmla r3, r3, r5, r6\n"      \
  "smmla r4, r4, r5, r6\n"      \
  "ldr r6, [sp, #8]\n"          \
  "ssat r2, #8, r2, asr #8\n"   \
  "ssat r3, #8, r3, asr #8\n"   \
  "ssat r4, #8, r4, asr #8\n"   \
  "strb r2, [r7]\n"             \
  "strb r3, [r7, r6]\n"         \
  "strb r4, [r7, r6, lsl #1]\n" \
  "add r7, r7, r6, lsl #1\n"    \
  "adds r7, r7, r6\n"

// Label 1: four channels, 2: a row of them, 3: a channel. Registers there: r0 widened rows, r1 bias, r2-r4
// sums, r5 and r6 a widened row, r7 out, r8-lr weights. The stack: 0 multiplier, 4 constant, 8
// channels, 12 map, 16 out, 20 stream, 24 channels left, 28 of these four, 32 offset, 36 scratch.
TFLM_MCUNET_ASSEMBLER void depthwise_3x3_dsp_map(const void*, const void* const*, void*, const Columns&,
                                                 void*) {
  asm volatile(
      "push {r4-r11, lr}\n"
      "ldr r8, [sp, #36]\n"
      "sub sp, sp, #40\n"
      "ldm r0, {r4-r7}\n"
      "ldr r1, [r1]\n"
      "strd r5, r6, [sp, #4]\n"
      "strd r1, r2, [sp, #12]\n"
      "strd r4, r6, [sp, #20]\n"
      "strd r7, r8, [sp, #32]\n"
      "1:\n"
      "ldrd r1, r0, [sp, #8]\n"
      "adds r4, r0, #4\n"
      "str r4, [sp, #12]\n"
      "ldrd r2, r3, [sp, #32]\n"
      "movs r4, #3\n"
      "2:\n"
      "ldr r5, [r0]\n"
      "ldr r6, [r0, r1]\n"
      "ldr r7, [r0, r1, lsl #1]\n"
      "add r0, r0, r1, lsl #1\n"
      "add r0, r0, r1\n"
      "pkhbt r8, r5, r6, lsl #16\n"
      "pkhtb r9, r6, r5, asr #16\n"
      "pkhbt r10, r6, r7, lsl #16\n"
      "pkhtb r11, r7, r6, asr #16\n" STORE("r8", "r10", "", "0") STORE("r8", "r10", ", ror #8", "24")
          STORE("r9", "r11", "", "48") STORE("r9", "r11", ", ror #8", "72")
      "adds r3, r3, #8\n"
      "subs r4, r4, #1\n"
      "bne 2b\n"
      "ldr r0, [sp, #36]\n"
      "ldr r4, [sp, #24]\n"
      "subs r5, r4, #4\n"
      "it gt\n"
      "movgt r4, #4\n"
      "strd r5, r4, [sp, #24]\n"
      "3:\n"
      "ldrd r7, r5, [sp, #16]\n"
      "ldm r5!, {r1-r4, r6}\n"
      "str r2, [sp]\n"
      "adds r2, r7, #1\n"
      "strd r2, r5, [sp, #16]\n"
      "mov r2, #0xFF00FF00\n"
      "and r8, r2, r3, lsl #8\n"
      "and r9, r2, r3\n"
      "and r10, r2, r4, lsl #8\n"
      "and r11, r2, r4\n"
      "and r12, r2, r6, lsl #8\n"
      "and lr, r2, r6\n"
      FIRST("0", "r10", "r11") MORE("8", "r12", "lr") FINISH
      FIRST("0", "r8", "r9") MORE("8", "r10", "r11") MORE("16", "r12", "lr") FINISH
      FIRST("8", "r8", "r9") MORE("16", "r10", "r11") FINISH
      "adds r0, r0, #24\n"
      "ldr r2, [sp, #28]\n"
      "subs r2, r2, #1\n"
      "str r2, [sp, #28]\n"
      "bne 3b\n"
      "ldr r2, [sp, #24]\n"
      "cmp r2, #0\n"
      "bgt 1b\n"
      "add sp, sp, #40\n"
      "pop {r4-r11, pc}\n");
}

#else

void depthwise_3x3_dsp_map(const void* params, const void* const* rows, void* out, const Columns&, void*) {
  const DepthwiseDspMap3x3& conv = *static_cast<const DepthwiseDspMap3x3*>(params);
  const int32_t channels = conv.channels;
  const int32_t offset = static_cast<int16_t>(conv.offset & 0xFFFFu);
  const int32_t* stream = conv.stream;
  for (int32_t c = 0; c < channels; ++c, stream += 5) {
    const int8_t* const source = static_cast<const int8_t*>(rows[0]) + c;
    int8_t* const target = static_cast<int8_t*>(out) + c;
    int32_t x[9];
    for (int32_t i = 0; i < 9; ++i) {
      x[i] = source[i * channels] + offset;
    }
    for (int32_t i = 0; i < 9; ++i) {
      int32_t sum = stream[0];
      for (int32_t tap = 0; tap < 9; ++tap) {
        const int32_t row = i / 3 + tap / 3 - 1;
        const int32_t column = i % 3 + tap % 3 - 1;
        if (row >= 0 && row < 3 && column >= 0 && column < 3) {
          const int32_t place = tap % 3 == 0 ? 0 : tap % 3 + 1;
          const int32_t weight = static_cast<int8_t>(stream[2 + tap / 3] >> (8 * place));
          const uint32_t product = static_cast<uint32_t>(x[3 * row + column] * weight * 256);
          sum = static_cast<int32_t>(static_cast<uint32_t>(sum) + product);
        }
      }
      target[i * channels] = arm_dsp::saturated(sum, stream[1], conv.constant, kShift3x3Map);
    }
  }
}

#endif

}  // namespace tflm_mcunet
