#include "fully_connected.h"

namespace tflm_mcunet {
namespace {

using arm_dsp::load_word;

// The input as int16: for every four values, 0 and 2, then 1 and 3.
void widen_vector(const int8_t* source, int32_t depth, uint32_t* x) {
  int32_t i = 0;
  for (; i + 4 <= depth; i += 4) {
    const uint32_t word = load_word(source + i);
    *x++ = arm_dsp::widen_even(word);
    *x++ = arm_dsp::widen_odd(word);
  }
  if (i < depth) {
    uint32_t word = 0;
    memcpy(&word, source + i, static_cast<uint32_t>(depth - i));
    *x++ = arm_dsp::widen_even(word);
    *x++ = arm_dsp::widen_odd(word);
  }
}

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)

// The sums of two pairs of units, r4 to r7, for one of the two halves of a word: x, and the weights.
#define STEP(x, first, second) \
  "smlad r5, " x ", " first    \
  ", r5\n"                     \
  "smlad r7, " x ", " second   \
  ", r7\n"                     \
  "sxtb16 " first ", " first   \
  "\n"                         \
  "sxtb16 " second ", " second \
  "\n"                         \
  "smlad r4, " x ", " first    \
  ", r4\n"                     \
  "smlad r6, " x ", " second ", r6\n"
#define WORD            \
  "ldm r0!, {r8, r9}\n" \
  "ldm r1!, {r10-r12, lr}\n" STEP("r8", "r10", "r11") STEP("r9", "r12", "lr")

// (x, stream, words, sums): the stream behind the biases. The sums of A, B, C and D, times 256.
__attribute__((naked, noinline)) const int32_t* sum_4_units(const uint32_t*, const int32_t*, int32_t,
                                                            int32_t*) {
  asm volatile(
      "push {r3-r11, lr}\n"
      "ldr r5, [r1], #4\n"
      "ldr r7, [r1], #4\n"
      "movs r4, #0\n"
      "movs r6, #0\n"
      "lsrs r2, r2, #1\n"
      "bcc 1f\n" WORD
      "cmp r2, #0\n"
      "beq.w 2f\n"
      "1:\n" WORD WORD
      "subs r2, r2, #1\n"
      "bne 1b\n"
      "2:\n"
      "ldr r0, [sp]\n"
      "ldm r1!, {r8, r9}\n"
      "subs r5, r5, r4\n"
      "subs r7, r7, r6\n"
      "add.w r4, r8, r4, lsl #8\n"
      "add.w r6, r9, r6, lsl #8\n"
      "stm r0!, {r4-r7}\n"
      "mov r0, r1\n"
      "pop {r3-r11, pc}\n");
}

#else

const int32_t* sum_4_units(const uint32_t* x, const int32_t* stream, int32_t words, int32_t* sums) {
  int32_t alone[2] = {0, 0};
  int32_t both[2] = {stream[0], stream[1]};
  stream += 2;
  for (int32_t i = 0; i < 2 * words; ++i, ++x) {
    for (int32_t pair = 0; pair < 2; ++pair) {
      const uint32_t weights = static_cast<uint32_t>(*stream++);
      both[pair] = arm_dsp::smlad(*x, weights, both[pair]);
      alone[pair] = arm_dsp::smlad(*x, arm_dsp::widen_even(weights), alone[pair]);
    }
  }
  for (int32_t pair = 0; pair < 2; ++pair) {
    const uint32_t first = static_cast<uint32_t>(alone[pair]);
    sums[2 * pair] = static_cast<int32_t>((first << 8) + static_cast<uint32_t>(*stream++));
    sums[2 * pair + 1] = static_cast<int32_t>(static_cast<uint32_t>(both[pair]) - first);
  }
  return stream;
}

#endif

}  // namespace

void fully_connected_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                             void* scratch) {
  const FullyConnectedDsp& layer = *static_cast<const FullyConnectedDsp*>(params);
  const bool is_plain = layer.finish == arm_dsp::kSaturate;
  uint32_t* x = static_cast<uint32_t*>(scratch);
  int8_t* output = static_cast<int8_t*>(out) - columns.begin;
  widen_vector(static_cast<const int8_t*>(rows[0]), layer.depth, x);
  const int32_t begin = columns.begin & ~3;
  const int32_t* stream = layer.stream + begin / 4 * (8 + 4 * layer.words + (is_plain ? 0 : 1));
  for (int32_t unit = begin; unit < columns.end; unit += 4) {
    int32_t values[4];
    stream = sum_4_units(x, stream, layer.words, values);
    uint32_t shifts = is_plain ? 0 : static_cast<uint32_t>(stream[4]);
    for (int32_t i = 0; i < 4; ++i, ++stream, shifts >>= 8) {
      if (is_plain) {
        values[i] = arm_dsp::saturated(values[i], *stream, layer.constant, layer.shift);
        continue;
      }
      const int32_t value = arm_dsp::rounded(values[i], *stream, layer.constant, shifts & 0xFF);
      values[i] =
          value < layer.output_min ? layer.output_min : (value > layer.output_max ? layer.output_max : value);
    }
    stream += is_plain ? 0 : 1;
    if (unit >= columns.begin && unit + 4 <= columns.end) {
      for (int32_t i = 0; i < 4; ++i) {
        output[unit + i] = static_cast<int8_t>(values[i]);
      }
      continue;
    }
    for (int32_t i = 0; i < 4; ++i) {
      if (unit + i >= columns.begin && unit + i < columns.end) {
        output[unit + i] = static_cast<int8_t>(values[i]);
      }
    }
  }
}

}  // namespace tflm_mcunet
