#include "depthwise_core.h"

#include "simd.h"

namespace tflm_mcunet {
namespace arm_dsp {

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)

namespace {

// Registers: r0 x, r1 weights, r2-r7 sums, lr rows left. At stride 1 r8-r10 hold x and r11, r12 weights; at
// stride 2 r8-r11 hold weights and r12 x.
#define PAIRS(a, b, c)    \
  "ldm r1!, {r11, r12}\n" \
  "smlad r2, " a          \
  ", r11, r2\n"           \
  "smlad r3, " a          \
  ", r12, r3\n"           \
  "smlad r4, " b          \
  ", r11, r4\n"           \
  "smlad r5, " b          \
  ", r12, r5\n"           \
  "smlad r6, " c          \
  ", r11, r6\n"           \
  "smlad r7, " c ", r12, r7\n"
#define NEXT(x) "ldr.w " x ", [r0], #4\n"
#define ROW_OF_4_1 "ldm r0!, {r8-r10}\n" PAIRS("r8", "r9", "r10") NEXT("r8") PAIRS("r9", "r10", "r8")
#define ROW_3_1 ROW_OF_4_1
#define ROW_5_1 ROW_OF_4_1 NEXT("r9") PAIRS("r10", "r8", "r9")
#define ROW_7_1 ROW_5_1 NEXT("r10") PAIRS("r8", "r9", "r10")

#define TAP(sum, x, weights) "smlad " sum ", " x ", " weights ", " sum "\n"
#define ROW_3_2                                                                                        \
  "ldm r1!, {r8, r9}\n"                                                                                \
  "ldm r0!, {r11, r12}\n" TAP("r2", "r11", "r8") TAP("r2", "r12", "r9")                                \
      TAP("r3", "r12", "r8") "ldm r0!, {r11, r12}\n" TAP("r3", "r11", "r9") TAP("r4", "r11", "r8")     \
          TAP("r4", "r12", "r9") TAP("r5", "r12", "r8") "ldm r0!, {r11, r12}\n" TAP("r5", "r11", "r9") \
              TAP("r6", "r11", "r8") TAP("r6", "r12", "r9") TAP("r7", "r12", "r8") NEXT("r12")         \
                  TAP("r7", "r12", "r9")
#define ROW_5_2                                                                                             \
  "ldm r1!, {r8-r10}\n"                                                                                     \
  "ldm r0!, {r11, r12}\n" TAP("r2", "r11", "r8") TAP("r2", "r12", "r9")                                     \
      TAP("r3", "r12", "r8") "ldm r0!, {r11, r12}\n" TAP("r2", "r11", "r10") TAP("r3", "r11", "r9")         \
          TAP("r4", "r11", "r8") TAP("r3", "r12", "r10") TAP("r4", "r12", "r9")                             \
              TAP("r5", "r12", "r8") "ldm r0!, {r11, r12}\n" TAP("r4", "r11", "r10") TAP("r5", "r11", "r9") \
                  TAP("r6", "r11", "r8") TAP("r5", "r12", "r10") TAP("r6", "r12", "r9")                     \
                      TAP("r7", "r12", "r8") "ldm r0!, {r11, r12}\n" TAP("r6", "r11", "r10")                \
                          TAP("r7", "r11", "r9") TAP("r7", "r12", "r10")
#define ROW_7_2                                                                                              \
  "ldm r1!, {r8-r11}\n" NEXT("r12") TAP("r2", "r12", "r8") NEXT("r12") TAP("r2", "r12", "r9")                \
      TAP("r3", "r12", "r8") NEXT("r12") TAP("r2", "r12", "r10") TAP("r3", "r12", "r9")                      \
          TAP("r4", "r12", "r8") NEXT("r12") TAP("r2", "r12", "r11") TAP("r3", "r12", "r10")                 \
              TAP("r4", "r12", "r9") TAP("r5", "r12", "r8") NEXT("r12") TAP("r3", "r12", "r11")              \
                  TAP("r4", "r12", "r10") TAP("r5", "r12", "r9") TAP("r6", "r12", "r8") NEXT("r12")          \
                      TAP("r4", "r12", "r11") TAP("r5", "r12", "r10") TAP("r6", "r12", "r9")                 \
                          TAP("r7", "r12", "r8") NEXT("r12") TAP("r5", "r12", "r11") TAP("r6", "r12", "r10") \
                              TAP("r7", "r12", "r9") NEXT("r12") TAP("r6", "r12", "r11")                     \
                                  TAP("r7", "r12", "r10") NEXT("r12") TAP("r7", "r12", "r11")

#define PLAIN(sum)      \
  "smmla " sum ", " sum \
  ", r8, r9\n"          \
  "asr.w " sum ", " sum \
  ", r10\n"             \
  "ssat " sum ", #8, " sum "\n"
#define GENERAL(sum)             \
  "asr.w r12, " sum              \
  ", #31\n"                      \
  "add.w r12, r9, r12, lsl #6\n" \
  "smmla " sum ", " sum          \
  ", r8, r12\n"                  \
  "asr.w " sum ", " sum          \
  ", r10\n"                      \
  "cmp " sum                     \
  ", r11\n"                      \
  "it lt\n"                      \
  "movlt " sum                   \
  ", r11\n"                      \
  "ldr.w r12, [sp, #36]\n"       \
  "cmp " sum                     \
  ", r12\n"                      \
  "it gt\n"                      \
  "movgt " sum ", r12\n"
#define ALL(FINISH) FINISH("r2") FINISH("r3") FINISH("r4") FINISH("r5") FINISH("r6") FINISH("r7")
#define ALL_GENERAL "ldr r11, [sp, #32]\n" ALL(GENERAL)

// One of the last outputs of a row.
#define LAST(sum, left)   \
  "strb.w " sum           \
  ", [r11]\n"             \
  "add.w r11, r11, r12\n" \
  "cmn lr, #" left        \
  "\n"                    \
  "beq 4f\n"

#define NEXT_ROW           \
  "ldr.w r12, [sp, #44]\n" \
  "add.w r0, r0, r12\n"
// Label 6: a channel, 5: an output row, 1: six outputs, 2: a kernel row. `advance`: bytes of x that six
// outputs take. The stack: 0 x, 4 weights, 8 rows, 12 outputs left, 16 out, then DepthwiseJob from `stride`.
#define BODY(ROW, FINISH, advance) \
  asm volatile( \
      "push {r4-r11, lr}\n" \
      "sub sp, sp, #124\n" \
      "mov lr, sp\n" \
      "ldm r0!, {r1-r8}\n" \
      "stm lr!, {r1-r8}\n" \
      "ldm r0!, {r1-r8}\n" \
      "stm lr!, {r1-r8}\n" \
      "ldm r0!, {r1-r8}\n" \
      "stm lr!, {r1-r8}\n" \
      "ldm r0!, {r1-r7}\n" \
      "stm lr!, {r1-r7}\n" \
      "6:\n" \
      "ldrd r8, r9, [sp, #96]\n" \
      "ldm r8, {r2-r5}\n" \
      "add r8, r8, r9\n" \
      "str r8, [sp, #96]\n" \
      "strd r3, r4, [sp, #24]\n" \
      "str r5, [sp, #40]\n" \
      "strd r2, r2, [sp, #48]\n" \
      "strd r2, r2, [sp, #56]\n" \
      "strd r2, r2, [sp, #64]\n" \
      "ldrd r4, r5, [sp, #112]\n" \
      "ldr r6, [sp, #120]\n" \
      "str r4, [sp, #72]\n" \
      "str r5, [sp, #84]\n" \
      "str r6, [sp, #16]\n" \
      "add r6, r6, #1\n" \
      "str r6, [sp, #120]\n" \
      "5:\n" \
      "ldr r2, [sp, #72]\n" \
      "ldrd r3, r4, [sp, #76]\n" \
      "ldm r2!, {r0, r1, lr}\n" \
      "str r2, [sp, #72]\n" \
      "ldr r5, [sp, #88]\n" \
      "add r0, r0, r3\n" \
      "add r1, r1, r4\n" \
      "stm.w sp, {r0, r1, lr}\n" \
      "str r5, [sp, #12]\n" \
      "b.n 7f\n" \
      "1:\n" \
      "ldm.w sp, {r0, r1, lr}\n" \
      "7:\n" \
      "add r2, sp, #48\n" \
      "ldm r2, {r2-r7}\n" \
      "2:\n" ROW NEXT_ROW \
      "subs.w lr, lr, #1\n" \
      "bne.w 2b\n" \
      "ldrd r8, r9, [sp, #24]\n" \
      "ldr.w r10, [sp, #40]\n" FINISH \
      "ldrd lr, r11, [sp, #12]\n" \
      "ldr r12, [sp, #20]\n" \
      "subs.w lr, lr, #6\n" \
      "blt.n 3f\n" \
      "add.w r8, r11, r12\n" \
      "strb.w r2, [r11]\n" \
      "strb.w r3, [r11, r12]\n" \
      "strb.w r4, [r11, r12, lsl #1]\n" \
      "strb.w r5, [r8, r12, lsl #1]\n" \
      "strb.w r6, [r11, r12, lsl #2]\n" \
      "strb.w r7, [r8, r12, lsl #2]\n" \
      "add.w r11, r8, r12, lsl #2\n" \
      "add.w r11, r11, r12\n" \
      "beq.n 4f\n" \
      "ldr r0, [sp]\n" \
      "strd lr, r11, [sp, #12]\n" \
      "add.w r0, r0, #" advance "\n" \
      "str r0, [sp]\n" \
      "b.w 1b\n" \
      "3:\n" LAST("r2", "5") LAST("r3", "4") LAST("r4", "3") LAST("r5", "2") \
      "strb.w r6, [r11]\n" \
      "add.w r11, r11, r12\n" \
      "4:\n" \
      "ldr r2, [sp, #84]\n" \
      "str r11, [sp, #16]\n" \
      "subs r2, r2, #1\n" \
      "str r2, [sp, #84]\n" \
      "bne.w 5b\n" \
      "ldrd r2, r3, [sp, #76]\n" \
      "ldrd r4, r5, [sp, #104]\n" \
      "ldr r6, [sp, #92]\n" \
      "add r2, r2, r4\n" \
      "add r3, r3, r5\n" \
      "strd r2, r3, [sp, #76]\n" \
      "subs r6, r6, #1\n" \
      "str r6, [sp, #92]\n" \
      "bne.w 6b\n" \
      "add sp, sp, #124\n" \
      "pop {r4-r11, pc}\n")

}  // namespace

TFLM_MCUNET_ASSEMBLER void depthwise_saturate_3_1(const DepthwiseJob*) { BODY(ROW_3_1, ALL(PLAIN), "12"); }
TFLM_MCUNET_ASSEMBLER void depthwise_saturate_3_2(const DepthwiseJob*) { BODY(ROW_3_2, ALL(PLAIN), "24"); }
TFLM_MCUNET_ASSEMBLER void depthwise_saturate_5_1(const DepthwiseJob*) { BODY(ROW_5_1, ALL(PLAIN), "12"); }
TFLM_MCUNET_ASSEMBLER void depthwise_saturate_7_1(const DepthwiseJob*) { BODY(ROW_7_1, ALL(PLAIN), "12"); }
TFLM_MCUNET_ASSEMBLER void depthwise_saturate_5_2(const DepthwiseJob*) { BODY(ROW_5_2, ALL(PLAIN), "24"); }
TFLM_MCUNET_ASSEMBLER void depthwise_saturate_7_2(const DepthwiseJob*) { BODY(ROW_7_2, ALL(PLAIN), "24"); }
TFLM_MCUNET_ASSEMBLER void depthwise_clamp_3_1(const DepthwiseJob*) { BODY(ROW_3_1, ALL_GENERAL, "12"); }
TFLM_MCUNET_ASSEMBLER void depthwise_clamp_3_2(const DepthwiseJob*) { BODY(ROW_3_2, ALL_GENERAL, "24"); }
TFLM_MCUNET_ASSEMBLER void depthwise_clamp_5_1(const DepthwiseJob*) { BODY(ROW_5_1, ALL_GENERAL, "12"); }
TFLM_MCUNET_ASSEMBLER void depthwise_clamp_7_1(const DepthwiseJob*) { BODY(ROW_7_1, ALL_GENERAL, "12"); }
TFLM_MCUNET_ASSEMBLER void depthwise_clamp_5_2(const DepthwiseJob*) { BODY(ROW_5_2, ALL_GENERAL, "24"); }
TFLM_MCUNET_ASSEMBLER void depthwise_clamp_7_2(const DepthwiseJob*) { BODY(ROW_7_2, ALL_GENERAL, "24"); }

#else

namespace {

// What the assembler does, for compilers without the DSP extension.
template <bool is_plain, int32_t kernel, int32_t stride>
void channels(const DepthwiseJob& job) {
  const int32_t taps = (kernel + 1) / 2;
  const int32_t step = stride == 1 ? 2 : 1;
  const int32_t row_pitch = job.pitch / 4 + (stride == 1 ? taps + 2 : taps + 5);
  for (int32_t c = 0; c < job.channels; ++c) {
    const int32_t* stream = job.stream + c * (job.stream_bytes / 4);
    int8_t* out = job.out + c;
    for (int32_t y = 0; y < job.output_rows; ++y) {
      for (int32_t i = 0; i < job.count; ++i, out += job.stride) {
        int32_t sum = stream[0];
        for (int32_t row = 0; row < job.rows[y].rows; ++row) {
          const int32_t first = (c * job.plane_bytes + job.rows[y].x) / 4;
          const uint32_t* x = job.plane + first + row * row_pitch + i / step;
          const uint32_t* weights = job.weights + (c * job.weights_bytes + job.rows[y].weights) / 4 +
                                    row * taps * step + (i & (step - 1));
          for (int32_t tap = 0; tap < taps; ++tap) {
            sum = smlad(x[tap], weights[tap * step], sum);
          }
        }
        const int32_t fix = !is_plain && sum < 0 ? 64 : 0;
        const int32_t value = scale(sum, stream[1], stream[2] - fix) >> stream[3];
        const int32_t low = is_plain ? -128 : job.low;
        const int32_t high = is_plain ? 127 : job.high;
        *out = static_cast<int8_t>(value < low ? low : (value > high ? high : value));
      }
    }
  }
}

}  // namespace

void depthwise_saturate_3_1(const DepthwiseJob* job) { channels<true, 3, 1>(*job); }
void depthwise_saturate_3_2(const DepthwiseJob* job) { channels<true, 3, 2>(*job); }
void depthwise_saturate_5_1(const DepthwiseJob* job) { channels<true, 5, 1>(*job); }
void depthwise_saturate_7_1(const DepthwiseJob* job) { channels<true, 7, 1>(*job); }
void depthwise_saturate_5_2(const DepthwiseJob* job) { channels<true, 5, 2>(*job); }
void depthwise_saturate_7_2(const DepthwiseJob* job) { channels<true, 7, 2>(*job); }
void depthwise_clamp_3_1(const DepthwiseJob* job) { channels<false, 3, 1>(*job); }
void depthwise_clamp_3_2(const DepthwiseJob* job) { channels<false, 3, 2>(*job); }
void depthwise_clamp_5_1(const DepthwiseJob* job) { channels<false, 5, 1>(*job); }
void depthwise_clamp_7_1(const DepthwiseJob* job) { channels<false, 7, 1>(*job); }
void depthwise_clamp_5_2(const DepthwiseJob* job) { channels<false, 5, 2>(*job); }
void depthwise_clamp_7_2(const DepthwiseJob* job) { channels<false, 7, 2>(*job); }

#endif

}  // namespace arm_dsp
}  // namespace tflm_mcunet
