// Runs a row kernel over whole maps: the drop-in kernels' driver.
#ifndef TFLM_MCUNET_TFLM_KERNEL_ROWS_H_
#define TFLM_MCUNET_TFLM_KERNEL_ROWS_H_

#include <stddef.h>
#include <stdint.h>

#include "../kernels/row.h"

namespace tflm_mcunet {

struct RowWalk {
  RowKernel kernel;
  const void** window;  // kernel_h pointers; nullptr where they lie at the beginning of the scratch buffer
  int32_t images;
  int32_t input_height;
  int32_t input_row_bytes;
  int32_t output_height;
  int32_t output_row_bytes;
  int32_t output_width;
  int32_t kernel_h;
  int32_t stride_h;
  int32_t dilation_h;
  int32_t pad_top;
  int32_t scratch;  // what TFLite Micro calls the scratch buffer, or -1 for none
};

inline size_t window_bytes(const RowWalk& walk) { return static_cast<size_t>(walk.kernel_h) * sizeof(void*); }

// Makes the kernel compute so many output rows, a divisor of their number, in one call. Windows skip no row.
inline void take_rows(int32_t rows, RowWalk* walk) {
  walk->kernel_h += (rows - 1) * walk->stride_h;
  walk->stride_h *= rows;
  walk->output_height /= rows;
  walk->output_row_bytes *= rows;
}

// Makes all rows of all images one row; a window is one row, and there are as many outputs as inputs.
inline void take_all(RowWalk* walk) {
  walk->output_width *= walk->images * walk->output_height;
  walk->images = walk->input_height = walk->output_height = 1;
}

inline void walk_rows(const RowWalk& walk, const void* params, const void* input, void* output,
                      void* buffer) {
  const Columns columns = {0, walk.output_width, 0};
  const uint8_t* image = static_cast<const uint8_t*>(input);
  uint8_t* out = static_cast<uint8_t*>(output);
  const void** window = walk.window != nullptr ? walk.window : static_cast<const void**>(buffer);
  void* const scratch = buffer == nullptr ? nullptr : static_cast<uint8_t*>(buffer) + window_bytes(walk);
  for (int32_t i = 0; i < walk.images; ++i, image += walk.input_height * walk.input_row_bytes) {
    for (int32_t y = 0; y < walk.output_height; ++y, out += walk.output_row_bytes) {
      int32_t row = y * walk.stride_h - walk.pad_top;
      for (int32_t k = 0; k < walk.kernel_h; ++k, row += walk.dilation_h) {
        const bool is_inside = row >= 0 && row < walk.input_height;
        window[k] = is_inside ? image + row * walk.input_row_bytes : nullptr;
      }
      walk.kernel(params, window, out, columns, scratch);
    }
  }
}

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_TFLM_KERNEL_ROWS_H_
