// The windows of four or two neighbouring pixels are widened to int16 once, and then every output channel is
// a few dot products with weights that are widened on the way: one channel of four pixels, or two of two.
#include "unpacked_conv_2d.h"

#include <string.h>

#include "unpacked_core.h"

namespace tflm_mcunet {
namespace {

using arm_dsp::load_word;
using arm_dsp::smlad;
using arm_dsp::UnpackedEnding;
using arm_dsp::widen_even;
using arm_dsp::widen_odd;

// Bytes that the widened windows of four pixels may take.
constexpr int32_t kMostWindows = 2048;

inline int32_t taps_of(const Conv2D& conv) { return conv.kernel_h * conv.kernel_w * conv.input_channels; }

inline int32_t padded(int32_t taps) { return (taps + 3) & ~3; }

// Pixels that share a widened weight.
inline int32_t block_of(int32_t taps) { return 8 * padded(taps) <= kMostWindows ? 4 : 2; }

// Whether some window is gathered as bytes first: it may lie beside the map, or rows of it end within a word.
inline bool is_gathered(const Conv2D& conv) {
  const bool is_inside = conv.kernel_w == 1 && conv.pad_left == 0;
  return !is_inside || (conv.input_channels & 3) != 0;
}

// The last 1 to 3 of a channel's weights, the rest 0. There are at least 4.
inline uint32_t last_weights(const int8_t* weights, int32_t taps) {
  return load_word(weights + taps - 4) >> (8 * (4 - (taps & 3)));
}

// Widens so many words of four values to those of one pixel of a block.
inline uint32_t* widen(const int8_t* source, int32_t words, uint32_t offset, int32_t block, uint32_t* x) {
  for (int32_t i = 0; i < words; ++i, x += 2 * block) {
    const uint32_t word = load_word(source + 4 * i);
    x[0] = arm_dsp::widen_even_plus(offset, word);
    x[block] = arm_dsp::widen_odd_plus(offset, word);
  }
  return x;
}

class ConvUnpacked {
 public:
  ConvUnpacked(const Conv2D& conv, const void* const* rows, int32_t input_begin, bool is_signed,
               void* scratch)
      : conv_(conv),
        rows_(rows),
        input_begin_(input_begin),
        is_signed_(is_signed),
        taps_(taps_of(conv)),
        block_(block_of(taps_)),
        offset_(arm_dsp::minus_both(conv.input_zero_point)),
        x_(static_cast<uint32_t*>(scratch)),
        bytes_(reinterpret_cast<int8_t*>(x_ + padded(taps_) * block_ / 2)) {}

  int32_t block() const { return block_; }

  // Widens the window that begins at column `first` for one pixel of the block.
  void widen_pixel(int32_t first, int32_t pixel) {
    const int32_t run = conv_.kernel_w * conv_.input_channels;
    const bool is_inside = first >= 0 && first + conv_.kernel_w <= conv_.input_width;
    if (is_inside && (run & 3) == 0) {
      uint32_t* x = x_ + pixel;
      for (int32_t ky = 0; ky < conv_.kernel_h; ++ky) {
        x = rows_[ky] != nullptr ? widen(column(ky, first), run >> 2, offset_, block_, x)
                                 : clear(x, run >> 2);
      }
      return;
    }
    for (int32_t ky = 0; ky < conv_.kernel_h; ++ky) {
      gather(ky, first, bytes_ + ky * run);
    }
    widen(bytes_, (taps_ + 3) >> 2, offset_, block_, x_ + pixel);
  }

  // All channels of `pixels` pixels.
  void run(int32_t pixels, int8_t* out) const {
    if (block_ == 4) {
      run_four(pixels, out);
    } else {
      run_two(pixels, out);
    }
  }

 private:
  const int8_t* column(int32_t ky, int32_t x) const {
    return static_cast<const int8_t*>(rows_[ky]) + (x - input_begin_) * conv_.input_channels;
  }

  // The zero point less itself.
  uint32_t* clear(uint32_t* x, int32_t words) const {
    for (int32_t i = 0; i < words; ++i, x += 2 * block_) {
      x[0] = x[block_] = 0;
    }
    return x;
  }

  // The bytes of one row of the window, its padding too.
  void gather(int32_t ky, int32_t first, int8_t* bytes) const {
    const int32_t channels = conv_.input_channels;
    const int32_t room = conv_.input_width - first;
    const int32_t high = rows_[ky] == nullptr ? 0 : (room < conv_.kernel_w ? room : conv_.kernel_w);
    const int32_t low = first < 0 ? -first : 0;
    const int32_t held = high > low ? high - low : 0;
    if (held < conv_.kernel_w) {
      memset(bytes, conv_.input_zero_point, static_cast<uint32_t>(conv_.kernel_w * channels));
    }
    if (held > 0) {
      memcpy(bytes + low * channels, column(ky, first + low), static_cast<uint32_t>(held * channels));
    }
  }

