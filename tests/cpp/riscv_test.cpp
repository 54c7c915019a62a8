// The RISC-V family's kernels against the portable ones: weights packed as the headers say, and constants
// that are exact without a search.
#include "check.h"
#include "layers.h"
#include "sum_constants.h"
#include "tflm_mcunet/kernels/riscv/conv_2d.h"
#include "tflm_mcunet/kernels/riscv/depthwise_conv_2d.h"
#include "tflm_mcunet/kernels/riscv/fully_connected.h"
#include "tflm_mcunet/kernels/riscv/sum.h"

namespace {

using namespace tflm_mcunet;

int32_t weight_at(const Weights& weights, int32_t channel, int32_t tap) {
  const bool is_there = channel < weights.channels && tap < weights.taps;
  return is_there ? weights.by_channel[static_cast<size_t>(channel * weights.taps + tap)] : 0;
}

// riscv::Channel.
void append_channel(const Weights& weights, int32_t channel, std::vector<int32_t>* words) {
  const Merged ending = merged(weights, channel, 8);
  words->push_back(weights.offset(channel));
  words->push_back(weights.multiplier[static_cast<size_t>(channel)]);
  words->push_back(ending.constant);
  words->push_back(ending.shift);
}

int32_t sign_fix_of(const Weights& weights) { return weights.saturates() ? 0 : 128; }

// The most taps, 8, 4 or 2, whose products with inputs of -128 stay within int16, for every channel.
int32_t group_of(const Weights& weights, const std::vector<int32_t>& channels) {
  for (int32_t group = 8; group > 2; group /= 2) {
    bool fits = true;
    for (const int32_t channel : channels) {
      for (int32_t first = 0; first < weights.taps; first += group) {
        int32_t sum = 0;
        for (int32_t tap = first; tap < first + group; ++tap) {
          const int32_t weight = weight_at(weights, channel, tap);
          sum += weight < 0 ? -weight : weight;
        }
        fits = fits && sum <= 255;
      }
    }
    if (fits) {
      return group;
    }
  }
  return 2;
}

void append_bytes(const std::vector<int32_t>& bytes, std::vector<int32_t>* words) {
  for (size_t i = 0; i < bytes.size(); i += 4) {
    uint32_t word = 0;
    for (size_t k = 0; k < 4 && i + k < bytes.size(); ++k) {
      word |= (static_cast<uint32_t>(bytes[i + k]) & 0xFFu) << (8 * k);
    }
    words->push_back(static_cast<int32_t>(word));
  }
}

void test_conv_2d(check::Report& report) {
  Random random(1);
  int32_t groups_seen[9] = {};
  for (int32_t i = 0; i < 300; ++i) {
    const Shape shape = {random.between(1, 8), random.between(1, 4), random.between(1, 5),
                         random.between(1, 3), random.between(1, 3), random.between(1, 9)};
    Layer<Conv2D> layer;
    draw_conv_2d(random, shape, 9, Clamps::kAny, &layer);
    const Weights& weights = layer.weights;
    std::vector<int32_t> stream;
    for (int32_t a = 0; a < weights.channels; a += 2) {
      const int32_t b = a + 1 < weights.channels ? a + 1 : a;
      const int32_t group = group_of(weights, {a, b}), groups = (weights.taps + group - 1) / group;
      ++groups_seen[group];
      stream.push_back(group);
      stream.push_back(groups);
      append_channel(weights, a, &stream);
      append_channel(weights, b, &stream);
      std::vector<int32_t> bytes;
      for (int32_t tap = 0; tap < group * groups; ++tap) {
        bytes.push_back(weight_at(weights, a, tap));
        bytes.push_back(weight_at(weights, b, tap));
      }
      append_bytes(bytes, &stream);
    }
    const int32_t taps = (weights.taps + 7) / 8 * 8;
    const ConvRv2D conv = {stream.data(),         taps,
                           layer.input.width,     shape.channels,
                           shape.output_channels, shape.kernel_h,
                           shape.kernel_w,        shape.stride_w,
                           layer.params.pad_left, weights.input_zero_point,
                           sign_fix_of(weights),  weights.output_min,
                           weights.output_max};
    const int32_t scratch = 12 * taps + 7 * shape.kernel_w * shape.channels;
    report.is_equal("conv_2d_rv_row", portable(layer),
                    run_rows(conv_2d_rv_row, &conv, {&layer.input}, layer.window, scratch, 0));
  }
  report.is_true("groups of 2, 4 and 8 taps occur",
                 groups_seen[2] > 0 && groups_seen[4] > 0 && groups_seen[8] > 0);
  report.has_seen_values("convolutions are not saturated throughout");
}

void test_depthwise(check::Report& report) {
  Random random(2);
  const RowKernel kernels[3][2] = {{depthwise_3_1_rv_row, depthwise_3_2_rv_row},
                                   {depthwise_5_1_rv_row, depthwise_5_2_rv_row},
                                   {depthwise_7_1_rv_row, depthwise_7_2_rv_row}};
  for (int32_t i = 0; i < 300; ++i) {
    const int32_t kernel = random.pick({3, 5, 7}), stride = random.between(1, 2);
    const int32_t channels = random.between(2, 11);
    Layer<DepthwiseConv2D> layer;
    draw_depthwise(random, {channels, kernel, kernel, stride, stride, channels}, 14, Clamps::kAny, &layer);
    const Weights& weights = layer.weights;
    std::vector<int32_t> endings;
    for (int32_t c = 0; c < channels; ++c) {
      append_channel(weights, c, &endings);
    }
    Window window = layer.window;
    if (random.between(0, 1) == 0) {
      window.output_rows = window.output_height;
      window.kernel_h += (window.output_rows - 1) * stride;
    }
    const DepthwiseRv2D conv = {
        weights.by_channel.data(), endings.data(),        layer.input.width,        channels,
        window.output_rows,        layer.params.pad_left, weights.input_zero_point, sign_fix_of(weights),
        weights.output_min,        weights.output_max};
    const int32_t count = window.columns.end - window.columns.begin;
    const int32_t scratch = window.kernel_h * ((count + 1) * stride + kernel);
    report.is_equal(
        "depthwise_rv_row", portable(layer),
        run_rows(kernels[(kernel - 3) / 2][stride - 1], &conv, {&layer.input}, window, scratch, 0));
  }
  report.has_seen_values("depthwise convolutions are not saturated throughout");
}

void test_fully_connected(check::Report& report) {
  Random random(3);
  for (int32_t i = 0; i < 150; ++i) {
    Layer<FullyConnected> layer;
    draw_fully_connected(random, random.between(1, 130), random.between(1, 19), Clamps::kAny, &layer);
    const Weights& weights = layer.weights;
    std::vector<int32_t> stream;
    for (int32_t first = 0; first < weights.channels; first += 8) {
      std::vector<int32_t> units;
      for (int32_t unit = first; unit < first + 8 && unit < weights.channels; ++unit) {
        units.push_back(unit);
      }
      stream.push_back(group_of(weights, units));
      for (int32_t unit = first; unit < first + 8; ++unit) {
        if (unit < weights.channels) {
          append_channel(weights, unit, &stream);
        } else {
          stream.insert(stream.end(), 4, 0);
        }
      }
      std::vector<int32_t> bytes;
      for (int32_t tap = 0; tap < (weights.taps + 7) / 8 * 8; ++tap) {
        for (const int32_t k : {0, 2, 1, 3, 4, 6, 5, 7}) {
          bytes.push_back(weight_at(weights, first + k, tap) + 128);
        }
      }
      append_bytes(bytes, &stream);
    }
    const FullyConnectedRv dense = {stream.data(), weights.taps, sign_fix_of(weights), weights.output_min,
                                    weights.output_max};
    report.is_equal("fully_connected_rv_row", portable(layer),
                    run_rows(fully_connected_rv_row, &dense, {&layer.input}, layer.window,
                             (weights.taps + 7) / 8 * 36, 0));
  }
  report.has_seen_values("units are not saturated throughout");
}

void test_sums(check::Report& report) {
  Random random(4);
  int32_t found_constants = 0;
  for (int32_t i = 0; i < 40; ++i) {
    const int32_t channels = random.between(1, 20);
    const Map first = {3, 4, channels, random.values(12 * channels, -128, 127)};
    const Map second = {3, 4, channels, random.values(12 * channels, -128, 127)};
    const Window window = {1, 1, 1, 0, 3, 4, channels, 1, {0, 4, 0}};
    const Sum sum = draw_sum(random, channels);
    SumConstants found;
    if (!find_sum_constants(sum, 20, 8, &found)) {
      continue;
    }
    ++found_constants;
    const SumRv special = {channels, found.first_factor, found.second_factor, found.constant};
    report.is_equal("sum_rv_row", run_rows(sum_row, &sum, {&first, &second}, window, 0, 0),
                    run_rows(sum_rv_row, &special, {&first, &second}, window, 0, 0));
  }
  report.is_true("most sums have constants", found_constants >= 20);
  report.has_seen_values("sums are not saturated throughout");
}

}  // namespace

int main() {
  check::Report report;
  test_conv_2d(report);
  test_depthwise(report);
  test_fully_connected(report);
  test_sums(report);
  return report.status();
}
