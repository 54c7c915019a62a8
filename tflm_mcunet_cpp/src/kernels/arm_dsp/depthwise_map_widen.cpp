#include "depthwise_map_widen.h"

#include "simd.h"

namespace tflm_mcunet {
namespace arm_dsp {

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)

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
TFLM_MCUNET_ASSEMBLER void expand_map_3(const int32_t*, uint32_t*, int32_t, int32_t) {
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
TFLM_MCUNET_ASSEMBLER void expand_map_5_2(const int32_t*, uint32_t*, int32_t, int32_t) {
  EXPAND("5", "33", EXPAND_5);
}
TFLM_MCUNET_ASSEMBLER void expand_map_5_1(const int32_t*, uint32_t*, int32_t, int32_t) {
  EXPAND("5", "33",
         "ldr r4, [r0]\n"
         "ldrb r5, [r0, #4]\n"
         "adds r0, r0, #5\n" TIMES_256("r8", "r9", "r4") "lsl r5, r5, #8\n" ACROSS("r6", "r8", "r9")
             ACROSS("r7", "r9", "r5") "stmia r1!, {r6-r9}\n");
}
TFLM_MCUNET_ASSEMBLER void expand_map_7_1(const int32_t*, uint32_t*, int32_t, int32_t) {
  EXPAND("7", "57",
         LOAD_7 "and r11, r5, #0xFF00\n" TIMES_256("r8", "r9", "r4") "and r10, lr, r5, lsl #8\n" ACROSS(
             "r5", "r8", "r9") ACROSS("r6", "r9", "r10") ACROSS("r7", "r10", "r11") "stmia r1!, {r5-r11}\n");
}
TFLM_MCUNET_ASSEMBLER void expand_map_7_2(const int32_t*, uint32_t*, int32_t, int32_t) {
  EXPAND("7", "57", LOAD_7 "and r6, r5, #0xFF00\n" TIMES_256("r7", "r8", "r4")
         "and r9, lr, r5, lsl #8\n"
         "stmia r1!, {r6-r9}\n");
}

// Two words of two columns' values.
#define SPREAD_2(one, two)       \
  "orr r9, " one ", " two        \
  ", lsl #16\n"                  \
  "sxtab16 r7, r4, r9\n"         \
  "sxtab16 r8, r4, r9, ror #8\n" \
  "str r8, [r3, r5]\n"           \
  "str r7, [r3], #4\n"

// Registers: r0 source, r1 step, r2 pairs left, r3 plane, r4 offset, r5 pitch, r7-r9 columns and words, r11
// rows left, r12 padding, lr has_trail; on the stack the pairs. Label 1: a row, 2: a pair.
TFLM_MCUNET_ASSEMBLER void widen_map_2(const MapWiden*) {
  asm volatile(
      "push {r4-r11, lr}\n"
      "ldmia.w r0, {r0-r5, r11, r12, lr}\n"
      "push {r2}\n"
      "mov r7, r12\n"
      "mov r12, lr\n"
      "mov lr, r7\n"
      "1:\n"
      "ldr r2, [sp]\n"
      "2:\n"
      "ldrh r8, [r0, r1]\n"
      "ldrh r7, [r0]\n"
      "add r0, r0, r1, lsl #1\n" SPREAD_2("r7", "r8")
      "subs r2, r2, #1\n"
      "bne 2b\n"
      "cmp lr, #0\n"
      "beq 4f\n"
      "ldrh r7, [r0]\n"
      "add r0, r0, r1\n" SPREAD_2("r7", "r12")
      "4:\n"
      "subs r11, r11, #1\n"
      "bne 1b\n"
      "add sp, sp, #4\n"
      "pop {r4-r11, pc}\n");
}

// Of four columns the words of a channel.
#define STORE_DOUBLE(one, two, at, rotation) \
  "sxtab16 r9, r7, " one rotation            \
  "\n"                                       \
  "sxtab16 r11, r7, " two rotation           \
  "\n"                                       \
  "strd r9, r11, [" at "], #8\n"
#define STORE_PAIR(one, at, rotation) \
  "sxtab16 r9, r7, " one rotation     \
  "\n"                                \
  "str r9, [" at "], #4\n"

// Registers: r0 source, r1 step, r2 fours of columns left, r3-r6 a place of each plane, r7 offset, r8-r11
// columns. The stack: fours of columns, rows left, columns that are left then, padding. Label 1: a row, 2:
// four columns.
TFLM_MCUNET_ASSEMBLER void widen_map_4(const MapWiden*) {
  asm volatile(
      "push {r4-r11, lr}\n"
      "ldmia.w r0, {r0-r5, r11, r12, lr}\n"
      "mov r7, r4\n"
      "and r8, r2, #1\n"
      "add r12, r12, r8, lsl #1\n"
      "lsr r10, r2, #1\n"
      "push {r10, r11, r12, lr}\n"
      "add r4, r3, r5\n"
      "add r6, r4, r5, lsl #1\n"
      "add r5, r3, r5, lsl #1\n"
      "1:\n"
      "ldr r2, [sp]\n"
      "cbz r2, 3f\n"
      "2:\n"
      "ldr.w r8, [r0]\n"
      "ldr.w r9, [r0, r1]\n"
      "add.w r0, r0, r1, lsl #1\n"
      "ldr.w r10, [r0]\n"
      "ldr.w r11, [r0, r1]\n"
      "add.w r0, r0, r1, lsl #1\n"
      "5:\n"
      "pkhbt r12, r8, r9, lsl #16\n"
      "pkhtb r8, r9, r8, asr #16\n"
      "pkhbt lr, r10, r11, lsl #16\n"
      "pkhtb r10, r11, r10, asr #16\n" STORE_DOUBLE("r12", "lr", "r3", "")
          STORE_DOUBLE("r12", "lr", "r4", ", ror #8") STORE_DOUBLE("r8", "r10", "r5", "")
              STORE_DOUBLE("r8", "r10", "r6", ", ror #8")
      "subs r2, r2, #1\n"
      "bgt 2b\n"
      "bmi 4f\n"
      "3:\n"
      "ldrd r12, r11, [sp, #8]\n"
      "tbb [pc, r12]\n"
      "8:\n"
      ".byte (4f - 8b) / 2, (31f - 8b) / 2, (32f - 8b) / 2, (33f - 8b) / 2\n"
      "33:\n"
      "ldr r8, [r0]\n"
      "ldr r9, [r0, r1]\n"
      "add r0, r0, r1, lsl #1\n"
      "ldr r10, [r0]\n"
      "add r0, r0, r1\n"
      "b 5b\n"
      "31:\n"
      "ldr r8, [r0]\n"
      "add r0, r0, r1\n"
      "mov r9, r11\n"
      "b 7f\n"
      "32:\n"
      "ldr r8, [r0]\n"
      "ldr r9, [r0, r1]\n"
      "add r0, r0, r1, lsl #1\n"
      "7:\n"
      "pkhbt r12, r8, r9, lsl #16\n"
      "pkhtb r8, r9, r8, asr #16\n" STORE_PAIR("r12", "r3", "") STORE_PAIR("r12", "r4", ", ror #8")
          STORE_PAIR("r8", "r5", "") STORE_PAIR("r8", "r6", ", ror #8")
      "4:\n"
      "ldr r12, [sp, #4]\n"
      "subs r12, r12, #1\n"
      "str r12, [sp, #4]\n"
      "bne 1b\n"
      "add sp, sp, #16\n"
      "pop {r4-r11, pc}\n");
}

#else

namespace {

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

void widen(const MapWiden& columns, int32_t channels) {
  const int8_t* source = columns.source;
  const int32_t zero_point = -static_cast<int16_t>(columns.offset & 0xFFFFu);
  const int32_t words = columns.pairs + columns.has_trail;
  for (int32_t y = 0; y < columns.rows; ++y) {
    for (int32_t i = 0; i < words; ++i) {
      const bool is_pair = i < columns.pairs;
      for (int32_t c = 0; c < channels; ++c) {
        const int32_t low = source[c] - zero_point;
        const int32_t high = is_pair ? source[columns.step + c] - zero_point : 0;
        columns.plane[c * (columns.pitch / 4) + y * words + i] =
            (static_cast<uint32_t>(low) & 0xFFFFu) | static_cast<uint32_t>(high) << 16;
      }
      source += is_pair ? 2 * columns.step : columns.step;
    }
  }
}

}  // namespace

void expand_map_3(const int32_t* stream, uint32_t* weights, int32_t channels, int32_t stream_bytes) {
  expand<3, 1>(stream, weights, channels, stream_bytes);
}

void expand_map_5_1(const int32_t* stream, uint32_t* weights, int32_t channels, int32_t stream_bytes) {
  expand<5, 1>(stream, weights, channels, stream_bytes);
}

void expand_map_5_2(const int32_t* stream, uint32_t* weights, int32_t channels, int32_t stream_bytes) {
  expand<5, 2>(stream, weights, channels, stream_bytes);
}

void expand_map_7_1(const int32_t* stream, uint32_t* weights, int32_t channels, int32_t stream_bytes) {
  expand<7, 1>(stream, weights, channels, stream_bytes);
}

void expand_map_7_2(const int32_t* stream, uint32_t* weights, int32_t channels, int32_t stream_bytes) {
  expand<7, 2>(stream, weights, channels, stream_bytes);
}

void widen_map_2(const MapWiden* columns) { widen(*columns, 2); }

void widen_map_4(const MapWiden* columns) { widen(*columns, 4); }

#endif

}  // namespace arm_dsp
}  // namespace tflm_mcunet
