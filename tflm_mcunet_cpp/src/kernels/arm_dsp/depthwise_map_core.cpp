#include "depthwise_map_core.h"

#include "finish.h"
#include "simd.h"

namespace tflm_mcunet {
namespace arm_dsp {

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)

namespace {

#define TAP(sum, x, weights) "smlad " sum ", " x ", " weights ", " sum "\n"
// Products of a low or high half of x and one of the weights.
#define LOW_HIGH(sum, x, weights) "smlabt " sum ", " x ", " weights ", " sum "\n"
#define HIGH_LOW(sum, x, weights) "smlatb " sum ", " x ", " weights ", " sum "\n"

// A kernel row. Registers: r0 x, r1 weights; then sums, words of x, words of weights. Weights: A0 is (w0 w1),
// A1 (w2 w3) and so on; B1 is (w1 w2), B2 (w3 w4) and so on.
#define ROW_3_1_5                                                                                           \
  "ldmia.w r0!, {r7-r9}\n"                                                                                  \
  "ldmia.w r1!, {r10, r11}\n" TAP("r2", "r7", "r11") TAP("r3", "r7", "r10") TAP("r4", "r8", "r11")          \
      TAP("r5", "r8", "r10") TAP("r6", "r9", "r11") LOW_HIGH("r3", "r8", "r11") HIGH_LOW("r4", "r7", "r10") \
          LOW_HIGH("r5", "r9", "r11") HIGH_LOW("r6", "r8", "r10")
#define ROW_3_1_6                                                                                      \
  "ldmia.w r0!, {r8-r10}\n"                                                                            \
  "ldmia.w r1!, {r11, lr}\n" TAP("r2", "r8", "lr") TAP("r3", "r8", "r11") TAP("r4", "r9", "lr")        \
      TAP("r5", "r9", "r11") TAP("r6", "r10", "lr") TAP("r7", "r10", "r11") LOW_HIGH("r3", "r9", "lr") \
          HIGH_LOW("r4", "r8", "r11") LOW_HIGH("r5", "r10", "lr") HIGH_LOW("r6", "r9", "r11")
#define ROW_5_2_6                                                                                 \
  "ldmia.w r0!, {r7-r9}\n"                                                                        \
  "ldmia.w r1!, {r10-r12}\n" TAP("r2", "r7", "r11") TAP("r3", "r7", "r10") TAP("r4", "r8", "r10") \
      TAP("r2", "r8", "r12") TAP("r3", "r8", "r11") TAP("r4", "r9", "r11") TAP("r3", "r9", "r12")
#define ROW_7_1_3                                                                                \
  "ldrd r7, r8, [r0], #8\n"                                                                      \
  "ldrd r9, r10, [r1, #16]\n"                                                                    \
  "ldr.w r11, [r1, #8]\n"                                                                        \
  "ldrd r12, lr, [r1], #28\n" TAP("r2", "r7", "lr") TAP("r3", "r7", "r9") TAP("r4", "r7", "r12") \
      TAP("r2", "r8", "r11") TAP("r3", "r8", "r10") TAP("r4", "r8", "lr")
#define ROW_7_1_5                                                                                 \
  "ldmia.w r0!, {r7-r9}\n"                                                                        \
  "ldmia.w r1!, {r10-r12}\n" TAP("r2", "r7", "r11") TAP("r4", "r7", "r10") TAP("r6", "r8", "r10") \
      TAP("r2", "r8", "r12") TAP("r4", "r8", "r11") TAP("r6", "r9", "r11")                        \
          TAP("r4", "r9", "r12") "ldmia.w r1!, {r10-r12, lr}\n" TAP("r3", "r7", "r11")            \
              TAP("r5", "r7", "r10") HIGH_LOW("r6", "r7", "r10") TAP("r3", "r8", "r12")           \
                  TAP("r5", "r8", "r11") TAP("r3", "r9", "lr") TAP("r5", "r9", "r12")
#define ROW_7_1_6                                                                                      \
  "ldmia.w r0!, {r8-r10}\n"                                                                            \
  "ldmia.w r1!, {r11, r12, lr}\n" TAP("r2", "r8", "r12") TAP("r4", "r8", "r11") TAP("r6", "r9", "r11") \
      TAP("r2", "r9", "lr") TAP("r4", "r9", "r12") TAP("r6", "r10", "r12")                             \
          TAP("r4", "r10", "lr") "ldmia.w r1!, {r11, r12, lr}\n" TAP("r3", "r8", "r12")                \
              TAP("r5", "r8", "r11") HIGH_LOW("r6", "r8", "r11") TAP("r3", "r9", "lr")                 \
                  TAP("r5", "r9", "r12") TAP("r7", "r9", "r11") TAP("r5", "r10", "lr")                 \
                      TAP("r7", "r10", "r12") "ldr.w r11, [r1], #4\n" TAP("r3", "r10", "r11")
// Here the words are w0 alone, B1, B2, B3.
#define ROW_7_2_10                                                                                          \
  "ldmia.w r1!, {r7-r10}\n"                                                                                 \
  "ldmia.w r0!, {r11, r12, lr}\n" TAP("r2", "r11", "r9") TAP("r3", "r11", "r8") HIGH_LOW("r4", "r11", "r7") \
      TAP("r2", "r12", "r10") TAP("r3", "r12", "r9") TAP("r4", "r12", "r8") HIGH_LOW("r5", "r12", "r7")     \
          TAP("r3", "lr", "r10") TAP("r4", "lr", "r9") TAP("r5", "lr", "r8")                                \
              HIGH_LOW("r6", "lr", "r7") "ldmia.w r0!, {r11, r12}\n" TAP("r4", "r11", "r10")                \
                  TAP("r5", "r11", "r9") TAP("r6", "r11", "r8") TAP("r5", "r12", "r10")                     \
                      TAP("r6", "r12", "r9")

// The left and the right half of an output row, five outputs each.
#define ROW_3_1_10_LEFT                                                                                     \
  "ldrd r7, r8, [r0]\n"                                                                                     \
  "ldr.w r9, [r0, #8]\n"                                                                                    \
  "add.w r0, r0, #20\n"                                                                                     \
  "ldrd r10, r11, [r1], #8\n" TAP("r2", "r7", "r11") TAP("r3", "r7", "r10") TAP("r4", "r8", "r11")          \
      TAP("r5", "r8", "r10") TAP("r6", "r9", "r11") LOW_HIGH("r3", "r8", "r11") HIGH_LOW("r4", "r7", "r10") \
          LOW_HIGH("r5", "r9", "r11") HIGH_LOW("r6", "r8", "r10")
#define ROW_3_1_10_RIGHT                                                                                    \
  "ldrd r8, r9, [r0, #4]\n"                                                                                 \
  "ldr.w r7, [r0], #20\n"                                                                                   \
  "ldrd r10, r11, [r1], #8\n" TAP("r2", "r7", "r10") TAP("r3", "r8", "r11") TAP("r4", "r8", "r10")          \
      TAP("r5", "r9", "r11") TAP("r6", "r9", "r10") LOW_HIGH("r2", "r8", "r11") HIGH_LOW("r3", "r7", "r10") \
          LOW_HIGH("r4", "r9", "r11") HIGH_LOW("r5", "r8", "r10")
// Words B1, B2, A0, A1.
#define ROW_5_1_10(TAPS, LAST_TAPS) \
  "ldrd r9, r10, [r0, #8]\n"        \
  "ldrd r7, r8, [r0], #20\n"        \
  "ldmia.w r1!, {r11, r12, lr}\n" TAPS "ldr.w r11, [r1], #4\n" LAST_TAPS
#define ROW_5_1_10_LEFT                                                                                     \
  ROW_5_1_10(LOW_HIGH("r2", "r8", "r12") TAP("r3", "r7", "r11") TAP("r4", "r7", "lr") HIGH_LOW(             \
                 "r5", "r7", "lr") TAP("r6", "r8", "lr") TAP("r3", "r8", "r12") LOW_HIGH("r4", "r9", "r12") \
                 TAP("r5", "r8", "r11") LOW_HIGH("r6", "r10", "r12") TAP("r5", "r9", "r12"),                \
             TAP("r2", "r7", "r11") TAP("r4", "r8", "r11") TAP("r6", "r9", "r11"))
#define ROW_5_1_10_RIGHT                                                                         \
  ROW_5_1_10(HIGH_LOW("r2", "r7", "lr") TAP("r3", "r8", "lr") HIGH_LOW("r4", "r8", "lr")         \
                 TAP("r5", "r9", "lr") HIGH_LOW("r6", "r9", "lr") TAP("r2", "r8", "r11")         \
                     LOW_HIGH("r3", "r10", "r12") TAP("r4", "r9", "r11") TAP("r6", "r10", "r11") \
                         TAP("r2", "r9", "r12") TAP("r4", "r10", "r12"),                         \
             TAP("r3", "r9", "r11") TAP("r5", "r10", "r11"))
#define ROW_7_2_20_LEFT \
  "ldmia.w r1!, {r7-r10}\n"                                                                          \
  "ldmia.w r0!, {r11, r12, lr}\n" TAP("r2", "r11", "r9") TAP("r3", "r11", "r8") HIGH_LOW("r4", "r11", "r7") \
      TAP("r2", "r12", "r10") TAP("r3", "r12", "r9") TAP("r4", "r12", "r8") HIGH_LOW("r5", "r12", "r7") \
          TAP("r3", "lr", "r10") TAP("r4", "lr", "r9") TAP("r5", "lr", "r8") HIGH_LOW("r6", "lr", "r7") \
  "ldmia.w r0!, {r11, r12, lr}\n"                                                                    \
  "add.w r0, r0, #16\n" TAP("r4", "r11", "r10") TAP("r5", "r11", "r9") TAP("r6", "r11", "r8")        \
      TAP("r5", "r12", "r10") TAP("r6", "r12", "r9") TAP("r6", "lr", "r10")
#define ROW_7_2_20_RIGHT                                                                         \
  "ldmia.w r1!, {r7-r10}\n"                                                                      \
  "ldmia.w r0!, {r11, r12, lr}\n" HIGH_LOW("r2", "r11", "r7") TAP("r2", "r12", "r8")             \
      HIGH_LOW("r3", "r12", "r7") TAP("r2", "lr", "r9") TAP("r3", "lr", "r8")                    \
          HIGH_LOW("r4", "lr", "r7") "ldmia.w r0!, {r11, r12, lr}\n" TAP("r2", "r11", "r10")     \
              TAP("r3", "r11", "r9") TAP("r4", "r11", "r8") HIGH_LOW("r5", "r11", "r7")          \
                  TAP("r3", "r12", "r10") TAP("r4", "r12", "r9") TAP("r5", "r12", "r8")          \
                      HIGH_LOW("r6", "r12", "r7") TAP("r4", "lr", "r10") TAP("r5", "lr", "r9")   \
                          TAP("r6", "lr", "r8") "ldr.w r11, [r0], #16\n" TAP("r5", "r11", "r10") \
                              TAP("r6", "r11", "r9")

// The multiplier, constant and shift to end sums with, and how one is ended.
#define BY_LAYER(multiplier, constant, shift) \
  "ldrd " multiplier ", " constant            \
  ", [sp]\n"                                  \
  "ldr " shift ", [sp, #8]\n"
#define SCALE(sum, multiplier, constant) "smmla " sum ", " sum ", " multiplier ", " constant "\n"
#define SHIFT_BY(sum, shift)       \
  "asr.w " sum ", " sum ", " shift \
  "\n"                             \
  "ssat " sum ", #8, " sum "\n"
#define SHIFT_BY_8(sum) "ssat " sum ", #8, " sum ", asr #8\n"

#define SCALE_3 SCALE("r2", "r7", "r8") SCALE("r3", "r7", "r8") SCALE("r4", "r7", "r8")
#define SCALE_5 SCALE_3 SCALE("r5", "r7", "r8") SCALE("r6", "r7", "r8")
#define FINISH_3             \
  BY_LAYER("r7", "r8", "r9") \
  SCALE_3 SHIFT_BY("r2", "r9") SHIFT_BY("r3", "r9") SHIFT_BY("r4", "r9") STORE_KEPT_3
#define FINISH_5                                                                              \
  BY_LAYER("r7", "r8", "r9")                                                                  \
  SCALE_5 SHIFT_BY("r2", "r9") SHIFT_BY("r3", "r9") SHIFT_BY("r4", "r9") SHIFT_BY("r5", "r9") \
      SHIFT_BY("r6", "r9") STORE_5
#define FINISH_5_BY_8                                                                               \
  "ldrd r7, r8, [sp]\n" SCALE_5 SHIFT_BY_8("r2") SHIFT_BY_8("r3") SHIFT_BY_8("r4") SHIFT_BY_8("r5") \
      SHIFT_BY_8("r6") STORE_KEPT_5
#define SCALE_6           \
  SCALE("r2", "r8", "r9") \
  SCALE("r3", "r8", "r9") \
  SCALE("r4", "r8", "r9") SCALE("r5", "r8", "r9") SCALE("r6", "r8", "r9") SCALE("r7", "r8", "r9")
#define FINISH_6                                                                                  \
  BY_LAYER("r8", "r9", "r10")                                                                     \
  SCALE_6 SHIFT_BY("r2", "r10") SHIFT_BY("r3", "r10") SHIFT_BY("r4", "r10") SHIFT_BY("r5", "r10") \
      SHIFT_BY("r6", "r10") SHIFT_BY("r7", "r10") STORE_6
#define FINISH_6_BY_8                                                                               \
  "ldrd r8, r9, [sp]\n" SCALE_6 SHIFT_BY_8("r2") SHIFT_BY_8("r3") SHIFT_BY_8("r4") SHIFT_BY_8("r5") \
      SHIFT_BY_8("r6") SHIFT_BY_8("r7") STORE_KEPT_6

// An output row. Where registers are left, the pointer to it stays in one, r12 or r6, and in r5 the stride;
// then `KEEP_..` sets them for a channel from r8.
#define KEEP_NONE "str r8, [sp, #64]\n"
#define STORE_5                     \
  "ldrd r10, r11, [sp, #64]\n"      \
  "strb.w r2, [r10]\n"              \
  "strb.w r3, [r10, r11]\n"         \
  "add.w r12, r10, r11\n"           \
  "strb.w r4, [r12, r11]\n"         \
  "strb.w r5, [r12, r11, lsl #1]\n" \
  "strb.w r6, [r10, r11, lsl #2]\n" \
  "add.w r12, r12, r11, lsl #2\n"   \
  "str.w r12, [sp, #64]\n"
#define STORE_6           \
  STORE_5                 \
  "strb.w r7, [r12]\n"    \
  "add.w r12, r12, r11\n" \
  "str.w r12, [sp, #64]\n"
#define KEEP_OUT "mov r12, r8\n"
#define STORE_KEPT_5                \
  "ldr.w r11, [sp, #68]\n"          \
  "strb.w r2, [r12]\n"              \
  "add.w r10, r12, r11\n"           \
  "strb.w r3, [r10]\n"              \
  "strb.w r4, [r10, r11]\n"         \
  "strb.w r5, [r10, r11, lsl #1]\n" \
  "strb.w r6, [r12, r11, lsl #2]\n" \
  "add.w r12, r10, r11, lsl #2\n"
#define STORE_KEPT_6   \
  STORE_KEPT_5         \
  "strb.w r7, [r12]\n" \
  "add.w r12, r12, r11\n"
#define KEEP_BOTH \
  "mov r6, r8\n"  \
  "ldr r5, [sp, #68]\n"
#define STORE_KEPT_3              \
  "strb.w r2, [r6]\n"             \
  "strb.w r3, [r6, r5]\n"         \
  "strb.w r4, [r6, r5, lsl #1]\n" \
  "add.w r6, r6, r5, lsl #1\n"    \
  "add.w r6, r6, r5\n"

// Label 2: a channel, 1: an output row. The stack is MapJob: 0 multiplier, 4 constant, 8 shift, 12 to 35 what
// sums begin with, 36 the list's next row, 40 its end, 44 its first, 48 x, 52 weights, 56 and 60 bytes from
// channel to channel of both, 64 the row's output, 68 stride, 72 the channel's output, 76 stream, 80 its
// step, 84 channels. (code of the kernel
// rows, what holds sums, what keeps the output, how sums end)
#define ROWS(name, kernel, bytes, ROW)                     \
  "tflm_mcunet_map_" name                                  \
  ":\n"                                                    \
  ".rept " kernel "\n" ROW                                 \
  ".endr\n"                                                \
  ".if . - tflm_mcunet_map_" name " - " kernel " * " bytes \
  "\n"                                                     \
  ".error \"a row has another length\"\n"                  \
  ".endif\n"
#define HALVES(name, kernel, bytes, LEFT, right_bytes, RIGHT) \
  ROWS(name, kernel, bytes, LEFT) "b.w 3f\n" ROWS(name "_right", kernel, right_bytes, RIGHT) "3:\n"
#define MAP(rows, sums, KEEP, FINISH) \
  asm volatile(                       \
      "push {r4-r11, lr}\n"           \
      "sub sp, sp, #88\n"             \
      "mov lr, sp\n"                  \
      "ldmia.w r0!, {r1-r8}\n"        \
      "stmia.w lr!, {r1-r8}\n"        \
      "ldmia.w r0!, {r1-r8}\n"        \
      "stmia.w lr!, {r1-r8}\n"        \
      "ldmia.w r0!, {r1-r6}\n"        \
      "stmia.w lr!, {r1-r6}\n"        \
      "2:\n"                          \
      "ldrd r8, r9, [sp, #72]\n"      \
      "ldr r10, [sp, #80]\n"          \
      "ldrd r2, r3, [r9]\n" KEEP      \
      "add r8, r8, #1\n"              \
      "add r9, r9, r10\n"             \
      "strd r8, r9, [sp, #72]\n"      \
      "str r3, [sp]\n"                \
      "strd r2, r2, [sp, #12]\n"      \
      "strd r2, r2, [sp, #20]\n"      \
      "strd r2, r2, [sp, #28]\n"      \
      "ldr r8, [sp, #44]\n"           \
      "1:\n"                          \
      "ldmia.w r8!, {r0, r1, lr}\n"   \
      "ldrd r9, r10, [sp, #48]\n"     \
      "str r8, [sp, #36]\n"           \
      "add r8, sp, #12\n"             \
      "add r0, r0, r9\n"              \
      "add r1, r1, r10\n"             \
      "ldmia.w r8, {" sums            \
      "}\n"                           \
      "bx lr\n"                       \
      ".balign 4\n" rows FINISH       \
      "ldrd r8, r9, [sp, #36]\n"      \
      "cmp r8, r9\n"                  \
      "bne 1b\n"                      \
      "ldrd r0, r1, [sp, #48]\n"      \
      "ldrd r2, r3, [sp, #56]\n"      \
      "ldr r4, [sp, #84]\n"           \
      "add r0, r0, r2\n"              \
      "add r1, r1, r3\n"              \
      "strd r0, r1, [sp, #48]\n"      \
      "subs r4, r4, #1\n"             \
      "str r4, [sp, #84]\n"           \
      "bne 2b\n"                      \
      "add sp, sp, #88\n"             \
      "pop {r4-r11, pc}\n")

TFLM_MCUNET_ASSEMBLER void map_3_1_5(const MapJob*) {
  MAP(ROWS("3_1_5", "3", "44", ROW_3_1_5), "r2-r6", KEEP_OUT, FINISH_5_BY_8);
}
TFLM_MCUNET_ASSEMBLER void map_3_1_6(const MapJob*) {
  MAP(ROWS("3_1_6", "3", "48", ROW_3_1_6), "r2-r7", KEEP_OUT, FINISH_6_BY_8);
}
TFLM_MCUNET_ASSEMBLER void map_5_2_6(const MapJob*) {
  MAP(ROWS("5_2_6", "5", "36", ROW_5_2_6), "r2-r4", KEEP_BOTH, FINISH_3);
}
TFLM_MCUNET_ASSEMBLER void map_7_1_3(const MapJob*) {
  MAP(ROWS("7_1_3", "7", "40", ROW_7_1_3), "r2-r4", KEEP_BOTH, FINISH_3);
}
TFLM_MCUNET_ASSEMBLER void map_7_1_5(const MapJob*) {
  MAP(ROWS("7_1_5", "7", "68", ROW_7_1_5), "r2-r6", KEEP_NONE, FINISH_5);
}
TFLM_MCUNET_ASSEMBLER void map_7_1_6(const MapJob*) {
  MAP(ROWS("7_1_6", "7", "80", ROW_7_1_6), "r2-r7", KEEP_NONE, FINISH_6);
}
TFLM_MCUNET_ASSEMBLER void map_7_2_10(const MapJob*) {
  MAP(ROWS("7_2_10", "7", "76", ROW_7_2_10), "r2-r6", KEEP_NONE, FINISH_5);
}

TFLM_MCUNET_ASSEMBLER void map_3_1_10(const MapJob*) {
  MAP(HALVES("3_1_10", "3", "52", ROW_3_1_10_LEFT, "48", ROW_3_1_10_RIGHT), "r2-r6", KEEP_OUT, FINISH_5_BY_8);
}
TFLM_MCUNET_ASSEMBLER void map_5_1_10(const MapJob*) {
  MAP(HALVES("5_1_10", "5", "68", ROW_5_1_10_LEFT, "68", ROW_5_1_10_RIGHT), "r2-r6", KEEP_NONE, FINISH_5);
}
TFLM_MCUNET_ASSEMBLER void map_7_2_20(const MapJob*) {
  MAP(HALVES("7_2_20", "7", "84", ROW_7_2_20_LEFT, "92", ROW_7_2_20_RIGHT), "r2-r6", KEEP_NONE, FINISH_5);
}

// Registers: r0 stream, r1 weights, r2 channels left, r3 bytes of the stream that the rows leave, r4 and r5 a
// row, r12 rows left, lr mask. (kernel rows, bytes of their rows and the head, a row)
#define EXPAND(kernel, bytes, ROW) \
  asm volatile(                    \
      "push {r4-r11, lr}\n"        \
      "mov lr, #0xFF00FF00\n"      \
      "sub r3, r3, #" bytes        \
      "\n"                         \
      "1:\n"                       \
      "adds r0, r0, #8\n"          \
      "mov r12, #" kernel          \
      "\n"                         \
      "2:\n" ROW                   \
      "subs r12, r12, #1\n"        \
      "bne 2b\n"                   \
      "add r0, r0, r3\n"           \
      "subs r2, r2, #1\n"          \
      "bne 1b\n"                   \
      "pop {r4-r11, pc}\n")
#define TIMES_256(first, second, bytes) \
  "and " first ", lr, " bytes           \
  ", lsl #8\n"                          \
  "and " second ", lr, " bytes "\n"
#define EXPAND_5 \
  "ldr r4, [r0]\n"         \
  "ldrb r8, [r0, #4]\n"    \
  "adds r0, r0, #5\n"      \
  TIMES_256("r6", "r7", "r4") \
  "lsl r8, r8, #8\n"       \
  "stmia r1!, {r6-r8}\n"
#define LOAD_7         \
  "ldr r4, [r0]\n"     \
  "ldr r5, [r0, #4]\n" \
  "adds r0, r0, #7\n"
#define ACROSS(result, one, two) \
  "lsr " result ", " one         \
  ", #16\n"                      \
  "orr " result ", " result ", " two ", lsl #16\n"

// All rows at once; the stream has nothing behind them.
TFLM_MCUNET_ASSEMBLER void expand_3(const int32_t*, uint32_t*, int32_t, int32_t) {
  asm volatile(
      "push {r4-r11, lr}\n"
      "mov lr, #0xFF00FF00\n"
      "1:\n"
      "adds r0, r0, #8\n"
      "ldmia r0!, {r4-r6}\n" TIMES_256("r7", "r8", "r4") TIMES_256("r9", "r10", "r5")
          TIMES_256("r11", "r12", "r6")
      "stmia.w r1!, {r7-r12}\n"
      "subs r2, r2, #1\n"
      "bne 1b\n"
      "pop {r4-r11, pc}\n");
}
TFLM_MCUNET_ASSEMBLER void expand_5_2(const int32_t*, uint32_t*, int32_t, int32_t) {
  EXPAND("5", "33", EXPAND_5);
}
TFLM_MCUNET_ASSEMBLER void expand_5_1(const int32_t*, uint32_t*, int32_t, int32_t) {
  EXPAND("5", "33",
         "ldr r4, [r0]\n"
         "ldrb r5, [r0, #4]\n"
         "adds r0, r0, #5\n" TIMES_256("r8", "r9", "r4") "lsl r5, r5, #8\n" ACROSS("r6", "r8", "r9")
             ACROSS("r7", "r9", "r5") "stmia r1!, {r6-r9}\n");
}
TFLM_MCUNET_ASSEMBLER void expand_7_1(const int32_t*, uint32_t*, int32_t, int32_t) {
  EXPAND("7", "57",
         LOAD_7 "and r11, r5, #0xFF00\n" TIMES_256("r8", "r9", "r4") "and r10, lr, r5, lsl #8\n" ACROSS(
             "r5", "r8", "r9") ACROSS("r6", "r9", "r10") ACROSS("r7", "r10", "r11") "stmia r1!, {r5-r11}\n");
}
TFLM_MCUNET_ASSEMBLER void expand_7_2(const int32_t*, uint32_t*, int32_t, int32_t) {
  EXPAND("7", "57", LOAD_7 "and r6, r5, #0xFF00\n" TIMES_256("r7", "r8", "r4")
         "and r9, lr, r5, lsl #8\n"
         "stmia r1!, {r6-r9}\n");
}

extern "C" {
extern const char tflm_mcunet_map_3_1_10[];
extern const char tflm_mcunet_map_3_1_10_right[];
extern const char tflm_mcunet_map_5_1_10[];
extern const char tflm_mcunet_map_5_1_10_right[];
extern const char tflm_mcunet_map_7_2_20[];
extern const char tflm_mcunet_map_7_2_20_right[];
extern const char tflm_mcunet_map_3_1_5[];
extern const char tflm_mcunet_map_3_1_6[];
extern const char tflm_mcunet_map_5_2_6[];
extern const char tflm_mcunet_map_7_1_3[];
extern const char tflm_mcunet_map_7_1_5[];
extern const char tflm_mcunet_map_7_1_6[];
extern const char tflm_mcunet_map_7_2_10[];
}

}  // namespace

const MapCore kMap3x3Stride1Width5 = {map_3_1_5, expand_3, 3, 1, 2, 1, {{tflm_mcunet_map_3_1_5, 44, 0}}};
const MapCore kMap3x3Stride1Width6 = {map_3_1_6, expand_3, 3, 1, 2, 1, {{tflm_mcunet_map_3_1_6, 48, 0}}};
const MapCore kMap5x5Stride2Width6 = {map_5_2_6, expand_5_2, 5, 2, 3, 1, {{tflm_mcunet_map_5_2_6, 36, 0}}};
const MapCore kMap7x7Stride1Width3 = {map_7_1_3, expand_7_1, 7, 1, 7, 1, {{tflm_mcunet_map_7_1_3, 40, 0}}};
const MapCore kMap7x7Stride1Width5 = {map_7_1_5, expand_7_1, 7, 1, 7, 1, {{tflm_mcunet_map_7_1_5, 68, 0}}};
const MapCore kMap7x7Stride1Width6 = {map_7_1_6, expand_7_1, 7, 1, 7, 1, {{tflm_mcunet_map_7_1_6, 80, 0}}};
const MapCore kMap7x7Stride2Width10 = {map_7_2_10, expand_7_2, 7, 2, 4, 1, {{tflm_mcunet_map_7_2_10, 76, 0}}};

const MapCore kMap3x3Stride1Width10 = {
    map_3_1_10,
    expand_3,
    3,
    1,
    2,
    2,
    {{tflm_mcunet_map_3_1_10, 52, 0}, {tflm_mcunet_map_3_1_10_right, 48, 8}}};
const MapCore kMap5x5Stride1Width10 = {
    map_5_1_10,
    expand_5_1,
    5,
    1,
    4,
    2,
    {{tflm_mcunet_map_5_1_10, 68, 0}, {tflm_mcunet_map_5_1_10_right, 68, 4}}};
const MapCore kMap7x7Stride2Width20 = {
    map_7_2_20,
    expand_7_2,
    7,
    2,
    4,
    2,
    {{tflm_mcunet_map_7_2_20, 84, 0}, {tflm_mcunet_map_7_2_20_right, 92, 12}}};

uint32_t entry_of(const MapCore& core, const MapPart& part, int32_t rows) {
  const uint32_t skipped = static_cast<uint32_t>((core.kernel - rows) * part.row_bytes);
  return (reinterpret_cast<uint32_t>(part.code) | 1) + skipped;
}

// Four words of two columns' values.
#define SPREAD(one, two)           \
  "pkhbt r9, " one ", " two        \
  ", lsl #16\n"                    \
  "pkhtb r10, " two ", " one       \
  ", asr #16\n"                    \
  "sxtab16 r7, r4, r9\n"           \
  "sxtab16 r8, r4, r9, ror #8\n"   \
  "sxtab16 r9, r4, r10\n"          \
  "sxtab16 r10, r4, r10, ror #8\n" \
  "str r8, [r3, r5]\n"             \
  "str r9, [r3, r5, lsl #1]\n"     \
  "str r10, [r3, r6]\n"            \
  "str r7, [r3], #4\n"

// Registers: r0 source, r1 step, r2 pairs left, r3 plane, r4 offset, r5 pitch, r6 3 * pitch, r7-r10 columns
// and words, r11 rows left, r12 padding, lr has_trail; on the stack the pairs. Label 1: a row, 2: a pair.
TFLM_MCUNET_ASSEMBLER void widen_map(const MapWiden*) {
  asm volatile(
      "push {r4-r11, lr}\n"
      "ldmia.w r0, {r0-r5, r11, r12, lr}\n"
      "push {r2}\n"
      "mov r7, r12\n"
      "mov r12, lr\n"
      "mov lr, r7\n"
      "add r6, r5, r5, lsl #1\n"
      "1:\n"
      "ldr r2, [sp]\n"
      "2:\n"
      "ldr r8, [r0, r1]\n"
      "ldr r7, [r0]\n"
      "add r0, r0, r1, lsl #1\n" SPREAD("r7", "r8")
      "subs r2, r2, #1\n"
      "bne 2b\n"
      "cmp lr, #0\n"
      "beq 4f\n"
      "ldr r7, [r0]\n"
      "add r0, r0, r1\n" SPREAD("r7", "r12")
      "4:\n"
      "subs r11, r11, #1\n"
      "bne 1b\n"
      "add sp, sp, #4\n"
      "pop {r4-r11, pc}\n");
}

#else

namespace {

constexpr int32_t words_of(int32_t kernel, int32_t stride) {
  return kernel == 3 ? 2 : (stride == 2 ? (kernel + 1) / 2 : (kernel == 5 ? 4 : 7));
}

// The weight of a tap in a kernel row as `expand` leaves it.
int32_t weight_of(const uint32_t* words, int32_t kernel, int32_t stride, int32_t tap) {
  if (kernel == 3) {
    return static_cast<int16_t>(tap < 2 ? words[0] >> (16 * tap) : words[1] >> 16);
  }
  if (kernel == 7 && stride == 2) {
    return static_cast<int16_t>(tap == 0 ? words[0] : words[(tap + 1) / 2] >> (16 * ((tap + 1) % 2)));
  }
  if (kernel == 5 && stride == 1) {
    return static_cast<int16_t>(tap < 4 ? words[2 + tap / 2] >> (16 * (tap % 2)) : words[1] >> 16);
  }
  const uint32_t* const pairs = stride == 1 ? words + 3 : words;
  return static_cast<int16_t>(pairs[tap / 2] >> (16 * (tap % 2)));
}

template <int32_t kernel, int32_t stride, int32_t width, int32_t pad, int32_t parts>
void run(const MapJob* job) {
  constexpr int32_t words = words_of(kernel, stride);
  constexpr int32_t row_words = (width + 1) / 2;
  constexpr int32_t count = (width + stride - 1) / stride;
  for (int32_t c = 0; c < job->channels; ++c) {
    const int32_t* const stream = job->stream + c * (job->stream_bytes / 4);
    int8_t* out = job->out + c;
    for (const MapRow* row = job->rows; row != job->rows_end; ++row) {
      const int32_t first = static_cast<int32_t>(row - job->rows) % parts * (count / parts);
      for (int32_t i = first; i < first + count / parts; ++i, out += job->stride) {
        uint32_t sum = static_cast<uint32_t>(stream[0]);
        for (int32_t y = 0; y < static_cast<int32_t>(row->entry); ++y) {
          const uint32_t* const x = job->x + (c * job->x_bytes + row->x) / 4 + y * row_words;
          const uint32_t* const w = job->weights + (c * job->weights_bytes + row->weights) / 4 + y * words;
          for (int32_t tap = 0; tap < kernel; ++tap) {
            const int32_t column = i * stride + tap - pad;
            if (column >= 0 && column < width) {
              sum += static_cast<uint32_t>(static_cast<int16_t>(x[column / 2] >> (16 * (column % 2))) *
                                           weight_of(w, kernel, stride, tap));
            }
          }
        }
        *out = saturated(static_cast<int32_t>(sum), stream[1], job->constant,
                         kernel == 3 ? kMapShift : job->shift);
      }
    }
  }
}

// Two weights times 256.
uint32_t pair_of(int32_t first, int32_t second) {
  return (static_cast<uint32_t>(first * 256) & 0xFFFFu) | static_cast<uint32_t>(second) << 24;
}

template <int32_t kernel, int32_t stride>
void expand(const int32_t* stream, uint32_t* weights, int32_t channels, int32_t stream_bytes) {
  // Where the bytes of a kernel row lie in it.
  constexpr int32_t places[4][7] = {{0, 1, 3}, {0, 2, 1, 3, 4}, {0, 2, 1, 3, 4, 6, 5}, {5, 0, 2, 1, 3, 4, 6}};
  const int32_t* const place = places[kernel == 7 ? 1 + stride : kernel / 2 - 1];
  for (int32_t c = 0; c < channels; ++c, stream += stream_bytes / 4) {
    const int8_t* bytes = reinterpret_cast<const int8_t*>(stream + 2);
    for (int32_t row = 0; row < kernel; ++row, bytes += kernel == 3 ? 4 : kernel) {
      int32_t w[8] = {};
      for (int32_t tap = 0; tap < kernel; ++tap) {
        w[tap] = bytes[place[tap]];
      }
      if (kernel == 3) {
        *weights++ = pair_of(w[0], w[1]);
        *weights++ = pair_of(w[1], w[2]);
        continue;
      }
      if (kernel == 7 && stride == 2) {
        *weights++ = pair_of(w[0], 0);
      }
      for (int32_t tap = 1; (kernel == 7 || stride == 1) && tap < kernel; tap += 2) {
        *weights++ = pair_of(w[tap], w[tap + 1]);
      }
      const int32_t end = kernel == 7 && stride == 2 ? 0 : (kernel == 5 && stride == 1 ? 4 : kernel);
      for (int32_t tap = 0; tap < end; tap += 2) {
        *weights++ = pair_of(w[tap], w[tap + 1]);
      }
    }
  }
}

}  // namespace

const MapCore kMap3x3Stride1Width5 = {run<3, 1, 5, 1, 1>, expand<3, 1>, 3, 1, 2, 1, {}};
const MapCore kMap3x3Stride1Width6 = {run<3, 1, 6, 1, 1>, expand<3, 1>, 3, 1, 2, 1, {}};
const MapCore kMap5x5Stride2Width6 = {run<5, 2, 6, 2, 1>, expand<5, 2>, 5, 2, 3, 1, {}};
const MapCore kMap7x7Stride1Width3 = {run<7, 1, 3, 3, 1>, expand<7, 1>, 7, 1, 7, 1, {}};
const MapCore kMap7x7Stride1Width5 = {run<7, 1, 5, 3, 1>, expand<7, 1>, 7, 1, 7, 1, {}};
const MapCore kMap7x7Stride1Width6 = {run<7, 1, 6, 3, 1>, expand<7, 1>, 7, 1, 7, 1, {}};
const MapCore kMap7x7Stride2Width10 = {run<7, 2, 10, 3, 1>, expand<7, 2>, 7, 2, 4, 1, {}};

const MapCore kMap3x3Stride1Width10 = {run<3, 1, 10, 1, 2>, expand<3, 1>, 3, 1, 2, 2, {}};
const MapCore kMap5x5Stride1Width10 = {run<5, 1, 10, 2, 2>, expand<5, 1>, 5, 1, 4, 2, {}};
const MapCore kMap7x7Stride2Width20 = {run<7, 2, 20, 3, 2>, expand<7, 2>, 7, 2, 4, 2, {}};

uint32_t entry_of(const MapCore&, const MapPart&, int32_t rows) { return static_cast<uint32_t>(rows); }

void widen_map(const MapWiden* columns) {
  const int8_t* source = columns->source;
  const int32_t zero_point = -static_cast<int16_t>(columns->offset & 0xFFFFu);
  const int32_t words = columns->pairs + columns->has_trail;
  for (int32_t y = 0; y < columns->rows; ++y) {
    for (int32_t i = 0; i < words; ++i) {
      const bool is_pair = i < columns->pairs;
      for (int32_t c = 0; c < 4; ++c) {
        const int32_t low = source[c] - zero_point;
        const int32_t high = is_pair ? source[columns->step + c] - zero_point : 0;
        columns->plane[c * (columns->pitch / 4) + y * words + i] =
            (static_cast<uint32_t>(low) & 0xFFFFu) | static_cast<uint32_t>(high) << 16;
      }
      source += is_pair ? 2 * columns->step : columns->step;
    }
  }
}

#endif

}  // namespace arm_dsp
}  // namespace tflm_mcunet
