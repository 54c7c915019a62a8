// Four channels at a time. At stride 1 each input row of a call is widened once, over the oldest of the three
// rows that the units hold: which row of the kernel meets row A, B or C of a unit changes from output row to
// output row, and so do the weights. A single output row, or stride 2, widens all rows of its window.
#include "depthwise_3x3.h"

#include "depthwise_3x3_core.h"
#include "depthwise_3x3_widen.h"
#include "simd.h"

namespace tflm_mcunet {
namespace {

using arm_dsp::Columns3x3;
using arm_dsp::Ending3x3;
using arm_dsp::Job3x3;
using arm_dsp::Unit3x3;
using arm_dsp::Weights3x3;

constexpr int32_t kStreamWords = 7;

// What lies in the scratch memory.
struct Workspace3x3 {
  Weights3x3 weights[3][4];  // for each place of the oldest row
  Ending3x3 endings[4];
  Unit3x3 units[1];
};

// Bytes 0 and 2, 1 and 3 of a kernel row, as halves.
struct Halves {
  uint32_t even;
  uint32_t odd;
};

inline uint32_t low_halves(uint32_t one, uint32_t two) { return (one & 0xFFFFu) | two << 16; }

inline uint32_t high_halves(uint32_t one, uint32_t two) { return one >> 16 | (two & 0xFFFF0000u); }

inline Weights3x3 arranged(const Halves& a, const Halves& b, const Halves& c) {
  return {{low_halves(a.even, b.even), high_halves(a.even, b.even), high_halves(a.odd, b.odd)},
          {c.even, c.odd}};
}

inline Halves widened(int32_t packed, bool is_scaled) {
  const uint32_t bytes = static_cast<uint32_t>(packed);
  if (is_scaled) {
    return {bytes << 8 & 0xFF00FF00u, bytes & 0xFF00FF00u};
  }
  return {arm_dsp::widen_even(bytes), arm_dsp::widen_odd(bytes)};
}

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
    offset_ = (first + low - columns.input_begin) * conv.channels;
    const int32_t held = end > low ? end - low : 0;
    Columns3x3 place;
    place.row = place.other = nullptr;
    place.step = conv.channels;
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
    pad(0);
    pad(1);
    pad(2);
  }

  // The channels from `channel` on, at most four, of every row.
  void run(const void* const* rows, int8_t* out, int32_t channel) {
    const int32_t channels = conv_.channels - channel < 4 ? conv_.channels - channel : 4;
    const int32_t* const stream = conv_.stream + channel * kStreamWords;
    const bool is_sum = prepare(stream, channels);
    int32_t* const sums = reinterpret_cast<int32_t*>(space_.units + 4 * units_);
    arm_dsp::Core3x3* const core = arm_dsp::core_of_3x3(conv_.stride, is_sum);
    Job3x3 job;
    job.stride = conv_.channels;
    job.tail = is_sum ? static_cast<uint32_t>(count_ & 1) : arm_dsp::tail_of_3x3(count_);
    job.row_bytes = (conv_.stride == 1 ? count_ & ~1 : count_) * (is_sum ? 4 : conv_.channels);
    job.out_step = is_sum ? 4 * count_ : 1;
    job.endings = space_.endings;
    job.channels = channels;
    job.x = space_.units;
    job.count = count_;
    const int32_t offset = offset_ + channel;
    int32_t oldest = 0;
    if (is_rolling_) {
      replace(rows[0], offset, 0);
      replace(rows[1], offset, 1);
      oldest = 2;
    }
    for (int32_t y = conv_.output_rows; y > 0; --y, rows += conv_.stride, out += count_ * conv_.channels) {
      if (is_rolling_) {
        replace(rows[2], offset, oldest);
        oldest = oldest == 2 ? 0 : oldest + 1;
      } else {
        widen(rows, offset);
      }
      job.weights = space_.weights[oldest];
      job.out = is_sum ? static_cast<void*>(sums) : out;
      core(&job);
      for (int32_t c = 0; is_sum && c < channels; ++c) {
        finish(sums + c * count_, stream + c * kStreamWords, out + c);
      }
    }
  }

