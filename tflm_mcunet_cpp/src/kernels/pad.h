// PAD and PADV2 of rows and columns.
#ifndef TFLM_MCUNET_KERNELS_PAD_H_
#define TFLM_MCUNET_KERNELS_PAD_H_

#include <stdint.h>

#include "row.h"

namespace tflm_mcunet {

struct Pad {
  int32_t input_width;
  int32_t pixel_bytes;  // bytes of one column
  int32_t pad_left;
  uint8_t fill[4];  // the repeated bytes of one element
};

// RowKernel over Pad: one row in, nullptr for a row of padding; one row out; no scratch.
void pad_row(const void* params, const void* const* rows, void* out, const Columns& columns, void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_PAD_H_
