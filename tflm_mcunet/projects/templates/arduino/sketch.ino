// Runs @NAME@ whenever there is an input, prints the result over Serial at 115200 baud, and answers
// `tflm-mcunet run MODEL --on serial:PORT` in between.
#include <@TITLE@.h>

// Where the input comes from: fill in your sensor. As it stands, one input of seeded values after a reset.
namespace sample {

static pattern::Generator generator;

bool is_ready() {
  static bool is_first = true;
  const bool ready = is_first;
  is_first = false;
  generator = pattern::begin(1);
  return ready;
}

// All bytes of an input, as the model takes them: `model.h` has scale and zero point.
void read(int32_t index, void* values, uint32_t bytes) { pattern::fill(&generator, index, values, bytes); }

// Row `y` of an image, for a model that is fed by rows.
void read_row(int32_t y, void* values, uint32_t bytes) {
  if (y == 0) {
    generator = pattern::begin(1);
  }
  pattern::fill(&generator, 0, values, bytes);
}

}  // namespace sample

void setup() {
  while (!device_loop::begin()) {
    delay(1000);
  }
}

void loop() { device_loop::turn(); }
