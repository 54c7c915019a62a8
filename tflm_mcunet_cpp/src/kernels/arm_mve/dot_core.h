// The core of the MVE convolutions: dot products of one or two pixels with four output channels at a time.
#ifndef TFLM_MCUNET_KERNELS_ARM_MVE_DOT_CORE_H_
#define TFLM_MCUNET_KERNELS_ARM_MVE_DOT_CORE_H_

#include <stdint.h>

namespace tflm_mcunet {
namespace arm_mve {

// How a sum becomes an output value; chosen offline (codegen/arm_mve/lower.py).
enum Finish : int32_t {
  kSaturate = 0,  // the lower clamp hides the sign fix, and the clamps are those of int8
  kSignFix = 1,   // halves of negative values are rounded away from zero; every shift is to the right
  kGeneral = 2,   // as kSignFix, with shifts of 0, and clamped to [output_min, output_max]
};

// One job of the core. The assembler knows the order of the fields.
//
// `stream` holds for every four output channels: for every 16 inputs, 16 int8 weights of each channel in
// turn; then four int32 biases, multipliers and shifts (negative: to the right). Channels and inputs that do
// not exist have weights of 0. Pixels are read in pieces of 16 bytes.
struct DotJob {
  const int8_t* x;       // the first pixel
  int32_t step;          // bytes from pixel to pixel
  const int8_t* stream;  // of the first four channels
  const int8_t* stream_end;
  int32_t chunks;  // pieces of 16 inputs, at least 1
  int8_t* out;     // pixel p, channel c at out[p * stride + c]
  int32_t stride;  // at most 65,532
  int32_t pairs;   // of pixels, at least 1
  int32_t output_zero_point;
  int32_t output_min;
  int32_t output_max;
};

// Bytes of a stream for every four output channels.
inline int32_t block_bytes(int32_t chunks) { return chunks * 64 + 48; }

// The routines. A name says how many chunks a job has, where it is not any number, and how it ends: those
// without a number of chunks take any, `saturated` is kSaturate, `fixed` kSignFix and `clamped` kGeneral.
using DotRoutine = void (*)(const DotJob&);

// Of pairs of pixels.
void pairs_saturated(const DotJob& job);
void pairs_of_1_saturated(const DotJob& job);
void pairs_of_2_saturated(const DotJob& job);
void pairs_of_3_saturated(const DotJob& job);
void pairs_of_4_saturated(const DotJob& job);
void pairs_fixed(const DotJob& job);
void pairs_of_1_fixed(const DotJob& job);
void pairs_of_2_fixed(const DotJob& job);
void pairs_of_3_fixed(const DotJob& job);
void pairs_of_4_fixed(const DotJob& job);
void pairs_clamped(const DotJob& job);
// Of one pixel.
void single_saturated(const DotJob& job);
void single_of_1_saturated(const DotJob& job);
void single_of_2_saturated(const DotJob& job);
void single_of_3_saturated(const DotJob& job);
void single_of_4_saturated(const DotJob& job);
void single_fixed(const DotJob& job);
void single_of_1_fixed(const DotJob& job);
void single_of_2_fixed(const DotJob& job);
void single_of_3_fixed(const DotJob& job);
void single_of_4_fixed(const DotJob& job);
void single_clamped(const DotJob& job);

}  // namespace arm_mve
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_MVE_DOT_CORE_H_
