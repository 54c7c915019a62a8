// Runs a row kernel over a map, as the engine does: the plain way, for tests of kernels.
#ifndef TFLM_MCUNET_TESTS_CPP_ROWS_H_
#define TFLM_MCUNET_TESTS_CPP_ROWS_H_

#include <stddef.h>
#include <stdint.h>

#include <vector>

#include "tflm_mcunet/kernels/row.h"

// One image. Behind its last row lie as many bytes as kernels may read behind a row, and no more, so that the
// address sanitizer sees what reads further.
struct Map {
  int32_t height;
  int32_t width;
  int32_t channels;
  std::vector<int8_t> values;
  int32_t row_bytes() const { return width * channels; }
};

// Which rows an output row reads, and which columns are computed.
struct Window {
  int32_t kernel_h;
  int32_t stride_h;
  int32_t dilation_h;
  int32_t pad_top;
  int32_t output_height;
  int32_t output_width;
  int32_t output_channels;
  int32_t output_rows;  // of one call
  tflm_mcunet::Columns columns;
};

// The outputs of all rows, of the window's columns only. `inputs` are operands of one size. The kernel gets
// `scratch_bytes` bytes, aligned to 16, and rows of which `behind` bytes may be read.
std::vector<int8_t> run_rows(tflm_mcunet::RowKernel kernel, const void* params,
                             const std::vector<const Map*>& inputs, const Window& window,
                             int32_t scratch_bytes, int32_t behind);

// The same for an operator that adds up all rows of its input; `add` and `finish` in turn.
std::vector<int8_t> run_sum(const tflm_mcunet::SumKernels& kernels, const void* params, const Map& input,
                            int32_t output_width, int32_t output_channels, int32_t behind = 0);

#endif  // TFLM_MCUNET_TESTS_CPP_ROWS_H_
