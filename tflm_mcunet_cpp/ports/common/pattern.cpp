#include "pattern.h"

#include <string.h>

#include "model.h"
#include "project.h"

namespace pattern {
namespace {

constexpr uint8_t kIsFloat[] = PROJECT_INPUT_IS_FLOAT;

inline int8_t next(Generator* generator) {
  uint32_t x = generator->state;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  generator->state = x;
  return static_cast<int8_t>(x >> 24);
}

}  // namespace

Generator begin(uint32_t seed) { return {seed == 0 ? 1 : seed}; }

void fill(Generator* generator, int32_t index, void* values, uint32_t bytes) {
  uint8_t* target = static_cast<uint8_t*>(values);
  if (kIsFloat[index] == 0) {
    for (uint32_t i = 0; i < bytes; ++i) {
      target[i] = static_cast<uint8_t>(next(generator));
    }
    return;
  }
  for (uint32_t i = 0; i + sizeof(float) <= bytes; i += sizeof(float)) {
    const float value = static_cast<float>(next(generator)) * (1.0f / 128.0f);
    memcpy(target + i, &value, sizeof(value));
  }
}

}  // namespace pattern