 private:
  // Weights and endings; whether some channel is finished outside the core.
  bool prepare(const int32_t* stream, int32_t channels) {
    bool is_sum = conv_.finish != arm_dsp::kSaturate;
    for (int32_t c = 0; c < channels; ++c) {
      const int32_t shift = stream[c * kStreamWords + 3];
      is_sum |= conv_.stride == 1 && (shift < arm_dsp::kLeastShift3x3 || shift > arm_dsp::kMostShift3x3);
    }
    for (int32_t c = 0; c < channels; ++c, stream += kStreamWords) {
      const int32_t shift = stream[3];
      const uint32_t entry = is_sum ? 0 : arm_dsp::entry_of_3x3(count_, conv_.stride, shift);
      space_.endings[c] = {shift, stream[0], entry, stream[1], stream[2]};
      const Halves one = widened(stream[4], !is_rolling_);
      const Halves two = widened(stream[5], !is_rolling_);
      const Halves three = widened(stream[6], !is_rolling_);
      space_.weights[0][c] = arranged(one, two, three);
      if (is_rolling_) {
        space_.weights[1][c] = arranged(three, one, two);
        space_.weights[2][c] = arranged(two, three, one);
      } else if (conv_.stride == 2) {
        uint32_t& last = space_.weights[0][c].single[1];
        last = (last & 0xFFFF0000u) | static_cast<uint32_t>(shift);
      }
    }
    return is_sum;
  }

  void pad(int32_t row) {
    const int32_t value = is_rolling_ ? conv_.input_zero_point * 256 : conv_.input_zero_point;
    set_row(space_.units, 4 * units_, row, static_cast<uint32_t>(value) & 0xFFFFu);
  }

  void replace(const void* row, int32_t offset, int32_t place) {
    Columns3x3& columns = places_[place];
    columns.row = row == nullptr ? static_cast<const void*>(&columns.padding)
                                 : static_cast<const void*>(static_cast<const int8_t*>(row) + offset);
    columns.step = row == nullptr ? 0 : conv_.channels;
    (place == 2 ? arm_dsp::replace_single_3x3 : arm_dsp::replace_half_3x3)(&columns);
  }

  void widen(const void* const* rows, int32_t offset) {
    Columns3x3& columns = places_[0];
    const void* const one = rows[0] != nullptr ? rows[0] : rows[1];
    const void* const two = rows[1] != nullptr ? rows[1] : rows[0];
    if (one != nullptr) {
      columns.row = static_cast<const int8_t*>(one) + offset;
      columns.other = static_cast<const int8_t*>(two) + offset;
      arm_dsp::widen_pair_3x3(&columns);
    }
    if (rows[2] != nullptr) {
      columns.row = static_cast<const int8_t*>(rows[2]) + offset;
      arm_dsp::widen_single_3x3(&columns);
    }
    for (int32_t k = 0; k < 3; ++k) {
      if (rows[k] == nullptr) {
        pad(k);
      }
    }
  }

  // What the core does not: the sign fix, the clamps, and any shift.
  void finish(const int32_t* sums, const int32_t* stream, int8_t* out) const {
    const int32_t fix = conv_.finish == arm_dsp::kSaturate ? 0 : 128;
    for (int32_t i = 0; i < count_; ++i, out += conv_.channels) {
      const int32_t constant = stream[2] - (sums[i] < 0 ? fix : 0);
      const int32_t value = arm_dsp::scale(sums[i], stream[1], constant) >> stream[3];
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

}  // namespace

void depthwise_3x3_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                           void* scratch) {
  const DepthwiseDsp3x3& conv = *static_cast<const DepthwiseDsp3x3*>(params);
  Depthwise3x3 kernel(conv, columns, scratch);
  for (int32_t channel = 0; channel < conv.channels; channel += 4) {
    kernel.run(rows, static_cast<int8_t*>(out) + channel, channel);
  }
}

}  // namespace tflm_mcunet