  void run_four(int32_t pixels, int8_t* out) const {
    static const int32_t kNoBias = 0;
    const int32_t channels = conv_.output_channels;
    const int32_t last = taps_ & 3;
    arm_dsp::UnpackedJob job;
    job.x = x_;
    job.weights = conv_.weights;
    job.bytes = taps_ & ~3;
    job.bias = conv_.bias != nullptr ? conv_.bias : &kNoBias;
    job.bias_step = conv_.bias != nullptr ? 4 : 0;
    job.last_bits = last != 0 ? 8 * (4 - last) : 0;
    job.last_back = last - 4;
    job.multiplier = conv_.multiplier;
    job.shift = conv_.shift;
    job.constant = 2 * conv_.output_zero_point + 1;
    job.low = conv_.output_min;
    job.high = conv_.output_max;
    job.out = out;
    job.end = out + channels;
    job.offset_1 = pixels > 1 ? channels : 0;
    job.offset_2 = pixels > 2 ? 2 * channels : 0;
    job.offset_3 = pixels > 3 ? 3 * channels : 0;
    if (is_signed_) {
      arm_dsp::unpacked_signed(&job);
    } else if (job.low == -128 && job.high == 127) {
      arm_dsp::unpacked_saturate(&job);
    } else {
      arm_dsp::unpacked_clamp(&job);
    }
  }

  // Of an odd number of channels the last is computed with the one before.
  void run_two(int32_t pixels, int8_t* out) const {
    const int32_t channels = conv_.output_channels;
    for (int32_t c = 0; c < channels; c += 2) {
      const int32_t both[2] = {c, c + 1 < channels ? c + 1 : c};
      const int8_t* const weights[2] = {conv_.weights + both[0] * taps_, conv_.weights + both[1] * taps_};
      arm_dsp::UnpackedPair pair = {x_, weights[0], weights[1], weights[0] + (taps_ & ~3), {}};
      int32_t* const sums = pair.sums;
      for (int32_t s = 0; s < 4; ++s) {
        sums[s] = conv_.bias != nullptr ? conv_.bias[both[s >> 1]] : 0;
      }
      arm_dsp::unpacked_pair(&pair);
      const uint32_t* const x = pair.x;
      for (int32_t i = 0; i < 2; ++i) {
        if ((taps_ & 3) != 0) {
          const uint32_t last = last_weights(weights[i], taps_);
          for (int32_t p = 0; p < 2; ++p) {
            sums[2 * i + p] = smlad(x[p], widen_even(last), sums[2 * i + p]);
            sums[2 * i + p] = smlad(x[2 + p], widen_odd(last), sums[2 * i + p]);
          }
        }
        const UnpackedEnding ending(conv_, both[i]);
        out[both[i]] = ending.of<true>(conv_, sums[2 * i]);
        if (pixels == 2) {
          out[channels + both[i]] = ending.of<true>(conv_, sums[2 * i + 1]);
        }
      }
    }
  }

  const Conv2D& conv_;
  const void* const* rows_;
  int32_t input_begin_;
  bool is_signed_;  // multipliers may be negative
  int32_t taps_;
  int32_t block_;
  uint32_t offset_;
  uint32_t* x_;
  int8_t* bytes_;  // of one window
};

void run_row(const Conv2D& conv, const void* const* rows, void* out, const Columns& columns, bool is_signed,
             void* scratch) {
  ConvUnpacked kernel(conv, rows, columns.input_begin, is_signed, scratch);
  int8_t* output = static_cast<int8_t*>(out);
  for (int32_t x = columns.begin; x < columns.end; x += kernel.block()) {
    const int32_t left = columns.end - x;
    const int32_t pixels = left < kernel.block() ? left : kernel.block();
    for (int32_t p = 0; p < pixels; ++p) {
      kernel.widen_pixel((x + p) * conv.stride_w - conv.pad_left, p);
    }
    kernel.run(pixels, output);
    output += pixels * conv.output_channels;
  }
}

}  // namespace

bool conv_2d_unpacked_takes(const Conv2D& conv) {
  return conv.group_channels == conv.input_channels && conv.dilation_w == 1 && taps_of(conv) >= 4;
}

int32_t conv_2d_unpacked_scratch(const Conv2D& conv) {
  const int32_t taps = padded(taps_of(conv));
  return 2 * block_of(taps) * taps + (is_gathered(conv) ? taps : 0);
}

void conv_2d_unpacked_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                          void* scratch) {
  run_row(*static_cast<const Conv2D*>(params), rows, out, columns, false, scratch);
}

void conv_2d_unpacked_signed_row(const void* params, const void* const* rows, void* out,
                                 const Columns& columns, void* scratch) {
  run_row(*static_cast<const Conv2D*>(params), rows, out, columns, true, scratch);
}

}  // namespace tflm_mcunet
