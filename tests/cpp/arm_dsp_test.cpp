// The DSP family's kernels, in their C form, against the portable ones: weights packed as the headers say,
// and constants that are exact without a search.
#include "check.h"
#include "floats.h"
#include "layers.h"
#include "sum_constants.h"
#include "tflm_mcunet/kernels/arm_dsp/broadcast.h"
#include "tflm_mcunet/kernels/arm_dsp/conv_2d.h"
#include "tflm_mcunet/kernels/arm_dsp/depthwise_3x3.h"
#include "tflm_mcunet/kernels/arm_dsp/depthwise_3x3_rolling.h"
#include "tflm_mcunet/kernels/arm_dsp/depthwise_conv_2d.h"
#include "tflm_mcunet/kernels/arm_dsp/fully_connected.h"
#include "tflm_mcunet/kernels/arm_dsp/lookup.h"
#include "tflm_mcunet/kernels/arm_dsp/pool_2d.h"
#include "tflm_mcunet/kernels/arm_dsp/product.h"
#include "tflm_mcunet/kernels/arm_dsp/quantize.h"
#include "tflm_mcunet/kernels/arm_dsp/sum.h"
#include "tflm_mcunet/kernels/arm_dsp/sum_exact.h"
#include "tflm_mcunet/kernels/binary.h"

