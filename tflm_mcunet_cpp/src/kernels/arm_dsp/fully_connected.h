// FULLY_CONNECTED for cores with the DSP extension: Cortex-M4, M7, M33.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_FULLY_CONNECTED_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_FULLY_CONNECTED_H_

#include <stdint.h>

#include "../row.h"
#include "units_core.h"

namespace tflm_mcunet {

struct FullyConnectedDsp {
  arm_dsp::UnitsKernel units;
  const int32_t* stream;  // UnitsJob::stream; units that do not exist have some multiplier
  int32_t words;          // of four inputs, the last one filled up with zeros
  int32_t depth;
  int32_t stream_words;  // of four units
  int32_t constant;      // UnitsJob::constant
  int32_t shift;         // UnitsJob::shift
  int32_t output_min;
  int32_t output_max;
};

// RowKernel over FullyConnectedDsp: one row is one vector of `depth` values, its columns are the units.
// Scratch, aligned to 4: `words` * 8 bytes.
void fully_connected_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                             void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_FULLY_CONNECTED_H_
