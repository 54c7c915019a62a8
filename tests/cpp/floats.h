// Drawn floats to quantise: about half of them lie within a few units in the last place of a half.
#ifndef TFLM_MCUNET_TESTS_CPP_FLOATS_H_
#define TFLM_MCUNET_TESTS_CPP_FLOATS_H_

#include "random.h"
#include "rows.h"
#include "tflm_mcunet/kernels/quantize.h"

struct Floats {
  tflm_mcunet::Affine affine;
  Map bytes;  // of the floats: four channels for each value
  Window window;
};

Floats draw_floats(Random& random);

#endif  // TFLM_MCUNET_TESTS_CPP_FLOATS_H_
