// The portable kernels against their definitions: sums over windows, written with one loop for each index.
#include "check.h"
#include "layers.h"
#include "tflm_mcunet/kernels/binary.h"
#include "tflm_mcunet/kernels/pool_2d.h"
#include "tflm_mcunet/kernels/requantize.h"
#include "tflm_mcunet/kernels/row_sum.h"

namespace {

using namespace tflm_mcunet;

// A value of a map, or the zero point where there is none.
int32_t value_at(const Map& map, int32_t y, int32_t x, int32_t channel, int32_t outside) {
  const bool is_inside = y >= 0 && y < map.height && x >= 0 && x < map.width;
  return is_inside ? map.values[static_cast<size_t>((y * map.width + x) * map.channels + channel)] : outside;
}

int8_t output_of(const Weights& weights, int32_t channel, int32_t sum) {
  const size_t c = static_cast<size_t>(channel);
  const int32_t scaled = requantize(sum + weights.bias[c], weights.multiplier[c], weights.shift[c]);
  return static_cast<int8_t>(
      clamp(scaled + weights.output_zero_point, weights.output_min, weights.output_max));
}

// Every output of the window's rows and columns, from its place and channel.
template <typename Output>
std::vector<int8_t> each_output(const Window& window, Output output) {
  std::vector<int8_t> values;
  for (int32_t y = 0; y < window.output_height; ++y) {
    for (int32_t x = window.columns.begin; x < window.columns.end; ++x) {
      for (int32_t c = 0; c < window.output_channels; ++c) {
        values.push_back(output(y, x, c));
      }
    }
  }
  return values;
}

void test_conv_2d(check::Report& report) {
  Random random(1);
  for (int32_t i = 0; i < 200; ++i) {
    const Shape shape = {random.between(1, 5), random.between(1, 4), random.between(1, 4),
                         random.between(1, 3), random.between(1, 3), random.between(1, 7)};
    Layer<Conv2D> layer;
    draw_conv_2d(random, shape, 8, Clamps::kAny, &layer);
    const Weights& weights = layer.weights;
    const auto output = [&](int32_t y, int32_t x, int32_t c) {
      int32_t sum = 0;
      int32_t tap = c * weights.taps;
      for (int32_t ky = 0; ky < shape.kernel_h; ++ky) {
        for (int32_t kx = 0; kx < shape.kernel_w; ++kx) {
          for (int32_t k = 0; k < shape.channels; ++k) {
            const int32_t value =
                value_at(layer.input, y * shape.stride_h - layer.window.pad_top + ky,
                         x * shape.stride_w - layer.params.pad_left + kx, k, weights.input_zero_point);
            sum += (value - weights.input_zero_point) * weights.by_channel[static_cast<size_t>(tap++)];
          }
        }
      }
      return output_of(weights, c, sum);
    };
    report.is_equal("conv_2d_row", each_output(layer.window, output), portable(layer));
  }
  report.has_seen_values("conv_2d_row is not saturated throughout");
}

void test_depthwise(check::Report& report) {
  Random random(2);
  for (int32_t i = 0; i < 200; ++i) {
    const Shape shape = {random.between(1, 9), random.between(1, 7), random.between(1, 7),
                         random.between(1, 3), random.between(1, 3), 0};
    Shape same = shape;
    same.output_channels = shape.channels;
    Layer<DepthwiseConv2D> layer;
    draw_depthwise(random, same, 10, Clamps::kAny, &layer);
    const Weights& weights = layer.weights;
    const auto output = [&](int32_t y, int32_t x, int32_t c) {
      int32_t sum = 0;
      int32_t tap = c * weights.taps;
      for (int32_t ky = 0; ky < shape.kernel_h; ++ky) {
        for (int32_t kx = 0; kx < shape.kernel_w; ++kx) {
          const int32_t value =
              value_at(layer.input, y * shape.stride_h - layer.window.pad_top + ky,
                       x * shape.stride_w - layer.params.pad_left + kx, c, weights.input_zero_point);
          sum += (value - weights.input_zero_point) * weights.by_channel[static_cast<size_t>(tap++)];
        }
      }
      return output_of(weights, c, sum);
    };
    report.is_equal("depthwise_conv_2d_row", each_output(layer.window, output), portable(layer));
  }
  report.has_seen_values("depthwise_conv_2d_row is not saturated throughout");
}

void test_fully_connected(check::Report& report) {
  Random random(3);
  for (int32_t i = 0; i < 100; ++i) {
    Layer<FullyConnected> layer;
    draw_fully_connected(random, random.between(1, 130), random.between(1, 11), Clamps::kAny, &layer);
    const Weights& weights = layer.weights;
    const auto output = [&](int32_t vector, int32_t unit, int32_t) {
      int32_t sum = 0;
      for (int32_t k = 0; k < weights.taps; ++k) {
        sum += (value_at(layer.input, vector, 0, k, 0) - weights.input_zero_point) *
               weights.by_channel[static_cast<size_t>(unit * weights.taps + k)];
      }
      return output_of(weights, unit, sum);
    };
    report.is_equal("fully_connected_row", each_output(layer.window, output), portable(layer));
  }
  report.has_seen_values("fully_connected_row is not saturated throughout");
}

// A pool over the whole map: by rows of windows, and as a sum that is fed row by row.
void test_average_pool(check::Report& report) {
  Random random(4);
  for (int32_t i = 0; i < 100; ++i) {
    const int32_t height = random.between(1, 9), width = random.between(1, 9);
    const int32_t channels = random.between(1, 9);
    const Map input = {height, width, channels, random.values(height * width * channels, -128, 127)};
    const Pool2D pool = {width, channels, height, width, 1, 0, -128, 127};
    const Window window = {height, 1, 1, 0, 1, 1, channels, 1, {0, 1, 0}};
    const auto output = [&](int32_t, int32_t, int32_t c) {
      int32_t sum = 0;
      for (int32_t y = 0; y < height; ++y) {
        for (int32_t x = 0; x < width; ++x) {
          sum += value_at(input, y, x, c, 0);
        }
      }
      const int32_t count = height * width;
      return static_cast<int8_t>((sum > 0 ? sum + count / 2 : sum - count / 2) / count);
    };
    const std::vector<int8_t> expected = each_output(window, output);
    report.is_equal("average_pool_2d_row", expected,
                    run_rows(average_pool_2d_row, &pool, {&input}, window, 0, 0));
    report.is_equal("average_pool_2d_sum", expected, run_sum(average_pool_2d_sum, &pool, input, 1, channels));
  }
}

// ADD with equal scales is a plain sum.
void test_sum(check::Report& report) {
  Random random(5);
  const Map first = {4, 5, 6, random.values(120, -128, 127)};
  const Map second = {4, 5, 6, random.values(120, -128, 127)};
  // Either operand times 2^20 times one half, then times 2^-18: half of the sum.
  const Sum sum = {6, 1, 0, 1 << 30, 0, 0, 1 << 30, 0, 1 << 30, -19, 0, -128, 127};
  const Window window = {1, 1, 1, 0, 4, 5, 6, 1, {0, 5, 0}};
  const auto output = [&](int32_t y, int32_t x, int32_t c) {
    const int32_t total = value_at(first, y, x, c, 0) + value_at(second, y, x, c, 0);
    return static_cast<int8_t>(total > 0 ? (total + 1) / 2 : (total - 1) / 2);
  };
  report.is_equal("sum_row", each_output(window, output),
                  run_rows(sum_row, &sum, {&first, &second}, window, 0, 0));
}

}  // namespace

int main() {
  check::Report report;
  test_conv_2d(report);
  test_depthwise(report);
  test_fully_connected(report);
  test_average_pool(report);
  test_sum(report);
  return report.status();
}
