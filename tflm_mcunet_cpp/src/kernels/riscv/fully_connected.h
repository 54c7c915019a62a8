// FULLY_CONNECTED for RISC-V cores without SIMD (rv32im): two products a multiplication.
#ifndef TFLM_MCUNET_KERNELS_RISCV_FULLY_CONNECTED_H_
#define TFLM_MCUNET_KERNELS_RISCV_FULLY_CONNECTED_H_

#include <stdint.h>

#include "../row.h"
#include "finish.h"

namespace tflm_mcunet {

struct FullyConnectedRv {
  // For each eight units: int32 group (2, 4 or 8 inputs); their riscv::Channels; for each input, as many as
  // whole groups of 8, their weights plus 128 as bytes in the order 0 2 1 3 4 6 5 7. Units that do not exist
  // have weights of zero.
  const int32_t* stream;
  int32_t depth;
  int32_t sign_fix;
  int32_t output_min;
  int32_t output_max;
};

// RowKernel over FullyConnectedRv: one row is one vector of `depth` values, its columns are the units.
// Scratch, aligned to 4: 4.5 bytes for each input, as many as whole groups of 8.
void fully_connected_rv_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                            void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_RISCV_FULLY_CONNECTED_H_
