// Where products of two inputs and two weights become outputs; see depthwise_packed_core.h.
#include "depthwise_packed_core.h"

#include <string.h>

#include "depthwise_columns.h"
#include "simd.h"

namespace tflm_mcunet {
namespace arm_dsp {

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)

namespace {

// Registers: r0 x, r1 weights, r2-r7 three sums of 64 bits, r8-r11 a row's weights, of 5x5 kernels r11 the
// pitch, r12 and lr words of x. The stack is PackedJob; its state: 8 to 31 what three sums begin with, 32 the
// part that the last sum leaves for the next block's first output, 36 multiplier, 40 constant, 44 shift; 48
// stride, and of the block: 52 whether it is the first, whose first output does not exist, 56 out, 60 outputs
// left, 64 x, 68 what x advances by, 72 weights.
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
#define ROW_5_2                                                                                             \
  THREE_WEIGHTS TWO("0") A("r12", "r8") A("lr", "r9") TWO("8") A("r12", "r10") B("r12", "r8") B("lr", "r9") \
      TWO("16") B("r12", "r10") C("r12", "r8") C("lr", "r9") ONE("24") C("r12", "r10")
#define NEXT_ROW_5 "add.w r0, r0, r11\n"
#define NEXT_ROW_7    \
  "ldr.w r12, [sp]\n" \
  "add.w r0, r0, r12\n"
// All rows of a kernel; a block may begin in the middle of them.
#define ROWS(kernel, row, bytes)              \
  asm volatile(                               \
      "1:\n"                                  \
      ".rept " kernel "\n" row                \
      ".endr\n"                               \
      ".if . - 1b - " kernel " * " bytes      \
      "\n"                                    \
      ".error \"a row has another length\"\n" \
      ".endif\n"                              \
      "ldr.w pc, [sp, #116]\n")

TFLM_MCUNET_ASSEMBLER void rows_5_1() { ROWS("5", ROW_5_1 NEXT_ROW_5, "56"); }
TFLM_MCUNET_ASSEMBLER void rows_5_2() { ROWS("5", ROW_5_2 NEXT_ROW_5, "60"); }
TFLM_MCUNET_ASSEMBLER void rows_7_1() { ROWS("7", ROW_7_1 NEXT_ROW_7, "72"); }
TFLM_MCUNET_ASSEMBLER void rows_7_2() { ROWS("7", ROW_7_2 NEXT_ROW_7, "76"); }

// From a sum the even output and what its odd output lacks, both times 2^11 and 1.
#define SPLIT(low, high)          \
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
#define SCALE(sum)      \
  "smmla " sum ", " sum \
  ", r9, r10\n"         \
  "ssat " sum ", #8, " sum ", asr #11\n"
#define SCALE_BY(sum)   \
  "smmla " sum ", " sum \
  ", r9, r10\n"         \
  "asr.w " sum ", " sum \
  ", r11\n"             \
  "ssat " sum ", #8, " sum "\n"
#define ALL(SCALE) SCALE("r8") SCALE("r2") SCALE("r3") SCALE("r4") SCALE("r5") SCALE("r6")
#define FINISH_FIXED "ldrd r9, r10, [sp, #36]\n" ALL(SCALE)
#define FINISH_SHIFTED        \
  "ldrd r9, r10, [sp, #36]\n" \
  "ldr.w r11, [sp, #44]\n" ALL(SCALE_BY)
// One of the last block's outputs, from the last to the second.
#define LAST(store, value) \
  store ".w " value        \
        ", [r7]\n"         \
        "sub.w r7, r7, r0\n"
// A block of six outputs, of which the very first takes the place of the second and is overwritten; or the
// last block, whose outputs before the one that `last` chooses do not exist.
#define TAIL(name, finish, store) \
  "tflm_mcunet_packed_tail_" name ":\n" SPLIT_ALL   \
  finish                                            \
  "add r12, sp, #48\n"                              \
  "ldmia.w r12, {r0, r1, r7, r9-r12}\n"             \
  "subs.w r9, r9, #6\n"                             \
  "ble.n 7f\n"                                      \
  store " r8, [r7, r1]\n"                           \
  "add.w r1, r7, r0\n"                              \
  store " r2, [r1]\n"                               \
  store " r3, [r1, r0]\n"                           \
  store " r4, [r1, r0, lsl #1]\n"                   \
  store " r5, [r7, r0, lsl #2]\n"                   \
  store " r6, [r1, r0, lsl #2]\n"                   \
  "add.w r7, r7, r0, lsl #1\n"                      \
  "add.w r7, r7, r0, lsl #2\n"                      \
  "b.w tflm_mcunet_packed_next\n"                   \
  "7:\n"                                            \
  "add.w r9, r9, #5\n"                              \
  "mla r7, r9, r0, r7\n"                            \
  "ldr.w pc, [sp, #120]\n"                          \
  "tflm_mcunet_packed_last_" name ":\n"             \
  LAST(store, "r6") LAST(store, "r5") LAST(store, "r4") LAST(store, "r3") LAST(store, "r2") \
  "cmp.w r1, #0\n"                                  \
  "it eq\n"                                         \
  store "eq.w r8, [r7]\n"                           \
  "b.w tflm_mcunet_packed_done\n"

// Label 2: a channel, 3: a row, 4: a block.
TFLM_MCUNET_ASSEMBLER void compute(const PackedJob*) {
  asm volatile(
      "push {r4-r11, lr}\n"
      "sub sp, sp, #144\n"
      "mov lr, sp\n"
      "ldmia.w r0!, {r1-r8}\n"
      "stmia.w lr!, {r1-r8}\n"
      "ldmia.w r0!, {r1-r8}\n"
      "stmia.w lr!, {r1-r8}\n"
      "ldmia.w r0!, {r1-r8}\n"
      "stmia.w lr!, {r1-r8}\n"
      "ldmia.w r0!, {r1-r8}\n"
      "stmia.w lr!, {r1-r8}\n"
      "ldmia.w r0!, {r1-r3}\n"
      "stmia.w lr!, {r1-r3}\n"
      "2:\n"
      "ldr r6, [sp, #92]\n"
      "ldmia.w r6!, {r2, r3, r8-r10}\n"
      "str r6, [sp, #92]\n"
      "strd r2, r3, [sp, #8]\n"
      "strd r2, r3, [sp, #16]\n"
      "strd r2, r3, [sp, #24]\n"
      "strd r8, r9, [sp, #36]\n"
      "str r10, [sp, #44]\n"
      "ldrd r7, r4, [sp, #96]\n"
      "add r4, r4, r7\n"
      "str r4, [sp, #96]\n"
      "ldr r6, [sp, #128]\n"
      "3:\n"
      "ldmia.w r6!, {r8, r9, lr}\n"
      "ldr r10, [sp, #76]\n"
      "ldr r12, [sp, #84]\n"
      "str r6, [sp, #124]\n"
      "str lr, [sp, #112]\n"
      "str r7, [sp, #140]\n"
      "add r10, r10, r8\n"
      "add r12, r12, r9\n"
      "ldr r9, [sp, #108]\n"
      "ldr r1, [sp, #48]\n"
      "str r12, [sp, #72]\n"
      "add r9, r9, #1\n"
      "sub r7, r7, r1\n"
      "b.n 4f\n"
      "tflm_mcunet_packed_next:\n"
      "mov r1, #0\n"
      "add r10, r10, r11\n"
      "4:\n"
      "add lr, sp, #52\n"
      "stmia.w lr, {r1, r7, r9, r10}\n"
      "mov r0, r10\n"
      "mov r1, r12\n"
      "ldr r11, [sp]\n"
      "add r12, sp, #8\n"
      "ldmia.w r12, {r2-r7}\n"
      "ldr.w pc, [sp, #112]\n"
      TAIL("fixed", FINISH_FIXED, "strb")
      "tflm_mcunet_packed_done:\n"
      "ldrd r7, r0, [sp, #132]\n"
      "ldr r6, [sp, #124]\n"
      "ldr r1, [sp, #140]\n"
      "cmp r6, r7\n"
      "add r7, r1, r0\n"
      "bne.w 3b\n"
      "ldrd r0, r1, [sp, #76]\n"
      "ldrd r2, r3, [sp, #84]\n"
      "ldr r6, [sp, #104]\n"
      "add r0, r0, r1\n"
      "add r2, r2, r3\n"
      "str r0, [sp, #76]\n"
      "str r2, [sp, #84]\n"
      "subs r6, r6, #1\n"
      "str r6, [sp, #104]\n"
      "bne.w 2b\n"
      "add sp, sp, #144\n"
      "pop {r4-r11, pc}\n"
      TAIL("shifted", FINISH_SHIFTED, "strb")
      TAIL("sums", "", "str"));
}

// The addresses of the code that `compute` chooses from.
extern "C" {
extern const char tflm_mcunet_packed_tail_fixed[];
extern const char tflm_mcunet_packed_tail_shifted[];
extern const char tflm_mcunet_packed_tail_sums[];
extern const char tflm_mcunet_packed_last_fixed[];
extern const char tflm_mcunet_packed_last_shifted[];
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

// Registers: r0 bytes, r1 words, r2 rows left.
#define BYTE(to, at) "ldrsb.w " to ", [r0, #" at "]\n"
#define PAIR(upper, lower) "add.w " lower ", " lower ", " upper ", lsl #21\n"
#define PACK(rows, ROW)    \
  asm volatile(            \
      "push {r4-r8, lr}\n" \
      "movs r2, #" rows    \
      "\n"                 \
      "1:\n" ROW           \
      "subs r2, r2, #1\n"  \
      "bne 1b\n"           \
      "pop {r4-r8, pc}\n")

TFLM_MCUNET_ASSEMBLER void pack_5(const int8_t*, int32_t*) {
  PACK("5",
       BYTE("r3", "0") BYTE("r4", "1") BYTE("r5", "2") BYTE("r6", "3") BYTE("r7", "4")
       "adds r0, #5\n" PAIR("r3", "r4") PAIR("r5", "r6")
       "lsl.w r7, r7, #21\n"
       "stmia.w r1!, {r4, r6, r7}\n");
}

TFLM_MCUNET_ASSEMBLER void pack_7(const int8_t*, int32_t*) {
  PACK("7",
       BYTE("r3", "0") BYTE("r4", "1") BYTE("r5", "2") BYTE("r6", "3") BYTE("r7", "4") BYTE("r8", "5")
       BYTE("r12", "6")
       "adds r0, #7\n" PAIR("r3", "r4") PAIR("r5", "r6") PAIR("r7", "r8")
       "lsl.w r12, r12, #21\n"
       "stmia.w r1!, {r4, r6, r8, r12}\n");
}

}  // namespace

const PackedCore kPacked5x5Stride1 = {rows_5_1, 56, 5, 1, pack_5};
const PackedCore kPacked5x5Stride2 = {rows_5_2, 60, 5, 2, pack_5};
const PackedCore kPacked7x7Stride1 = {rows_7_1, 72, 7, 1, pack_7};
const PackedCore kPacked7x7Stride2 = {rows_7_2, 76, 7, 2, pack_7};

uint32_t packed_code(const PackedCore& core, int32_t rows) {
  const uint32_t skipped = static_cast<uint32_t>((core.kernel - rows) * core.row_bytes);
  return (reinterpret_cast<uint32_t>(core.rows) | 1) + skipped;
}

void set_packed_tail(PackedFinish finish, PackedJob* job) {
  const char* const tails[] = {tflm_mcunet_packed_tail_fixed, tflm_mcunet_packed_tail_shifted,
                               tflm_mcunet_packed_tail_sums};
  const char* const lasts[] = {tflm_mcunet_packed_last_fixed, tflm_mcunet_packed_last_shifted,
                               tflm_mcunet_packed_last_sums};
  constexpr int32_t kLastBytes = 8;
  const int32_t missing = 5 - job->count % 6;
  job->tail = reinterpret_cast<uint32_t>(tails[finish]) | 1;
  job->last = reinterpret_cast<uint32_t>(lasts[finish] + kLastBytes * missing) | 1;
}

void depthwise_packed(const PackedJob* job, const PackedCore&, PackedFinish) { compute(job); }

void widen_packed(const PackedColumns* columns, int32_t stride) {
  (stride == 1 ? widen_1 : widen_2)(columns);
}

#else

namespace {

struct Parts {
  uint32_t even;  // times 2^11
  uint32_t low;   // times 2^11
  int32_t high;
};

Parts parts_of(uint64_t sum) {
  const int32_t upper = static_cast<int32_t>(static_cast<uint32_t>(sum >> 32) + 0x200);
  return {static_cast<uint32_t>(sum >> 21) << 11, static_cast<uint32_t>(sum) << 11, upper >> 10};
}

template <int32_t kernel>
void pack(const int8_t* bytes, int32_t* to) {
  for (int32_t row = 0; row < kernel; ++row, bytes += kernel) {
    for (int32_t i = 0; i + 1 < kernel; i += 2) {
      *to++ = packed(bytes[i + 1], bytes[i]);
    }
    *to++ = packed(0, bytes[kernel - 1]);
  }
}

}  // namespace

const PackedCore kPacked5x5Stride1 = {nullptr, 0, 5, 1, pack<5>};
const PackedCore kPacked5x5Stride2 = {nullptr, 0, 5, 2, pack<5>};
const PackedCore kPacked7x7Stride1 = {nullptr, 0, 7, 1, pack<7>};
const PackedCore kPacked7x7Stride2 = {nullptr, 0, 7, 2, pack<7>};

uint32_t packed_code(const PackedCore&, int32_t rows) { return static_cast<uint32_t>(rows); }

void set_packed_tail(PackedFinish, PackedJob*) {}

namespace {

// A row of one channel.
void compute_row(const PackedJob& job, const PackedCore& core, PackedFinish finish,
                 const PackedEnding& ending, const int32_t* x, const int32_t* weights, int32_t rows,
                 uint8_t* out) {
  const int32_t words = core.kernel == 7 ? 4 : 3;
  uint32_t part = 0;
  for (int32_t pair = 0; pair <= job.count / 2; ++pair) {
    uint64_t sum = static_cast<uint64_t>(ending.begin[1]) << 32 | ending.begin[0];
    for (int32_t row = 0; row < rows; ++row) {
      const int32_t* const w = weights + row * words;
      const int32_t* const first = x + row * (job.pitch / 4) + pair * core.stride;
      for (int32_t i = 0; i < words; ++i) {
        // 7x7 kernels at stride 2 have the words of even columns first, and x has them in turns.
        const bool is_in_turns = core.stride == 1 || words == 3;
        const int32_t at = is_in_turns ? i : (i < 2 ? 2 * i : 2 * (i - 2) + 1);
        sum += static_cast<uint64_t>(static_cast<int64_t>(first[at]) * w[i]);
      }
    }
    const Parts parts = parts_of(sum);
    const uint32_t values[2] = {parts.low + (part << 11), parts.even};
    part = static_cast<uint32_t>(parts.high);
    for (int32_t k = 0; k < 2; ++k) {
      const int32_t i = 2 * pair - 1 + k;
      if (i < 0 || i >= job.count) {
        continue;
      }
      if (finish == kPackedSums) {
        memcpy(out + 4 * i, &values[k], sizeof(int32_t));
      } else {
        const int32_t value = scale(static_cast<int32_t>(values[k]), ending.multiplier, ending.constant);
        const int32_t shift = finish == kPackedFixed ? kPackedShift : ending.shift;
        out[i * job.stride] = static_cast<uint8_t>(saturate(value >> shift));
      }
    }
  }
}

}  // namespace

void depthwise_packed(const PackedJob* job, const PackedCore& core, PackedFinish finish) {
  for (int32_t c = 0; c < job->channels; ++c) {
    const int32_t* const weights = job->weights + c * (job->weights_bytes / 4);
    const int32_t* const x = job->x + c * (job->x_bytes / 4);
    uint8_t* out = static_cast<uint8_t*>(job->out) + c * job->out_step;
    for (const PackedRow* row = job->rows; row != job->rows_end; ++row, out += job->out_pitch) {
      compute_row(*job, core, finish, job->endings[c], x + row->x / 4, weights + row->weights / 4,
                  static_cast<int32_t>(row->code), out);
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

}  // namespace arm_dsp
}  // namespace tflm_mcunet
