// RESIZE_NEAREST_NEIGHBOR.
#ifndef TFLM_MCUNET_KERNELS_RESIZE_NEAREST_NEIGHBOR_H_
#define TFLM_MCUNET_KERNELS_RESIZE_NEAREST_NEIGHBOR_H_

#include <stdint.h>

#include "row.h"

namespace tflm_mcunet {

// Which input row and column each output row and column takes is computed offline.
struct ResizeNearestNeighbor {
  const uint16_t* row;     // [output_height]
  const uint16_t* column;  // [output_width]
  int32_t batch;
  int32_t input_height;
  int32_t input_width;
  int32_t output_height;
  int32_t output_width;
  int32_t pixel_bytes;  // bytes of one column
};

// WholeKernel over ResizeNearestNeighbor; no scratch.
void resize_nearest_neighbor(const void* params, const void* const* inputs, void* const* outputs,
                             void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_RESIZE_NEAREST_NEIGHBOR_H_
