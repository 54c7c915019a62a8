// Four channels at a time: their rows are widened to words of two columns, and then each channel is a small
// convolution of such words. Rows of padding take no part, or are zeros where rows are rolling.
#include "depthwise_packed.h"

#include <string.h>

#include "depthwise_packed_core.h"
#include "finish_sums.h"

namespace tflm_mcunet {
namespace {

using arm_dsp::PackedColumns;
using arm_dsp::PackedEnding;
using arm_dsp::PackedJob;
using arm_dsp::PackedRow;

constexpr int32_t kStreamHead = 3;  // bias, multiplier and constant of a channel

// The kernel rows that exist.
struct Span {
  int32_t first;
  int32_t count;
};

Span existing(const void* const* rows, int32_t kernel) {
  Span span = {0, kernel};
  while (span.count > 1 && rows[span.first] == nullptr) {
    ++span.first;
    --span.count;
  }
  while (span.count > 1 && rows[span.first + span.count - 1] == nullptr) {
    --span.count;
  }
  return span;
}

class DepthwisePacked {
 public:
  DepthwisePacked(const DepthwisePackedDsp& conv, const Columns& columns, void* scratch)
      : conv_(conv),
        kernel_(conv.core->kernel),
        stride_(conv.core->stride),
        finish_(static_cast<arm_dsp::PackedFinish>(conv.core_finish)),
        count_(columns.end - columns.begin),
        words_(arm_dsp::packed_words(count_, kernel_, stride_)),
        row_words_((kernel_ + 1) / 2),
        window_(kernel_ + (conv.output_rows - 1) * stride_),
        slots_(conv.is_rolling != 0 ? kernel_ : window_),
        endings_(static_cast<PackedEnding*>(scratch)),
        weights_(reinterpret_cast<int32_t*>(endings_ + 4)),
        weights_words_(kernel_ * row_words_ * (conv.is_rolling != 0 ? 2 : 1)),
        x_(weights_ + 4 * weights_words_),
        sums_(x_ + 4 * slots_ * words_),
        listed_(reinterpret_cast<PackedRow*>(sums_)) {
    memset(x_, 0, static_cast<uint32_t>(16 * slots_ * words_));
    for (int32_t phase = 0; phase < stride_; ++phase) {
      lay_out(columns, phase);
    }
  }

  // The channels from `channel` on, at most four, of every row.
  void run(const void* const* rows, int8_t* out, int32_t channel) {
    const int32_t channels = conv_.channels - channel < 4 ? conv_.channels - channel : 4;
    const int32_t stream_words = stream_words_of();
    const int32_t* const stream = conv_.stream + channel * stream_words;
    for (int32_t c = 0; c < channels; ++c) {
      prepare(stream + c * stream_words, c, shift_of(channel + c));
    }
    PackedJob job = job_of(channels);
    if (conv_.is_rolling != 0) {
      roll(rows, out, channel, job);
      return;
    }
    for (int32_t i = 0; i < window_; ++i) {
      widen(rows[i], i, channel);
    }
    for (int32_t y = 0; y < conv_.output_rows; ++y) {
      const Span span = existing(rows + y * stride_, kernel_);
      const PackedRow row = row_of(y * stride_ + span.first, span);
      if (finish_ == arm_dsp::kPackedSums) {
        compute(row, out + y * job.out_pitch, channel, job);
      } else {
        listed_[y] = row;
      }
    }
    if (finish_ != arm_dsp::kPackedSums) {
      job.rows = listed_;
      job.rows_end = listed_ + conv_.output_rows;
      job.out = out;
      arm_dsp::depthwise_packed(&job, *conv_.core, finish_);
    }
  }

 private:
  // Each row is widened to the place of the oldest, whose weights turn with it.
  __attribute__((always_inline)) void roll(const void* const* rows, int8_t* out, int32_t channel,
                                           PackedJob& job) {
    int32_t held = 0;
    for (int32_t y = 0; y < conv_.output_rows; ++y, out += job.out_pitch) {
      const int32_t first = y * stride_;
      for (; held < first + kernel_; ++held) {
        widen(rows[held], held % kernel_, channel);
      }
      compute(row_of(0, {(kernel_ - first % kernel_) % kernel_, kernel_}), out, channel, job);
    }
  }

  // The row of a list whose first kernel row that exists meets a slot.
  PackedRow row_of(int32_t slot, const Span& span) const {
    return {slot * words_ * 4, span.first * row_words_ * 4, arm_dsp::packed_code(*conv_.core, span.count)};
  }

  // One row, by way of sums where the core does not end them.
  __attribute__((always_inline)) void compute(const PackedRow& row, int8_t* out, int32_t channel,
                                              PackedJob& job) const {
    const bool is_sum = finish_ == arm_dsp::kPackedSums;
    job.rows = &row;
    job.rows_end = &row + 1;
    job.out = is_sum ? static_cast<void*>(sums_) : out;
    arm_dsp::depthwise_packed(&job, *conv_.core, finish_);
    for (int32_t c = 0; is_sum && c < job.channels; ++c) {
      finish(sums_ + c * count_, channel + c, out + c);
    }
  }

