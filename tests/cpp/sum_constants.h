// ADD and SUB with one multiplication for each operand: drawn operators, and constants that hold for all
// 65,536 pairs of values.
#ifndef TFLM_MCUNET_TESTS_CPP_SUM_CONSTANTS_H_
#define TFLM_MCUNET_TESTS_CPP_SUM_CONSTANTS_H_

#include <stdint.h>

#include "random.h"
#include "tflm_mcunet/kernels/binary.h"

tflm_mcunet::Sum draw_sum(Random& random, int32_t channels);

// Constants of a kernel that computes ((first * first_factor >> dropped) + (second * second_factor >>
// dropped) + constant) >> shift.
struct SumConstants {
  int32_t first_factor;
  int32_t second_factor;
  int32_t constant;
};

// Those with rounded factors; false where they are not exact for some pair of values, or leave int32.
bool find_sum_constants(const tflm_mcunet::Sum& sum, int32_t shift, int32_t dropped, SumConstants* found);

#endif  // TFLM_MCUNET_TESTS_CPP_SUM_CONSTANTS_H_
