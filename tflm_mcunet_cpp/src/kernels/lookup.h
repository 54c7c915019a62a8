// A 256-byte table: every operator that maps one 8-bit value to one 8-bit value.
#ifndef TFLM_MCUNET_KERNELS_LOOKUP_H_
#define TFLM_MCUNET_KERNELS_LOOKUP_H_

#include <stdint.h>

#include "row.h"

namespace tflm_mcunet {

// The table is computed offline, so LOGISTIC, TANH, HARD_SWISH, LEAKY_RELU, RELU, RELU6 and the QUANTIZE
// between 8-bit types cost the same and need no arithmetic on the device.
struct Lookup {
  const uint8_t* table;  // [256], indexed by the bits of the input value
  int32_t channels;      // elements of one column
};

// RowKernel over Lookup: one row in, one row out, which may be the same; no scratch.
void lookup_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_LOOKUP_H_
