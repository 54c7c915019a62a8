#include "unpacked.h"

#include "../conv_2d.h"
#include "../depthwise_conv_2d.h"
#include "../fully_connected.h"
#include "../requantize.h"
#include "simd.h"

namespace tflm_mcunet {
namespace {

using arm_dsp::load_word;
using arm_dsp::smlad;

// The input's zero point, to be taken from both halves of a word at once.
inline uint32_t minus_both(int32_t zero_point) {
  const uint32_t low = static_cast<uint32_t>(-zero_point) & 0xFFFFu;
  return low | low << 16;
}

// One byte as a word of four, the others 0: with weights of 0 in the upper half of a product.
inline uint32_t single(const int8_t* byte) { return static_cast<uint8_t>(*byte); }

template <typename Params>
inline int8_t finished(const Params& params, int32_t channel, int32_t sum) {
  const int32_t bias = params.bias != nullptr ? params.bias[channel] : 0;
  const int32_t scaled = requantize(bias + sum, params.multiplier[channel], params.shift[channel]);
  return static_cast<int8_t>(clamp(scaled + params.output_zero_point, params.output_min, params.output_max));
}

// The columns of a window that begins at column `first` and lie in the map: [low, high) of the kernel's.
struct Inside {
  int32_t low;
  int32_t high;
};

template <typename Params>
inline Inside inside_of(const Params& params, int32_t first) {
  const int32_t low = first < 0 ? -first : 0;
  const int32_t room = params.input_width - first;
  const int32_t high = room < params.kernel_w ? room : params.kernel_w;
  return {low, high > low ? high : low};
}

// Sums of products of two channels and two pixels.
struct Block {
  int32_t a0, a1, b0, b1;
};

inline void add_evens(uint32_t a, uint32_t b, uint32_t p, uint32_t q, uint32_t offset, Block* sums) {
  const uint32_t weight_a = arm_dsp::widen_even(a);
  const uint32_t weight_b = arm_dsp::widen_even(b);
  const uint32_t first = arm_dsp::widen_even_plus(offset, p);
  const uint32_t second = arm_dsp::widen_even_plus(offset, q);
  sums->a0 = smlad(weight_a, first, sums->a0);
  sums->a1 = smlad(weight_a, second, sums->a1);
  sums->b0 = smlad(weight_b, first, sums->b0);
  sums->b1 = smlad(weight_b, second, sums->b1);
}

inline void add_odds(uint32_t a, uint32_t b, uint32_t p, uint32_t q, uint32_t offset, Block* sums) {
  const uint32_t weight_a = arm_dsp::widen_odd(a);
  const uint32_t weight_b = arm_dsp::widen_odd(b);
  const uint32_t first = arm_dsp::widen_odd_plus(offset, p);
  const uint32_t second = arm_dsp::widen_odd_plus(offset, q);
  sums->a0 = smlad(weight_a, first, sums->a0);
  sums->a1 = smlad(weight_a, second, sums->a1);
  sums->b0 = smlad(weight_b, first, sums->b0);
  sums->b1 = smlad(weight_b, second, sums->b1);
}

// Adds the products of `count` values of two pixels `step` bytes apart.
inline void add_products(const int8_t* a, const int8_t* b, const int8_t* x, int32_t step, int32_t count,
                         uint32_t offset, Block* sums) {
  const int8_t* const end = a + (count & ~3);
  for (; a != end; a += 4, b += 4, x += 4) {
    const uint32_t word_a = load_word(a);
    const uint32_t word_b = load_word(b);
    const uint32_t first = load_word(x);
    const uint32_t second = load_word(x + step);
    add_evens(word_a, word_b, first, second, offset, sums);
    add_odds(word_a, word_b, first, second, offset, sums);
  }
  for (count &= 3; count > 0; --count, ++a, ++b, ++x) {
    add_evens(single(a), single(b), single(x), single(x + step), offset, sums);
  }
}

// All channels of one pixel, or of two whose windows both lie in the map.
void conv_pixels(const Conv2D& conv, const void* const* rows, int32_t input_begin, int32_t first,
                 int32_t pixels, int8_t* out) {
  const Inside inside = inside_of(conv, first);
  const int32_t channels = conv.output_channels;
  const int32_t kernel_row = conv.kernel_w * conv.input_channels;
  const int32_t skipped = inside.low * conv.input_channels;
  const int32_t count = (inside.high - inside.low) * conv.input_channels;
  const int32_t from = (first + inside.low - input_begin) * conv.input_channels;
  const int32_t step = pixels == 2 ? conv.stride_w * conv.input_channels : 0;
  const uint32_t offset = minus_both(conv.input_zero_point);
  for (int32_t channel = 0; channel < channels; channel += 2) {
    const int32_t other = channel + 1 < channels ? channel + 1 : channel;
    const int8_t* a = conv.weights + channel * conv.kernel_h * kernel_row + skipped;
    const int8_t* b = conv.weights + other * conv.kernel_h * kernel_row + skipped;
    Block sums = {0, 0, 0, 0};
    for (int32_t ky = 0; ky < conv.kernel_h; ++ky, a += kernel_row, b += kernel_row) {
      if (rows[ky] != nullptr && count > 0) {
        add_products(a, b, static_cast<const int8_t*>(rows[ky]) + from, step, count, offset, &sums);
      }
    }
    out[channel] = finished(conv, channel, sums.a0);
    out[other] = finished(conv, other, sums.b0);
    if (pixels == 2) {
      out[channels + channel] = finished(conv, channel, sums.a1);
      out[channels + other] = finished(conv, other, sums.b1);
    }
  }
}

// Adds two taps of four channels; `sums` are those of the channels 0, 2, 1, 3.
inline void add_taps(uint32_t x0, uint32_t x1, uint32_t w0, uint32_t w1, uint32_t offset, int32_t* sums) {
  const uint32_t even0 = arm_dsp::widen_even_plus(offset, x0);
  const uint32_t even1 = arm_dsp::widen_even_plus(offset, x1);
  const uint32_t weight0 = arm_dsp::widen_even(w0);
  const uint32_t weight1 = arm_dsp::widen_even(w1);
  sums[0] = smlad(arm_dsp::low_halves(even0, even1), arm_dsp::low_halves(weight0, weight1), sums[0]);
  sums[1] = smlad(arm_dsp::high_halves(even0, even1), arm_dsp::high_halves(weight0, weight1), sums[1]);
  const uint32_t odd0 = arm_dsp::widen_odd_plus(offset, x0);
  const uint32_t odd1 = arm_dsp::widen_odd_plus(offset, x1);
  const uint32_t other0 = arm_dsp::widen_odd(w0);
  const uint32_t other1 = arm_dsp::widen_odd(w1);
  sums[2] = smlad(arm_dsp::low_halves(odd0, odd1), arm_dsp::low_halves(other0, other1), sums[2]);
  sums[3] = smlad(arm_dsp::high_halves(odd0, odd1), arm_dsp::high_halves(other0, other1), sums[3]);
}

// Four channels from `channel` on of the pixel whose window begins at column `first`.
void depthwise_four(const DepthwiseConv2D& conv, const void* const* rows, int32_t input_begin, int32_t first,
                    const Inside& inside, int32_t channel, int8_t* out) {
  const int32_t channels = conv.input_channels;
  const uint32_t offset = minus_both(conv.input_zero_point);
  int32_t sums[4] = {0, 0, 0, 0};
  for (int32_t ky = 0; ky < conv.kernel_h; ++ky) {
    if (rows[ky] == nullptr) {
      continue;
    }
    const int8_t* x =
        static_cast<const int8_t*>(rows[ky]) + (first + inside.low - input_begin) * channels + channel;
    const int8_t* weight = conv.weights + (ky * conv.kernel_w + inside.low) * channels + channel;
    int32_t left = inside.high - inside.low;
    for (; left >= 2; left -= 2, x += 2 * channels, weight += 2 * channels) {
      add_taps(load_word(x), load_word(x + channels), load_word(weight), load_word(weight + channels), offset,
               sums);
    }
    if (left == 1) {
      add_taps(load_word(x), 0, load_word(weight), 0, offset, sums);
    }
  }
  out[channel] = finished(conv, channel, sums[0]);
  out[channel + 1] = finished(conv, channel + 1, sums[2]);
  out[channel + 2] = finished(conv, channel + 2, sums[1]);
  out[channel + 3] = finished(conv, channel + 3, sums[3]);
}

}  // namespace

void conv_2d_unpacked_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                          void* scratch) {
  const Conv2D& conv = *static_cast<const Conv2D*>(params);
  if (conv.group_channels != conv.input_channels || conv.dilation_w != 1) {
    conv_2d_row(params, rows, out, columns, scratch);
    return;
  }
  int8_t* output = static_cast<int8_t*>(out);
  for (int32_t x = columns.begin; x < columns.end;) {
    const int32_t first = x * conv.stride_w - conv.pad_left;
    const bool is_inside = first >= 0 && first + conv.stride_w + conv.kernel_w <= conv.input_width;
    const int32_t pixels = is_inside && x + 1 < columns.end ? 2 : 1;
    conv_pixels(conv, rows, columns.input_begin, first, pixels, output);
    output += pixels * conv.output_channels;
    x += pixels;
  }
}

