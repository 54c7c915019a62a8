// ADD, SUB and MUL of two int8 operands.
#ifndef TFLM_MCUNET_KERNELS_BINARY_H_
#define TFLM_MCUNET_KERNELS_BINARY_H_

#include <stdint.h>

#include "row.h"

namespace tflm_mcunet {

// Either term is (value - zero_point) * 2^20, requantised to the common scale; SUB subtracts the second.
struct Sum {
  int32_t channels;  // elements of one column
  int32_t sign;      // +1 for ADD, -1 for SUB
  int32_t first_zero_point;
  int32_t first_multiplier;
  int32_t first_shift;
  int32_t second_zero_point;
  int32_t second_multiplier;
  int32_t second_shift;
  int32_t output_multiplier;
  int32_t output_shift;
  int32_t output_zero_point;
  int32_t output_min;
  int32_t output_max;
};

struct Product {
  int32_t channels;  // elements of one column
  int32_t first_zero_point;
  int32_t second_zero_point;
  int32_t output_multiplier;
  int32_t output_shift;
  int32_t output_zero_point;
  int32_t output_min;
  int32_t output_max;
};

// How a binary operator of unequal shapes walks its operands: for each output axis, outermost first, its
// extent and the elements by which either operand advances, 0 along a broadcast axis.
struct Broadcast {
  const void* arithmetic;  // Sum or Product
  int32_t extent[6];
  int32_t first_stride[6];
  int32_t second_stride[6];
};

// RowKernels over Sum and Product: one row of either operand in, one row out, which may be either operand's
// row.
void sum_row(const void* params, const void* const* rows, void* out, const Columns& columns, void* scratch);
void product_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                 void* scratch);

// The same where the second operand has one value a channel, the same for every column.
void sum_channels_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                      void* scratch);
void product_channels_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                          void* scratch);

// WholeKernels over Broadcast.
void sum_broadcast(const void* params, const void* const* inputs, void* const* outputs, void* scratch);
void product_broadcast(const void* params, const void* const* inputs, void* const* outputs, void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_BINARY_H_
