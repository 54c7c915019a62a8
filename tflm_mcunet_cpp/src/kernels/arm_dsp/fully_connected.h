// FULLY_CONNECTED for cores with the DSP extension: Cortex-M4, M7, M33.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_FULLY_CONNECTED_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_FULLY_CONNECTED_H_

#include <stdint.h>

#include "../row.h"
#include "finish.h"

namespace tflm_mcunet {

struct FullyConnectedDsp {
  // For each four units A, B, C and D: the int32 biases of B and D times 256; for every four inputs the words
  // of weights of A and B as in DotJob::stream for the inputs 0 and 2, those of C and D, then both for the
  // inputs 1 and 3; the biases of A and C times 256; the multipliers of A, B, C, D; unless the finish is
  // kSaturate, their shifts, each less 1, a byte each. Units that do not exist have some multiplier.
  const int32_t* stream;
  int32_t words;  // of four inputs, the last one filled up with zeros
  int32_t depth;
  int32_t finish;    // arm_dsp::Finish
  int32_t constant;  // DotJob::constant
  int32_t shift;     // DotJob::shift
  int32_t output_min;
  int32_t output_max;
};

// RowKernel over FullyConnectedDsp: one row is one vector of `depth` values, its columns are the units.
// Scratch, aligned to 4: `words` * 8 bytes.
void fully_connected_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                             void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_FULLY_CONNECTED_H_
