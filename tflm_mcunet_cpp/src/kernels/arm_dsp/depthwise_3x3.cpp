// Four channels at a time. At stride 1 each input row of a call is widened once, over the oldest of the three
// rows that the units hold; at stride 2 every other window finds its first row in row C. So the row of the
// kernel that meets row A, B or C changes from output row to output row, and the weights with it. Where a
// call computes one output row, it widens all rows of the window.
#include "depthwise_3x3.h"

#include "depthwise_3x3_core.h"
#include "depthwise_3x3_widen.h"
#include "simd.h"

namespace tflm_mcunet {
namespace {

using arm_dsp::Columns3x3;
using arm_dsp::Job3x3;
using arm_dsp::kStreamWords3x3;
using arm_dsp::Unit3x3;
using arm_dsp::Weights3x3;

// What lies in the scratch memory.
struct Workspace3x3 {
  Weights3x3 weights[3][4];  // for each place of the oldest row
  Unit3x3 units[1];
};

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
        space_(*static_cast<Workspace3x3*>(scratch)),
        count_(columns.end - columns.begin),
        units_(arm_dsp::units_of_3x3(count_, conv.stride)),
        is_rolling_(conv.stride == 1 && conv.output_rows > 1) {
    const int32_t first = columns.begin * conv.stride - conv.pad_left;
    const int32_t low = first < 0 ? -first : 0;
    const int32_t reach = conv.input_width - first;
    const int32_t end = reach < 2 * units_ ? reach : 2 * units_;
    offset_ = (first + low - columns.input_begin) * conv.input_step;
    const int32_t held = end > low ? end - low : 0;
    Columns3x3 place;
    place.row = place.other = nullptr;
    place.step = conv.input_step;
    place.units = space_.units + low / 2;
    place.has_lead = low & 1;
    place.pairs = held > 0 ? (held + place.has_lead) / 2 : 0;
    place.has_trail = held > 0 ? (held + place.has_lead) & 1 : 0;
    place.pitch = units_ * static_cast<int32_t>(sizeof(Unit3x3));
    place.padding = static_cast<uint32_t>(conv.input_zero_point & 0xFF) * 0x01010101u;
    places_[0] = places_[1] = places_[2] = place;
    if (is_rolling_) {
      places_[1].units = static_cast<uint8_t*>(place.units) + 2;
    }
    const uint32_t half = padding();
    const uint32_t word = half | half << 16;
    for (Unit3x3* unit = space_.units; unit != space_.units + 4 * units_; ++unit) {
      *unit = {{word, word}, word};
    }
  }

  // One output row, whose channels the core finishes.
  void run_row(const void* const* rows, int8_t* out) {
    const bool is_inside = rows[0] != nullptr && rows[1] != nullptr && rows[2] != nullptr;
    Job3x3 job = job_of(false);
    job.weights = space_.weights[0];
    job.stream = conv_.stream;
    for (int32_t left = conv_.channels; left > 0; left -= 4, job.stream += 4 * kStreamWords3x3) {
      job.channels = left < 4 ? left : 4;
      arm_dsp::prepare_3x3(job.stream, space_.weights[0], job.channels);
      if (is_inside) {
        Columns3x3& columns = places_[0];
        columns.row = static_cast<const int8_t*>(rows[0]) + offset_;
        columns.other = static_cast<const int8_t*>(rows[1]) + offset_;
        arm_dsp::widen_pair_3x3(&columns);
        columns.row = static_cast<const int8_t*>(rows[2]) + offset_;
        arm_dsp::widen_single_3x3(&columns);
      } else {
        widen_pair(rows[0], rows[1], offset_);
        widen_single(rows[2], offset_);
      }
      job.out = out;
      conv_.core->run(&job);
      out += 4;
      offset_ += 4;
    }
  }

  // The channels from `channel` on, at most four, of every row.
  void run(const void* const* rows, int8_t* out, int32_t channel) {
    const int32_t channels = conv_.channels - channel < 4 ? conv_.channels - channel : 4;
    const int32_t* const stream = conv_.stream + channel * kStreamWords3x3;
    const bool is_sum = conv_.is_regular == 0;
    (conv_.output_rows > 1 ? arm_dsp::prepare_rows_of_3x3(conv_.stride) : arm_dsp::prepare_3x3)(
        stream, space_.weights[0], channels);
    int32_t* const sums = reinterpret_cast<int32_t*>(space_.units + 4 * units_);
    Job3x3 job = job_of(is_sum);
    job.channels = channels;
    job.stream = stream;
    const int32_t offset = offset_ + channel;
    int32_t oldest = 0;
    bool is_kept = false;  // whether row C of the units is the first of the next window, at stride 2
    if (is_rolling_) {
      replace(rows[0], offset, 0);
      replace(rows[1], offset, 1);
      oldest = 2;
    }
    for (int32_t y = conv_.output_rows; y > 0; --y, rows += conv_.stride, out += conv_.output_pitch) {
      if (is_rolling_) {
        replace(rows[2], offset, oldest);
        oldest = oldest == 2 ? 0 : oldest + 1;
      } else if (is_kept) {
        widen_pair(rows[1], rows[2], offset);
        oldest = 2;
        is_kept = false;
      } else {
        widen_pair(rows[0], rows[1], offset);
        widen_single(rows[2], offset);
        oldest = 0;
        is_kept = true;
      }
      job.weights = space_.weights[oldest];
      job.out = is_sum ? static_cast<void*>(sums) : out;
      conv_.core->run(&job);
      for (int32_t c = 0; is_sum && c < channels; ++c) {
        finish(sums + c * count_, channel + c, out + c);
      }
    }
  }

