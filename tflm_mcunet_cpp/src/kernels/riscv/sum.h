// ADD and SUB of two int8 operands for RISC-V cores without SIMD (rv32im).
#ifndef TFLM_MCUNET_KERNELS_RISCV_SUM_H_
#define TFLM_MCUNET_KERNELS_RISCV_SUM_H_

#include <stdint.h>

#include "../row.h"

namespace tflm_mcunet {

// An output is ((first * 2^24 * first_factor >> 32) + (second * 2^24 * second_factor >> 32) + constant) >>
// 20, saturated to int8. The constants are found offline, for all 65,536 pairs of operands.
struct SumRv {
  int32_t channels;  // elements of one column
  int32_t first_factor;
  int32_t second_factor;
  int32_t constant;
};

// RowKernel over SumRv: one row of either operand in, one row out, which may be either operand's row; no
// scratch.
void sum_rv_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_RISCV_SUM_H_
