// Every row that an output row reads is widened for it; at stride 2 the last of a window stays for the next
// one.
#include "depthwise_3x3.h"

#include "depthwise_3x3_space.h"

namespace tflm_mcunet {
namespace {

using arm_dsp::Columns3x3;
using arm_dsp::Job3x3;
using arm_dsp::kStreamWords3x3;
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

class Depthwise3x3 {
 public:
  Depthwise3x3(const DepthwiseDsp3x3& conv, const Columns& columns, void* scratch)
      : conv_(conv),
        records_(static_cast<Record3x3*>(scratch)),
        units_(reinterpret_cast<Unit3x3*>(records_ + (conv.output_rows > 1 ? 8 : 4))),
        span_(arm_dsp::span_of_3x3(conv, columns, units_)) {
    arm_dsp::fill_units(units_, span_.units, conv.input_zero_point);
  }

  // The channels from `channel` on, at most four, of every row.
  void run(const void* const* rows, int8_t* out, int32_t channel, Job3x3& job) {
    const int32_t left = conv_.channels - channel;
    const int32_t channels = left < 4 ? left : 4;
    const int32_t offset = span_.offset + channel;
    int32_t* const sums = reinterpret_cast<int32_t*>(units_ + 4 * span_.units);
    const int32_t* const stream = conv_.stream + channel * kStreamWords3x3;
    (conv_.output_rows > 1 ? arm_dsp::prepare_pairs_3x3 : arm_dsp::prepare_3x3)(stream, records_, channels);
    bool is_kept = false;  // whether row C of the units is the first of this window
    for (int32_t y = conv_.output_rows; y > 0; --y, rows += conv_.stride, out += conv_.output_pitch) {
      job.record = records_ + (is_kept ? 4 : 0);
      job.records_end = job.record + channels;
      if (is_kept) {
        widen_pair(rows[1], rows[2], offset);
      } else {
        widen_pair(rows[0], rows[1], offset);
        widen_single(rows[2], offset);
      }
      is_kept = conv_.stride == 2 && !is_kept;
      arm_dsp::run_3x3(conv_, job, sums, channel, out);
    }
  }

  Job3x3 job() const { return arm_dsp::job_of_3x3(conv_, span_.count, units_); }

 private:
  void pad(int32_t row) {
    const uint32_t half = static_cast<uint32_t>(conv_.input_zero_point) & 0xFFFFu;
    set_row(units_, 4 * span_.units, row, half);
  }

  void widen_pair(const void* first, const void* second, int32_t offset) {
    Columns3x3& place = span_.place;
    if (first != nullptr || second != nullptr) {
      place.row = static_cast<const int8_t*>(first != nullptr ? first : second) + offset;
      place.other = static_cast<const int8_t*>(second != nullptr ? second : first) + offset;
      arm_dsp::widen_pair_3x3(&place);
    }
    if (first == nullptr) {
      pad(0);
    }
    if (second == nullptr) {
      pad(1);
    }
  }

  void widen_single(const void* row, int32_t offset) {
    if (row == nullptr) {
      pad(2);
      return;
    }
    span_.place.row = static_cast<const int8_t*>(row) + offset;
    arm_dsp::widen_single_3x3(&span_.place);
  }

  const DepthwiseDsp3x3& conv_;
  Record3x3* const records_;
  Unit3x3* const units_;
  Span3x3 span_;
};

}  // namespace

void depthwise_3x3_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                           void* scratch) {
  const DepthwiseDsp3x3& conv = *static_cast<const DepthwiseDsp3x3*>(params);
  Depthwise3x3 kernel(conv, columns, scratch);
  Job3x3 job = kernel.job();
  for (int32_t channel = 0; channel < conv.channels; channel += 4) {
    kernel.run(rows, static_cast<int8_t*>(out) + channel, channel, job);
  }
}

}  // namespace tflm_mcunet
