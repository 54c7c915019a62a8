// ADD and SUB of two int8 operands for cores with MVE (Helium): Cortex-M55, M85.
#ifndef TFLM_MCUNET_KERNELS_ARM_MVE_SUM_H_
#define TFLM_MCUNET_KERNELS_ARM_MVE_SUM_H_

#include <stdint.h>

#include "../row.h"

namespace tflm_mcunet {

// An output is (first * first_factor + constant + second * second_factor + 2^15 + 2^(shift - 1)) >> shift,
// saturated to int8; the sum of the first three terms, from the left, does not overflow. The constants are
// found offline, for all 65,536 pairs of operands.
struct SumMve {
  int32_t channels;  // elements of one column
  int32_t first_factor;
  int32_t second_factor;
  int32_t constant;
  int32_t shift;  // 20 or 22
};

// RowKernel over SumMve: one row of either operand in, one row out, which may be either operand's row; no
// scratch.
void sum_mve_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                 void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_MVE_SUM_H_
