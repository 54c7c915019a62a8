#include "floats.h"

#include <string.h>

Floats draw_floats(Random& random) {
  Floats floats = {};
  const int32_t height = random.between(1, 4), width = random.between(1, 9), channels = random.between(1, 9);
  const float scale = static_cast<float>(random.between(1, 1 << 20)) / static_cast<float>(1 << 24);
  floats.affine = {scale, random.between(-128, 127), channels};
  floats.bytes = {height, width, 4 * channels, {}};
  for (int32_t i = 0; i < height * width * channels; ++i) {
    const float steps = static_cast<float>(random.between(-400, 400));
    const bool is_half = random.between(0, 1) == 0;
    float value = (is_half ? steps + 0.5f : steps / 3.0f) * scale;
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    bits += static_cast<uint32_t>(random.between(-3, 3));
    int8_t bytes[4];
    memcpy(bytes, &bits, sizeof(bytes));
    floats.bytes.values.insert(floats.bytes.values.end(), bytes, bytes + 4);
  }
  floats.window = {1, 1, 1, 0, height, width, channels, 1, {0, width, 0}};
  return floats;
}
