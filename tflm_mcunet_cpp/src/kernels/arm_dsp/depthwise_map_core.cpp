#include "depthwise_map_core.h"

#include "depthwise_map_rows.h"
#include "depthwise_map_widen.h"
#include "finish.h"
#include "simd.h"

namespace tflm_mcunet {
namespace arm_dsp {

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)

namespace {

// The multiplier, constant and shift to end sums with, and how one is ended.
#define BY_LAYER(multiplier, constant, shift) \
  "ldrd " multiplier ", " constant            \
  ", [sp, #24]\n"                             \
  "ldr " shift ", [sp, #32]\n"
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
#define FINISH_3_BY_8 \
  "ldrd r7, r8, [sp, #24]\n" SCALE_3 SHIFT_BY_8("r2") SHIFT_BY_8("r3") SHIFT_BY_8("r4") STORE_KEPT_3
#define FINISH_5                                                                              \
  BY_LAYER("r7", "r8", "r9")                                                                  \
  SCALE_5 SHIFT_BY("r2", "r9") SHIFT_BY("r3", "r9") SHIFT_BY("r4", "r9") SHIFT_BY("r5", "r9") \
      SHIFT_BY("r6", "r9") STORE_5
#define FINISH_5_BY_8                                                                                    \
  "ldrd r7, r8, [sp, #24]\n" SCALE_5 SHIFT_BY_8("r2") SHIFT_BY_8("r3") SHIFT_BY_8("r4") SHIFT_BY_8("r5") \
      SHIFT_BY_8("r6") STORE_KEPT_5
#define SCALE_6           \
  SCALE("r2", "r8", "r9") \
  SCALE("r3", "r8", "r9") \
  SCALE("r4", "r8", "r9") SCALE("r5", "r8", "r9") SCALE("r6", "r8", "r9") SCALE("r7", "r8", "r9")
#define FINISH_6                                                                                  \
  BY_LAYER("r8", "r9", "r10")                                                                     \
  SCALE_6 SHIFT_BY("r2", "r10") SHIFT_BY("r3", "r10") SHIFT_BY("r4", "r10") SHIFT_BY("r5", "r10") \
      SHIFT_BY("r6", "r10") SHIFT_BY("r7", "r10") STORE_6
#define FINISH_6_BY_8                                                                                    \
  "ldrd r8, r9, [sp, #24]\n" SCALE_6 SHIFT_BY_8("r2") SHIFT_BY_8("r3") SHIFT_BY_8("r4") SHIFT_BY_8("r5") \
      SHIFT_BY_8("r6") SHIFT_BY_8("r7") STORE_KEPT_6

// An output row. Where registers are left, the pointer to it stays in one, r12 or r6, and in r5 the stride;
// then `KEEP_..` sets them for a channel from r8.
#define KEEP_NONE "str r8, [sp, #44]\n"
#define STORE_5                     \
  "ldrd r10, r11, [sp, #44]\n"      \
  "strb.w r2, [r10]\n"              \
  "strb.w r3, [r10, r11]\n"         \
  "add.w r12, r10, r11\n"           \
  "strb.w r4, [r12, r11]\n"         \
  "strb.w r5, [r12, r11, lsl #1]\n" \
  "strb.w r6, [r10, r11, lsl #2]\n" \
  "add.w r12, r12, r11, lsl #2\n"   \
  "str.w r12, [sp, #44]\n"
#define STORE_6           \
  STORE_5                 \
  "strb.w r7, [r12]\n"    \
  "add.w r12, r12, r11\n" \
  "str.w r12, [sp, #44]\n"
#define KEEP_OUT "mov r12, r8\n"
#define STORE_KEPT_5                \
  "ldr.w r11, [sp, #48]\n"          \
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
  "ldr r5, [sp, #48]\n"
#define STORE_KEPT_3              \
  "strb.w r2, [r6]\n"             \
  "strb.w r3, [r6, r5]\n"         \
  "strb.w r4, [r6, r5, lsl #1]\n" \
  "add.w r6, r6, r5, lsl #1\n"    \
  "add.w r6, r6, r5\n"

// Label 2: a channel, 1: an output row. The stack is MapJob up to `channels`: 0 to 23 what sums begin with,
// 24 multiplier, 28 constant, 32 shift, 36 the list's next row, 40 its first, 44 the row's output, 48 stride,
// 52 the channel's output, 56 stream, 60 its step, 64 channels. (name, code of the kernel rows, what holds
// sums, what keeps the output, how sums end)
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
#define MAP(name, rows, sums, KEEP, FINISH) \
  asm volatile(                             \
      "push {r4-r11, lr}\n"                 \
      "sub sp, sp, #68\n"                   \
      "mov lr, sp\n"                        \
      "ldmia.w r0!, {r1-r8}\n"              \
      "stmia.w lr!, {r1-r8}\n"              \
      "ldmia.w r0!, {r1-r8}\n"              \
      "stmia.w lr!, {r1-r8}\n"              \
      "ldmia.w r0, {r0-r2}\n"               \
      "str.w r0, [lr]\n"                    \
      "mov r0, r1\n"                        \
      "mov r1, r2\n"                        \
      "2:\n"                                \
      "ldrd r8, r9, [sp, #52]\n"            \
      "ldr r10, [sp, #60]\n"                \
      "ldrd r2, r3, [r9]\n" KEEP            \
      "add r8, r8, #1\n"                    \
      "add r9, r9, r10\n"                   \
      "strd r8, r9, [sp, #52]\n"            \
      "str r3, [sp, #24]\n"                 \
      "strd r2, r2, [sp]\n"                 \
      "strd r2, r2, [sp, #8]\n"             \
      "strd r2, r2, [sp, #16]\n"            \
      "ldr r8, [sp, #40]\n"                 \
      "1:\n"                                \
      "ldmia.w r8!, {r9-r11}\n"             \
      "add r0, r0, r9\n"                    \
      "add r1, r1, r10\n"                   \
      "str r8, [sp, #36]\n"                 \
      "ldmia.w sp, {" sums                  \
      "}\n"                                 \
      "bx r11\n"                            \
      ".balign 4\n" rows FINISH             \
      "ldr r8, [sp, #36]\n"                 \
      "b 1b\n"                              \
      ".balign 4\n"                         \
      "tflm_mcunet_map_" name               \
      "_end:\n"                             \
      "ldr r4, [sp, #64]\n"                 \
      "subs r4, r4, #1\n"                   \
      "str r4, [sp, #64]\n"                 \
      "bne 2b\n"                            \
      "add sp, sp, #68\n"                   \
      "pop {r4-r11, pc}\n")

TFLM_MCUNET_ASSEMBLER void map_3_1_5(const MapJob*) {
  MAP("3_1_5", ROWS("3_1_5", "3", "44", ROW_3_1_5), "r2-r6", KEEP_OUT, FINISH_5_BY_8);
}
TFLM_MCUNET_ASSEMBLER void map_3_1_6(const MapJob*) {
  MAP("3_1_6", ROWS("3_1_6", "3", "48", ROW_3_1_6), "r2-r7", KEEP_OUT, FINISH_6_BY_8);
}
TFLM_MCUNET_ASSEMBLER void map_3_2_11(const MapJob*) {
  MAP("3_2_11", ROWS("3_2_11", "3", "56", ROW_3_2_11), "r2-r7", KEEP_OUT, FINISH_6_BY_8);
}
TFLM_MCUNET_ASSEMBLER void map_3_2_12(const MapJob*) {
  MAP("3_2_12", ROWS("3_2_12", "3", "56", ROW_3_2_12), "r2-r7", KEEP_OUT, FINISH_6_BY_8);
}
TFLM_MCUNET_ASSEMBLER void map_3_2_6(const MapJob*) {
  MAP("3_2_6", ROWS("3_2_6", "3", "28", ROW_3_2_6), "r2-r4", KEEP_BOTH, FINISH_3_BY_8);
}
TFLM_MCUNET_ASSEMBLER void map_5_2_6(const MapJob*) {
  MAP("5_2_6", ROWS("5_2_6", "5", "36", ROW_5_2_6), "r2-r4", KEEP_BOTH, FINISH_3);
}
TFLM_MCUNET_ASSEMBLER void map_7_1_3(const MapJob*) {
  MAP("7_1_3", ROWS("7_1_3", "7", "40", ROW_7_1_3), "r2-r4", KEEP_BOTH, FINISH_3);
}
TFLM_MCUNET_ASSEMBLER void map_7_1_5(const MapJob*) {
  MAP("7_1_5", ROWS("7_1_5", "7", "68", ROW_7_1_5), "r2-r6", KEEP_NONE, FINISH_5);
}
TFLM_MCUNET_ASSEMBLER void map_7_1_6(const MapJob*) {
  MAP("7_1_6", ROWS("7_1_6", "7", "80", ROW_7_1_6), "r2-r7", KEEP_NONE, FINISH_6);
}
TFLM_MCUNET_ASSEMBLER void map_7_2_10(const MapJob*) {
  MAP("7_2_10", ROWS("7_2_10", "7", "76", ROW_7_2_10), "r2-r6", KEEP_NONE, FINISH_5);
}

TFLM_MCUNET_ASSEMBLER void map_3_1_10(const MapJob*) {
  MAP("3_1_10", HALVES("3_1_10", "3", "52", ROW_3_1_10_LEFT, "48", ROW_3_1_10_RIGHT), "r2-r6", KEEP_OUT,
      FINISH_5_BY_8);
}
TFLM_MCUNET_ASSEMBLER void map_3_1_12(const MapJob*) {
  MAP("3_1_12", HALVES("3_1_12", "3", "56", ROW_3_1_12_LEFT, "56", ROW_3_1_12_RIGHT), "r2-r7", KEEP_OUT,
      FINISH_6_BY_8);
}
TFLM_MCUNET_ASSEMBLER void map_5_1_10(const MapJob*) {
  MAP("5_1_10", HALVES("5_1_10", "5", "68", ROW_5_1_10_LEFT, "68", ROW_5_1_10_RIGHT), "r2-r6", KEEP_NONE,
      FINISH_5);
}
TFLM_MCUNET_ASSEMBLER void map_7_2_20(const MapJob*) {
  MAP("7_2_20", HALVES("7_2_20", "7", "84", ROW_7_2_20_LEFT, "92", ROW_7_2_20_RIGHT), "r2-r6", KEEP_NONE,
      FINISH_5);
}

extern "C" {
extern const char tflm_mcunet_map_3_1_10[];
extern const char tflm_mcunet_map_3_1_10_end[];
extern const char tflm_mcunet_map_3_1_10_right[];
extern const char tflm_mcunet_map_3_1_12[];
extern const char tflm_mcunet_map_3_1_12_end[];
extern const char tflm_mcunet_map_3_1_12_right[];
extern const char tflm_mcunet_map_5_1_10[];
extern const char tflm_mcunet_map_5_1_10_end[];
extern const char tflm_mcunet_map_5_1_10_right[];
extern const char tflm_mcunet_map_7_2_20[];
extern const char tflm_mcunet_map_7_2_20_end[];
extern const char tflm_mcunet_map_7_2_20_right[];
extern const char tflm_mcunet_map_3_1_5[];
extern const char tflm_mcunet_map_3_1_5_end[];
extern const char tflm_mcunet_map_3_1_6[];
extern const char tflm_mcunet_map_3_1_6_end[];
extern const char tflm_mcunet_map_3_2_11[];
extern const char tflm_mcunet_map_3_2_11_end[];
extern const char tflm_mcunet_map_3_2_12[];
extern const char tflm_mcunet_map_3_2_12_end[];
extern const char tflm_mcunet_map_3_2_6[];
extern const char tflm_mcunet_map_3_2_6_end[];
extern const char tflm_mcunet_map_5_2_6[];
extern const char tflm_mcunet_map_5_2_6_end[];
extern const char tflm_mcunet_map_7_1_3[];
extern const char tflm_mcunet_map_7_1_3_end[];
extern const char tflm_mcunet_map_7_1_5[];
extern const char tflm_mcunet_map_7_1_5_end[];
extern const char tflm_mcunet_map_7_1_6[];
extern const char tflm_mcunet_map_7_1_6_end[];
extern const char tflm_mcunet_map_7_2_10[];
extern const char tflm_mcunet_map_7_2_10_end[];
}

}  // namespace

const MapCore kMap3x3Stride1Width5 = {map_3_1_5, tflm_mcunet_map_3_1_5_end,       expand_map_3, 3, 1, 2,
                                      1,         {{tflm_mcunet_map_3_1_5, 44, 0}}};
const MapCore kMap3x3Stride1Width6 = {map_3_1_6, tflm_mcunet_map_3_1_6_end,       expand_map_3, 3, 1, 2,
                                      1,         {{tflm_mcunet_map_3_1_6, 48, 0}}};
const MapCore kMap3x3Stride2Width11 = {map_3_2_11, tflm_mcunet_map_3_2_11_end,       expand_map_3, 3, 2, 2,
                                       1,          {{tflm_mcunet_map_3_2_11, 56, 0}}};
const MapCore kMap3x3Stride2Width12 = {map_3_2_12, tflm_mcunet_map_3_2_12_end,       expand_map_3, 3, 2, 2,
                                       1,          {{tflm_mcunet_map_3_2_12, 56, 0}}};
const MapCore kMap3x3Stride2Width6 = {map_3_2_6, tflm_mcunet_map_3_2_6_end,       expand_map_3, 3, 2, 2,
                                      1,         {{tflm_mcunet_map_3_2_6, 28, 0}}};
const MapCore kMap5x5Stride2Width6 = {map_5_2_6, tflm_mcunet_map_5_2_6_end,       expand_map_5_2, 5, 2, 3,
                                      1,         {{tflm_mcunet_map_5_2_6, 36, 0}}};
const MapCore kMap7x7Stride1Width3 = {map_7_1_3, tflm_mcunet_map_7_1_3_end,       expand_map_7_1, 7, 1, 7,
                                      1,         {{tflm_mcunet_map_7_1_3, 40, 0}}};
const MapCore kMap7x7Stride1Width5 = {map_7_1_5, tflm_mcunet_map_7_1_5_end,       expand_map_7_1, 7, 1, 7,
                                      1,         {{tflm_mcunet_map_7_1_5, 68, 0}}};
const MapCore kMap7x7Stride1Width6 = {map_7_1_6, tflm_mcunet_map_7_1_6_end,       expand_map_7_1, 7, 1, 7,
                                      1,         {{tflm_mcunet_map_7_1_6, 80, 0}}};
const MapCore kMap7x7Stride2Width10 = {map_7_2_10, tflm_mcunet_map_7_2_10_end,       expand_map_7_2, 7, 2, 4,
                                       1,          {{tflm_mcunet_map_7_2_10, 76, 0}}};

const MapCore kMap3x3Stride1Width10 = {
    map_3_1_10,
    tflm_mcunet_map_3_1_10_end,
    expand_map_3,
    3,
    1,
    2,
    2,
    {{tflm_mcunet_map_3_1_10, 52, 0}, {tflm_mcunet_map_3_1_10_right, 48, 8}}};
const MapCore kMap3x3Stride1Width12 = {
    map_3_1_12,
    tflm_mcunet_map_3_1_12_end,
    expand_map_3,
    3,
    1,
    2,
    2,
    {{tflm_mcunet_map_3_1_12, 56, 0}, {tflm_mcunet_map_3_1_12_right, 56, 8}}};
const MapCore kMap5x5Stride1Width10 = {
    map_5_1_10,
    tflm_mcunet_map_5_1_10_end,
    expand_map_5_1,
    5,
    1,
    4,
    2,
    {{tflm_mcunet_map_5_1_10, 68, 0}, {tflm_mcunet_map_5_1_10_right, 68, 4}}};
const MapCore kMap7x7Stride2Width20 = {
    map_7_2_20,
    tflm_mcunet_map_7_2_20_end,
    expand_map_7_2,
    7,
    2,
    4,
    2,
    {{tflm_mcunet_map_7_2_20, 84, 0}, {tflm_mcunet_map_7_2_20_right, 92, 12}}};

uint32_t entry_of(const MapCore& core, const MapPart& part, int32_t rows) {
  const char* const code = rows == 0 ? core.end : part.code + (core.kernel - rows) * part.row_bytes;
  return reinterpret_cast<uint32_t>(code) | 1;
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
  const uint32_t* x = job->x;
  const uint32_t* weights = job->weights;
  for (int32_t c = 0; c < job->channels; ++c) {
    const int32_t* const stream = job->stream + c * (job->stream_bytes / 4);
    int8_t* out = job->out + c;
    int32_t part = 0;
    for (const MapRow* row = job->rows;; ++row, part = (part + 1) % parts) {
      x += row->x / 4;
      weights += row->weights / 4;
      const int32_t rows = static_cast<int32_t>(row->entry);
      if (rows == 0) {
        break;
      }
      const int32_t first = part * (count / parts);
      for (int32_t i = first; i < first + count / parts; ++i, out += job->stride) {
        uint32_t sum = static_cast<uint32_t>(stream[0]);
        for (int32_t y = 0; y < rows; ++y) {
          const uint32_t* const w = weights + y * words;
          for (int32_t tap = 0; tap < kernel; ++tap) {
            const int32_t column = i * stride + tap - pad;
            if (column >= 0 && column < width) {
              const uint32_t pair = x[y * row_words + column / 2];
              sum += static_cast<uint32_t>(static_cast<int16_t>(pair >> (16 * (column % 2))) *
                                           weight_of(w, kernel, stride, tap));
            }
          }
        }
        *out = saturated(static_cast<int32_t>(sum), stream[1], job->constant,
                         kernel == 3 ? kMapShift : job->shift);
      }
      x += rows * row_words;
      weights += rows * words;
    }
  }
}

}  // namespace

