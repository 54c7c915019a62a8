// The units of four channels keep the three rows of a window, each in the place where the row that it follows
// was; for each place of the oldest row there are weights in that order.
#include "depthwise_3x3_rolling.h"

#include "depthwise_3x3_across.h"
#include "depthwise_3x3_space.h"

namespace tflm_mcunet {
namespace {

using arm_dsp::Columns3x3;
using arm_dsp::Job3x3;
using arm_dsp::kStreamWords3x3;
using arm_dsp::Record3x3;
using arm_dsp::Span3x3;
using arm_dsp::Unit3x3;

// A row of four channels, nullptr for padding, as row A, B or C of the units.
void replace(const void* row, int32_t offset, int32_t step, bool is_single, Columns3x3* place) {
  const bool exists = row != nullptr;
  place->row = exists ? static_cast<const int8_t*>(row) + offset : static_cast<const void*>(&place->padding);
  place->step = exists ? step : 0;
  (is_single ? arm_dsp::replace_single_3x3 : arm_dsp::replace_half_3x3)(place);
}

void compute(const DepthwiseDsp3x3Rolling& conv, const void* const* given, int8_t* out,
             const Columns& columns, void* scratch) {
  Record3x3* const records = static_cast<Record3x3*>(scratch);
  Unit3x3* const units = reinterpret_cast<Unit3x3*>(records + 12);
  const Span3x3 span = arm_dsp::span_of_3x3(conv, 1, conv.input_step, columns, units);
  Columns3x3 places[3] = {span.place, span.place, span.place};
  places[1].units = static_cast<uint8_t*>(span.place.units) + 2;
  arm_dsp::fill_units(units, span.units, conv.input_zero_point * 256);
  const int32_t* const own = conv.stream + conv.channels * kStreamWords3x3;
  int32_t* const sums = reinterpret_cast<int32_t*>(units + 4 * span.units);
  Job3x3 job = arm_dsp::job_of_3x3(conv, 1, conv.output_step, span.count, units);
  for (int32_t channel = 0; channel < conv.channels; channel += 4) {
    const int32_t left = conv.channels - channel;
    const int32_t channels = left < 4 ? left : 4;
    arm_dsp::prepare_rows_3x3(conv.stream + channel * kStreamWords3x3, records, channels);
    const int32_t offset = span.offset + channel;
    const void* const* rows = given;
    int8_t* row_out = out + channel;
    int32_t oldest = 2;
    replace(rows[0], offset, conv.input_step, false, &places[0]);
    replace(rows[1], offset, conv.input_step, false, &places[1]);
    for (int32_t y = conv.output_rows; y > 0; --y, ++rows, row_out += conv.output_pitch) {
      replace(rows[2], offset, conv.input_step, oldest == 2, &places[oldest]);
      oldest = oldest == 2 ? 0 : oldest + 1;
      job.record = records + 4 * oldest;
      job.records_end = job.record + channels;
      if (conv.is_regular != 0) {
        arm_dsp::run_outputs_3x3(*conv.core, &job, row_out);
      } else {
        arm_dsp::run_sums_3x3(conv, &job, own + 2 * channel, sums, row_out);
      }
    }
  }
}

}  // namespace

void depthwise_3x3_rolling_dsp_row(const void* params, const void* const* rows, void* out,
                                   const Columns& columns, void* scratch) {
  compute(*static_cast<const DepthwiseDsp3x3Rolling*>(params), rows, static_cast<int8_t*>(out), columns,
          scratch);
}

void depthwise_3x3_rolling_dsp_columns(const void* params, const void* const* rows, void* out,
                                       const Columns& columns, void* scratch) {
  const DepthwiseDsp3x3Rolling& conv = *static_cast<const DepthwiseDsp3x3Rolling*>(params);
  void* const space = arm_dsp::lay_across(conv, 1, rows[0], scratch);
  compute(conv, static_cast<const void* const*>(scratch), static_cast<int8_t*>(out), columns, space);
}

}  // namespace tflm_mcunet
