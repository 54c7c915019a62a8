#include "depthwise_3x3_widen.h"

#include <string.h>

#include "depthwise_columns.h"
#include "simd.h"

namespace tflm_mcunet {
namespace arm_dsp {

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)

// Of two words the bytes 0 and 1, and 2 and 3.
#define LOW(result, one, two) "pkhbt " result ", " one ", " two ", lsl #16\n"
#define HIGH(result, one, two) "pkhtb " result ", " two ", " one ", asr #16\n"
#define STORE_PAIR(even, odd, at, rotation) \
  "sxtb16 r9, " even rotation               \
  "\n"                                      \
  "sxtb16 r11, " odd rotation               \
  "\n"                                      \
  "strd r9, r11, [" at "], #12\n"

TFLM_MCUNET_ASSEMBLER void widen_pair_3x3(const Columns3x3*) {
  WIDEN("",
        "sub r1, r1, r2\n"
        "mov r8, r11\n"
        "mov r9, r11\n",
        "ldr r8, [r0]\n"
        "ldr r9, [r1]\n"
        "mov r10, r11\n"
        "b 3b\n",
        "1:\n"
        "ldr.w r8, [r0]\n"
        "ldr.w r9, [r1]\n"
        "2:\n"
        "ldr.w r10, [r0, r2]\n"
        "ldr.w r11, [r1, r2]\n"
        "add.w r0, r0, r2, lsl #1\n"
        "add.w r1, r1, r2, lsl #1\n"
        "3:\n" LOW("r12", "r8", "r9") HIGH("r8", "r8", "r9") LOW("lr", "r10", "r11") HIGH("r10", "r10", "r11")
            STORE_PAIR("r12", "lr", "r3", "") STORE_PAIR("r12", "lr", "r4", ", ror #8")
                STORE_PAIR("r8", "r10", "r5", "") STORE_PAIR("r8", "r10", "r6", ", ror #8") WIDEN_NEXT);
}

#define STORE_SINGLE(word, at, rotation) \
  "sxtb16 r12, " word rotation           \
  "\n"                                   \
  "str r12, [" at "], #12\n"
#define TWO_COLUMNS            \
  "1:\n"                       \
  "ldr.w r8, [r0]\n"           \
  "2:\n"                       \
  "ldr.w r9, [r0, r2]\n"       \
  "add.w r0, r0, r2, lsl #1\n" \
  "3:\n" LOW("r10", "r8", "r9") HIGH("r9", "r8", "r9")
#define TRAILING_COLUMN \
  "ldr r8, [r0]\n"      \
  "mov r9, r11\n"       \
  "b 3b\n"

TFLM_MCUNET_ASSEMBLER void widen_single_3x3(const Columns3x3*) {
  WIDEN("add r3, r3, #8\n", "mov r8, r11\n", TRAILING_COLUMN,
        TWO_COLUMNS STORE_SINGLE("r10", "r3", "") STORE_SINGLE("r10", "r4", ", ror #8")
            STORE_SINGLE("r9", "r5", "") STORE_SINGLE("r9", "r6", ", ror #8") WIDEN_NEXT);
}

#define STORE_MASKED(word, at, shift) \
  "and.w lr, r12, " word shift        \
  "\n"                                \
  "str.w lr, [" at "], #12\n"

TFLM_MCUNET_ASSEMBLER void replace_single_3x3(const Columns3x3*) {
  WIDEN("add r3, r3, #8\n", "mov r8, r11\n", TRAILING_COLUMN,
        TWO_COLUMNS "mov.w r12, #0xFF00FF00\n" STORE_MASKED("r10", "r3", ", lsl #8") STORE_MASKED(
            "r10", "r4", "") STORE_MASKED("r9", "r5", ", lsl #8") STORE_MASKED("r9", "r6", "") WIDEN_NEXT);
}

// A column's four channels as the high bytes of halves whose low bytes are zero.
#define STORE_BYTES(word, next)   \
  "strb.w " word ", [r3], #" next \
  "\n"                            \
  "lsr.w " word ", " word         \
  ", #8\n"                        \
  "strb.w " word ", [r4], #" next \
  "\n"                            \
  "lsr.w " word ", " word         \
  ", #8\n"                        \
  "strb.w " word ", [r5], #" next \
  "\n"                            \
  "lsr.w " word ", " word         \
  ", #8\n"                        \
  "strb.w " word ", [r6], #" next "\n"

TFLM_MCUNET_ASSEMBLER void replace_half_3x3(const Columns3x3*) {
  WIDEN("add r3, r3, #1\n", "add r3, r3, #4\n"
        "add r4, r4, #4\n"
        "add r5, r5, #4\n"
        "add r6, r6, #4\n",
        "ldr r8, [r0]\n" STORE_BYTES("r8", "4"),
        "1:\n"
        "ldr.w r8, [r0]\n" STORE_BYTES("r8", "4")
        "2:\n"
        "ldr.w r9, [r0, r2]\n"
        "add.w r0, r0, r2, lsl #1\n" STORE_BYTES("r9", "8")
        WIDEN_NEXT);
}

#else

namespace {

// Sets halves `at` bytes into each unit: of both words where `is_pair`, else of the one word.
void set_row(const Columns3x3* columns, const void* source, int32_t at, bool is_pair, int32_t factor) {
  const int32_t first = columns->has_lead != 0 ? 1 : 0;
  const int32_t last = 2 * columns->pairs + (columns->has_trail != 0 ? 1 : 0);
  const int32_t end = 2 * (columns->pairs + (columns->has_trail != 0 ? 1 : 0));
  const int8_t padding = static_cast<int8_t>(columns->padding & 0xFFu);
  for (int32_t c = 0; c < 4; ++c) {
    uint8_t* const units = static_cast<uint8_t*>(columns->units) + c * columns->pitch + at;
    for (int32_t x = 0; x < end; ++x) {
      const bool exists = x >= first && x < last;
      const int8_t* const value = static_cast<const int8_t*>(source) + (x - first) * columns->step + c;
      const int16_t half = static_cast<int16_t>((exists ? *value : padding) * factor);
      memcpy(units + x / 2 * 12 + x % 2 * (is_pair ? 4 : 2), &half, sizeof(half));
    }
  }
}

}  // namespace

void widen_pair_3x3(const Columns3x3* columns) {
  set_row(columns, columns->row, 0, true, 1);
  set_row(columns, columns->other, 2, true, 1);
}

void widen_single_3x3(const Columns3x3* columns) { set_row(columns, columns->row, 8, false, 1); }

void replace_half_3x3(const Columns3x3* columns) { set_row(columns, columns->row, 0, true, 256); }

void replace_single_3x3(const Columns3x3* columns) { set_row(columns, columns->row, 8, false, 256); }

#endif

}  // namespace arm_dsp
}  // namespace tflm_mcunet
