// The program as a device runs it: input after input from stdin, each output to stdout, its state kept by
// itself.
#include <stdint.h>
#include <stdio.h>

#include "model.h"
#include "model_stream.h"

int main() {
  static const uint32_t kInputs[] = MODEL_INPUT_BYTES;
  static const uint32_t kOutputs[] = MODEL_OUTPUT_BYTES;
  if (model_init() != 0) {
    return 1;
  }
  model_stream_reset();
  while (fread(model_input(0), 1, kInputs[0], stdin) == kInputs[0]) {
    if (model_stream_step() != 0 || fwrite(model_output(0), 1, kOutputs[0], stdout) != kOutputs[0]) {
      return 1;
    }
  }
  return 0;
}
