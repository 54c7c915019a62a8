#include "fully_connected.h"

#include <string.h>

namespace tflm_mcunet {
namespace {

using arm_dsp::load_word;
using arm_dsp::UnitsJob;

// The input as int16: for every four values, 0 and 2, then 1 and 3.
void widen_vector(const int8_t* source, int32_t depth, uint32_t* x) {
  int32_t i = 0;
  for (; i + 8 <= depth; i += 8, x += 4) {
    const uint32_t first = load_word(source + i);
    const uint32_t second = load_word(source + i + 4);
    x[0] = arm_dsp::widen_even(first);
    x[1] = arm_dsp::widen_odd(first);
    x[2] = arm_dsp::widen_even(second);
    x[3] = arm_dsp::widen_odd(second);
  }
  for (; i + 4 <= depth; i += 4) {
    const uint32_t word = load_word(source + i);
    *x++ = arm_dsp::widen_even(word);
    *x++ = arm_dsp::widen_odd(word);
  }
  if (i < depth) {
    uint32_t word = 0;
    memcpy(&word, source + i, static_cast<uint32_t>(depth - i));
    *x++ = arm_dsp::widen_even(word);
    *x++ = arm_dsp::widen_odd(word);
  }
}

}  // namespace

void fully_connected_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                             void* scratch) {
  const FullyConnectedDsp& layer = *static_cast<const FullyConnectedDsp*>(params);
  uint32_t* x = static_cast<uint32_t*>(scratch);
  int8_t* output = static_cast<int8_t*>(out);
  widen_vector(static_cast<const int8_t*>(rows[0]), layer.depth, x);
  const int32_t passes = (layer.words + 7) / 8;
  UnitsJob job = {x,           output,
                  0,           layer.constant,
                  layer.shift, layer.stream + (columns.begin / 4) * layer.stream_words,
                  passes,      8 * passes - layer.words};
  for (int32_t unit = columns.begin; unit < columns.end;) {
    const int32_t skipped = unit & 3;
    job.fours = (columns.end - unit) / 4;
    int32_t count = 4 * job.fours;
    if (skipped == 0 && count > 0) {
      job.out = output;
      layer.units(&job);
    } else {
      int8_t four[4];
      job.out = four;
      job.fours = 1;
      layer.units(&job);
      count = 4 - skipped < columns.end - unit ? 4 - skipped : columns.end - unit;
      memcpy(output, four + skipped, static_cast<uint32_t>(count));
    }
    job.stream += job.fours * layer.stream_words;
    unit += count;
    output += count;
  }
  if (layer.output_min == -128 && layer.output_max == 127) {
    return;
  }
  for (int8_t* value = static_cast<int8_t*>(out); value < output; ++value) {
    const int32_t clamped = *value < layer.output_min ? layer.output_min : *value;
    *value = static_cast<int8_t>(clamped > layer.output_max ? layer.output_max : clamped);
  }
}

}  // namespace tflm_mcunet
