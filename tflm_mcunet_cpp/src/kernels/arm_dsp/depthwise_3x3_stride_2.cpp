// Every row of the map is widened once, two rows at a time, four channels of it.
#include "depthwise_3x3_stride_2.h"

#include "depthwise_3x3_across.h"
#include "depthwise_3x3_core.h"
#include "depthwise_3x3_stride_2_core.h"

namespace tflm_mcunet {
namespace {

using arm_dsp::Job3x3Stride2;
using arm_dsp::Record3x3Stride2;
using arm_dsp::Rows3x3Stride2;
using arm_dsp::Unit3x3Stride2;

constexpr int32_t kUnitBytes = static_cast<int32_t>(sizeof(Unit3x3Stride2));

// Bytes from an output row's units to those of the next one: two rows of words.
constexpr int32_t kRowStep = 8;

// Sets `count` words, `step` words apart.
__attribute__((noinline)) void fill(uint32_t* words, int32_t count, int32_t step, uint32_t value) {
  for (uint32_t* const end = words + count * step; words != end; words += step) {
    *words = value;
  }
}

// Row `row` of the units of four channels is padding.
__attribute__((noinline)) void pad(const Rows3x3Stride2& place, int32_t row, int32_t units,
                                   uint32_t padding) {
  for (int32_t c = 0; c < 4; ++c) {
    uint8_t* const plane = static_cast<uint8_t*>(place.units) + c * place.pitch;
    fill(reinterpret_cast<uint32_t*>(plane) + row, units, kUnitBytes / 4, padding);
  }
}

class Depthwise3x3Stride2 {
 public:
  Depthwise3x3Stride2(const DepthwiseDsp3x3Stride2& conv, const Columns& columns, void* scratch)
      : conv_(conv),
        count_(columns.end - columns.begin),
        records_(static_cast<Record3x3Stride2*>(scratch)),
        first_unit_(reinterpret_cast<uint8_t*>(records_ + 4) + 4) {
    const int32_t units = count_ + 1;
    const int32_t first = 2 * columns.begin - conv.pad_left;
    const int32_t reach = conv.input_width - first;  // at least 2 * count_
    const uint32_t half = static_cast<uint32_t>(conv.input_zero_point) & 0xFFFFu;
    const int32_t kept = conv.output_rows < kRows3x3Stride2 ? conv.output_rows : kRows3x3Stride2;
    padding_ = half | half << 16;
    offset_ = (first - columns.input_begin) * conv.input_step;
    place_.step = conv.input_step;
    const int32_t whole = reach < 2 * units ? reach / 2 : units;
    arm_dsp::set_units_3x3_stride_2(whole, first < 0, &place_);
    const int32_t tail = (reach & 1) != 0 ? arm_dsp::kTailColumn : arm_dsp::kTailPadding;
    place_.tail = whole == units ? arm_dsp::kTailNone : tail;
    place_.pitch = 4 + kUnitBytes * units + kRowStep * (kept - 1);
    place_.padding = (half & 0xFFu) * 0x01010101u;
    job_.record = records_;
    job_.x_gap = place_.pitch - kUnitBytes * units;
    job_.out_gap = 1 - (count_ + (count_ & 1)) * conv.output_step;
    job_.entry = arm_dsp::entry_of_3x3_stride_2(count_);
    job_.stride = conv.output_step;
  }

  // At most four channels of every row.
  void run(const int32_t* stream, int32_t channels, const void* const* rows, int32_t channel, int8_t* out) {
    const int32_t offset = offset_ + channel;
    arm_dsp::prepare_3x3_stride_2(stream, records_, channels);
    job_.records_end = records_ + channels;
    for (int32_t left = conv_.output_rows; left > 0; left -= kRows3x3Stride2) {
      uint8_t* unit = first_unit_;
      widen_first(rows[0], offset, unit);
      for (int32_t y = left < kRows3x3Stride2 ? left : kRows3x3Stride2; y > 0; --y) {
        widen(rows + 1, offset, unit + 4);
        job_.x = unit - job_.x_gap;
        job_.end = out + count_ * conv_.output_step;
        job_.out = out - (count_ & 1) * conv_.output_step - job_.out_gap;
        arm_dsp::outputs_3x3_stride_2(&job_);
        unit += kRowStep;
        rows += 2;
        out += conv_.output_pitch;
      }
    }
  }

 private:
  // The first row of the first window; in front of it lies a word that nothing reads.
  void widen_first(const void* row, int32_t offset, uint8_t* units) {
    place_.units = units - 4;
    if (row == nullptr) {
      pad(place_, 1, count_ + 1, padding_);
      return;
    }
    place_.row = static_cast<const int8_t*>(row) + offset;
    place_.below = 0;
    arm_dsp::widen_3x3_stride_2(&place_);
  }

  // Two rows, nullptr for padding.
  void widen(const void* const* rows, int32_t offset, void* units) {
    const int8_t* const one = static_cast<const int8_t*>(rows[0] != nullptr ? rows[0] : rows[1]);
    const int8_t* const two = static_cast<const int8_t*>(rows[1] != nullptr ? rows[1] : rows[0]);
    place_.units = units;
    if (one != nullptr) {
      place_.row = one + offset;
      place_.below = static_cast<int32_t>(two - one);
      arm_dsp::widen_3x3_stride_2(&place_);
    }
    if (rows[0] == nullptr) {
      pad(place_, 0, count_ + 1, padding_);
    }
    if (rows[1] == nullptr) {
      pad(place_, 1, count_ + 1, padding_);
    }
  }

  const DepthwiseDsp3x3Stride2& conv_;
  const int32_t count_;
  Record3x3Stride2* const records_;
  uint8_t* const first_unit_;
  uint32_t padding_;
  int32_t offset_;
  Rows3x3Stride2 place_;
  Job3x3Stride2 job_;
};

void compute(const DepthwiseDsp3x3Stride2& conv, const void* const* rows, int8_t* out, const Columns& columns,
             void* scratch) {
  Depthwise3x3Stride2 kernel(conv, columns, scratch);
  const int32_t* stream = conv.stream;
  for (int32_t channel = 0; channel < conv.channels; channel += 4) {
    const int32_t left = conv.channels - channel;
    kernel.run(stream, left < 4 ? left : 4, rows, channel, out + channel);
    stream += 4 * arm_dsp::kStreamWords3x3;
  }
}

}  // namespace

void depthwise_3x3_stride_2_dsp_row(const void* params, const void* const* rows, void* out,
                                    const Columns& columns, void* scratch) {
  compute(*static_cast<const DepthwiseDsp3x3Stride2*>(params), rows, static_cast<int8_t*>(out), columns,
          scratch);
}

void depthwise_3x3_stride_2_dsp_columns(const void* params, const void* const* rows, void* out,
                                        const Columns& columns, void* scratch) {
  const DepthwiseDsp3x3Stride2& conv = *static_cast<const DepthwiseDsp3x3Stride2*>(params);
  void* const space = arm_dsp::lay_across(conv, 2, rows[0], scratch);
  compute(conv, static_cast<const void* const*>(scratch), static_cast<int8_t*>(out), columns, space);
}

}  // namespace tflm_mcunet
