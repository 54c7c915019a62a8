#include "fully_connected.h"

#include "simd.h"

namespace tflm_mcunet {
namespace {

// The input as int16 times 256: for every four values, 0 and 2, then 1 and 3.
void widen_vector(const int8_t* source, int32_t depth, uint32_t* x) {
  int32_t i = 0;
  for (; i + 4 <= depth; i += 4) {
    const uint32_t word = arm_dsp::load_word(source + i);
    *x++ = (word << 8) & 0xFF00FF00u;
    *x++ = word & 0xFF00FF00u;
  }
  if (i < depth) {
    uint32_t word = 0;
    memcpy(&word, source + i, static_cast<uint32_t>(depth - i));
    *x++ = (word << 8) & 0xFF00FF00u;
    *x++ = word & 0xFF00FF00u;
  }
}

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)

#define UNIT(weights, sum)       \
  "sxtb16 r12, " weights         \
  "\n"                           \
  "smlad " sum ", r4, r12, " sum \
  "\n"                           \
  "sxtb16 " weights ", " weights \
  ", ror #8\n"                   \
  "smlad " sum ", r5, " weights ", " sum "\n"
#define WORD            \
  "ldm r0!, {r4, r5}\n" \
  "ldm r1!, {r6-r9}\n" UNIT("r6", "r10") UNIT("r7", "r11") UNIT("r8", "r3") UNIT("r9", "lr")

#define ENDING(sum)     \
  "ldm r1!, {r4-r6}\n"  \
  "smmla " sum ", " sum \
  ", r4, r5\n"          \
  "asr.w " sum ", " sum \
  ", r6\n"              \
  "ssat " sum ", #8, " sum "\n"

#define FIXED_ENDING(sum)      \
  "ldm r1!, {r4-r6}\n"         \
  "asr.w r8, " sum             \
  ", #31\n"                    \
  "add.w r5, r5, r8, lsl #7\n" \
  "smmla " sum ", " sum        \
  ", r4, r5\n"                 \
  "asr.w " sum ", " sum        \
  ", r6\n"                     \
  "ssat " sum ", #8, " sum "\n"
#define STORE              \
  "strb.w r10, [r7]\n"     \
  "strb.w r11, [r7, #1]\n" \
  "strb.w r3, [r7, #2]\n"  \
  "strb.w lr, [r7, #3]\n"

// Four units, two words at a time. `sums` is r10, r11, r3 and lr.
#define FOUR_UNITS(ENDING)  \
  asm volatile(             \
      "push {r3-r11, lr}\n" \
      "ldm r1!, {r4-r7}\n"  \
      "mov r10, r4\n"       \
      "mov r11, r5\n"       \
      "mov r3, r6\n"        \
      "mov lr, r7\n"        \
      "lsrs r2, r2, #1\n"   \
      "bcc 1f\n" WORD       \
      "cmp r2, #0\n"        \
      "beq.w 2f\n"          \
      "1:\n" WORD WORD      \
      "subs r2, r2, #1\n"   \
      "bne 1b\n"            \
      "2:\n" ENDING         \
      "mov r0, r1\n"        \
      "pop {r3-r11, pc}\n")

// (x, stream, words, sums): the stream behind the weights.
#define ASSEMBLER __attribute__((naked, noinline)) const int32_t*
ASSEMBLER dot_4_units(const uint32_t*, const int32_t*, int32_t, int32_t*) {
  FOUR_UNITS(
      "ldr r4, [sp]\n"
      "str r10, [r4]\n"
      "str r11, [r4, #4]\n"
      "str r3, [r4, #8]\n"
      "str lr, [r4, #12]\n");
}

// (x, stream, words, out): the stream behind the units. For Finish kSaturate and kSignFix.
ASSEMBLER plain_units(const uint32_t*, const int32_t*, int32_t, int8_t*) {
  FOUR_UNITS("ldr r7, [sp]\n" ENDING("r10") ENDING("r11") ENDING("r3") ENDING("lr") STORE);
}
ASSEMBLER fixed_units(const uint32_t*, const int32_t*, int32_t, int8_t*) {
  FOUR_UNITS("ldr r7, [sp]\n" FIXED_ENDING("r10") FIXED_ENDING("r11")  //
             FIXED_ENDING("r3") FIXED_ENDING("lr") STORE);
}

inline const int32_t* store_4_units(const uint32_t* x, const int32_t* stream, int32_t words, int32_t finish,
                                    int8_t* out) {
  return (finish == arm_dsp::kSaturate ? plain_units : fixed_units)(x, stream, words, out);
}

#else

const int32_t* dot_4_units(const uint32_t* x, const int32_t* stream, int32_t words, int32_t* sums) {
  for (int32_t unit = 0; unit < 4; ++unit) {
    sums[unit] = stream[unit];
  }
  stream += 4;
  for (int32_t i = 0; i < words; ++i, x += 2) {
    for (int32_t unit = 0; unit < 4; ++unit) {
      const uint32_t weights = static_cast<uint32_t>(*stream++);
      sums[unit] = arm_dsp::smlad(x[0], arm_dsp::widen_even(weights), sums[unit]);
      sums[unit] = arm_dsp::smlad(x[1], arm_dsp::widen_odd(weights), sums[unit]);
    }
  }
  return stream;
}

const int32_t* store_4_units(const uint32_t* x, const int32_t* stream, int32_t words, int32_t finish,
                             int8_t* out) {
  int32_t sums[4];
  stream = dot_4_units(x, stream, words, sums);
  for (int32_t unit = 0; unit < 4; ++unit, stream += 3) {
    out[unit] = arm_dsp::finished(sums[unit], stream[0], stream[1], stream[2], finish, -128, 127);
  }
  return stream;
}

#endif

}  // namespace

void fully_connected_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                             void* scratch) {
  const FullyConnectedDsp& layer = *static_cast<const FullyConnectedDsp*>(params);
  uint32_t* x = static_cast<uint32_t*>(scratch);
  int8_t* output = static_cast<int8_t*>(out) - columns.begin;
  widen_vector(static_cast<const int8_t*>(rows[0]), layer.depth, x);
  const int32_t first = columns.begin / 4;
  const int32_t* stream = layer.stream + first * (16 + 4 * layer.words);
  for (int32_t unit = first * 4; unit < columns.end; unit += 4) {
    if (layer.finish != arm_dsp::kClamp && unit >= columns.begin && unit + 4 <= columns.end) {
      stream = store_4_units(x, stream, layer.words, layer.finish, output + unit);
      continue;
    }
    int32_t sums[4];
    stream = dot_4_units(x, stream, layer.words, sums);
    for (int32_t i = 0; i < 4; ++i, stream += 3) {
      if (unit + i >= columns.begin && unit + i < columns.end) {
        output[unit + i] = arm_dsp::finished(sums[i], stream[0], stream[1], stream[2], layer.finish,
                                             layer.output_min, layer.output_max);
      }
    }
  }
}

}  // namespace tflm_mcunet
