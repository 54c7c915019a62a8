// CONCATENATION along the channels.
#ifndef TFLM_MCUNET_KERNELS_CONCATENATION_H_
#define TFLM_MCUNET_KERNELS_CONCATENATION_H_

#include <stdint.h>

#include "row.h"

namespace tflm_mcunet {

struct Concatenation {
  int32_t parts;
  int32_t part_bytes[10];  // bytes of one column of each input
};

// RowKernel over Concatenation: one row of every input in, one row out; no scratch.
void concatenation_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                       void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_CONCATENATION_H_
