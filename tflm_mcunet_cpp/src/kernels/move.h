// Moves bytes and changes none: RESHAPE, TRANSPOSE, STRIDED_SLICE, SPLIT, CONCATENATION, PAD of whole
// tensors.
#ifndef TFLM_MCUNET_KERNELS_MOVE_H_
#define TFLM_MCUNET_KERNELS_MOVE_H_

#include <stdint.h>

#include "row.h"

namespace tflm_mcunet {

// A move is made of parts; each copies contiguous runs of bytes along up to six axes, outermost first, at its
// own stride in either tensor. Part i reads input i * input_step and writes output i * output_step.
struct Move {
  int32_t parts;
  int32_t input_step;
  int32_t output_step;
  int32_t fill_bytes;            // bytes of output 0 to be filled first; 0 for none
  uint8_t fill[4];               // the repeated bytes of one element
  const int32_t* extent;         // [parts][6], in runs
  const int32_t* source_stride;  // [parts][6], in bytes
  const int32_t* target_stride;  // [parts][6], in bytes
  const int32_t* source_offset;  // [parts], in bytes
  const int32_t* target_offset;  // [parts], in bytes
  const int32_t* run_bytes;      // [parts]
};

// WholeKernel over Move: inputs and outputs do not overlap; no scratch.
void move(const void* params, const void* const* inputs, void* const* outputs, void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_MOVE_H_