void depthwise_conv_2d_unpacked_row(const void* params, const void* const* rows, void* out,
                                    const Columns& columns, void* scratch) {
  const DepthwiseConv2D& conv = *static_cast<const DepthwiseConv2D*>(params);
  const int32_t channels = conv.input_channels;
  if (conv.depth_multiplier != 1 || conv.dilation_w != 1 || channels < 4) {
    depthwise_conv_2d_row(params, rows, out, columns, scratch);
    return;
  }
  int8_t* output = static_cast<int8_t*>(out);
  for (int32_t x = columns.begin; x < columns.end; ++x, output += channels) {
    const int32_t first = x * conv.stride_w - conv.pad_left;
    const Inside inside = inside_of(conv, first);
    for (int32_t channel = 0; channel < channels; channel += 4) {
      // The last four may overlap those before: they are computed again.
      const int32_t from = channel + 4 <= channels ? channel : channels - 4;
      depthwise_four(conv, rows, columns.input_begin, first, inside, from, output);
    }
  }
}

void fully_connected_unpacked_row(const void* params, const void* const* rows, void* out,
                                  const Columns& columns, void* /*scratch*/) {
  const FullyConnected& layer = *static_cast<const FullyConnected*>(params);
  const int8_t* const input = static_cast<const int8_t*>(rows[0]);
  const uint32_t offset = minus_both(layer.input_zero_point);
  int8_t* output = static_cast<int8_t*>(out);
  for (int32_t unit = columns.begin; unit < columns.end; unit += 2) {
    const int32_t other = unit + 1 < columns.end ? unit + 1 : unit;
    int32_t sum_a = 0;
    int32_t sum_b = 0;
    const int8_t* const a = layer.weights + unit * layer.depth;
    const int8_t* const b = layer.weights + other * layer.depth;
    int32_t i = 0;
    for (; i + 4 <= layer.depth; i += 4) {
      const uint32_t word_a = load_word(a + i);
      const uint32_t word_b = load_word(b + i);
      const uint32_t word = load_word(input + i);
      const uint32_t even = arm_dsp::widen_even_plus(offset, word);
      const uint32_t odd = arm_dsp::widen_odd_plus(offset, word);
      sum_a = smlad(arm_dsp::widen_even(word_a), even, sum_a);
      sum_a = smlad(arm_dsp::widen_odd(word_a), odd, sum_a);
      sum_b = smlad(arm_dsp::widen_even(word_b), even, sum_b);
      sum_b = smlad(arm_dsp::widen_odd(word_b), odd, sum_b);
    }
    for (; i < layer.depth; ++i) {
      sum_a += (input[i] - layer.input_zero_point) * a[i];
      sum_b += (input[i] - layer.input_zero_point) * b[i];
    }
    *output++ = finished(layer, unit, sum_a);
    if (other != unit) {
      *output++ = finished(layer, other, sum_b);
    }
  }
}

}  // namespace tflm_mcunet
