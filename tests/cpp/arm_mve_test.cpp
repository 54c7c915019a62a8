// The MVE family's kernels, in their C form, against the portable ones: weights packed as the headers say.
#include <string.h>

#include "check.h"
#include "floats.h"
#include "layers.h"
#include "sum_constants.h"
#include "tflm_mcunet/kernels/arm_mve/conv_2d.h"
#include "tflm_mcunet/kernels/arm_mve/depthwise_conv_2d.h"
#include "tflm_mcunet/kernels/arm_mve/fully_connected.h"
#include "tflm_mcunet/kernels/arm_mve/pool_2d.h"
#include "tflm_mcunet/kernels/arm_mve/quantize.h"
#include "tflm_mcunet/kernels/arm_mve/sum.h"

namespace {

using namespace tflm_mcunet;

constexpr int32_t kBehind = 15;  // bytes behind a row that the kernels read

void append_word(int32_t value, std::vector<int8_t>* stream) {
  int8_t bytes[4];
  memcpy(bytes, &value, sizeof(bytes));
  stream->insert(stream->end(), bytes, bytes + 4);
}

arm_mve::Finish finish_of(const Weights& weights) {
  if (weights.output_min != INT8_MIN || weights.output_max != INT8_MAX) {
    return arm_mve::kGeneral;
  }
  return weights.saturates() ? arm_mve::kSaturate : arm_mve::kSignFix;
}

// DotJob::stream: blocks of four channels, inputs in sixteens, then biases, multipliers and shifts.
std::vector<int8_t> dot_stream(const Weights& weights) {
  std::vector<int8_t> stream;
  const int32_t chunks = (weights.taps + 15) / 16;
  for (int32_t block = 0; block < weights.channels; block += 4) {
    for (int32_t chunk = 0; chunk < chunks; ++chunk) {
      for (int32_t c = block; c < block + 4; ++c) {
        for (int32_t i = chunk * 16; i < chunk * 16 + 16; ++i) {
          const bool is_there = c < weights.channels && i < weights.taps;
          stream.push_back(is_there ? weights.by_channel[static_cast<size_t>(c * weights.taps + i)] : 0);
        }
      }
    }
    for (int32_t which = 0; which < 3; ++which) {
      for (int32_t c = block; c < block + 4; ++c) {
        const bool is_there = c < weights.channels;
        const size_t index = static_cast<size_t>(c);
        const int32_t values[] = {is_there ? weights.offset(c) : 0, is_there ? weights.multiplier[index] : 0,
                                  is_there ? weights.shift[index] : 0};
        append_word(values[which], &stream);
      }
    }
  }
  return stream;
}

arm_mve::DotRoutine single_of(arm_mve::Finish finish, int32_t chunks) {
  const arm_mve::DotRoutine of_any[] = {arm_mve::single_saturated, arm_mve::single_fixed,
                                        arm_mve::single_clamped};
  const arm_mve::DotRoutine of_few[2][4] = {{arm_mve::single_of_1_saturated, arm_mve::single_of_2_saturated,
                                             arm_mve::single_of_3_saturated, arm_mve::single_of_4_saturated},
                                            {arm_mve::single_of_1_fixed, arm_mve::single_of_2_fixed,
                                             arm_mve::single_of_3_fixed, arm_mve::single_of_4_fixed}};
  return finish == arm_mve::kGeneral || chunks > 4 ? of_any[finish] : of_few[finish][chunks - 1];
}

arm_mve::DotRoutine pairs_of(arm_mve::Finish finish, int32_t chunks) {
  const arm_mve::DotRoutine of_any[] = {arm_mve::pairs_saturated, arm_mve::pairs_fixed,
                                        arm_mve::pairs_clamped};
  const arm_mve::DotRoutine of_few[2][4] = {{arm_mve::pairs_of_1_saturated, arm_mve::pairs_of_2_saturated,
                                             arm_mve::pairs_of_3_saturated, arm_mve::pairs_of_4_saturated},
                                            {arm_mve::pairs_of_1_fixed, arm_mve::pairs_of_2_fixed,
                                             arm_mve::pairs_of_3_fixed, arm_mve::pairs_of_4_fixed}};
  return finish == arm_mve::kGeneral || chunks > 4 ? of_any[finish] : of_few[finish][chunks - 1];
}

void test_conv_2d(check::Report& report) {
  Random random(1);
  for (int32_t i = 0; i < 400; ++i) {
    const bool is_pointwise = random.between(0, 2) == 0;
    const int32_t kernel_h = is_pointwise ? 1 : random.between(1, 4);
    const int32_t kernel_w = is_pointwise ? 1 : random.between(1, 5);
    const Shape shape = {random.between(1, is_pointwise ? 70 : 8),
                         kernel_h,
                         kernel_w,
                         random.between(1, 3),
                         random.between(1, 3),
                         random.between(1, 9)};
    Layer<Conv2D> layer;
    draw_conv_2d(random, shape, 9, Clamps::kAny, &layer);
    const Weights& weights = layer.weights;
    const std::vector<int8_t> stream = dot_stream(weights);
    const int32_t chunks = (weights.taps + 15) / 16;
    const arm_mve::Finish finish = finish_of(weights);
    const ConvMve2D conv = {pairs_of(finish, chunks),
                            single_of(finish, chunks),
                            stream.data(),
                            chunks,
                            layer.input.width,
                            shape.channels,
                            shape.output_channels,
                            kernel_h,
                            kernel_w,
                            shape.stride_w,
                            layer.params.pad_left,
                            weights.input_zero_point,
                            weights.output_zero_point,
                            weights.output_min,
                            weights.output_max,
                            random.pick({2, 4, 10})};
    const int32_t scratch = conv.tile * chunks * 16 + 16 + 2 * ((shape.output_channels + 3) / 4 * 4);
    const RowKernel kernel = is_pointwise ? pointwise_mve_row : conv_2d_mve_row;
    report.is_equal(is_pointwise ? "pointwise_mve_row" : "conv_2d_mve_row", portable(layer),
                    run_rows(kernel, &conv, {&layer.input}, layer.window, scratch, kBehind));
  }
  report.has_seen_values("convolutions are not saturated throughout");
}

// A routine of depthwise_core.h.
struct Core {
  arm_mve::DepthwiseRoutine routine;
  int32_t vectors;
  bool is_paired;
  bool is_general;
};

Core core_of(int32_t kernel_h, int32_t kernel_w, int32_t stride, bool saturates) {
  const Core squares[3][2] = {
      {{arm_mve::depthwise_3x3_stride_1, 1, true, false}, {arm_mve::depthwise_3x3_stride_2, 1, true, false}},
      {{arm_mve::depthwise_5x5_stride_1, 2, true, false}, {arm_mve::depthwise_5x5_stride_2, 2, false, false}},
      {{arm_mve::depthwise_7x7_stride_1, 4, false, false},
       {arm_mve::depthwise_7x7_stride_2, 4, false, false}}};
  if (saturates && kernel_h == kernel_w && kernel_h >= 3 && kernel_h % 2 == 1 && stride <= 2) {
    return squares[(kernel_h - 3) / 2][stride - 1];
  }
  const arm_mve::DepthwiseRoutine general[] = {arm_mve::depthwise_to_16_taps, arm_mve::depthwise_to_32_taps,
                                               arm_mve::depthwise_to_48_taps, arm_mve::depthwise_to_64_taps};
  const int32_t vectors = (kernel_h * kernel_w + 15) / 16;
  return {general[vectors - 1], vectors, false, true};
}

// What a convolution has in one direction.
struct Axis {
  int32_t taps;
  int32_t stride;
  int32_t pad;
  int32_t input_length;
  int32_t output_length;
  int32_t input_step;
  int32_t output_step;
};

// A depthwise convolution as lines along one axis.
struct Lines {
  std::vector<int8_t> stream;
  DepthwiseMve2D conv;
  DepthwiseMapMve2D map;
  int32_t line_bytes;  // of a plane
};

void as_lines(const Layer<DepthwiseConv2D>& layer, int32_t channels, bool are_rows, int32_t group,
              Lines* lines) {
  const Weights& weights = layer.weights;
  const DepthwiseConv2D& params = layer.params;
  const Window& window = layer.window;
  const int32_t row_bytes = layer.input.width * channels;
  const Axis x = {params.kernel_w,     params.stride_w, params.pad_left, layer.input.width,
                  window.output_width, channels,        channels};
  const Axis y = {window.kernel_h,
                  window.stride_h,
                  window.pad_top,
                  layer.input.height,
                  window.output_height,
                  row_bytes,
                  window.output_width * channels};
  const Axis& along = are_rows ? x : y;
  const Axis& across = are_rows ? y : x;
  const Core core = core_of(across.taps, along.taps, along.stride, weights.saturates());
  const int32_t lead = core.is_paired ? along.stride * across.taps : 0;
  const int32_t tap_bytes = (lead + core.vectors * 16 + 3) / 4 * 4;
  for (int32_t c = 0; c < channels; ++c) {
    append_word(weights.offset(c), &lines->stream);
    append_word(weights.multiplier[static_cast<size_t>(c)], &lines->stream);
    append_word(weights.shift[static_cast<size_t>(c)], &lines->stream);
    if (core.is_general) {
      append_word(1, &lines->stream);
    }
    size_t tap = lines->stream.size() + static_cast<size_t>(lead);
    lines->stream.resize(lines->stream.size() + static_cast<size_t>(tap_bytes));
    // A plane holds the pixels of all lines side by side.
    for (int32_t i = 0; i < along.taps; ++i) {
      for (int32_t k = 0; k < across.taps; ++k) {
        const int32_t ky = are_rows ? k : i;
        const int32_t kx = are_rows ? i : k;
        lines->stream[tap++] = weights.by_channel[static_cast<size_t>((c * y.taps + ky) * x.taps + kx)];
      }
    }
  }
  lines->conv = {core.routine,
                 lines->stream.data(),
                 static_cast<int32_t>(lines->stream.size()) / channels,
                 lead,
                 core.vectors,
                 channels,
                 group,
                 across.taps,
                 along.taps,
                 along.stride,
                 along.pad,
                 along.input_length,
                 along.input_step,
                 along.output_step,
                 weights.input_zero_point,
                 weights.output_zero_point,
                 weights.output_min,
                 weights.output_max};
  lines->map = {lines->conv,   across.input_length, across.output_length, along.output_length,
                across.stride, across.pad,          across.input_step,    across.output_step};
  const int32_t windows = (along.output_length + 3) / 4 * 4;
  lines->line_bytes = (windows - 1) * along.stride * across.taps + core.vectors * 16;
}

void test_depthwise(check::Report& report) {
  Random random(2);
  for (int32_t i = 0; i < 400; ++i) {
    const bool is_square = random.between(0, 1) == 0;
    const int32_t kernel_h = is_square ? random.pick({3, 5, 7}) : random.between(1, 7);
    const int32_t kernel_w = is_square ? kernel_h : random.between(1, 8);
    const int32_t stride_w = random.between(1, 3), channels = random.between(2, 36);
    Layer<DepthwiseConv2D> layer;
    draw_depthwise(random, {channels, kernel_h, kernel_w, random.between(1, 3), stride_w, channels}, 10,
                   is_square ? Clamps::kSaturate : Clamps::kAny, &layer);
    const int32_t group = random.pick({8, 16, (channels + 7) / 8 * 8});
    Lines rows;
    as_lines(layer, channels, true, group, &rows);
    report.is_equal("depthwise_conv_2d_mve_row", portable(layer),
                    run_rows(depthwise_conv_2d_mve_row, &rows.conv, {&layer.input}, layer.window,
                             group * rows.line_bytes + 16, 7));
    layer.window.columns = {0, layer.window.output_width, 0};
    const std::vector<int8_t> expected = portable(layer);
    const Map all = {1, layer.input.height * layer.input.width, channels, layer.input.values};
    const Window one_row = {1,        1, 1,
                            0,        1, layer.window.output_height * layer.window.output_width,
                            channels, 1, {0, layer.window.output_height * layer.window.output_width, 0}};
    for (const bool are_rows : {true, false}) {
      Lines lines;
      as_lines(layer, channels, are_rows, group, &lines);
      const int32_t moved = (lines.map.output_lines - 1) * lines.map.stride_across;
      report.is_equal("depthwise_conv_2d_mve_map", expected,
                      run_rows(depthwise_conv_2d_mve_map, &lines.map, {&all}, one_row,
                               group * (lines.line_bytes + moved) + 16, 7));
    }
  }
  report.has_seen_values("depthwise convolutions are not saturated throughout");
}

void test_fully_connected(check::Report& report) {
  Random random(3);
  for (int32_t i = 0; i < 150; ++i) {
    Layer<FullyConnected> layer;
    draw_fully_connected(random, random.between(1, 130), random.between(1, 11), Clamps::kAny, &layer);
    const Weights& weights = layer.weights;
    const std::vector<int8_t> stream = dot_stream(weights);
    const int32_t chunks = (weights.taps + 15) / 16;
    const FullyConnectedMve dense = {single_of(finish_of(weights), chunks),
                                     stream.data(),
                                     chunks,
                                     weights.output_zero_point,
                                     weights.output_min,
                                     weights.output_max};
    report.is_equal("fully_connected_mve_row", portable(layer),
                    run_rows(fully_connected_mve_row, &dense, {&layer.input}, layer.window, 16, kBehind));
  }
  report.has_seen_values("units are not saturated throughout");
}

void test_pools(check::Report& report) {
  Random random(4);
  for (int32_t i = 0; i < 150; ++i) {
    Layer<DepthwiseConv2D> layer;  // for its map and window
    const int32_t channels = random.between(1, 37);
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
    report.is_equal("average_pool_2d_mve_row", run_rows(average_pool_2d_row, &pool, maps, layer.window, 0, 0),
                    run_rows(average_pool_2d_mve_row, &pool, maps, layer.window, 16, kBehind));
    report.is_equal("max_pool_2d_mve_row", run_rows(max_pool_2d_row, &pool, maps, layer.window, 0, 0),
                    run_rows(max_pool_2d_mve_row, &pool, maps, layer.window, 16, kBehind));
  }
  report.has_seen_values("pools are not saturated throughout");
}

void test_sums_over_rows(check::Report& report) {
  Random random(7);
  for (int32_t i = 0; i < 60; ++i) {
    const int32_t channels = random.between(1, 37), height = random.between(1, 9);
    const int32_t width = i == 0 ? 300 : random.between(1, 12);
    const Map map = {height, width, channels, random.values(height * width * channels, -128, 127)};
    const Pool2D pool = {
        width, channels, height, width, 1, 0, random.between(-128, -50), random.between(50, 127)};
    report.is_equal("average_pool_2d_mve_sum", run_sum(average_pool_2d_sum, &pool, map, 1, channels),
                    run_sum(average_pool_2d_mve_sum, &pool, map, 1, channels, 7));
    const MapMean mean = {width, channels, random.between(-99, 99), 1 << 30, -7, random.between(-20, 20)};
    report.is_equal("mean_mve_sum", run_sum(mean_sum, &mean, map, 1, channels),
                    run_sum(mean_mve_sum, &mean, map, 1, channels, 7));
  }
  report.has_seen_values("sums over rows are not saturated throughout");
}

void test_sums(check::Report& report) {
  Random random(5);
  int32_t found_constants = 0;
  for (int32_t i = 0; i < 40; ++i) {
    const int32_t channels = random.between(1, 40);
    const Map first = {3, 4, channels, random.values(12 * channels, -128, 127)};
    const Map second = {3, 4, channels, random.values(12 * channels, -128, 127)};
    const Window window = {1, 1, 1, 0, 3, 4, channels, 1, {0, 4, 0}};
    const Sum sum = draw_sum(random, channels);
    const int32_t shift = random.pick({20, 22});
    SumConstants found;
    if (!find_sum_constants(sum, shift, 0, &found)) {
      continue;
    }
    ++found_constants;
    const SumMve special = {channels, found.first_factor, found.second_factor,
                            found.constant - (1 << 15) - (1 << (shift - 1)), shift};
    report.is_equal("sum_mve_row", run_rows(sum_row, &sum, {&first, &second}, window, 0, 0),
                    run_rows(sum_mve_row, &special, {&first, &second}, window, 0, kBehind));
  }
  report.is_true("many sums have constants", found_constants >= 10);
  report.has_seen_values("sums are not saturated throughout");
}

void test_floats(check::Report& report) {
  Random random(6);
  for (int32_t i = 0; i < 100; ++i) {
    const Floats floats = draw_floats(random);
    report.is_equal("quantize_mve_row",
                    run_rows(quantize_row, &floats.affine, {&floats.bytes}, floats.window, 0, 0),
                    run_rows(quantize_mve_row, &floats.affine, {&floats.bytes}, floats.window, 0, 0));
  }
  report.has_seen_values("floats are not saturated throughout");
}

}  // namespace

int main() {
  check::Report report;
  test_conv_2d(report);
  test_depthwise(report);
  test_fully_connected(report);
  test_pools(report);
  test_sums_over_rows(report);
  test_sums(report);
  test_floats(report);
  return report.status();
}
