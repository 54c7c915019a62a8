// Binary operators of unequal shapes for cores with the DSP extension: runs of values by a row kernel.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_BROADCAST_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_BROADCAST_H_

#include <stdint.h>

#include "../row.h"
#include "product.h"
#include "sum.h"
#include "sum_exact.h"

namespace tflm_mcunet {

// Along the innermost axis either operand advances with the output, or one of them is the same value.
struct BroadcastDsp {
  RowKernel row;           // of one channel to a column: `product_dsp_row` or `sum_dsp_row`
  const void* arithmetic;  // its parameters
  int32_t run;             // values of the innermost axis
  int32_t repeated;        // the operand that is the same value along it, 0 or 1; else -1
  int32_t extent[2];       // of the axes outside it, outermost first
  int32_t first_stride[2];
  int32_t second_stride[2];
};

// The second operand has one value a channel, the same for every column.
struct ChannelsDsp {
  RowKernel row;           // as in BroadcastDsp
  const void* arithmetic;  // its parameters
  int32_t channels;
};

// RowKernel over ChannelsDsp: a row and the channels' values in, one row out, which may be the first
// operand's row; no scratch.
void channels_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                      void* scratch);

// WholeKernel over BroadcastDsp. Scratch: `run` bytes where an operand is repeated.
void broadcast_dsp(const void* params, const void* const* inputs, void* const* outputs, void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_BROADCAST_H_
