// Rows of four channels as the units that the depthwise 3x3 kernels read.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_WIDEN_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_WIDEN_H_

#include <stdint.h>

#include "depthwise_3x3_core.h"

namespace tflm_mcunet {
namespace arm_dsp {

// The columns of a row that exist, and where they go. The assembler knows the order of the fields.
struct Columns3x3 {
  const void* row;    // the first column's first channel
  const void* other;  // row B, where rows A and B are widened together
  int32_t step;       // bytes from column to column
  void* units;        // of the first channel: the unit of the first column
  int32_t pairs;      // units whose second column exists
  int32_t pitch;      // bytes from channel to channel
  int32_t has_lead;   // whether the first unit's first column is padding
  int32_t has_trail;  // whether a unit follows whose second column is padding
  uint32_t padding;   // four zero points
};

// As they are: rows A and B; row C.
void widen_pair_3x3(const Columns3x3* columns);
void widen_single_3x3(const Columns3x3* columns);

// Times 256, over one row of units whose values are so, the other rows staying as they are: row A or B, where
// `units` points to its half of the first word; row C.
void replace_half_3x3(const Columns3x3* columns);
void replace_single_3x3(const Columns3x3* columns);

}  // namespace arm_dsp
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_WIDEN_H_
