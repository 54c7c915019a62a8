// A stand-in for a sensor: one input of seeded values after start-up, so that a new board says something.
#include "sample.h"

#include "pattern.h"

namespace sample {
namespace {

constexpr uint32_t kSeed = 1;
bool is_done = false;
pattern::Generator generator;

}  // namespace

bool is_ready() {
  const bool is_first = !is_done;
  is_done = true;
  generator = pattern::begin(kSeed);
  return is_first;
}

void read(int32_t index, void* values, uint32_t bytes) { pattern::fill(&generator, index, values, bytes); }

void read_row(int32_t y, void* values, uint32_t bytes) {
  if (y == 0) {
    generator = pattern::begin(kSeed);
  }
  pattern::fill(&generator, 0, values, bytes);
}

}  // namespace sample
