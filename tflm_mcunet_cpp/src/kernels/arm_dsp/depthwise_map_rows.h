// What the assembler of the depthwise kernels of whole maps does for one kernel row, by kernel, stride and
// the map's columns; not for C++.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_MAP_ROWS_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_MAP_ROWS_H_

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
// Padded by a column on the left, and by none.
#define ROW_3_2_11                                                                                           \
  "ldmia.w r1!, {r11, lr}\n"                                                                                 \
  "ldmia.w r0!, {r8-r10}\n" TAP("r2", "r8", "lr") TAP("r3", "r9", "lr") TAP("r4", "r10", "lr")               \
      HIGH_LOW("r3", "r8", "r11") HIGH_LOW("r4", "r9", "r11")                                                \
          HIGH_LOW("r5", "r10", "r11") "ldmia.w r0!, {r8-r10}\n" TAP("r5", "r8", "lr") TAP("r6", "r9", "lr") \
              TAP("r7", "r10", "lr") HIGH_LOW("r6", "r8", "r11") HIGH_LOW("r7", "r9", "r11")
#define ROW_3_2_12                                                                                \
  "ldmia.w r1!, {r11, lr}\n"                                                                      \
  "ldmia.w r0!, {r8-r10}\n" TAP("r2", "r8", "r11") TAP("r3", "r9", "r11") TAP("r4", "r10", "r11") \
      LOW_HIGH("r2", "r9", "lr")                                                                  \
          LOW_HIGH("r3", "r10", "lr") "ldmia.w r0!, {r8-r10}\n" TAP("r5", "r8", "r11")            \
              TAP("r6", "r9", "r11") TAP("r7", "r10", "r11") LOW_HIGH("r4", "r8", "lr")           \
                  LOW_HIGH("r5", "r9", "lr") LOW_HIGH("r6", "r10", "lr")
// Padded by none on the left and a column on the right.
#define ROW_3_2_6                                                                                  \
  "ldmia.w r0!, {r7-r9}\n"                                                                         \
  "ldmia.w r1!, {r10, r11}\n" TAP("r2", "r7", "r10") TAP("r3", "r8", "r10") TAP("r4", "r9", "r10") \
      LOW_HIGH("r2", "r8", "r11") LOW_HIGH("r3", "r9", "r11")
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
// Six outputs each.
#define ROW_3_1_12_LEFT                                                                                \
  "ldmia.w r0!, {r8-r10}\n"                                                                            \
  "ldrd r11, lr, [r1], #8\n" TAP("r2", "r8", "lr") TAP("r3", "r8", "r11")                              \
      HIGH_LOW("r4", "r8", "r11") "ldr.w r8, [r0], #12\n" TAP("r4", "r9", "lr") TAP("r5", "r9", "r11") \
          TAP("r6", "r10", "lr") TAP("r7", "r10", "r11") LOW_HIGH("r3", "r9", "lr")                    \
              HIGH_LOW("r6", "r9", "r11") LOW_HIGH("r5", "r10", "lr") LOW_HIGH("r7", "r8", "lr")
#define ROW_3_1_12_RIGHT                                                                                    \
  "ldrd r8, r9, [r0], #8\n"                                                                                 \
  "ldrd r11, lr, [r1], #8\n" HIGH_LOW("r2", "r8", "r11") TAP("r2", "r9", "lr")                              \
      TAP("r3", "r9", "r11") "ldrd r10, r8, [r0], #16\n" HIGH_LOW("r4", "r9", "r11") TAP("r4", "r10", "lr") \
          TAP("r5", "r10", "r11") TAP("r6", "r8", "lr") TAP("r7", "r8", "r11") LOW_HIGH("r3", "r10", "lr")  \
              HIGH_LOW("r6", "r10", "r11") LOW_HIGH("r5", "r8", "lr")
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

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_MAP_ROWS_H_
