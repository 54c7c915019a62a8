// DEPTHWISE_CONV_2D of multiplier 1 and windows of up to 64 taps for cores with MVE (Helium): Cortex-M55,
// M85.
#ifndef TFLM_MCUNET_KERNELS_ARM_MVE_DEPTHWISE_CONV_2D_H_
#define TFLM_MCUNET_KERNELS_ARM_MVE_DEPTHWISE_CONV_2D_H_

#include <stdint.h>

#include "../row.h"
#include "depthwise_core.h"

namespace tflm_mcunet {

// A convolution seen as lines of outputs, each of which is made from `taps_across` lines of the input. The
// lines are rows, or where maps are higher than wide, columns. Padding and strides are those along a line.
struct DepthwiseMve2D {
  arm_mve::DepthwiseRoutine routine;
  const int8_t* stream;  // DepthwiseJob::stream; the taps of a channel as [taps_along][taps_across]
  int32_t stream_bytes;  // of a channel
  int32_t lead;
  int32_t vectors;  // of 16 taps
  int32_t channels;
  int32_t group;  // channels whose planes are held at once, a multiple of 8
  int32_t taps_across;
  int32_t taps_along;
  int32_t stride;
  int32_t pad;
  int32_t input_length;
  int32_t input_step;   // bytes from pixel to pixel of a line of the input
  int32_t output_step;  // the same of the output, at most 9,362
  int32_t input_zero_point;
  int32_t output_zero_point;
  int32_t output_min;
  int32_t output_max;
};

// All lines of a map.
struct DepthwiseMapMve2D {
  DepthwiseMve2D line;
  int32_t input_lines;
  int32_t output_lines;
  int32_t output_length;  // of a line
  int32_t stride_across;
  int32_t pad_across;
  int32_t input_pitch;   // bytes from line to line of the input
  int32_t output_pitch;  // the same of the output
};

// RowKernels, which read rows up to seven bytes behind their end.
//
// Over DepthwiseMve2D: `taps_across` rows in, one row out, which may be the window's first row. Scratch:
// `group` planes, each of the bytes between the windows of a line in fours, and `vectors` * 16; and 16.
void depthwise_conv_2d_mve_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                               void* scratch);
// Over DepthwiseMapMve2D: the whole map is the only row, and always computed whole. A group of channels is
// computed line by line, and of its input only those lines are read again that its windows have not reached:
// so the output may lie over the input where each of its pixels lies over a pixel of a line that the windows
// of its own line have reached. Scratch: planes are longer by the `stride_across` of all output lines but
// one.
void depthwise_conv_2d_mve_map(const void* params, const void* const* rows, void* out, const Columns& columns,
                               void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_MVE_DEPTHWISE_CONV_2D_H_
