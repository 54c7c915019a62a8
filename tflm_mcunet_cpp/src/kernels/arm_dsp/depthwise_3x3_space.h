// What the depthwise 3x3 kernels that read units have in common: their scratch memory, the columns of a row,
// and how sums that the core does not end are ended.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_SPACE_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_SPACE_H_

#include <stdint.h>

#include "../row.h"
#include "depthwise_3x3_core.h"
#include "depthwise_3x3_widen.h"
#include "finish.h"
#include "finish_sums.h"

namespace tflm_mcunet {
namespace arm_dsp {

// The outputs of a row, the units that they read, and of those the columns that exist.
struct Span3x3 {
  int32_t count;
  int32_t units;
  int32_t offset;  // bytes from a row's pointer to the first column
  Columns3x3 place;
};

// `Conv` is a structure of a depthwise 3x3 kernel.
template <typename Conv>
Span3x3 span_of_3x3(const Conv& conv, int32_t stride, int32_t input_step, const Columns& columns,
                    Unit3x3* units) {
  Span3x3 span;
  span.count = columns.end - columns.begin;
  span.units = units_of_3x3(span.count, stride);
  const int32_t first = columns.begin * stride - conv.pad_left;
  const int32_t low = first < 0 ? -first : 0;
  const int32_t reach = conv.input_width - first;
  const int32_t end = reach < 2 * span.units ? reach : 2 * span.units;
  const int32_t held = end > low ? end - low : 0;
  span.offset = (first + low - columns.input_begin) * input_step;
  Columns3x3& place = span.place;
  place.row = place.other = nullptr;
  place.step = input_step;
  place.units = units + low / 2;
  place.has_lead = low & 1;
  place.pairs = held > 0 ? (held + place.has_lead) / 2 : 0;
  place.has_trail = held > 0 ? (held + place.has_lead) & 1 : 0;
  place.pitch = span.units * static_cast<int32_t>(sizeof(Unit3x3));
  place.padding = static_cast<uint32_t>(conv.input_zero_point & 0xFF) * 0x01010101u;
  return span;
}

// Sets all units of four channels to what a column of padding is widened to.
inline void fill_units(Unit3x3* units, int32_t count, int32_t value) {
  const uint32_t half = static_cast<uint32_t>(value) & 0xFFFFu;
  const uint32_t word = half | half << 16;
  for (Unit3x3* unit = units; unit != units + 4 * count; ++unit) {
    *unit = {{word, word}, word};
  }
}

// A job without records and output.
template <typename Conv>
Job3x3 job_of_3x3(const Conv& conv, int32_t stride, int32_t output_step, int32_t count,
                  const Unit3x3* units) {
  const bool is_sum = conv.is_regular == 0;
  const int32_t row_bytes = (stride == 1 ? count & ~1 : count) * (is_sum ? 4 : output_step);
  Job3x3 job;
  job.stride = output_step;
  job.end = static_cast<uint32_t>(row_bytes);
  job.gap = (is_sum ? 4 * count : 1) - row_bytes;
  job.x = units;
  job.count = count;
  set_code_of_3x3(*conv.core, stride, &job);
  return job;
}

// One output row of a regular layer, from units that its job names.
inline void run_outputs_3x3(const Core3x3& core, Job3x3* job, int8_t* out) {
  job->end = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(out)) + static_cast<uint32_t>(1 - job->gap);
  job->out = out - job->gap;
  core.run(job);
}

// The same by way of sums; `own` has constant and shift of each channel of the job.
template <typename Conv>
void run_sums_3x3(const Conv& conv, Job3x3* job, const int32_t* own, int32_t* sums, int8_t* out) {
  job->out = reinterpret_cast<uint8_t*>(sums) - job->gap;
  conv.core->run(job);
  SumsEnding ending = {
      0, 0, 0, conv.finish == kSaturate ? 0 : -128, job->stride, conv.output_min, conv.output_max};
  for (const Record3x3* record = job->record; record != job->records_end; ++record) {
    ending.multiplier = record->multiplier;
    ending.constant = own[0];
    ending.shift = own[1];
    conv.core->finish(&ending, sums, job->count, out);
    own += 2;
    sums += job->count;
    ++out;
  }
}

}  // namespace arm_dsp
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_SPACE_H_
