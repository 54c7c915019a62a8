// Per 16 inputs, a pair of pixels and four channels take six loads and eight VMLADAVA, whose sums lie in the
// eight even registers; the odd ones point. GCC 12 keeps neither apart.
#include "dot_core.h"

#include "../requantize.h"

namespace tflm_mcunet {
namespace arm_mve {

#if defined(__ARM_FEATURE_MVE)

// Sixteen inputs of both pixels, at `place` or moving the pointers there: 14 instructions of 4 bytes each.
#define CHUNK_OF_PAIR(mac, place)                      \
  "vldrb.8 q0, [r1" place                              \
  "\n"                                                 \
  "vldrb.8 q1, [r3" place                              \
  "\n"                                                 \
  "vldrb.8 q2, [r5], #16\n" mac ".s8 r0, q0, q2\n" mac \
  ".s8 r8, q1, q2\n"                                   \
  "vldrb.8 q3, [r5], #16\n" mac ".s8 r2, q0, q3\n" mac \
  ".s8 r10, q1, q3\n"                                  \
  "vldrb.8 q2, [r5], #16\n" mac ".s8 r4, q0, q2\n" mac \
  ".s8 r12, q1, q2\n"                                  \
  "vldrb.8 q3, [r5], #16\n" mac ".s8 r6, q0, q3\n" mac ".s8 lr, q1, q3\n"

// The same of one pixel.
#define CHUNK_OF_ONE(mac, place) \
  "vldrb.8 q0, [r1" place        \
  "\n"                           \
  "vldrb.8 q2, [r5], #16\n" mac  \
  ".s8 r0, q0, q2\n"             \
  "vldrb.8 q3, [r5], #16\n" mac  \
  ".s8 r2, q0, q3\n"             \
  "vldrb.8 q2, [r5], #16\n" mac  \
  ".s8 r4, q0, q2\n"             \
  "vldrb.8 q3, [r5], #16\n" mac ".s8 r6, q0, q3\n"

// The sign fix of one vector, q4 being the shifts: V + floor(2 V / 2^32) = V - (V < 0), and for shifts of 0
// nothing.
#define NO_FIX(v)
#define SIGN_FIX(v) "vqdmlah.s32 " v ", " v ", r0\n"
#define GENERAL_FIX(v)     \
  "vand q2, " v            \
  ", q4\n"                 \
  "vshr.s32 q2, q2, #31\n" \
  "vadd.i32 " v ", " v ", q2\n"

#define NO_CLAMP
#define CLAMP                \
  "ldrd r0, r2, [sp, #28]\n" \
  "vdup.8 q1, r0\n"          \
  "vdup.8 q2, r2\n"          \
  "vmax.s8 q0, q0, q1\n"     \
  "vmin.s8 q0, q0, q2\n"

#define CONSTANTS            \
  "vldrw.32 q2, [r5], #16\n" \
  "vldrw.32 q3, [r5], #16\n" \
  "vldrw.32 q4, [r5], #16\n"

// The sums of a pair as eight output values in the order c0p0, c0p1, c1p0, c1p1, ... to the offsets q7.
#define FINISH_PAIR(PREPARE, FIX, CLAMPED) \
  "vmov q0[2], q0[0], r0, r4\n"            \
  "vmov q0[3], q0[1], r2, r6\n"            \
  "vmov q1[2], q1[0], r8, r12\n"           \
  "vmov q1[3], q1[1], r10, lr\n" PREPARE   \
  CONSTANTS                                \
  "vadd.i32 q0, q0, q2\n"                  \
  "vadd.i32 q1, q1, q2\n"                  \
  "vqrdmulh.s32 q0, q0, q3\n"              \
  "vqrdmulh.s32 q1, q1, q3\n" FIX("q0")    \
  FIX("q1")                                \
  "vrshl.s32 q0, q0, q4\n"                 \
  "vrshl.s32 q1, q1, q4\n"                 \
  "vqmovnb.s32 q0, q0\n"                   \
  "vqmovnt.s32 q0, q1\n"                   \
  "vqadd.s16 q0, q0, q6\n"                 \
  "vqmovnb.s16 q0, q0\n" CLAMPED           \
  "vstrb.16 q0, [r9, q7]\n"                \
  "add.w r9, r9, #4\n"

#define PROLOGUE        \
  "push {r4-r11, lr}\n" \
  "vpush {d8-d15}\n"    \
  "sub sp, sp, #44\n"
#define EPILOGUE      \
  "add sp, sp, #44\n" \
  "vpop {d8-d15}\n"   \
  "pop {r4-r11, pc}\n"

// The frame: 0 end of the stream, 4 rounds of eight chunks, 8 entry into a round, 12 bytes from pair to pair
// of the input, 16 the same of the output less its channels, 20 pairs left, 24 begin of the stream, 28
// clamps.
#define SET_UP_PAIRS                                   \
  "ldrd r1, r2, [r0]\n"                                \
  "add r3, r1, r2\n"                                   \
  "lsls r2, r2, #1\n"                                  \
  "str r2, [sp, #12]\n"                                \
  "ldrd r5, r7, [r0, #8]\n"                            \
  "str r5, [sp, #24]\n"                                \
  "str r7, [sp]\n"                                     \
  "ldr r11, [r0, #16]\n"                               \
  "ldrd r9, r4, [r0, #20]\n" /* out, stride */         \
  "subs r6, r7, r5\n"        /* bytes of the stream */ \
  "lsls r2, r11, #6\n"                                 \
  "adds r2, r2, #48\n"                                 \
  "udiv r6, r6, r2\n" /* blocks */                     \
  "str r6, [sp, #36]\n"                                \
  "lsls r2, r4, #1\n"                                  \
  "sub r2, r2, r6, lsl #2\n"                           \
  "str r2, [sp, #16]\n"                                \
  "ldrd r2, r6, [r0, #28]\n" /* pairs, zero point */   \
  "str r2, [sp, #20]\n"                                \
  "vdup.16 q6, r6\n"                                   \
  "ldrd r2, r6, [r0, #36]\n"                           \
  "strd r2, r6, [sp, #28]\n"                           \
  "lsls r11, r11, #4\n" /* bytes of a pixel */         \
  "lsls r4, r4, #16\n"                                 \
  "vdup.32 q0, r4\n"                                   \
  "movs r4, #0\n"                                      \
  "vidup.u16 q7, r4, #1\n"                             \
  "vshr.u16 q7, q7, #1\n"                              \
  "vadd.i16 q7, q7, q0\n"

// Where the loop over chunks begins for the number of them.
#define SET_UP_CHUNKS                            \
  "lsrs r6, r11, #4\n"                           \
  "subs r6, r6, #1\n"                            \
  "lsrs r4, r6, #3\n"                            \
  "str r4, [sp, #4]\n"                           \
  "and r6, r6, #7\n"                             \
  "adr r4, 3f\n"                                 \
  "rsb r6, r6, r6, lsl #3\n" /* 7 times */       \
  "sub r4, r4, r6, lsl #3\n" /* 56 bytes each */ \
  "adds r4, r4, #1\n"        /* Thumb */         \
  "str r4, [sp, #8]\n"

#define NEXT_PAIR            \
  "ldrd r0, r2, [sp, #12]\n" \
  "add r1, r1, r0\n"         \
  "add r3, r3, r0\n"         \
  "add r9, r9, r2\n"         \
  "ldrd r0, r5, [sp, #20]\n" \
  "subs r0, r0, #1\n"        \
  "str r0, [sp, #20]\n"      \
  "bne.w 0b\n"

#define ASSEMBLER __attribute__((naked, noinline, aligned(4))) void

#define MORE_OF_PAIR CHUNK_OF_PAIR("vmladava", "], #16")

// Of any number of chunks.
#define PAIRS(PREPARE, FIX, CLAMPED) \
  asm volatile(PROLOGUE SET_UP_PAIRS SET_UP_CHUNKS                                      \
               "0:\n"                                                                   \
               "1:\n" CHUNK_OF_PAIR("vmladav", "], #16")                                \
               "ldr.w r7, [sp, #4]\n"                                                   \
               "ldr.w pc, [sp, #8]\n"                                                   \
               ".balign 4\n"                                                            \
               "2:\n" MORE_OF_PAIR MORE_OF_PAIR MORE_OF_PAIR MORE_OF_PAIR               \
               MORE_OF_PAIR MORE_OF_PAIR MORE_OF_PAIR MORE_OF_PAIR                      \
               "3:\n"                                                                   \
               "subs r7, r7, #1\n"                                                      \
               "bpl.w 2b\n"                                                             \
               FINISH_PAIR(PREPARE, FIX, CLAMPED)                                       \
               "ldr r0, [sp]\n"                                                         \
               "sub.w r1, r1, r11\n"                                                    \
               "sub.w r3, r3, r11\n"                                                    \
               "cmp r5, r0\n"                                                           \
               "bne.w 1b\n" NEXT_PAIR EPILOGUE)

// Of one chunk and those in MORE.
#define SHORT_PAIRS(MORE, PREPARE, FIX) \
  asm volatile(PROLOGUE SET_UP_PAIRS                           \
               "0:\n"                                          \
               "ldr.w r7, [sp, #36]\n"                         \
               "1:\n" CHUNK_OF_PAIR("vmladav", "]") MORE       \
               FINISH_PAIR(PREPARE, FIX, NO_CLAMP)             \
               "subs r7, r7, #1\n"                             \
               "bne.w 1b\n" NEXT_PAIR EPILOGUE)
#define NO_MORE
#define ONE_MORE CHUNK_OF_PAIR("vmladava", ", #16]")
#define TWO_MORE ONE_MORE CHUNK_OF_PAIR("vmladava", ", #32]")
#define THREE_MORE TWO_MORE CHUNK_OF_PAIR("vmladava", ", #48]")

#define ONE_FOR_FIX "movs r0, #1\n"

ASSEMBLER pairs_saturated(const DotJob&) { PAIRS("", NO_FIX, NO_CLAMP); }
ASSEMBLER pairs_of_1_saturated(const DotJob&) { SHORT_PAIRS(NO_MORE, "", NO_FIX); }
ASSEMBLER pairs_of_2_saturated(const DotJob&) { SHORT_PAIRS(ONE_MORE, "", NO_FIX); }
ASSEMBLER pairs_of_3_saturated(const DotJob&) { SHORT_PAIRS(TWO_MORE, "", NO_FIX); }
ASSEMBLER pairs_of_4_saturated(const DotJob&) { SHORT_PAIRS(THREE_MORE, "", NO_FIX); }
ASSEMBLER pairs_fixed(const DotJob&) { PAIRS(ONE_FOR_FIX, SIGN_FIX, NO_CLAMP); }
ASSEMBLER pairs_of_1_fixed(const DotJob&) { SHORT_PAIRS(NO_MORE, ONE_FOR_FIX, SIGN_FIX); }
ASSEMBLER pairs_of_2_fixed(const DotJob&) { SHORT_PAIRS(ONE_MORE, ONE_FOR_FIX, SIGN_FIX); }
ASSEMBLER pairs_of_3_fixed(const DotJob&) { SHORT_PAIRS(TWO_MORE, ONE_FOR_FIX, SIGN_FIX); }
ASSEMBLER pairs_of_4_fixed(const DotJob&) { SHORT_PAIRS(THREE_MORE, ONE_FOR_FIX, SIGN_FIX); }
ASSEMBLER pairs_clamped(const DotJob&) { PAIRS("", GENERAL_FIX, CLAMP); }

#define SET_UP_SINGLE         \
  "ldr r1, [r0]\n"            \
  "ldrd r5, r8, [r0, #8]\n"   \
  "ldrd r11, r3, [r0, #16]\n" \
  "ldr r6, [r0, #32]\n"       \
  "vdup.16 q6, r6\n"          \
  "ldrd r2, r6, [r0, #36]\n"  \
  "strd r2, r6, [sp, #28]\n"

#define FINISH_SINGLE(PREPARE, FIX, CLAMPED) \
  "vmov q0[2], q0[0], r0, r4\n"              \
  "vmov q0[3], q0[1], r2, r6\n" PREPARE      \
  CONSTANTS                                  \
  "vadd.i32 q0, q0, q2\n"                    \
  "vqrdmulh.s32 q0, q0, q3\n" FIX("q0")      \
  "vrshl.s32 q0, q0, q4\n"                   \
  "vqmovnb.s32 q0, q0\n"                     \
  "vqadd.s16 q0, q0, q6\n"                   \
  "vqmovnb.s16 q0, q0\n" CLAMPED             \
  "vstrb.32 q0, [r3], #4\n"                  \
  "cmp r5, r8\n"                             \
  "bne.w 1b\n"

// Of any number of chunks.
#define SINGLE(PREPARE, FIX, CLAMPED) \
  asm volatile(PROLOGUE SET_UP_SINGLE                  \
               "sub r9, r11, #1\n"                     \
               "lsls r11, r11, #4\n"                   \
               "add r7, r1, r11\n"                     \
               "1:\n"                                  \
               "sub.w r1, r7, r11\n" CHUNK_OF_ONE("vmladav", "], #16") \
               "wls lr, r9, 3f\n"                      \
               "2:\n" CHUNK_OF_ONE("vmladava", "], #16") \
               "le lr, 2b\n"                           \
               "3:\n" FINISH_SINGLE(PREPARE, FIX, CLAMPED) EPILOGUE)

// Of one chunk and those in MORE.
#define SHORT_SINGLE(MORE, PREPARE, FIX)                                  \
  asm volatile(PROLOGUE SET_UP_SINGLE "1:\n" CHUNK_OF_ONE("vmladav", "]") \
                   MORE FINISH_SINGLE(PREPARE, FIX, NO_CLAMP) EPILOGUE)
#define ONE_MORE_OF_ONE CHUNK_OF_ONE("vmladava", ", #16]")
#define TWO_MORE_OF_ONE ONE_MORE_OF_ONE CHUNK_OF_ONE("vmladava", ", #32]")
#define THREE_MORE_OF_ONE TWO_MORE_OF_ONE CHUNK_OF_ONE("vmladava", ", #48]")

ASSEMBLER single_saturated(const DotJob&) { SINGLE("", NO_FIX, NO_CLAMP); }
ASSEMBLER single_of_1_saturated(const DotJob&) { SHORT_SINGLE(NO_MORE, "", NO_FIX); }
ASSEMBLER single_of_2_saturated(const DotJob&) { SHORT_SINGLE(ONE_MORE_OF_ONE, "", NO_FIX); }
ASSEMBLER single_of_3_saturated(const DotJob&) { SHORT_SINGLE(TWO_MORE_OF_ONE, "", NO_FIX); }
ASSEMBLER single_of_4_saturated(const DotJob&) { SHORT_SINGLE(THREE_MORE_OF_ONE, "", NO_FIX); }
ASSEMBLER single_fixed(const DotJob&) { SINGLE(ONE_FOR_FIX, SIGN_FIX, NO_CLAMP); }
ASSEMBLER single_of_1_fixed(const DotJob&) { SHORT_SINGLE(NO_MORE, ONE_FOR_FIX, SIGN_FIX); }
ASSEMBLER single_of_2_fixed(const DotJob&) { SHORT_SINGLE(ONE_MORE_OF_ONE, ONE_FOR_FIX, SIGN_FIX); }
ASSEMBLER single_of_3_fixed(const DotJob&) { SHORT_SINGLE(TWO_MORE_OF_ONE, ONE_FOR_FIX, SIGN_FIX); }
ASSEMBLER single_of_4_fixed(const DotJob&) { SHORT_SINGLE(THREE_MORE_OF_ONE, ONE_FOR_FIX, SIGN_FIX); }
ASSEMBLER single_clamped(const DotJob&) { SINGLE("", GENERAL_FIX, CLAMP); }

#else

namespace {

void dot(const DotJob& job, int32_t pixels) {
  for (int32_t pixel = 0; pixel < pixels; ++pixel) {
    const int8_t* x = job.x + pixel * job.step;
    int8_t* out = job.out + pixel * job.stride;
    for (const int8_t* block = job.stream; block != job.stream_end; block += block_bytes(job.chunks)) {
      const int32_t* constants = reinterpret_cast<const int32_t*>(block + job.chunks * 64);
      for (int32_t channel = 0; channel < 4; ++channel, ++constants) {
        uint32_t sum = static_cast<uint32_t>(constants[0]);
        for (int32_t i = 0; i < 16 * job.chunks; ++i) {
          const int32_t weight = block[i / 16 * 64 + channel * 16 + i % 16];
          sum += static_cast<uint32_t>(x[i] * weight);
        }
        const int32_t scaled = requantize(static_cast<int32_t>(sum), constants[4], constants[8]);
        *out++ = static_cast<int8_t>(clamp(scaled + job.output_zero_point, job.output_min, job.output_max));
      }
    }
  }
}

}  // namespace

void pairs_saturated(const DotJob& job) { dot(job, 2 * job.pairs); }
void pairs_of_1_saturated(const DotJob& job) { dot(job, 2 * job.pairs); }
void pairs_of_2_saturated(const DotJob& job) { dot(job, 2 * job.pairs); }
void pairs_of_3_saturated(const DotJob& job) { dot(job, 2 * job.pairs); }
void pairs_of_4_saturated(const DotJob& job) { dot(job, 2 * job.pairs); }
void pairs_fixed(const DotJob& job) { dot(job, 2 * job.pairs); }
void pairs_of_1_fixed(const DotJob& job) { dot(job, 2 * job.pairs); }
void pairs_of_2_fixed(const DotJob& job) { dot(job, 2 * job.pairs); }
void pairs_of_3_fixed(const DotJob& job) { dot(job, 2 * job.pairs); }
void pairs_of_4_fixed(const DotJob& job) { dot(job, 2 * job.pairs); }
void pairs_clamped(const DotJob& job) { dot(job, 2 * job.pairs); }
void single_saturated(const DotJob& job) { dot(job, 1); }
void single_of_1_saturated(const DotJob& job) { dot(job, 1); }
void single_of_2_saturated(const DotJob& job) { dot(job, 1); }
void single_of_3_saturated(const DotJob& job) { dot(job, 1); }
void single_of_4_saturated(const DotJob& job) { dot(job, 1); }
void single_fixed(const DotJob& job) { dot(job, 1); }
void single_of_1_fixed(const DotJob& job) { dot(job, 1); }
void single_of_2_fixed(const DotJob& job) { dot(job, 1); }
void single_of_3_fixed(const DotJob& job) { dot(job, 1); }
void single_of_4_fixed(const DotJob& job) { dot(job, 1); }
void single_clamped(const DotJob& job) { dot(job, 1); }

#endif

}  // namespace arm_mve
}  // namespace tflm_mcunet
