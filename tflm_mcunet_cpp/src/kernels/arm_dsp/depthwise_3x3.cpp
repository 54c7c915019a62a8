// Every row that an output row reads is widened for it; at stride 2 the last of a window stays for the next
// one.
#include "depthwise_3x3.h"

#include "depthwise_3x3_space.h"

namespace tflm_mcunet {
namespace {

using arm_dsp::Columns3x3;
using arm_dsp::Job3x3;
using arm_dsp::Record3x3;
using arm_dsp::Span3x3;
using arm_dsp::Unit3x3;

// Sets row A (0), B (1) or C (2) of `count` units.
void set_row(Unit3x3* units, int32_t count, int32_t row, uint32_t half) {
  for (Unit3x3* unit = units; unit != units + count; ++unit) {
    if (row == 2) {
      unit->single = half | half << 16;
    } else {
      const uint32_t kept = row == 0 ? 0xFFFF0000u : 0xFFFFu;
      const uint32_t value = row == 0 ? half : half << 16;
      unit->pair[0] = (unit->pair[0] & kept) | value;
      unit->pair[1] = (unit->pair[1] & kept) | value;
    }
  }
}

// Three rows of four channels, of which some may be padding, nullptr.
__attribute__((noinline)) void widen_border(const void* const* rows, int32_t offset, const Span3x3& span,
                                            Unit3x3* units, uint32_t padding) {
  Columns3x3 place = span.place;
  const void* const one = rows[0] != nullptr ? rows[0] : rows[1];
  const void* const two = rows[1] != nullptr ? rows[1] : rows[0];
  if (one != nullptr) {
    place.row = static_cast<const int8_t*>(one) + offset;
    place.other = static_cast<const int8_t*>(two) + offset;
    arm_dsp::widen_pair_3x3(&place);
  }
  if (rows[2] != nullptr) {
    place.row = static_cast<const int8_t*>(rows[2]) + offset;
    arm_dsp::widen_single_3x3(&place);
  }
  for (int32_t row = 0; row < 3; ++row) {
    if (rows[row] == nullptr) {
      set_row(units, 4 * span.units, row, padding);
    }
  }
}

}  // namespace

void depthwise_3x3_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                           void* scratch) {
  const DepthwiseDsp3x3& conv = *static_cast<const DepthwiseDsp3x3*>(params);
  Unit3x3* const units = static_cast<Unit3x3*>(scratch);
  Span3x3 span = arm_dsp::span_of_3x3(conv, conv.stride, conv.channels, columns, units);
  arm_dsp::fill_units(units, span.units, conv.input_zero_point);
  Job3x3 job = arm_dsp::job_of_3x3(conv, conv.stride, conv.channels, span.count, units);
  job.record = reinterpret_cast<const Record3x3*>(conv.records);
  const Record3x3* const end = job.record + conv.channels;
  const int32_t* own = reinterpret_cast<const int32_t*>(end);
  int32_t* const sums = reinterpret_cast<int32_t*>(units + 4 * span.units);
  const bool is_inside = rows[0] != nullptr && rows[1] != nullptr && rows[2] != nullptr;
  const uint32_t padding = static_cast<uint32_t>(conv.input_zero_point) & 0xFFFFu;
  int8_t* output = static_cast<int8_t*>(out);
  for (int32_t offset = span.offset; job.record != end; offset += 4) {
    job.records_end = end - job.record > 4 ? job.record + 4 : end;
    if (is_inside) {
      span.place.row = static_cast<const int8_t*>(rows[0]) + offset;
      span.place.other = static_cast<const int8_t*>(rows[1]) + offset;
      arm_dsp::widen_pair_3x3(&span.place);
      span.place.row = static_cast<const int8_t*>(rows[2]) + offset;
      arm_dsp::widen_single_3x3(&span.place);
    } else {
      widen_border(rows, offset, span, units, padding);
    }
    if (conv.is_regular != 0) {
      arm_dsp::run_outputs_3x3(*conv.core, &job, output);
    } else {
      arm_dsp::run_sums_3x3(conv, &job, own, sums, output);
      own += 8;
    }
    job.record = job.records_end;
    output += 4;
  }
}

}  // namespace tflm_mcunet
