// Seeded inputs that the host knows as well: both compute the same bytes, so that a whole inference can be
// compared by a checksum, without sending an image over a serial line.
#ifndef TFLM_MCUNET_PORTS_PATTERN_H_
#define TFLM_MCUNET_PORTS_PATTERN_H_

#include <stdint.h>

namespace pattern {

// Marsaglia's xorshift of 32 bits.
struct Generator {
  uint32_t state;
};

// A seed of 0 is taken for 1, since the generator would stand still at 0.
Generator begin(uint32_t seed);

// The next values of input `index`. A float is a byte over 128, so in [-1, 1); every other type gets plain
// bytes.
void fill(Generator* generator, int32_t index, void* values, uint32_t bytes);

}  // namespace pattern

#endif  // TFLM_MCUNET_PORTS_PATTERN_H_