namespace {

using namespace tflm_mcunet;

constexpr int32_t kBehind = 3;  // bytes behind a row that the kernels read

int32_t word_of(int32_t low, int32_t high) {
  return static_cast<int32_t>((static_cast<uint32_t>(low) & 0xFFFFu) | static_cast<uint32_t>(high) << 16);
}

int32_t bytes_of(int32_t a, int32_t b, int32_t c, int32_t d) {
  return word_of((a & 0xFF) | (b & 0xFF) << 8, (c & 0xFF) | (d & 0xFF) << 8);
}

// What a channel without products has.
int32_t weight_at(const Weights& weights, int32_t channel, int32_t tap) {
  const bool is_there = tap >= 0 && channel < weights.channels;
  return is_there ? weights.by_channel[static_cast<size_t>(channel * weights.taps + tap)] : 0;
}

// The last channel's in place of those that do not exist.
size_t existing(const Weights& weights, int32_t channel) {
  return static_cast<size_t>(channel < weights.channels ? channel : weights.channels - 1);
}

int32_t scaled_offset(const Weights& weights, int32_t channel) {
  return weights.offset(static_cast<int32_t>(existing(weights, channel))) * 256;
}

arm_dsp::Finish finish_of(const Weights& weights) {
  if (weights.output_min != INT8_MIN || weights.output_max != INT8_MAX) {
    return arm_dsp::kClamp;
  }
  return weights.saturates() ? arm_dsp::kSaturate : arm_dsp::kSignFix;
}

// The taps of a row of the kernel in words of four: 0 and 2, then 1 and 3; -1 for none.
void append_words(int32_t first, int32_t count, std::vector<int32_t>* order) {
  for (int32_t four = 0; four < count; four += 4) {
    for (const int32_t i : {0, 2, 1, 3}) {
      order->push_back(four + i < count ? first + four + i : -1);
    }
  }
}

// The words of a pair of channels, whose second weight counts 256 times, in that order.
void append_pair(const Weights& weights, int32_t channel, const std::vector<int32_t>& order, size_t begin,
                 size_t end, std::vector<int32_t>* stream) {
  for (size_t i = begin; i < end; i += 2) {
    int32_t halves[2];
    for (size_t k = 0; k < 2; ++k) {
      halves[k] =
          weight_at(weights, channel, order[i + k]) + 256 * weight_at(weights, channel + 1, order[i + k]);
    }
    stream->push_back(word_of(halves[0], halves[1]));
  }
}

// Where a layer saturates, its channels share one shift.
void share_shift(Weights* weights) {
  for (int8_t& shift : weights->shift) {
    shift = weights->shift[0];
  }
}

// DotJob::stream.
std::vector<int32_t> dot_stream(const Weights& weights, const std::vector<int32_t>& order, bool has_shifts) {
  std::vector<int32_t> stream;
  for (int32_t a = 0; a < weights.channels; a += 2) {
    const int32_t b = a + 1;
    stream.push_back(scaled_offset(weights, b));
    append_pair(weights, a, order, 0, order.size(), &stream);
    const int32_t shift_a = 7 - weights.shift[existing(weights, a)] - 8;
    const int32_t shift_b = 7 - weights.shift[existing(weights, b)] - 8;
    stream.push_back(scaled_offset(weights, a) + (has_shifts ? shift_a | shift_b << 4 : 0));
    stream.push_back(weights.multiplier[existing(weights, a)]);
    stream.push_back(weights.multiplier[existing(weights, b)]);
  }
  return stream;
}

void test_conv_2d(check::Report& report, Clamps clamps) {
  Random random(clamps == Clamps::kAny ? 1 : 2);
  for (int32_t i = 0; i < 300; ++i) {
    const bool is_pointwise = random.between(0, 2) == 0;
    const int32_t kernel_h = is_pointwise ? 1 : random.between(1, 4);
    const int32_t kernel_w = is_pointwise ? 1 : random.between(1, 5);
    const Shape shape = {random.between(1, is_pointwise ? 36 : 8),
                         kernel_h,
                         kernel_w,
                         random.between(1, 3),
                         random.between(1, 3),
                         random.between(1, 7)};
    Layer<Conv2D> layer;
    draw_conv_2d(random, shape, 9, clamps, &layer);
    Weights& weights = layer.weights;
    arm_dsp::Finish finish = finish_of(weights);
    if (finish == arm_dsp::kSaturate) {
      share_shift(&weights);
    }
    const int32_t row_values = kernel_w * shape.channels;
    const bool has_last = !is_pointwise && row_values % 4 == 1;
    const int32_t row_words = has_last ? row_values / 4 : (row_values + 3) / 4;
    std::vector<int32_t> order;
    for (int32_t ky = 0; ky < kernel_h; ++ky) {
      append_words(ky * row_values, has_last ? row_values - 1 : row_values, &order);
    }
    for (int32_t ky = 0; has_last && ky < (kernel_h + 3) / 4 * 4; ++ky) {
      order.push_back(ky < kernel_h ? (ky + 1) * row_values - 1 : -1);
    }
    const std::vector<int32_t> stream = dot_stream(weights, order, finish != arm_dsp::kSaturate);
    const Merged layers = merged(weights, 0, 8);
    const arm_dsp::DotKernels* const kernels[] = {&arm_dsp::kDotSaturate, &arm_dsp::kDotSignFix,
                                                  &arm_dsp::kDotClamp};
    const bool are_all_copied = random.between(0, 1) == 0 && layer.window.output_width >= 3;
    ConvDsp2D conv = {};
    conv.dot = kernels[finish];
    conv.stream = stream.data();
    conv.constant =
        finish == arm_dsp::kSaturate ? layers.constant : (2 * weights.output_zero_point + 1) * 128;
    conv.shift = static_cast<uint8_t>(finish == arm_dsp::kSaturate ? layers.shift : 0);
    conv.words = static_cast<uint16_t>(order.size() / 4);
    conv.row_words = static_cast<uint16_t>(row_words);
    conv.has_last = has_last;
    conv.input_width = static_cast<uint16_t>(layer.input.width);
    conv.input_channels = static_cast<uint16_t>(shape.channels);
    conv.output_channels = static_cast<uint16_t>(shape.output_channels);
    conv.kernel_h = static_cast<uint16_t>(kernel_h);
    conv.kernel_w = static_cast<uint16_t>(kernel_w);
    conv.stride_w = static_cast<uint16_t>(shape.stride_w);
    conv.pad_left = static_cast<int16_t>(layer.params.pad_left);
    conv.segment_pixels = static_cast<uint16_t>(are_all_copied ? layer.window.output_width : 3);
    conv.input_zero_point = static_cast<int8_t>(weights.input_zero_point);
    conv.output_min = static_cast<int8_t>(weights.output_min);
    conv.output_max = static_cast<int8_t>(weights.output_max);
    int32_t scratch =
        conv.words * 24 + (shape.output_channels % 2 != 0 ? 3 * (shape.output_channels + 1) : 0);
    if (!is_pointwise) {
      const int32_t columns = (conv.segment_pixels - 1) * shape.stride_w + kernel_w;
      const int32_t segment = (columns * shape.channels + 3 + 3) / 4 * 4;
      scratch += kernel_h * static_cast<int32_t>(sizeof(void*)) + (kernel_h + 1) * segment;
    }
    const RowKernel kernel = is_pointwise ? pointwise_dsp_row : conv_2d_dsp_row;
    report.is_equal(is_pointwise ? "pointwise_dsp_row" : "conv_2d_dsp_row", portable(layer),
                    run_rows(kernel, &conv, {&layer.input}, layer.window, scratch, kBehind));
  }
  report.has_seen_values("convolutions are not saturated throughout");
}

// Rows of one call: all of the map, or one.
void call_for_rows(Random& random, Window* window) {
  if (random.between(0, 1) == 0) {
    window->output_rows = window->output_height;
    window->kernel_h += (window->output_rows - 1) * window->stride_h;
  }
}

void test_depthwise_3x3(check::Report& report) {
  Random random(3);
  for (int32_t i = 0; i < 200; ++i) {
    const int32_t stride = random.between(1, 2), channels = random.between(2, 11);
    Layer<DepthwiseConv2D> layer;
    draw_depthwise(random, {channels, 3, 3, stride, stride, channels}, 14, Clamps::kAny, &layer);
    const Weights& weights = layer.weights;
    std::vector<int32_t> stream, records, own;
    for (int32_t c = 0; c < channels; ++c) {
      stream.push_back(scaled_offset(weights, c));
      stream.push_back(weights.multiplier[static_cast<size_t>(c)]);
      for (int32_t tap = 0; tap < 9; tap += 3) {
        const int32_t middle = weight_at(weights, c, tap + 1);
        stream.push_back(
            bytes_of(weight_at(weights, c, tap), middle, middle, weight_at(weights, c, tap + 2)));
        records.push_back(bytes_of(0, weight_at(weights, c, tap / 3), 0, weight_at(weights, c, 3 + tap / 3)));
      }
      for (int32_t tap = 6; tap < 8; ++tap) {
        records.push_back(bytes_of(0, weight_at(weights, c, tap), 0, weight_at(weights, c, tap + 1)));
      }
      records.push_back(weights.multiplier[static_cast<size_t>(c)]);
      records.push_back(scaled_offset(weights, c));
      const Merged ending = merged(weights, c, 8);
      own.push_back(ending.constant);
      own.push_back(ending.shift);
    }
    stream.insert(stream.end(), own.begin(), own.end());
    records.insert(records.end(), own.begin(), own.end());
    Window window = layer.window;
    const int32_t count = window.columns.end - window.columns.begin;
    const int32_t units = stride == 1 ? (count + 1) / 2 + 1 : count + 1;
    const int32_t unit_bytes = 48 * units + 16 * count;
    DepthwiseDsp3x3 conv = {};
    conv.core = stride == 1 ? &arm_dsp::kSums3x3Stride1 : &arm_dsp::kSums3x3Stride2;
    conv.records = records.data();
    conv.input_width = layer.input.width;
    conv.channels = channels;
    conv.stride = stride;
    conv.pad_left = layer.params.pad_left;
    conv.input_zero_point = weights.input_zero_point;
    conv.finish = finish_of(weights);
    conv.output_min = weights.output_min;
    conv.output_max = weights.output_max;
    report.is_equal("depthwise_3x3_dsp_row", portable(layer),
                    run_rows(depthwise_3x3_dsp_row, &conv, {&layer.input}, window, unit_bytes, kBehind));
    if (stride == 1) {
      call_for_rows(random, &window);
      DepthwiseDsp3x3Rolling rolling = {};
      rolling.core = conv.core;
      rolling.stream = stream.data();
      rolling.input_width = conv.input_width;
      rolling.channels = channels;
      rolling.output_rows = window.output_rows;
      rolling.input_step = rolling.output_step = channels;
      rolling.output_pitch = count * channels;
      rolling.pad_left = conv.pad_left;
      rolling.input_zero_point = conv.input_zero_point;
      rolling.finish = conv.finish;
      rolling.output_min = conv.output_min;
      rolling.output_max = conv.output_max;
      report.is_equal("depthwise_3x3_rolling_dsp_row", portable(layer),
                      run_rows(depthwise_3x3_rolling_dsp_row, &rolling, {&layer.input}, window,
                               336 + unit_bytes, kBehind));
    }
  }
  report.has_seen_values("3x3 windows are not saturated throughout");
}

// Kernels of 5 and 7: sums are of (value - zero point) * 128.
void test_depthwise(check::Report& report) {
  Random random(4);
  const arm_dsp::DepthwiseCore cores[2][2][2] = {
      {{arm_dsp::depthwise_clamp_5_1, arm_dsp::depthwise_clamp_5_2},
       {arm_dsp::depthwise_clamp_7_1, arm_dsp::depthwise_clamp_7_2}},
      {{arm_dsp::depthwise_saturate_5_1, arm_dsp::depthwise_saturate_5_2},
       {arm_dsp::depthwise_saturate_7_1, arm_dsp::depthwise_saturate_7_2}}};
  for (int32_t i = 0; i < 200; ++i) {
    const int32_t kernel = random.pick({5, 7}), stride = random.between(1, 2);
    const int32_t channels = random.between(2, 11);
    Layer<DepthwiseConv2D> layer;
    draw_depthwise(random, {channels, kernel, kernel, stride, stride, channels}, 14, Clamps::kAny, &layer);
    const Weights& weights = layer.weights;
    std::vector<int32_t> stream;
    for (int32_t c = 0; c < channels; ++c) {
      const size_t index = static_cast<size_t>(c);
      stream.push_back(weights.bias[index] * 128);
      stream.push_back(weights.multiplier[index]);
      std::vector<int32_t> bytes;
      for (int32_t tap = 0; tap < kernel * kernel; tap += kernel) {
        for (const int32_t k : {0, 2, 1, 3, 4, 6, 5}) {
          if (k < kernel) {
            bytes.push_back(weight_at(weights, c, tap + k));
          }
        }
      }
      bytes.resize(static_cast<size_t>(kernel * kernel + 3) / 4 * 4);
      bytes.back() = merged(weights, c, 7).shift - 1;
      for (size_t k = 0; k < bytes.size(); k += 4) {
        stream.push_back(bytes_of(bytes[k], bytes[k + 1], bytes[k + 2], bytes[k + 3]));
      }
    }
    Window window = layer.window;
    call_for_rows(random, &window);
    DepthwiseDsp2D conv = {};
    conv.core = cores[weights.saturates()][kernel == 7][stride - 1];
    conv.stream = stream.data();
    conv.constant = 2 * weights.output_zero_point + 1;
    conv.input_width = static_cast<uint16_t>(layer.input.width);
    conv.channels = static_cast<uint16_t>(channels);
    conv.kernel = static_cast<uint16_t>(kernel);
    conv.stride = static_cast<uint16_t>(stride);
    conv.output_rows = static_cast<uint16_t>(window.output_rows);
    conv.pad_left = static_cast<int16_t>(layer.params.pad_left);
    conv.input_zero_point = static_cast<int16_t>(weights.input_zero_point);
    conv.output_min = static_cast<int16_t>(weights.output_min);
    conv.output_max = static_cast<int16_t>(weights.output_max);
    const int32_t count = window.columns.end - window.columns.begin;
    const int32_t words = ((count + 5) / 6 * 6 * stride + kernel) / 2 + 1;
    const int32_t scratch = window.kernel_h * words * 16 + 128 * kernel + 64 + 12 * window.output_rows;
    report.is_equal("depthwise_conv_2d_dsp_row", portable(layer),
                    run_rows(depthwise_conv_2d_dsp_row, &conv, {&layer.input}, window, scratch, kBehind));
  }
  report.has_seen_values("5x5 and 7x7 windows are not saturated throughout");
}

// UnitsJob::stream.
std::vector<int32_t> units_stream(const Weights& weights, const std::vector<int32_t>& order,
                                  bool has_shifts) {
  std::vector<int32_t> stream;
  for (int32_t a = 0; a < weights.channels; a += 4) {
    stream.push_back(scaled_offset(weights, a + 1));
    stream.push_back(scaled_offset(weights, a + 3));
    for (size_t i = 0; i < order.size(); i += 2) {
      append_pair(weights, a, order, i, i + 2, &stream);
      append_pair(weights, a + 2, order, i, i + 2, &stream);
    }
    stream.push_back(scaled_offset(weights, a));
    stream.push_back(scaled_offset(weights, a + 2));
    int32_t shifts[4];
    for (int32_t k = 0; k < 4; ++k) {
      stream.push_back(weights.multiplier[existing(weights, a + k)]);
      shifts[k] = 7 - weights.shift[existing(weights, a + k)] - 1;
    }
    if (has_shifts) {
      stream.push_back(bytes_of(shifts[0], shifts[1], shifts[2], shifts[3]));
    }
  }
  return stream;
}

void test_fully_connected(check::Report& report) {
  Random random(5);
  for (int32_t i = 0; i < 150; ++i) {
    Layer<FullyConnected> layer;
    draw_fully_connected(random, random.between(1, 130), random.between(1, 11), Clamps::kAny, &layer);
    Weights& weights = layer.weights;
    if (weights.saturates()) {
      share_shift(&weights);
    }
    std::vector<int32_t> order;
    append_words(0, weights.taps, &order);
    const std::vector<int32_t> stream = units_stream(weights, order, !weights.saturates());
    const Merged layers = merged(weights, 0, 8);
    FullyConnectedDsp dense = {};
    dense.units = weights.saturates() ? arm_dsp::units_saturate : arm_dsp::units_sign_fix;
    dense.stream = stream.data();
    dense.words = static_cast<int32_t>(order.size() / 4);
    dense.depth = weights.taps;
    dense.stream_words = static_cast<int32_t>(stream.size()) / ((weights.channels + 3) / 4);
    dense.constant = weights.saturates() ? layers.constant : 2 * weights.output_zero_point + 1;
    dense.shift = weights.saturates() ? layers.shift : 0;
    dense.output_min = weights.output_min;
    dense.output_max = weights.output_max;
    report.is_equal(
        "fully_connected_dsp_row", portable(layer),
        run_rows(fully_connected_dsp_row, &dense, {&layer.input}, layer.window, dense.words * 8, kBehind));
  }
  report.has_seen_values("units are not saturated throughout");
}

// Two maps of one size and the window of an operator on each of their columns.
struct Operands {
  Map first;
  Map second;
  Window window;
};

Operands draw_operands(Random& random) {
  const int32_t height = random.between(1, 5), width = random.between(1, 5);
  const int32_t channels = random.between(1, 13), count = height * width * channels;
  return {{height, width, channels, random.values(count, -128, 127)},
          {height, width, channels, random.values(count, -128, 127)},
          {1, 1, 1, 0, height, width, channels, 1, {0, width, 0}}};
}

void test_sums(check::Report& report) {
  Random random(6);
  int32_t merged_sums = 0;
  for (int32_t i = 0; i < 40; ++i) {
    const Operands operands = draw_operands(random);
    const std::vector<const Map*> maps = {&operands.first, &operands.second};
    const Sum sum = draw_sum(random, operands.first.channels);
    const std::vector<int8_t> expected = run_rows(sum_row, &sum, maps, operands.window, 0, 0);
    report.is_equal("sum_exact_dsp_row", expected,
                    run_rows(sum_exact_dsp_row, &sum, maps, operands.window, 0, kBehind));
    SumConstants found;
    if (find_sum_constants(sum, 20, 8, &found)) {
      ++merged_sums;
      const SumDsp special = {sum.channels, found.first_factor, found.second_factor, found.constant};
      report.is_equal("sum_dsp_row", expected,
                      run_rows(sum_dsp_row, &special, maps, operands.window, 0, kBehind));
    }
  }
  report.is_true("most sums have merged constants", merged_sums >= 20);
  report.has_seen_values("sums are not saturated throughout");
}

void test_products(check::Report& report) {
  Random random(7);
  for (int32_t i = 0; i < 100; ++i) {
    const Operands operands = draw_operands(random);
    Product product = {};
    product.channels = operands.first.channels;
    product.first_zero_point = random.between(-128, 127);
    product.second_zero_point = random.between(-128, 127);
    product.output_multiplier = random.between(1 << 30, INT32_MAX);
    product.output_shift = random.between(-8, -5);
    product.output_zero_point = random.between(-128, 127);
    product.output_min = -128;
    product.output_max = 127;
    const int32_t shift = 7 - product.output_shift;
    const ProductDsp special = {product.channels,
                                product.first_zero_point,
                                product.second_zero_point,
                                0,
                                product.output_multiplier,
                                (1 << (shift - 1)) + product.output_zero_point * (1 << shift) + 64,
                                shift,
                                128};
    const std::vector<const Map*> maps = {&operands.first, &operands.second};
    report.is_equal("product_dsp_row", run_rows(product_row, &product, maps, operands.window, 0, 0),
                    run_rows(product_dsp_row, &special, maps, operands.window, 0, kBehind));
    // The second operand's values of one column for every column.
    ProductDsp one_channel = special;
    one_channel.channels = 1;
    const ChannelsDsp gate = {product_dsp_row, &one_channel, product.channels};
    report.is_equal("channels_dsp_row", run_rows(product_channels_row, &product, maps, operands.window, 0, 0),
                    run_rows(channels_dsp_row, &gate, maps, operands.window, 0, kBehind));
  }
  report.has_seen_values("products are not saturated throughout");
}

void test_pools(check::Report& report) {
  Random random(8);
  for (int32_t i = 0; i < 150; ++i) {
    Layer<DepthwiseConv2D> layer;  // for its map and window
    const int32_t channels = random.between(1, 21);
    draw_depthwise(random,
                   {channels, random.between(1, 6), random.between(1, 6), random.between(1, 3),
                    random.between(1, 3), channels},
                   9, Clamps::kAny, &layer);
    const DepthwiseConv2D& conv = layer.params;
    const Pool2D pool = {layer.input.width,
                         channels,
                         conv.kernel_h,
                         conv.kernel_w,
                         conv.stride_w,
                         conv.pad_left,
                         random.between(-128, -50),
                         random.between(50, 127)};
    const std::vector<const Map*> maps = {&layer.input};
    report.is_equal("average_pool_2d_dsp_row", run_rows(average_pool_2d_row, &pool, maps, layer.window, 0, 0),
                    run_rows(average_pool_2d_dsp_row, &pool, maps, layer.window, 0, kBehind));
    report.is_equal("max_pool_2d_dsp_row", run_rows(max_pool_2d_row, &pool, maps, layer.window, 0, 0),
                    run_rows(max_pool_2d_dsp_row, &pool, maps, layer.window, 0, kBehind));
    const int32_t pixels = layer.input.height * layer.input.width;
    const int32_t zero_point = random.between(-128, 127);
    const MapMean mean = {layer.input.width,  channels, zero_point * pixels,
                          INT32_MAX / pixels, 0,        random.between(-20, 20)};
    report.is_equal("mean_dsp_sum", run_sum(mean_sum, &mean, layer.input, 1, channels),
                    run_sum(mean_dsp_sum, &mean, layer.input, 1, channels));
  }
  report.has_seen_values("pools are not saturated throughout");
}

void test_tables(check::Report& report) {
  Random random(9);
  for (int32_t i = 0; i < 50; ++i) {
    const Operands operands = draw_operands(random);
    const std::vector<int8_t> drawn = random.values(256, -128, 127);
    const Lookup lookup = {reinterpret_cast<const uint8_t*>(drawn.data()), operands.first.channels};
    const std::vector<const Map*> maps = {&operands.first};
    report.is_equal("lookup_dsp_row", run_rows(lookup_row, &lookup, maps, operands.window, 0, 0),
                    run_rows(lookup_dsp_row, &lookup, maps, operands.window, 0, kBehind));
  }
}

void test_floats(check::Report& report) {
  Random random(10);
  for (int32_t i = 0; i < 100; ++i) {
    const Floats floats = draw_floats(random);
    report.is_equal("quantize_dsp_row",
                    run_rows(quantize_row, &floats.affine, {&floats.bytes}, floats.window, 0, 0),
                    run_rows(quantize_dsp_row, &floats.affine, {&floats.bytes}, floats.window, 0, 0));
  }
  report.has_seen_values("floats are not saturated throughout");
}

}  // namespace

int main() {
  check::Report report;
  test_conv_2d(report, Clamps::kAny);
  test_conv_2d(report, Clamps::kSaturate);
  test_depthwise_3x3(report);
  test_depthwise(report);
  test_fully_connected(report);
  test_sums(report);
  test_products(report);
  test_pools(report);
  test_tables(report);
  test_floats(report);
  return report.status();
}
