// Where products of two inputs and two weights become outputs; see depthwise_packed_core.h.
#include "depthwise_packed_core.h"

#include <string.h>

#include "depthwise_columns.h"
#include "simd.h"

namespace tflm_mcunet {
namespace arm_dsp {

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)

namespace {

// Registers: r0 x, r1 weights, r2-r7 three sums of 64 bits, r8-r11 a row's weights, r12 and lr words of x.
// The stack is PackedJob; its state: 4 end of the weights, 8 to 31 what three sums begin with, 32 the part
// that the last sum leaves for the next block's first output, 36 multiplier, 40 constant, 44 shift; of the
// block: 52 x, 56 weights, 60 out, 64 outputs left, 68 whether it is the first, whose first output does not
// exist.
#define A(x, w) "smlal r2, r3, " x ", " w "\n"
#define B(x, w) "smlal r4, r5, " x ", " w "\n"
#define C(x, w) "smlal r6, r7, " x ", " w "\n"
#define TWO(at) "ldrd r12, lr, [r0, #" at "]\n"
#define ONE(at) "ldr.w r12, [r0, #" at "]\n"
#define FOUR_WEIGHTS "ldmia.w r1!, {r8-r11}\n"
#define THREE_WEIGHTS "ldmia.w r1!, {r8-r10}\n"
#define ROW_7_1                                                                                            \
  FOUR_WEIGHTS TWO("0") A("r12", "r8") A("lr", "r9") B("lr", "r8") TWO("8") A("r12", "r10") B("r12", "r9") \
      C("r12", "r8") A("lr", "r11") B("lr", "r10") C("lr", "r9") TWO("16") B("r12", "r11") C("r12", "r10") \
          C("lr", "r11")
#define ROW_5_1                                                                                             \
  THREE_WEIGHTS TWO("0") A("r12", "r8") A("lr", "r9") B("lr", "r8") TWO("8") A("r12", "r10") B("r12", "r9") \
      C("r12", "r8") B("lr", "r10") C("lr", "r9") ONE("16") C("r12", "r10")
#define ROW_7_2                                                                                             \
  FOUR_WEIGHTS TWO("0") A("r12", "r8") A("lr", "r10") TWO("8") A("r12", "r9") B("r12", "r8") A("lr", "r11") \
      B("lr", "r10") TWO("16") B("r12", "r9") C("r12", "r8") B("lr", "r11") C("lr", "r10") TWO("24")        \
          C("r12", "r9") C("lr", "r11")
#define ROW_5_2                                                                                              \
  THREE_WEIGHTS TWO("0") A("r12", "r8") A("lr", "r10") TWO("8") A("r12", "r9") B("r12", "r8") B("lr", "r10") \
      TWO("16") B("r12", "r9") C("r12", "r8") C("lr", "r10") ONE("24") C("r12", "r9")
#define ROWS(name, row)                     \
  "tflm_mcunet_packed_rows_" name ":\n" row \
  "ldrd r12, lr, [sp]\n"                    \
  "add.w r0, r0, r12\n"                     \
  "cmp r1, lr\n"                            \
  "bne.w tflm_mcunet_packed_rows_" name     \
  "\n"                                      \
  "ldr.w pc, [sp, #120]\n"

// From a sum the even output and what its odd output lacks, both times 2^11 and 1.
#define SPLIT(low, high)          \
  "adds.w " low ", " low          \
  ", #0x100000\n"                 \
  "adc.w " high ", " high         \
  ", #0\n"                        \
  "lsr.w " low ", " low           \
  ", #21\n"                       \
  "orr.w " low ", " low ", " high \
  ", lsl #11\n"                   \
  "lsl.w " low ", " low           \
  ", #11\n"                       \
  "add.w " high ", " high         \
  ", #0x200\n"                    \
  "asr.w " high ", " high ", #10\n"
// The odd output between two sums.
#define JOIN(result, part, low) \
  "lsl.w r9, " low              \
  ", #11\n"                     \
  "add.w " result ", r9, " part ", lsl #11\n"
// Six outputs: r8, r2, r3, r4, r5, r6.
#define SPLIT_ALL                                                                                           \
  "ldr.w r8, [sp, #32]\n" JOIN("r8", "r8", "r2") SPLIT("r2", "r3") JOIN("r3", "r3", "r4") SPLIT("r4", "r5") \
      JOIN("r5", "r5", "r6") SPLIT("r6", "r7") "str.w r7, [sp, #32]\n"
#define FINISH(sum)     \
  "smmla " sum ", " sum \
  ", r9, r10\n"         \
  "asr.w " sum ", " sum \
  ", r11\n"             \
  "ssat " sum ", #8, " sum "\n"
#define FINISH_ALL            \
  "ldrd r9, r10, [sp, #36]\n" \
  "ldr.w r11, [sp, #44]\n" FINISH("r8") FINISH("r2") FINISH("r3") FINISH("r4") FINISH("r5") FINISH("r6")
// One of the last block's outputs, from the last to the second.
#define LAST(store, value) \
  store " " value          \
        ", [lr]\n"         \
        "sub.w lr, lr, r12\n"
// A block of six outputs, of which the very first takes the place of the second and is overwritten; or the
// last block, whose outputs before the one that `last` chooses do not exist.
#define TAIL(name, finish, store) \
  "tflm_mcunet_packed_tail_" name ":\n" SPLIT_ALL   \
  finish                                            \
  "ldr.w r12, [sp, #48]\n"                          \
  "ldrd lr, r7, [sp, #60]\n"                        \
  "ldr.w r9, [sp, #68]\n"                           \
  "subs.w r7, r7, #6\n"                             \
  "ble.n 7f\n"                                      \
  store " r8, [lr, r9]\n"                           \
  store " r2, [lr, r12]\n"                          \
  store " r3, [lr, r12, lsl #1]\n"                  \
  "add.w r9, lr, r12\n"                             \
  store " r4, [r9, r12, lsl #1]\n"                  \
  "add.w r9, lr, r12, lsl #2\n"                     \
  store " r5, [r9]\n"                               \
  store " r6, [r9, r12]\n"                          \
  "add.w lr, r9, r12, lsl #1\n"                     \
  "b.w tflm_mcunet_packed_next\n"                   \
  "7:\n"                                            \
  "add.w r7, r7, #5\n"                              \
  "mla lr, r7, r12, lr\n"                           \
  "ldr.w pc, [sp, #124]\n"                          \
  "tflm_mcunet_packed_last_" name ":\n"             \
  LAST(store, "r6") LAST(store, "r5") LAST(store, "r4") LAST(store, "r3") LAST(store, "r2") \
  "cmp.w r9, #0\n"                                  \
  "it eq\n"                                         \
  store "eq r8, [lr]\n"                             \
  "b.w tflm_mcunet_packed_done\n"

// Label 2: a channel, 4: a block.
TFLM_MCUNET_ASSEMBLER void compute(const PackedJob*) {
  asm volatile(
      "push {r4-r11, lr}\n"
      "sub sp, sp, #128\n"
      "mov lr, sp\n"
      "ldmia.w r0!, {r1-r8}\n"
      "stmia.w lr!, {r1-r8}\n"
      "ldmia.w r0!, {r1-r8}\n"
      "stmia.w lr!, {r1-r8}\n"
      "ldmia.w r0!, {r1-r8}\n"
      "stmia.w lr!, {r1-r8}\n"
      "ldmia.w r0!, {r1-r8}\n"
      "stmia.w lr!, {r1-r8}\n"
      "2:\n"
      "ldr r6, [sp, #88]\n"
      "ldmia.w r6!, {r2, r3, r8-r10}\n"
      "str r6, [sp, #88]\n"
      "strd r2, r3, [sp, #8]\n"
      "strd r2, r3, [sp, #16]\n"
      "strd r2, r3, [sp, #24]\n"
      "strd r8, r9, [sp, #36]\n"
      "str.w r10, [sp, #44]\n"
      "ldrd r1, r4, [sp, #80]\n"
      "ldr r5, [sp, #108]\n"
      "add r4, r4, r1\n"
      "add r5, r5, r1\n"
      "str r4, [sp, #80]\n"
      "str r5, [sp, #4]\n"
      "str r1, [sp, #56]\n"
      "ldrd r0, r4, [sp, #72]\n"
      "ldrd r6, r7, [sp, #92]\n"
      "add r4, r4, r0\n"
      "str r4, [sp, #72]\n"
      "add r7, r7, r6\n"
      "str r7, [sp, #92]\n"
      "ldr r7, [sp, #104]\n"
      "ldr r5, [sp, #48]\n"
      "add r7, r7, #1\n"
      "sub r6, r6, r5\n"
      "strd r6, r7, [sp, #60]\n"
      "str r5, [sp, #68]\n"
      "b.n 4f\n"
      "tflm_mcunet_packed_next:\n"
      "mov r2, #0\n"
      "str r2, [sp, #68]\n"
      "ldr r1, [sp, #112]\n"
      "ldr r0, [sp, #52]\n"
      "strd lr, r7, [sp, #60]\n"
      "add r0, r0, r1\n"
      "ldr r1, [sp, #56]\n"
      "4:\n"
      "str r0, [sp, #52]\n"
      "add r12, sp, #8\n"
      "ldmia.w r12, {r2-r7}\n"
      "ldr.w pc, [sp, #116]\n"
      ROWS("7_1", ROW_7_1) ROWS("5_1", ROW_5_1) ROWS("7_2", ROW_7_2) ROWS("5_2", ROW_5_2)
      TAIL("outputs", FINISH_ALL, "strb")
      "tflm_mcunet_packed_done:\n"
      "ldr r6, [sp, #100]\n"
      "subs r6, r6, #1\n"
      "str r6, [sp, #100]\n"
      "bne.w 2b\n"
      "add sp, sp, #128\n"
      "pop {r4-r11, pc}\n"
      TAIL("sums", "", "str"));
}

// The addresses of the code that `compute` chooses from.
extern "C" {
extern const char tflm_mcunet_packed_rows_7_1[];
extern const char tflm_mcunet_packed_rows_5_1[];
extern const char tflm_mcunet_packed_rows_7_2[];
extern const char tflm_mcunet_packed_rows_5_2[];
extern const char tflm_mcunet_packed_tail_outputs[];
extern const char tflm_mcunet_packed_tail_sums[];
extern const char tflm_mcunet_packed_last_outputs[];
extern const char tflm_mcunet_packed_last_sums[];
}

// Registers: r0 row, r1 offset, r2 step, r3-r6 a word of each channel, r7 words left, r8 and r9 two columns.
#define STORE_WORD(at, rotation, next) \
  "sxtab r10, r1, r8" rotation         \
  "\n"                                 \
  "sxtb.w r11, r9" rotation            \
  "\n"                                 \
  "add.w r10, r10, r11, lsl #21\n"     \
  "str.w r10, [" at "], #" next "\n"
#define WIDEN_WORDS(next)                                                    \
  WIDEN("", "mov r8, r11\n",                                                 \
        "ldr r8, [r0]\n"                                                     \
        "mov r9, r11\n"                                                      \
        "b 3b\n",                                                            \
        "1:\n"                                                               \
        "ldr.w r8, [r0]\n"                                                   \
        "2:\n"                                                               \
        "ldr.w r9, [r0, r2]\n"                                               \
        "add.w r0, r0, r2, lsl #1\n"                                         \
        "3:\n" STORE_WORD("r3", "", next) STORE_WORD("r4", ", ror #8", next) \
            STORE_WORD("r5", ", ror #16", next) STORE_WORD("r6", ", ror #24", next) WIDEN_NEXT)

TFLM_MCUNET_ASSEMBLER void widen_1(const PackedColumns*) { WIDEN_WORDS("4"); }

TFLM_MCUNET_ASSEMBLER void widen_2(const PackedColumns*) { WIDEN_WORDS("8"); }

}  // namespace

PackedCode packed_code(int32_t count, int32_t kernel, int32_t stride, bool is_sum) {
  const char* const seven = stride == 1 ? tflm_mcunet_packed_rows_7_1 : tflm_mcunet_packed_rows_7_2;
  const char* const five = stride == 1 ? tflm_mcunet_packed_rows_5_1 : tflm_mcunet_packed_rows_5_2;
  const char* const tail = is_sum ? tflm_mcunet_packed_tail_sums : tflm_mcunet_packed_tail_outputs;
  const char* const last = is_sum ? tflm_mcunet_packed_last_sums : tflm_mcunet_packed_last_outputs;
  constexpr int32_t kLastBytes = 8;
  const int32_t missing = 5 - count % 6;
  return {reinterpret_cast<uint32_t>(kernel == 7 ? seven : five) | 1, reinterpret_cast<uint32_t>(tail) | 1,
          reinterpret_cast<uint32_t>(last + kLastBytes * missing) | 1};
}

void depthwise_packed(const PackedJob* job, int32_t, int32_t, bool) { compute(job); }

void widen_packed(const PackedColumns* columns, int32_t stride) {
  (stride == 1 ? widen_1 : widen_2)(columns);
}

#else

namespace {

struct Parts {
  int32_t even;  // times 2^11
  int32_t low;   // times 2^11
  int32_t high;
};

Parts parts_of(int64_t sum) {
  const uint64_t bits = static_cast<uint64_t>(sum);
  const uint64_t rest = (bits + (1u << 20)) >> 21;
  const int32_t even = static_cast<int32_t>(static_cast<uint32_t>(rest) << 11);
  const int64_t upper = static_cast<int64_t>(bits + (1u << 20)) >> 32;
  return {even, static_cast<int32_t>(static_cast<uint32_t>(bits) << 11),
          static_cast<int32_t>((upper + 0x200) >> 10)};
}

}  // namespace

PackedCode packed_code(int32_t, int32_t, int32_t, bool) { return {0, 0, 0}; }

void depthwise_packed(const PackedJob* job, int32_t kernel, int32_t stride, bool is_sum) {
  const int32_t words = kernel == 7 ? 4 : 3;
  for (int32_t c = 0; c < job->channels; ++c) {
    const PackedEnding& ending = job->endings[c];
    const int32_t* const weights = job->weights + c * (job->weights_bytes / 4);
    const int32_t* const x = job->x + c * (job->x_bytes / 4);
    uint8_t* const out = static_cast<uint8_t*>(job->out) + c * job->out_step;
    int32_t part = 0;
    for (int32_t pair = 0; pair <= job->count / 2; ++pair) {
      const uint64_t begin = static_cast<uint64_t>(ending.begin[1]) << 32 | ending.begin[0];
      int64_t sum = static_cast<int64_t>(begin);
      for (int32_t row = 0; row < job->row_bytes / (4 * words); ++row) {
        const int32_t* const w = weights + row * words;
        const int32_t* const first = x + row * (job->pitch / 4) + pair * stride;
        for (int32_t i = 0; i < words; ++i) {
          // At stride 2 the words of even columns come first, and x has them in turns.
          const int32_t at = stride == 1 ? i : (i < 2 ? 2 * i : 2 * (i - 2) + 1);
          sum += static_cast<int64_t>(first[at]) * w[i];
        }
      }
      const Parts parts = parts_of(sum);
      const int32_t odd =
          static_cast<int32_t>(static_cast<uint32_t>(parts.low) + (static_cast<uint32_t>(part) << 11));
      const int32_t values[2] = {odd, parts.even};
      part = parts.high;
      for (int32_t k = 0; k < 2; ++k) {
        const int32_t i = 2 * pair - 1 + k;
        if (i < 0 || i >= job->count) {
          continue;
        }
        if (is_sum) {
          memcpy(out + 4 * i, &values[k], sizeof(int32_t));
        } else {
          const int32_t value = scale(values[k], ending.multiplier, ending.constant) >> ending.shift;
          out[i * job->stride] = static_cast<uint8_t>(saturate(value));
        }
      }
    }
  }
}

void widen_packed(const PackedColumns* columns, int32_t stride) {
  const int32_t first = columns->has_lead != 0 ? 1 : 0;
  const int32_t words = columns->pairs + (columns->has_trail != 0 ? 1 : 0);
  const int32_t last = 2 * columns->pairs + (columns->has_trail != 0 ? 1 : 0);
  const int8_t padding = static_cast<int8_t>(columns->padding & 0xFFu);
  for (int32_t c = 0; c < 4; ++c) {
    int32_t* const to = static_cast<int32_t*>(columns->to) + c * (columns->pitch / 4);
    for (int32_t i = 0; i < words; ++i) {
      int32_t halves[2];
      for (int32_t k = 0; k < 2; ++k) {
        const int32_t at = 2 * i + k;
        const int8_t* const value =
            static_cast<const int8_t*>(columns->row) + (at - first) * columns->step + c;
        halves[k] = at >= first && at < last ? *value : padding;
      }
      to[i * stride] = columns->offset + packed(halves[0], halves[1]);
    }
  }
}

#endif

void pack_weights(const int32_t* bytes, int32_t rows, int32_t words, int32_t* to) {
  for (int32_t row = 0; row < rows; ++row, bytes += 2) {
    const int8_t* const weights = reinterpret_cast<const int8_t*>(bytes);
    for (int32_t i = 0; i < words; ++i) {
      *to++ = packed(weights[2 * i + 1], weights[2 * i]);
    }
  }
}

}  // namespace arm_dsp
}  // namespace tflm_mcunet
