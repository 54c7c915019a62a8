// The frame of the assembler that widens a row of four channels, two columns at a time; not for C++.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_COLUMNS_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_COLUMNS_H_

// The argument points at nine words: the row, a second row or a constant, step, the first channel's place,
// pairs of columns, bytes from channel to channel, has_lead, has_trail, padding. Registers: r0 and r1 the
// first two, r2 step, r3-r6 a place of each channel, r7 pairs left; the first column is loaded to r8 (row B:
// r9), the second one to r9 (r10 and r11). On the stack: has_trail, padding. Label 1 begins with a pair's
// first column, 2 with its second, 3 when both are loaded.
#define WIDEN(FIRST, LEAD, TRAIL, body)       \
  asm volatile(                               \
      "push {r4-r11, lr}\n"                   \
      "mov lr, r0\n"                          \
      "ldm.w lr, {r0-r3, r7-r11}\n" FIRST     \
      "add.w r4, r3, r8\n"                    \
      "add.w r5, r3, r8, lsl #1\n"            \
      "add.w r6, r4, r8, lsl #1\n"            \
      "push {r10, r11}\n"                     \
      "cmp r7, #0\n"                          \
      "beq.w 5f\n"                            \
      "cmp r9, #0\n"                          \
      "beq.n 1f\n"                            \
      "sub r0, r0, r2\n" LEAD "b.n 2f\n" body \
      "5:\n"                                  \
      "ldrd r7, r11, [sp]\n"                  \
      "cmp r7, #0\n"                          \
      "beq.n 6f\n"                            \
      "mov r7, #0\n"                          \
      "str r7, [sp]\n"                        \
      "mov r7, #1\n" TRAIL                    \
      "6:\n"                                  \
      "add sp, sp, #8\n"                      \
      "pop {r4-r11, pc}\n")
#define WIDEN_NEXT      \
  "subs.w r7, r7, #1\n" \
  "bne.w 1b\n"

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_COLUMNS_H_