  // Where the columns of a row go; at stride 2 those of even and of odd ones.
  void lay_out(const Columns& columns, int32_t phase) {
    const int32_t stride = stride_;
    const int32_t first = columns.begin * stride - conv_.pad_left + phase;
    const int32_t low = first < 0 ? (-first + stride - 1) / stride : 0;
    const int32_t reach = (conv_.input_width - first + stride - 1) / stride;
    const int32_t most = 2 * words_ / stride;
    const int32_t held = (reach < most ? reach : most) - low;
    PackedColumns& place = columns_[phase];
    offsets_[phase] = (first + low * stride - columns.input_begin) * conv_.channels;
    place.row = nullptr;
    place.offset = arm_dsp::packed(-conv_.input_zero_point, -conv_.input_zero_point);
    place.step = stride * conv_.channels;
    place.to = nullptr;
    place.has_lead = low & 1;
    place.pairs = held > 0 ? (held + place.has_lead) / 2 : 0;
    place.has_trail = held > 0 ? (held + place.has_lead) & 1 : 0;
    place.pitch = slots_ * words_ * 4;
    place.padding = static_cast<uint32_t>(conv_.input_zero_point & 0xFF) * 0x01010101u;
    starts_[phase] = low / 2 * stride + phase;
  }

  void widen(const void* row, int32_t slot, int32_t channel) {
    int32_t* const to = x_ + slot * words_;
    if (row == nullptr) {
      for (int32_t c = 0; conv_.is_rolling != 0 && c < 4; ++c) {
        memset(to + c * slots_ * words_, 0, static_cast<uint32_t>(4 * words_));
      }
      return;
    }
    for (int32_t phase = 0; phase < stride_; ++phase) {
      PackedColumns& place = columns_[phase];
      place.row = static_cast<const int8_t*>(row) + offsets_[phase] + channel;
      place.to = to + starts_[phase];
      arm_dsp::widen_packed(&place, stride_);
    }
  }

  int32_t stream_words_of() const { return kStreamHead + (kernel_ * kernel_ + 3) / 4; }

  int32_t shift_of(int32_t channel) const {
    const int32_t* const shifts = conv_.stream + conv_.channels * stream_words_of();
    return finish_ == arm_dsp::kPackedFixed ? 0 : shifts[channel];
  }

  void prepare(const int32_t* stream, int32_t c, int32_t shift) {
    int32_t* const weights = weights_ + c * weights_words_;
    const int32_t words = kernel_ * row_words_;
    conv_.core->pack(reinterpret_cast<const int8_t*>(stream + kStreamHead), weights);
    if (conv_.is_rolling != 0) {
      memcpy(weights + words, weights, static_cast<uint32_t>(4 * words));
    }
    endings_[c] = arm_dsp::packed_ending(stream[0], stream[1], stream[2], shift);
  }

  // A job without rows and output.
  PackedJob job_of(int32_t channels) const {
    const bool is_sum = finish_ == arm_dsp::kPackedSums;
    PackedJob job = {};
    job.pitch = words_ * 4;
    job.stride = is_sum ? 4 : conv_.channels;
    job.advance = 12 * stride_;
    job.x = x_;
    job.x_bytes = slots_ * words_ * 4;
    job.weights = weights_;
    job.weights_bytes = weights_words_ * 4;
    job.endings = endings_;
    job.out_step = is_sum ? 4 * count_ : 1;
    job.channels = channels;
    job.count = count_;
    job.out_pitch = count_ * conv_.channels;
    arm_dsp::set_packed_tail(finish_, &job);
    return job;
  }

  void finish(const int32_t* sums, int32_t channel, int8_t* out) const {
    const int32_t* const stream = conv_.stream + channel * stream_words_of();
    const int32_t below_zero = conv_.finish == arm_dsp::kSaturate ? 0 : -(1 << 10);
    const arm_dsp::SumsEnding ending = {stream[1],      stream[2],        shift_of(channel), below_zero,
                                        conv_.channels, conv_.output_min, conv_.output_max};
    arm_dsp::finish_sums(&ending, sums, count_, out);
  }

  const DepthwisePackedDsp& conv_;
  const int32_t kernel_;
  const int32_t stride_;
  const arm_dsp::PackedFinish finish_;
  const int32_t count_;
  const int32_t words_;      // of a widened row
  const int32_t row_words_;  // of a kernel row's weights
  const int32_t window_;
  const int32_t slots_;  // widened rows that are held
  PackedEnding* const endings_;
  int32_t* const weights_;
  const int32_t weights_words_;  // of a channel
  int32_t* const x_;
  int32_t* const sums_;
  PackedRow* const listed_;  // where there are no sums
  PackedColumns columns_[2];
  int32_t offsets_[2];  // bytes from a row to its first column
  int32_t starts_[2];   // words from the start of a widened row
};

}  // namespace

void depthwise_packed_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                              void* scratch) {
  const DepthwisePackedDsp& conv = *static_cast<const DepthwisePackedDsp*>(params);
  DepthwisePacked kernel(conv, columns, scratch);
  for (int32_t channel = 0; channel < conv.channels; channel += 4) {
    kernel.run(rows, static_cast<int8_t*>(out) + channel, channel);
  }
}

}  // namespace tflm_mcunet
