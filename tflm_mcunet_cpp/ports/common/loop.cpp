#include "loop.h"

#include <stdint.h>

#include "board.h"
#include "host_link.h"
#include "inference.h"
#include "model.h"
#include "project.h"
#include "sample.h"
#include "text.h"

namespace {

constexpr uint32_t kHostWaitMs = 20;
constexpr uint32_t kShown = 10;  // values of an output
constexpr uint32_t kOutputBytes[] = MODEL_OUTPUT_BYTES;
constexpr uint8_t kIsFloat[] = PROJECT_OUTPUT_IS_FLOAT;

void print_output(int32_t index) {
  if (kIsFloat[index] != 0) {
    return;  // no float printing in so small a program: the checksum tells, and the host can ask for the
             // bytes
  }
  const int8_t* values = static_cast<const int8_t*>(model_output(index));
  text::print("output ");
  text::print_number(index);
  text::print(":");
  for (uint32_t i = 0; i < kOutputBytes[index] && i < kShown; ++i) {
    text::print(" ");
    text::print_number(values[i]);
  }
  text::print(kOutputBytes[index] > kShown ? " ...\r\n" : "\r\n");
}

void print_result(const inference::Result& result) {
  if (result.status != 0) {
    text::print("the model failed\r\n");
    return;
  }
  for (int32_t i = 0; i < MODEL_OUTPUT_COUNT; ++i) {
    print_output(i);
  }
  const uint64_t microseconds = result.ticks * 1000000u / board::ticks_per_second();
  text::print("time ");
  text::print_number(static_cast<int32_t>(microseconds));
  text::print(" us, outputs' CRC-32 ");
  text::print_hexadecimal(inference::outputs_checksum());
  text::print("\r\n");
}

}  // namespace

namespace device_loop {

bool begin() {
  board::begin();
  text::print("\r\n" PROJECT_NAME " on " PROJECT_TARGET "\r\n");
  if (model_init() != 0) {
    text::print("the model does not start\r\n");
    return false;
  }
  return true;
}

void turn() {
  if (sample::is_ready() && !host_link::owns_state()) {
    print_result(inference::run({sample::read, sample::read_row}));
  }
  while (host_link::serve(kHostWaitMs)) {
  }
}

}  // namespace device_loop