const MapCore kMap3x3Stride1Width5 = {run<3, 1, 5, 1, 1>, nullptr, expand_map_3, 3, 1, 2, 1, {}};
const MapCore kMap3x3Stride1Width6 = {run<3, 1, 6, 1, 1>, nullptr, expand_map_3, 3, 1, 2, 1, {}};
const MapCore kMap3x3Stride2Width11 = {run<3, 2, 11, 1, 1>, nullptr, expand_map_3, 3, 2, 2, 1, {}};
const MapCore kMap3x3Stride2Width12 = {run<3, 2, 12, 0, 1>, nullptr, expand_map_3, 3, 2, 2, 1, {}};
const MapCore kMap3x3Stride2Width6 = {run<3, 2, 6, 0, 1>, nullptr, expand_map_3, 3, 2, 2, 1, {}};
const MapCore kMap5x5Stride2Width6 = {run<5, 2, 6, 2, 1>, nullptr, expand_map_5_2, 5, 2, 3, 1, {}};
const MapCore kMap7x7Stride1Width3 = {run<7, 1, 3, 3, 1>, nullptr, expand_map_7_1, 7, 1, 7, 1, {}};
const MapCore kMap7x7Stride1Width5 = {run<7, 1, 5, 3, 1>, nullptr, expand_map_7_1, 7, 1, 7, 1, {}};
const MapCore kMap7x7Stride1Width6 = {run<7, 1, 6, 3, 1>, nullptr, expand_map_7_1, 7, 1, 7, 1, {}};
const MapCore kMap7x7Stride2Width10 = {run<7, 2, 10, 3, 1>, nullptr, expand_map_7_2, 7, 2, 4, 1, {}};

const MapCore kMap3x3Stride1Width10 = {run<3, 1, 10, 1, 2>, nullptr, expand_map_3, 3, 1, 2, 2, {}};
const MapCore kMap3x3Stride1Width12 = {run<3, 1, 12, 1, 2>, nullptr, expand_map_3, 3, 1, 2, 2, {}};
const MapCore kMap5x5Stride1Width10 = {run<5, 1, 10, 2, 2>, nullptr, expand_map_5_1, 5, 1, 4, 2, {}};
const MapCore kMap7x7Stride2Width20 = {run<7, 2, 20, 3, 2>, nullptr, expand_map_7_2, 7, 2, 4, 2, {}};

uint32_t entry_of(const MapCore&, const MapPart&, int32_t rows) { return static_cast<uint32_t>(rows); }

#endif

}  // namespace arm_dsp
}  // namespace tflm_mcunet
