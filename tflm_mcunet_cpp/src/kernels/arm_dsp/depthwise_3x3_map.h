// DEPTHWISE_CONV_2D with a kernel of 3x3 over a map of 3x3, all of it at once, for cores with the DSP
// extension: Cortex-M4, M7, M33.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_MAP_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_MAP_H_

#include <stdint.h>

#include "../row.h"

namespace tflm_mcunet {

constexpr int32_t kShift3x3Map = 8;

// The assembler knows the order of the fields.
struct DepthwiseDspMap3x3 {
  // For each channel: int32 bias times 256, without the zero point's part, and multiplier; for each kernel
  // row the bytes w0 w1 w1 w2.
  const int32_t* stream;
  int32_t constant;  // of all channels, whose shift is kShift3x3Map
  int32_t channels;
  uint32_t offset;  // -zero point of the input in both halves
};

// RowKernel over DepthwiseDspMap3x3 with kSaturate, stride 1 and a padding of 1; the whole map as one row in,
// the whole map as one row out, which may be the same. Reads up to three bytes behind the map. Scratch,
// aligned to 4: 96 bytes.
void depthwise_3x3_dsp_map(const void* params, const void* const* rows, void* out, const Columns& columns,
                           void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_MAP_H_
