// The shapes that every kernel has, so that one driver can run any of them.
#ifndef TFLM_MCUNET_KERNELS_ROW_H_
#define TFLM_MCUNET_KERNELS_ROW_H_

#include <stdint.h>

namespace tflm_mcunet {

// The output columns [begin, end) that a row kernel computes. `out` points at column `begin`, and the input
// rows at column `input_begin`; whatever lies outside the input's own columns is padding.
struct Columns {
  int32_t begin;
  int32_t end;
  int32_t input_begin;
};

// Computes one output row. `rows` holds, for each computed operand in turn, one pointer for each row of the
// kernel's window, nullptr where the row is padding. `params` is the kernel's own constant structure. `out`
// may be the first row of the window where the kernel's header says so; no other overlap is allowed.
using RowKernel = void (*)(const void* params, const void* const* rows, void* out, const Columns& columns,
                           void* scratch);

// Computes the only output row of an operator as a sum over its input rows, fed one by one: `add` adds a row
// to int32 sums, one for each output value, and `finish` turns them into the row. `rows` is the number of
// rows added. `out` may lie at `sums`.
struct SumKernels {
  void (*add)(const void* params, const void* row, int32_t* sums, const Columns& columns);
  void (*finish)(const void* params, const int32_t* sums, int32_t rows, void* out, const Columns& columns);
};

// Computes whole tensors at once: for operators that have no row relation.
using WholeKernel = void (*)(const void* params, const void* const* inputs, void* const* outputs,
                             void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ROW_H_