 private:
  // A job without weights, output and number of channels.
  Job3x3 job_of(bool is_sum) const {
    Job3x3 job;
    job.stride = conv_.output_step;
    job.row_bytes = (conv_.stride == 1 ? count_ & ~1 : count_) * (is_sum ? 4 : conv_.output_step);
    job.out_step = is_sum ? 4 * count_ : 1;
    job.x = space_.units;
    job.count = count_;
    arm_dsp::set_code_of_3x3(*conv_.core, conv_.stride, &job);
    return job;
  }

  // What a column beside the input or above it is widened to.
  uint32_t padding() const {
    const int32_t value = is_rolling_ ? conv_.input_zero_point * 256 : conv_.input_zero_point;
    return static_cast<uint32_t>(value) & 0xFFFFu;
  }

  void pad(int32_t row) { set_row(space_.units, 4 * units_, row, padding()); }

  void replace(const void* row, int32_t offset, int32_t place) {
    Columns3x3& columns = places_[place];
    columns.row = row == nullptr ? static_cast<const void*>(&columns.padding)
                                 : static_cast<const void*>(static_cast<const int8_t*>(row) + offset);
    columns.step = row == nullptr ? 0 : conv_.input_step;
    (place == 2 ? arm_dsp::replace_single_3x3 : arm_dsp::replace_half_3x3)(&columns);
  }

  void widen_pair(const void* first, const void* second, int32_t offset) {
    Columns3x3& columns = places_[0];
    if (first != nullptr || second != nullptr) {
      const void* const one = first != nullptr ? first : second;
      const void* const two = second != nullptr ? second : first;
      columns.row = static_cast<const int8_t*>(one) + offset;
      columns.other = static_cast<const int8_t*>(two) + offset;
      arm_dsp::widen_pair_3x3(&columns);
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
    places_[0].row = static_cast<const int8_t*>(row) + offset;
    arm_dsp::widen_single_3x3(&places_[0]);
  }

  // What the core does not: the sign fix, the clamps, and any shift.
  void finish(const int32_t* sums, int32_t channel, int8_t* out) const {
    const int32_t multiplier = conv_.stream[channel * kStreamWords3x3 + 1];
    const int32_t* const own = conv_.stream + conv_.channels * kStreamWords3x3 + 2 * channel;
    const int32_t fix = conv_.finish == arm_dsp::kSaturate ? 0 : 128;
    for (int32_t i = 0; i < count_; ++i, out += conv_.output_step) {
      const int32_t constant = own[0] - (sums[i] < 0 ? fix : 0);
      const int32_t value = arm_dsp::scale(sums[i], multiplier, constant) >> own[1];
      *out = static_cast<int8_t>(value < conv_.output_min
                                     ? conv_.output_min
                                     : (value > conv_.output_max ? conv_.output_max : value));
    }
  }

  const DepthwiseDsp3x3& conv_;
  Workspace3x3& space_;
  const int32_t count_;
  const int32_t units_;
  const bool is_rolling_;
  int32_t offset_;
  Columns3x3 places_[3];  // for each row of a unit
};

void compute(const DepthwiseDsp3x3& conv, const void* const* rows, void* out, const Columns& columns,
             void* scratch) {
  Depthwise3x3 kernel(conv, columns, scratch);
  if (conv.is_regular != 0 && conv.output_rows == 1) {
    kernel.run_row(rows, static_cast<int8_t*>(out));
    return;
  }
  for (int32_t channel = 0; channel < conv.channels; channel += 4) {
    kernel.run(rows, static_cast<int8_t*>(out) + channel, channel);
  }
}

}  // namespace

void depthwise_3x3_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                           void* scratch) {
  compute(*static_cast<const DepthwiseDsp3x3*>(params), rows, out, columns, scratch);
}

void depthwise_3x3_dsp_columns(const void* params, const void* const* rows, void* out, const Columns& columns,
                               void* scratch) {
  const DepthwiseDsp3x3& conv = *static_cast<const DepthwiseDsp3x3*>(params);
  const void** const across = static_cast<const void**>(scratch);
  const int32_t window = 3 + (conv.output_rows - 1) * conv.stride;
  for (int32_t i = 0; i < window; ++i) {
    const int32_t x = i - conv.across_pad;
    const bool exists = x >= 0 && x < conv.across_width;
    across[i] = exists ? static_cast<const int8_t*>(rows[0]) + x * conv.channels : nullptr;
  }
  compute(conv, across, out, columns, static_cast<uint8_t*>(scratch) + 8 * window);
}

}  // namespace tflm_mcunet
