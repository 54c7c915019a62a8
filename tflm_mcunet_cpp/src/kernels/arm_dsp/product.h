// MUL of two int8 operands for cores with the DSP extension: Cortex-M4, M7, M33.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_PRODUCT_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_PRODUCT_H_

#include <stdint.h>

#include "../row.h"

namespace tflm_mcunet {

// An output is a product of operands less their zero points times 256, plus `bias`, requantised as in
// finish.h: with the multiplier and the shift, and with `constant`, which is less by `sign_fix` below zero.
struct ProductDsp {
  int32_t channels;  // elements of one column
  int32_t first_zero_point;
  int32_t second_zero_point;
  int32_t bias;
  int32_t multiplier;
  int32_t constant;
  int32_t shift;
  int32_t sign_fix;  // 0 or 128
};

// RowKernel over ProductDsp: one row of either operand in, one row out, which may be either operand's row; no
// scratch.
void product_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                     void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_PRODUCT_H_
