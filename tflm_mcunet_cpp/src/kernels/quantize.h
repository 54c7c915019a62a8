// QUANTIZE of float32 and DEQUANTIZE to float32: the edges of a model whose inputs or outputs are floats.
#ifndef TFLM_MCUNET_KERNELS_QUANTIZE_H_
#define TFLM_MCUNET_KERNELS_QUANTIZE_H_

#include <stdint.h>

#include "row.h"

namespace tflm_mcunet {

// Of the int8 side.
struct Affine {
  float scale;
  int32_t zero_point;
  int32_t channels;  // elements of one column
};

// RowKernels over Affine; one row in, one row out, not the same; no scratch.
void quantize_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                  void* scratch);
void dequantize_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                    void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_QUANTIZE_H_
