// FULLY_CONNECTED for cores with MVE (Helium): Cortex-M55, M85.
#ifndef TFLM_MCUNET_KERNELS_ARM_MVE_FULLY_CONNECTED_H_
#define TFLM_MCUNET_KERNELS_ARM_MVE_FULLY_CONNECTED_H_

#include <stdint.h>

#include "../row.h"
#include "dot_core.h"

namespace tflm_mcunet {

struct FullyConnectedMve {
  arm_mve::DotRoutine single;  // of the layer's ending
  const int8_t* stream;        // DotJob::stream; a unit is a channel
  int32_t chunks;              // pieces of 16 inputs, the last one filled up with weights of 0
  int32_t output_zero_point;
  int32_t output_min;
  int32_t output_max;
};

// RowKernel over FullyConnectedMve: one row is one vector, read up to 15 bytes behind its end; its columns
// are the units. Scratch: 16 bytes.
void fully_connected_mve_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                             void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_MVE_FULLY_CONNECTED_H_
