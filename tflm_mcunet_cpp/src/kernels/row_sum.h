// Adds the columns of a row to one sum for each channel.
#ifndef TFLM_MCUNET_KERNELS_ROW_SUM_H_
#define TFLM_MCUNET_KERNELS_ROW_SUM_H_

#include <stdint.h>

namespace tflm_mcunet {

inline void add_columns(const int8_t* row, int32_t columns, int32_t channels, int32_t* sums) {
  for (int32_t x = 0; x < columns; ++x, row += channels) {
    for (int32_t channel = 0; channel < channels; ++channel) {
      sums[channel] += row[channel];
    }
  }
}

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ROW_SUM_H_
