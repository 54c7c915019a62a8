// Seeded numbers, the same on every machine.
#ifndef TFLM_MCUNET_TESTS_CPP_RANDOM_H_
#define TFLM_MCUNET_TESTS_CPP_RANDOM_H_

#include <stdint.h>

#include <vector>

// xorshift64*.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15u + 1) {}

  uint32_t bits() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return static_cast<uint32_t>(state_ * 0x2545F4914F6CDD1Du >> 32);
  }

  // In [low, high].
  int32_t between(int32_t low, int32_t high) {
    const uint64_t span = static_cast<uint64_t>(static_cast<int64_t>(high) - low) + 1;
    return static_cast<int32_t>(low + static_cast<int64_t>(bits() * span >> 32));
  }

  int32_t pick(const std::vector<int32_t>& choices) {
    return choices[static_cast<uint32_t>(between(0, static_cast<int32_t>(choices.size()) - 1))];
  }

  std::vector<int8_t> values(int32_t count, int32_t low, int32_t high) {
    std::vector<int8_t> drawn;
    for (int32_t i = 0; i < count; ++i) {
      drawn.push_back(static_cast<int8_t>(between(low, high)));
    }
    return drawn;
  }

 private:
  uint64_t state_;
};

#endif  // TFLM_MCUNET_TESTS_CPP_RANDOM_H_
