// A window takes a load and a VMLADAV for every 16 taps; 3x3 windows, and 5x5 ones at stride 1, share the
// load with their neighbour. The sums of eight windows lie in the eight even registers and become two
// vectors, even and odd pixels, which the narrowing moves put in order again.
#include "depthwise_core.h"

#include "../requantize.h"

namespace tflm_mcunet {
namespace arm_mve {

#if defined(__ARM_FEATURE_MVE)

// Sixteen bytes at a pointer, which is moved.
#define LOAD(vector, pointer, bytes) "vldrb.8 " #vector ", [" pointer "], #" #bytes "\n"

// Windows with the sums `a` and `b`.
#define PAIR_OF_16(advance, a, b) \
  "vldrb.8 q0, [r1], #" advance   \
  "\n"                            \
  "vmladav.s8 " a                 \
  ", q0, q4\n"                    \
  "vmladav.s8 " b ", q0, q5\n"
#define PAIR_OF_32(advance, a, b) \
  "vldrb.8 q1, [r1, #16]\n"       \
  "vldrb.8 q0, [r1], #" advance   \
  "\n"                            \
  "vmladav.s8 " a                 \
  ", q1, q3\n"                    \
  "vmladav.s8 " b                 \
  ", q1, q5\n"                    \
  "vmladava.s8 " a                \
  ", q0, q2\n"                    \
  "vmladava.s8 " b ", q0, q4\n"
#define PAIR_3_STRIDE_1(a, b) PAIR_OF_16("6", a, b)
#define PAIR_3_STRIDE_2(a, b) PAIR_OF_16("12", a, b)
#define PAIR_5_STRIDE_1(a, b) PAIR_OF_32("10", a, b)

#define ONE_OF_16(move, sum) "vldrb.8 q0, [r1]" move "vmladav.s8 " sum ", q0, q2\n"
#define ONE_OF_32(move, sum)                \
  "vldrb.8 q1, [r1, #16]\n"                 \
  "vldrb.8 q0, [r1]" move "vmladav.s8 " sum \
  ", q1, q3\n"                              \
  "vmladava.s8 " sum ", q0, q2\n"
#define ONE_OF_48(move, sum)                 \
  "vldrb.8 q0, [r1, #32]\n"                  \
  "vldrb.8 q1, [r1, #16]\n"                  \
  "vmladav.s8 " sum                          \
  ", q0, q4\n"                               \
  "vldrb.8 q0, [r1]" move "vmladava.s8 " sum \
  ", q1, q3\n"                               \
  "vmladava.s8 " sum ", q0, q2\n"
#define ONE_OF_64(move, sum)                 \
  "vldrb.8 q0, [r1, #48]\n"                  \
  "vldrb.8 q1, [r1, #32]\n"                  \
  "vmladav.s8 " sum                          \
  ", q0, q5\n"                               \
  "vldrb.8 q0, [r1, #16]\n"                  \
  "vmladava.s8 " sum                         \
  ", q1, q4\n"                               \
  "vldrb.8 q1, [r1]" move "vmladava.s8 " sum \
  ", q0, q3\n"                               \
  "vmladava.s8 " sum ", q1, q2\n"
#define TWICE(one, move, a, b) one(move, a) one(move, b)
#define PAIR_5_STRIDE_2(a, b) TWICE(ONE_OF_32, ", #10\n", a, b)
#define PAIR_7_STRIDE_1(a, b) TWICE(ONE_OF_64, ", #7\n", a, b)
#define PAIR_7_STRIDE_2(a, b) TWICE(ONE_OF_64, ", #14\n", a, b)
#define BY_STEP "\nadd.w r1, r1, r3\n"
#define PAIR_TO_16(a, b) TWICE(ONE_OF_16, BY_STEP, a, b)
#define PAIR_TO_32(a, b) TWICE(ONE_OF_32, BY_STEP, a, b)
#define PAIR_TO_48(a, b) TWICE(ONE_OF_48, BY_STEP, a, b)
#define PAIR_TO_64(a, b) TWICE(ONE_OF_64, BY_STEP, a, b)

// A channel's constants and weights from its stream, to the next stream.
#define SATURATED_HEAD(stream) "ldm " stream "!, {r3, r5, r7}\n"
#define WEIGHTS_3_STRIDE_1(stream) SATURATED_HEAD(stream) LOAD(q5, stream, 3) LOAD(q4, stream, 17)
#define WEIGHTS_3_STRIDE_2(stream) SATURATED_HEAD(stream) LOAD(q5, stream, 6) LOAD(q4, stream, 18)
#define WEIGHTS_5_STRIDE_1(stream) \
  SATURATED_HEAD(stream)           \
  "vldrb.8 q5, [" stream ", #16]\n" LOAD(q4, stream, 5) "vldrb.8 q3, [" stream ", #16]\n" LOAD(q2, stream, 35)
#define WEIGHTS_5_STRIDE_2(stream) SATURATED_HEAD(stream) LOAD(q2, stream, 16) LOAD(q3, stream, 16)
#define WEIGHTS_OF_64(stream) \
  LOAD(q2, stream, 16) LOAD(q3, stream, 16) LOAD(q4, stream, 16) LOAD(q5, stream, 16)
#define WEIGHTS_7(stream) SATURATED_HEAD(stream) WEIGHTS_OF_64(stream)
#define GENERAL_HEAD(stream) "mov r5, " stream "\nadds " stream ", " stream ", #16\n"
#define WEIGHTS_TO_16(stream) GENERAL_HEAD(stream) LOAD(q2, stream, 16)
#define WEIGHTS_TO_32(stream) WEIGHTS_TO_16(stream) LOAD(q3, stream, 16)
#define WEIGHTS_TO_48(stream) WEIGHTS_TO_32(stream) LOAD(q4, stream, 16)
#define WEIGHTS_TO_64(stream) GENERAL_HEAD(stream) WEIGHTS_OF_64(stream)

// Eight sums to eight output values in q0.
#define GATHER_SUMS              \
  "vmov q0[2], q0[0], r0, r8\n"  \
  "vmov q0[3], q0[1], r4, r12\n" \
  "vmov q1[2], q1[0], r2, r10\n" \
  "vmov q1[3], q1[1], r6, lr\n"
#define NARROW             \
  "vqmovnb.s32 q0, q0\n"   \
  "vqmovnt.s32 q0, q1\n"   \
  "vqadd.s16 q0, q0, q6\n" \
  "vqmovnb.s16 q0, q0\n"
#define FINISH_SATURATED      \
  GATHER_SUMS                 \
  "vadd.i32 q0, q0, r3\n"     \
  "vadd.i32 q1, q1, r3\n"     \
  "vqrdmulh.s32 q0, q0, r5\n" \
  "vqrdmulh.s32 q1, q1, r5\n" \
  "vrshl.s32 q0, r7\n"        \
  "vrshl.s32 q1, r7\n" NARROW
// Four sums to four output values in the bytes at 0, 4, 8 and 12 of q0.
#define FINISH_FOUR_SATURATED   \
  "vmov q0[2], q0[0], r0, r4\n" \
  "vmov q0[3], q0[1], r2, r6\n" \
  "vadd.i32 q0, q0, r3\n"       \
  "vqrdmulh.s32 q0, q0, r5\n"   \
  "vrshl.s32 q0, r7\n"          \
  "vqmovnb.s32 q0, q0\n"        \
  "vqadd.s16 q0, q0, q6\n"      \
  "vqmovnb.s16 q0, q0\n"
// The sign fix: V + floor(2 V / 2^32) = V - (V < 0), and nothing where r6 is 0.
#define FINISH_GENERAL         \
  GATHER_SUMS                  \
  "ldm r5, {r0, r2, r4, r6}\n" \
  "vadd.i32 q0, q0, r0\n"      \
  "vadd.i32 q1, q1, r0\n"      \
  "vqrdmulh.s32 q0, q0, r2\n"  \
  "vqrdmulh.s32 q1, q1, r2\n"  \
  "vqdmlah.s32 q0, q0, r6\n"   \
  "vqdmlah.s32 q1, q1, r6\n"   \
  "vrshl.s32 q0, r4\n"         \
  "vrshl.s32 q1, r4\n" NARROW  \
  "ldrd r0, r2, [sp, #24]\n"   \
  "vdup.8 q1, r0\n"            \
  "vmax.s8 q0, q0, q1\n"       \
  "vdup.8 q1, r2\n"            \
  "vmin.s8 q0, q0, q1\n"

// The frame: 0 bytes of eight output pixels, 4 pixels, 8 stream, 12 its end, 16 deltas of plane and output,
// 24 clamps.
#define SET_UP               \
  "push {r4-r11, lr}\n"      \
  "vpush {d8-d15}\n"         \
  "sub sp, sp, #36\n"        \
  "ldrd r1, r4, [r0]\n"      \
  "ldrd r6, r9, [r0, #8]\n"  \
  "strd r4, r6, [sp, #8]\n"  \
  "mov r11, r4\n"            \
  "ldrd r2, r8, [r0, #16]\n" \
  "lsls r4, r2, #3\n"        \
  "strd r4, r8, [sp]\n"      \
  "ldrd r4, r6, [r0, #24]\n" \
  "strd r4, r6, [sp, #16]\n" \
  "ldr r4, [r0, #32]\n"      \
  "vdup.16 q6, r4\n"         \
  "ldrd r4, r6, [r0, #36]\n" \
  "strd r4, r6, [sp, #24]\n" \
  "ldr r3, [r0, #44]\n"      \
  "movs r4, #0\n"            \
  "vidup.u16 q7, r4, #1\n"   \
  "vmul.i16 q7, q7, r2\n"
#define LEAVE         \
  "9:\n"              \
  "add sp, sp, #36\n" \
  "vpop {d8-d15}\n"   \
  "pop {r4-r11, pc}\n"

#define FOUR(PAIR) PAIR("r0", "r2") PAIR("r4", "r6")
#define FOUR_MORE(PAIR) PAIR("r8", "r10") PAIR("r12", "lr")

// Channels of any number of pixels: eights, and then four or eight of which some may not exist.
#define LONG_CHANNELS(WEIGHTS, PAIR, FINISH) \
  "1:\n"                                           \
  "ldrd r4, r6, [sp, #8]\n"                        \
  "cmp r4, r6\n"                                   \
  "beq.w 9f\n" WEIGHTS("r4")                       \
  "str r4, [sp, #8]\n"                             \
  "ldr.w r11, [sp, #4]\n"                          \
  "subs.w r11, r11, #8\n"                          \
  "bmi.w 3f\n"                                     \
  "2:\n" FOUR(PAIR) FOUR_MORE(PAIR) FINISH         \
  "ldr r0, [sp]\n"                                 \
  "vstrb.16 q0, [r9, q7]\n"                        \
  "add r9, r9, r0\n"                               \
  "subs.w r11, r11, #8\n"                          \
  "bpl.w 2b\n"                                     \
  "3:\n"                                           \
  "adds.w r11, r11, #8\n"                          \
  "beq.w 5f\n" FOUR(PAIR)                          \
  "cmp.w r11, #4\n"                                \
  "ble.w 4f\n" FOUR_MORE(PAIR)                     \
  "4:\n" FINISH                                    \
  "vctp.16 r11\n"                                  \
  "vpst\n"                                         \
  "vstrbt.16 q0, [r9, q7]\n"                       \
  "5:\n"                                           \
  "ldrd r0, r2, [sp, #16]\n"                       \
  "add r1, r1, r0\n"                               \
  "add r9, r9, r2\n"                               \
  "b.w 1b\n"

// Channels of seven or eight pixels, whose number is the predicate.
#define EIGHT_PIXELS(WEIGHTS, PAIR)                                 \
  "7:\n" WEIGHTS("r11") FOUR(PAIR) FOUR_MORE(PAIR) FINISH_SATURATED \
      "vpst\n"                                                      \
      "vstrbt.16 q0, [r9, q7]\n"                                    \
      "ldrd r0, r2, [sp, #12]\n"                                    \
      "add r9, r9, #1\n"                                            \
      "add r1, r1, r2\n"                                            \
      "cmp r11, r0\n"                                               \
      "bne.w 7b\n"

// Fewer sums leave lr to count the channels, and r12 to hold the bytes from a channel's last pair to the next
// plane.
#define COUNT_CHANNELS     \
  "ldr r4, [r0, #52]\n"    \
  "ldr r6, [sp, #12]\n"    \
  "subs r6, r6, r11\n"     \
  "udiv r6, r6, r4\n"      \
  "ldr.w r12, [sp, #16]\n" \
  "dls lr, r6\n"

// Five or six pixels. What q0 and q1 take from r12 and lr are sums of pixels that are not there.
#define SIX_PIXELS(WEIGHTS, PAIR)                                     \
  COUNT_CHANNELS                                                      \
  "add.w r12, r12, r3, lsl #1\n"                                      \
  "6:\n" WEIGHTS("r11") FOUR(PAIR) PAIR("r8", "r10") FINISH_SATURATED \
      "vpst\n"                                                        \
      "vstrbt.16 q0, [r9, q7]\n"                                      \
      "add r9, r9, #1\n"                                              \
      "add r1, r1, r12\n"                                             \
      "le lr, 6b\n"

#define FOUR_PIXELS(WEIGHTS, PAIR)                       \
  COUNT_CHANNELS                                         \
  "movs r4, #0\n"                                        \
  "vidup.u32 q7, r4, #1\n"                               \
  "vmul.i32 q7, q7, r2\n"                                \
  "vctp.32 r8\n"                                         \
  "4:\n" WEIGHTS("r11") FOUR(PAIR) FINISH_FOUR_SATURATED \
      "vpst\n"                                           \
      "vstrbt.32 q0, [r9, q7]\n"                         \
      "add r9, r9, #1\n"                                 \
      "add r1, r1, r12\n"                                \
      "le lr, 4b\n"

// Five or six pixels of channels that come in fours: the sums of four channels are stored, and finished as
// vectors of channels, whose constants are gathered. The frame before the other: 0 sums, 96 the addresses of
// the first pixel's, 112 bytes of two output pixels, 116 zero point, 120 bytes of four channels in the
// stream.
#define SET_UP_FOURS(sum_bytes)  \
  "ldr r4, [r0, #52]\n"          \
  "ldr r6, [sp, #12]\n"          \
  "subs r6, r6, r11\n"           \
  "udiv r6, r6, r4\n"            \
  "tst.w r6, #3\n"               \
  "bne.w 7f\n"                   \
  "lsrs r5, r6, #2\n"            \
  "ldr.w r12, [sp, #16]\n"       \
  "add.w r12, r12, r3, lsl #1\n" \
  "sub sp, sp, #128\n"           \
  "mov r3, sp\n"                 \
  "movs r6, #0\n"                \
  "vidup.u32 q6, r6, #1\n"       \
  "vmul.i32 q6, q6, r4\n"        \
  "vadd.i32 q6, q6, r11\n"       \
  "lsls r4, r4, #2\n"            \
  "str r4, [sp, #120]\n"         \
  "movs r6, #0\n"                \
  "vidup.u32 q5, r6, #1\n"       \
  "movs r6, #" sum_bytes         \
  "\n"                           \
  "vmul.i32 q5, q5, r6\n"        \
  "vadd.i32 q5, q5, r3\n"        \
  "vstrw.32 q5, [r3, #96]\n"     \
  "lsls r6, r2, #16\n"           \
  "vdup.32 q0, r6\n"             \
  "movs r6, #0\n"                \
  "vidup.u16 q7, r6, #1\n"       \
  "vshr.u16 q7, q7, #1\n"        \
  "vadd.i16 q7, q7, q0\n"        \
  "lsls r2, r2, #1\n"            \
  "ldr r6, [r0, #32]\n"          \
  "strd r2, r6, [sp, #112]\n"    \
  "movs r7, #4\n"                \
  "adds.w r11, r11, #12\n"

#define TWO_PIXELS_OF_FOURS(first, second, place) \
  "vldrw.u32 q0, [q5, #" first                    \
  "]\n"                                           \
  "vldrw.u32 q1, [q5, #" second                   \
  "]\n"                                           \
  "vadd.i32 q0, q0, q2\n"                         \
  "vadd.i32 q1, q1, q2\n"                         \
  "vqrdmulh.s32 q0, q0, q3\n"                     \
  "vqrdmulh.s32 q1, q1, q3\n"                     \
  "vrshl.s32 q0, q0, q4\n"                        \
  "vrshl.s32 q1, q1, q4\n"                        \
  "vqmovnb.s32 q0, q0\n"                          \
  "vqmovnt.s32 q0, q1\n"                          \
  "vqadd.s16 q0, q0, r4\n"                        \
  "vqmovnb.s16 q0, q0\n"                          \
  "vstrb.16 q0, [" place ", q7]\n"
#define ONE_PIXEL_OF_FOURS(first, place) \
  "vldrw.u32 q0, [q5, #" first           \
  "]\n"                                  \
  "vadd.i32 q0, q0, q2\n"                \
  "vqrdmulh.s32 q0, q0, q3\n"            \
  "vrshl.s32 q0, q0, q4\n"               \
  "vqmovnb.s32 q0, q0\n"                 \
  "vqadd.s16 q0, q0, r4\n"               \
  "vqmovnb.s16 q0, q0\n"                 \
  "vstrb.32 q0, [" place "]\n"

#define FOURS(outer, inner, SUMS, stored, rest, LAST_PIXELS)                                      \
  outer                                                                                           \
      ":\n"                                                                                       \
      "dls lr, r7\n" inner ":\n" SUMS "stmia.w r3!, {" stored                                     \
      "}\n"                                                                                       \
      "add r1, r1, r12\n"                                                                         \
      "le lr, " inner                                                                             \
      "b\n"                                                                                       \
      "vldrw.32 q5, [r3, #" rest                                                                  \
      "]\n"                                                                                       \
      "mov r3, sp\n"                                                                              \
      "vldrw.u32 q2, [q6]\n"                                                                      \
      "vldrw.u32 q3, [q6, #4]\n"                                                                  \
      "vldrw.u32 q4, [q6, #8]\n"                                                                  \
      "ldrd r2, r4, [sp, #112]\n"                                                                 \
      "ldr r6, [sp, #120]\n"                                                                      \
      "vadd.i32 q6, q6, r6\n"                                                                     \
      "add r0, r9, r2\n"                                                                          \
      "add r2, r2, r0\n" TWO_PIXELS_OF_FOURS("0", "4", "r9") TWO_PIXELS_OF_FOURS("8", "12", "r0") \
          LAST_PIXELS                                                                             \
      "add.w r9, r9, #4\n"                                                                        \
      "subs r5, r5, #1\n"                                                                         \
      "bne.w " outer                                                                              \
      "b\n"                                                                                       \
      "add sp, sp, #128\n"                                                                        \
      "b.w 9f\n"

// Its `LOADS` take the weights from r11 to those of the next channel, `ONE` the window of the sum r8.
#define FIVE_PIXELS_OF_FOURS(LOADS, PAIR, ONE) \
  SET_UP_FOURS("20")                           \
  FOURS("15", "25", LOADS FOUR(PAIR) ONE, "r0, r2, r4, r6, r8", "16", ONE_PIXEL_OF_FOURS("16", "r2"))
#define SIX_PIXELS_OF_FOURS(LOADS, PAIR)                                                \
  SET_UP_FOURS("24")                                                                    \
  FOURS("16", "26", LOADS FOUR(PAIR) PAIR("r8", "r10"), "r0, r2, r4, r6, r8, r10", "0", \
        TWO_PIXELS_OF_FOURS("16", "20", "r2"))

// 3x3 at stride 1, the window of networks' last and narrowest maps.
#define LOADS_3_STRIDE_1 LOAD(q5, "r11", 3) LOAD(q4, "r11", 29)
#define ONE_3_STRIDE_1     \
  "vldrb.8 q0, [r1], #6\n" \
  "vmladav.s8 r8, q0, q4\n"
#define DEPTHWISE_3_STRIDE_1 \
  asm volatile(SET_UP                                                                 \
               "vctp.16 r8\n"                                                         \
               "cmp.w r8, #4\n"                                                       \
               "ble.w 14f\n"                                                          \
               "cmp.w r8, #5\n"                                                       \
               "beq.w 35f\n"                                                          \
               "cmp.w r8, #6\n"                                                       \
               "beq.w 36f\n"                                                          \
               "cmp.w r8, #8\n"                                                       \
               "ble.w 7f\n"                                                           \
               LONG_CHANNELS(WEIGHTS_3_STRIDE_1, PAIR_3_STRIDE_1, FINISH_SATURATED)   \
               "35:\n" FIVE_PIXELS_OF_FOURS(LOADS_3_STRIDE_1, PAIR_3_STRIDE_1, ONE_3_STRIDE_1) \
               "36:\n" SIX_PIXELS_OF_FOURS(LOADS_3_STRIDE_1, PAIR_3_STRIDE_1)         \
               EIGHT_PIXELS(WEIGHTS_3_STRIDE_1, PAIR_3_STRIDE_1)                      \
               "b.w 9f\n"                                                             \
               "14:\n" FOUR_PIXELS(WEIGHTS_3_STRIDE_1, PAIR_3_STRIDE_1)               \
               LEAVE)

#define DEPTHWISE(WEIGHTS, PAIR) \
  asm volatile(SET_UP                                               \
               "vctp.16 r8\n"                                       \
               "cmp.w r8, #4\n"                                     \
               "ble.w 14f\n"                                        \
               "cmp.w r8, #6\n"                                     \
               "ble.w 16f\n"                                        \
               "cmp.w r8, #8\n"                                     \
               "ble.w 7f\n"                                         \
               LONG_CHANNELS(WEIGHTS, PAIR, FINISH_SATURATED)       \
               EIGHT_PIXELS(WEIGHTS, PAIR)                          \
               "b.w 9f\n"                                           \
               "16:\n" SIX_PIXELS(WEIGHTS, PAIR)                    \
               "b.w 9f\n"                                           \
               "14:\n" FOUR_PIXELS(WEIGHTS, PAIR)                   \
               LEAVE)

#define GENERAL_DEPTHWISE(WEIGHTS, PAIR) \
  asm volatile(SET_UP LONG_CHANNELS(WEIGHTS, PAIR, FINISH_GENERAL) LEAVE)

#define ASSEMBLER __attribute__((naked, noinline, aligned(4))) void

ASSEMBLER depthwise_3x3_stride_1(const DepthwiseJob&) { DEPTHWISE_3_STRIDE_1; }
ASSEMBLER depthwise_3x3_stride_2(const DepthwiseJob&) { DEPTHWISE(WEIGHTS_3_STRIDE_2, PAIR_3_STRIDE_2); }
ASSEMBLER depthwise_5x5_stride_1(const DepthwiseJob&) { DEPTHWISE(WEIGHTS_5_STRIDE_1, PAIR_5_STRIDE_1); }
ASSEMBLER depthwise_5x5_stride_2(const DepthwiseJob&) { DEPTHWISE(WEIGHTS_5_STRIDE_2, PAIR_5_STRIDE_2); }
ASSEMBLER depthwise_7x7_stride_1(const DepthwiseJob&) { DEPTHWISE(WEIGHTS_7, PAIR_7_STRIDE_1); }
ASSEMBLER depthwise_7x7_stride_2(const DepthwiseJob&) { DEPTHWISE(WEIGHTS_7, PAIR_7_STRIDE_2); }
ASSEMBLER depthwise_to_16_taps(const DepthwiseJob&) { GENERAL_DEPTHWISE(WEIGHTS_TO_16, PAIR_TO_16); }
ASSEMBLER depthwise_to_32_taps(const DepthwiseJob&) { GENERAL_DEPTHWISE(WEIGHTS_TO_32, PAIR_TO_32); }
ASSEMBLER depthwise_to_48_taps(const DepthwiseJob&) { GENERAL_DEPTHWISE(WEIGHTS_TO_48, PAIR_TO_48); }
ASSEMBLER depthwise_to_64_taps(const DepthwiseJob&) { GENERAL_DEPTHWISE(WEIGHTS_TO_64, PAIR_TO_64); }

#else

namespace {

// One output value from the window at `x`.
int8_t output_value(const DepthwiseJob& job, const int32_t* constants, const int8_t* weights,
                    const int8_t* x) {
  uint32_t sum = static_cast<uint32_t>(constants[0]);
  for (int32_t i = 0; i < 16 * job.vectors; ++i) {
    sum += static_cast<uint32_t>(x[i] * weights[i]);
  }
  const int32_t scaled = requantize(static_cast<int32_t>(sum), constants[1], constants[2]);
  return static_cast<int8_t>(clamp(scaled + job.output_zero_point, job.output_min, job.output_max));
}

// `head`: bytes of constants in a stream.
void depthwise(const DepthwiseJob& job, int32_t head) {
  const int8_t* plane = job.plane;
  int8_t* out = job.out;
  for (const int8_t* stream = job.stream; stream != job.stream_end; stream += job.stream_bytes) {
    const int32_t* constants = reinterpret_cast<const int32_t*>(stream);
    const int8_t* weights = stream + head + job.lead;
    for (int32_t i = 0; i < job.count; ++i) {
      out[i * job.stride] = output_value(job, constants, weights, plane + i * job.step);
    }
    plane += job.plane_bytes;
    ++out;
  }
}

}  // namespace

void depthwise_3x3_stride_1(const DepthwiseJob& job) { depthwise(job, 12); }
void depthwise_3x3_stride_2(const DepthwiseJob& job) { depthwise(job, 12); }
void depthwise_5x5_stride_1(const DepthwiseJob& job) { depthwise(job, 12); }
void depthwise_5x5_stride_2(const DepthwiseJob& job) { depthwise(job, 12); }
void depthwise_7x7_stride_1(const DepthwiseJob& job) { depthwise(job, 12); }
void depthwise_7x7_stride_2(const DepthwiseJob& job) { depthwise(job, 12); }
void depthwise_to_16_taps(const DepthwiseJob& job) { depthwise(job, 16); }
void depthwise_to_32_taps(const DepthwiseJob& job) { depthwise(job, 16); }
void depthwise_to_48_taps(const DepthwiseJob& job) { depthwise(job, 16); }
void depthwise_to_64_taps(const DepthwiseJob& job) { depthwise(job, 16); }

#endif

}  // namespace arm_mve
}  // namespace tflm_mcunet
