// ADD and SUB of two int8 operands for cores with the DSP extension: Cortex-M4, M7, M33.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_SUM_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_SUM_H_

#include <stdint.h>

#include "../row.h"

namespace tflm_mcunet {

// An output is ((first * 256 * first_factor >> 16) + (second * 256 * second_factor >> 16) + constant) >> 20,
// saturated to int8. The constants are found offline, for all 65,536 pairs of operands.
struct SumDsp {
  int32_t channels;  // elements of one column
  int32_t first_factor;
  int32_t second_factor;
  int32_t constant;
};

// RowKernel over SumDsp: one row of either operand in, one row out, which may be either operand's row; no
// scratch.
void sum_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                 void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_SUM_H_
