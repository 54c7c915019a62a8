#include "depthwise_3x3_stride_2_core.h"

#include <string.h>

#include "depthwise_3x3_core.h"
#include "finish.h"
#include "simd.h"

namespace tflm_mcunet {
namespace arm_dsp {

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)

// Registers: r0 units, r1-r5 the record's weights, r6-r8 a unit, r9 sum, r10 stride, r11 multiplier, r12
// bias, lr out. The stack is Job3x3Stride2 up to `entry`. Every instruction of a body takes four bytes, so
// that a row can begin in the middle of the unrolled loop; label 2 begins a channel, 1 twelve outputs.
#define UNIT "ldmia.w r0!, {r6-r8}\n"
#define OUTPUT                  \
  "smlad r9, r6, r1, r12\n"     \
  "smlad r9, r7, r2, r9\n"      \
  "smlad r9, r8, r3, r9\n" UNIT \
  "smlabb r9, r6, r4, r9\n"     \
  "smlabt r9, r7, r4, r9\n"     \
  "smlabt r9, r8, r5, r9\n"     \
  "smmul r9, r9, r11\n"         \
  "ssat r9, #8, r9, asr #8\n"
#define OUTPUTS              \
  OUTPUT                     \
  "strb.w r9, [lr]\n" OUTPUT \
  "strb.w r9, [lr, r10]\n"   \
  "add.w lr, lr, r10, lsl #1\n"

TFLM_MCUNET_ASSEMBLER void outputs_3x3_stride_2(const Job3x3Stride2*) {
  asm volatile(
      "push {r4-r11, lr}\n"
      "ldmia.w r0, {r1-r9}\n"
      "push {r1-r6}\n"
      "mov r10, r7\n"
      "mov r0, r8\n"
      "mov lr, r9\n"
      "mov r6, r1\n"
      "2:\n"
      "ldmia.w r6!, {r1-r5, r11, r12}\n"
      "ldrd r7, r8, [sp, #8]\n"
      "str r6, [sp]\n"
      "add r0, r0, r7\n"
      "add lr, lr, r8\n" UNIT
      "ldr.w pc, [sp, #20]\n"
      ".balign 4\n"
      "tflm_mcunet_3x3_stride_2:\n"
      "1:\n"
      ".rept 6\n" OUTPUTS
      ".endr\n"
      ".if . - 1b - 6 * 84\n"
      ".error \"a pair has another length\"\n"
      ".endif\n"
      "ldr r9, [sp, #16]\n"
      "cmp lr, r9\n"
      "blo 1b\n"
      "ldrd r6, r7, [sp]\n"
      "cmp r6, r7\n"
      "bne 2b\n"
      "add sp, sp, #24\n"
      "pop {r4-r11, pc}\n");
}

extern "C" {
extern const char tflm_mcunet_3x3_stride_2[];
}

uint32_t entry_of_3x3_stride_2(int32_t count) {
  const int32_t skipped = 11 - (count - 1) % 12;
  const int32_t bytes = skipped / 2 * 84 + (skipped & 1) * 40;
  return (reinterpret_cast<uint32_t>(tflm_mcunet_3x3_stride_2) | 1) + static_cast<uint32_t>(bytes);
}

// Registers: r0 stream, r1 record, r2 channels left, r3 mask.
TFLM_MCUNET_ASSEMBLER void prepare_3x3_stride_2(const int32_t*, Record3x3Stride2*, int32_t) {
  asm volatile(
      "push {r4-r11, lr}\n"
      "mov r3, #0xFF00FF00\n"
      "1:\n"
      "ldmia.w r0!, {r4-r8}\n"  // bias, multiplier, bytes w0 w1 w1 w2 of three rows
      "and r11, r3, r7\n"
      "and r12, r3, r8\n"
      "and r10, r3, r6\n"
      "pkhtb r11, r11, r10, asr #16\n"
      "and r8, r3, r8, lsl #8\n"
      "and r7, r3, r7, lsl #8\n"
      "and r6, r3, r6, lsl #8\n"
      "stmia.w r1!, {r6-r8, r11, r12}\n"
      "strd r5, r4, [r1], #8\n"
      "subs r2, r2, #1\n"
      "bne 1b\n"
      "pop {r4-r11, pc}\n");
}

// Two columns of both rows of a channel.
#define STORE_ROWS(one, two, at, rotation) \
  "sxtb16.w r9, " one rotation             \
  "\n"                                     \
  "sxtb16.w r11, " two rotation            \
  "\n"                                     \
  "strd r9, r11, [" at "], #12\n"
#define WIDEN_UNIT                                                                \
  "ldr.w r8, [r0]\n"                                                              \
  "ldr.w r10, [r0, r1]\n"                                                         \
  "ldr.w r9, [r0, r2]\n"                                                          \
  "ldr.w r11, [r0, r7]\n"                                                         \
  "add.w r0, r0, r2, lsl #1\n"                                                    \
  "3:\n"                                                                          \
  "pkhbt r12, r8, r9, lsl #16\n"                                                  \
  "pkhtb r8, r9, r8, asr #16\n"                                                   \
  "pkhbt lr, r10, r11, lsl #16\n"                                                 \
  "pkhtb r10, r11, r10, asr #16\n" STORE_ROWS("r12", "lr", "r3", "")              \
      STORE_ROWS("r12", "lr", "r4", ", ror #8") STORE_ROWS("r8", "r10", "r5", "") \
          STORE_ROWS("r8", "r10", "r6", ", ror #8")
constexpr int32_t kWidenBytes = 84;
constexpr int32_t kLeadBytes = 8;

// Registers: r0 row, r1 to the second row, r2 step, r3-r6 a place of each channel, r7 to the second row's
// next column, r8 and r9 the first row's columns, r10 and r11 the second one's. The stack: entry, tail,
// padding, where the units end whose second column exists.
TFLM_MCUNET_ASSEMBLER void widen_3x3_stride_2(const Rows3x3Stride2*) {
  asm volatile(
      "push {r4-r11, lr}\n"
      "ldmia.w r0, {r0-r8}\n"
      "mov r10, r8\n"
      "mov r12, r4\n"
      "add r9, r3, r5\n"
      "push {r6-r9}\n"
      "add r4, r3, r12\n"
      "add r5, r3, r12, lsl #1\n"
      "add r6, r4, r12, lsl #1\n"
      "add r7, r1, r2\n"
      "ldr.w pc, [sp]\n"
      ".balign 4\n"
      "tflm_mcunet_3x3_stride_2_units:\n"
      "1:\n"
      ".rept 2\n" WIDEN_UNIT
      ".endr\n"
      ".if . - 1b - 2 * 84\n"
      ".error \"a unit has another length\"\n"
      ".endif\n"
      "ldr r12, [sp, #12]\n"
      "cmp r3, r12\n"
      "bne.w 1b\n"
      ".balign 4\n"
      "tflm_mcunet_3x3_stride_2_trail:\n"
      "ldrd r7, r9, [sp, #4]\n"
      "cmp r7, #1\n"
      "bhi.n 5f\n"
      "bne.n 4f\n"
      "mov r7, #0\n"
      "str r7, [sp, #4]\n"
      "add r7, r3, #12\n"
      "str r7, [sp, #12]\n"
      "ldr r8, [r0]\n"
      "ldr r10, [r0, r1]\n"
      "mov r11, r9\n"
      "b 3b\n"
      "5:\n"
      "sxtb16 r9, r9\n"
      "mov r11, r9\n"
      "strd r9, r11, [r3]\n"
      "strd r9, r11, [r4]\n"
      "strd r9, r11, [r5]\n"
      "strd r9, r11, [r6]\n"
      "4:\n"
      "add sp, sp, #16\n"
      "pop {r4-r11, pc}\n");
}

extern "C" {
extern const char tflm_mcunet_3x3_stride_2_units[];
extern const char tflm_mcunet_3x3_stride_2_trail[];
}

void set_units_3x3_stride_2(int32_t units, bool has_lead, Rows3x3Stride2* rows) {
  rows->bytes = units * static_cast<int32_t>(sizeof(Unit3x3Stride2));
  const int32_t skipped = (units & 1) * kWidenBytes + (has_lead ? kLeadBytes : 0);
  rows->entry = units == 0 ? reinterpret_cast<uint32_t>(tflm_mcunet_3x3_stride_2_trail) | 1
                           : (reinterpret_cast<uint32_t>(tflm_mcunet_3x3_stride_2_units) | 1) +
                                 static_cast<uint32_t>(skipped);
}

#else

void outputs_3x3_stride_2(const Job3x3Stride2* given) {
  const Job3x3Stride2& job = *given;
  const int32_t count = static_cast<int32_t>(job.entry);
  const int32_t reach = static_cast<int32_t>(sizeof(Unit3x3Stride2)) * (count + 1);
  const uint8_t* x = static_cast<const uint8_t*>(job.x);
  int8_t* out = job.out;
  for (const Record3x3Stride2* record = job.record; record != job.records_end; ++record) {
    x += job.x_gap;
    out += job.out_gap;
    int8_t* const first = out + (count & 1) * job.stride;
    for (int32_t i = 0; i < count; ++i) {
      Unit3x3Stride2 own;
      Unit3x3Stride2 next;
      memcpy(&own, x + i * static_cast<int32_t>(sizeof(own)), sizeof(own));
      memcpy(&next, x + (i + 1) * static_cast<int32_t>(sizeof(own)), sizeof(next));
      int32_t sum = record->bias;
      for (int32_t row = 0; row < 3; ++row) {
        sum = smlad(own.row[row], record->first[row], sum);
      }
      sum = smlad(next.row[0] & 0xFFFFu, record->last[0] & 0xFFFFu, sum);
      sum = smlad(next.row[1] & 0xFFFFu, record->last[0] >> 16, sum);
      sum = smlad(next.row[2] & 0xFFFFu, record->last[1] >> 16, sum);
      first[i * job.stride] = saturated(sum, record->multiplier, 0, 8);
    }
    x += reach;
    out += (count + (count & 1)) * job.stride;
  }
}

uint32_t entry_of_3x3_stride_2(int32_t count) { return static_cast<uint32_t>(count); }

void prepare_3x3_stride_2(const int32_t* stream, Record3x3Stride2* record, int32_t channels) {
  for (int32_t c = 0; c < channels; ++c, ++record, stream += kStreamWords3x3) {
    uint32_t last[3];
    for (int32_t row = 0; row < 3; ++row) {
      const uint32_t bytes = static_cast<uint32_t>(stream[2 + row]);
      record->first[row] = bytes << 8 & 0xFF00FF00u;
      last[row] = bytes & 0xFF00FF00u;
    }
    record->last[0] = last[0] >> 16 | (last[1] & 0xFFFF0000u);
    record->last[1] = last[2];
    record->multiplier = stream[1];
    record->bias = stream[0];
  }
}

void set_units_3x3_stride_2(int32_t units, bool has_lead, Rows3x3Stride2* rows) {
  rows->bytes = units * static_cast<int32_t>(sizeof(Unit3x3Stride2));
  rows->entry = has_lead ? 1 : 0;
}

void widen_3x3_stride_2(const Rows3x3Stride2* rows) {
  constexpr int32_t kUnitBytes = static_cast<int32_t>(sizeof(Unit3x3Stride2));
  const int32_t first = static_cast<int32_t>(rows->entry);
  const int32_t last = rows->bytes / kUnitBytes * 2 + (rows->tail == kTailColumn ? 1 : 0);
  const int32_t end = rows->bytes / kUnitBytes * 2 + (rows->tail != kTailNone ? 2 : 0);
  for (int32_t row = 0; row < 2; ++row) {
    for (int32_t c = 0; c < 4; ++c) {
      uint8_t* const units = static_cast<uint8_t*>(rows->units) + c * rows->pitch + 4 * row;
      for (int32_t x = 0; x < end; ++x) {
        const bool exists = x >= first && x < last;
        const int8_t* const value = rows->row + row * rows->below + x * rows->step + c;
        const int16_t half = exists ? *value : static_cast<int8_t>(rows->padding & 0xFFu);
        memcpy(units + x / 2 * kUnitBytes + x % 2 * 2, &half, sizeof(half));
      }
    }
  }
}

#endif

}  // namespace arm_dsp
}  // namespace tflm_mcunet
