// The engine on a small network by hand: the same bytes whichever way the rows flow.
//
//   input -> CONV_2D 3x3 -> DEPTHWISE_CONV_2D 3x3 -> CONV_2D 1x1 -> ADD (with the first one's output) -> MEAN
//
// The truth is each kernel over whole maps. The engine runs it layer by layer; as one stage with rings of
// three rows and of one; with a table of rows; and fed by rows, where even the input is a ring.
#include "tflm_mcunet/engine/engine.h"

#include <string.h>

#include "check.h"
#include "layers.h"
#include "sum_constants.h"
#include "tflm_mcunet/kernels/row_sum.h"

namespace {

using namespace tflm_mcunet;

constexpr uint8_t kGuard = 0xA5;

enum Tensor : uint16_t { kInput, kFirst, kDeep, kPoint, kTotal, kMean, kTensors };
enum Operator : uint16_t { kConv, kDepthwise, kPointwise, kAdd, kReduce, kOperators };

struct Network {
  Layer<Conv2D> conv;
  Layer<DepthwiseConv2D> depthwise;
  Layer<Conv2D> pointwise;
  Sum sum;
  MapMean mean;
  std::vector<int8_t> expected;
};

Map map_of(const Window& window, std::vector<int8_t> values) {
  return {window.output_height, window.output_width, window.output_channels, values};
}

// The layer on that input, padded to the same size, all of its columns.
template <typename Params>
void put_on(const Map& input, int32_t stride, Layer<Params>* layer) {
  const int32_t kernel = layer->window.kernel_h;
  const int32_t height = (input.height + stride - 1) / stride, width = (input.width + stride - 1) / stride;
  const int32_t down = (height - 1) * stride + kernel - input.height;
  const int32_t across = (width - 1) * stride + kernel - input.width;
  layer->input = input;
  layer->params.input_width = input.width;
  layer->params.pad_left = across > 0 ? across / 2 : 0;
  layer->window.pad_top = down > 0 ? down / 2 : 0;
  layer->window.output_height = height;
  layer->window.output_width = width;
  layer->window.columns = {0, width, 0};
}

void draw_network(Random& random, Network* network) {
  const int32_t height = random.between(1, 13), width = random.between(1, 9), channels = random.between(1, 6);
  const int32_t stride = random.between(1, 2);
  const Map input = {height, width, 3, random.values(height * width * 3, -128, 127)};
  draw_conv_2d(random, {3, 3, 3, stride, stride, channels}, 3, Clamps::kAny, &network->conv);
  put_on(input, stride, &network->conv);
  const Map first = map_of(network->conv.window, portable(network->conv));
  draw_depthwise(random, {channels, 3, 3, 1, 1, channels}, 3, Clamps::kAny, &network->depthwise);
  put_on(first, 1, &network->depthwise);
  const Map deep = map_of(network->depthwise.window, portable(network->depthwise));
  draw_conv_2d(random, {channels, 1, 1, 1, 1, channels}, 1, Clamps::kAny, &network->pointwise);
  put_on(deep, 1, &network->pointwise);
  const Map point = map_of(network->pointwise.window, portable(network->pointwise));
  network->sum = draw_sum(random, channels);
  const Map total = map_of(network->pointwise.window, run_rows(sum_row, &network->sum, {&first, &point},
                                                               network->pointwise.window, 0, 0));
  const int32_t pixels = total.height * total.width;
  network->mean = {total.width, channels, 3 * pixels, INT32_MAX / pixels, 0, -7};
  network->expected = run_sum(mean_sum, &network->mean, total, 1, channels);
}

// How the rows lie.
struct Plan {
  bool is_streamed;  // one stage; else one for each operator, and whole maps
  bool is_fed;       // the caller gives the input's rows
  bool has_tables;   // rings as tables of rows, in another order
  int32_t spare;     // slots of a ring above those that are needed
};

// A program and its memory: what the code generator writes as tables.
class Run {
 public:
  Run(const Network& network, const Plan& plan, Random& random) : network_(network), plan_(plan) {
    const Map& input = network.conv.input;
    const Map& inner = network.depthwise.input;
    place(kInput, input.height, input.row_bytes(), plan.is_fed ? 3 : 0, random);
    // The depthwise convolution reads three rows of it, and the sum one that it has done with.
    place(kFirst, inner.height, inner.row_bytes(), plan.is_streamed ? 3 : 0, random);
    for (const Tensor tensor : {kDeep, kPoint, kTotal}) {
      place(tensor, inner.height, inner.row_bytes(), plan.is_streamed ? 1 : 0, random);
    }
    place(kMean, 1, inner.channels, 0, random);
    sums_ = (bytes_ + 15) / 16 * 16;
    arena_.assign(sums_ + static_cast<uint32_t>(inner.channels) * sizeof(int32_t) + 16, kGuard);
    write_operators(inner.channels);
    write_stages();
  }

  std::vector<int8_t> outputs() {
    const Map& input = network_.conv.input;
    void* bases[] = {arena_.data()};
    const void* window[6];
    std::vector<uint16_t> counts(kTensors + kOperators + 1, 0x7777);
    const Workspace workspace = {bases, window, counts.data()};
    const Program program = {tensors_, operators_, stages_.data(), static_cast<uint16_t>(stages_.size()),
                             kTensors, kOperators};
    if (plan_.is_fed) {
      begin_feeding(program, workspace);
      for (int32_t y = 0; y < input.height; ++y) {
        feed_row(program, workspace, input.values.data() + y * input.row_bytes());
      }
      // A row too many is not read.
      feed_row(program, workspace, nullptr);
    } else {
      memcpy(arena_.data() + tensors_[kInput].offset, input.values.data(), input.values.size());
      run_program(program, workspace);
    }
    const int8_t* mean = reinterpret_cast<const int8_t*>(arena_.data() + tensors_[kMean].offset);
    return std::vector<int8_t>(mean, mean + network_.mean.channels);
  }

  // Nothing wrote behind what was planned.
  bool is_within_memory() const {
    for (size_t i = arena_.size() - 16; i < arena_.size(); ++i) {
      if (arena_[i] != kGuard) {
        return false;
      }
    }
    return true;
  }

 private:
  // A whole map, or a ring of that many rows where there are more.
  void place(Tensor tensor, int32_t height, int32_t row_bytes, int32_t ring, Random& random) {
    const bool is_ring = ring > 0 && ring + plan_.spare < height;
    const uint32_t slots = static_cast<uint32_t>(is_ring ? ring + plan_.spare : height);
    const uint32_t pitch = static_cast<uint32_t>(row_bytes);
    const uint16_t phase =
        static_cast<uint16_t>(is_ring ? random.between(0, static_cast<int32_t>(slots) - 1) : 0);
    tensors_[tensor] = {nullptr, bytes_, pitch, static_cast<uint16_t>(height), static_cast<uint16_t>(slots),
                        1,       phase,  0};
    if (plan_.has_tables && is_ring) {
      for (uint32_t y = 0; y < static_cast<uint32_t>(height); ++y) {
        tables_[tensor].push_back(bytes_ + (slots - 1 - y % slots) * pitch);
      }
      tensors_[tensor].rows = tables_[tensor].data();
    }
    bytes_ += slots * pitch;
  }

  void write_operators(int32_t channels) {
    const Window& conv = network_.conv.window;
    const Window& depthwise = network_.depthwise.window;
    const uint16_t last = plan_.is_streamed ? kReduce : 0;
    const Columns inner = depthwise.columns;
    for (uint16_t op = 0; op < kOperators; ++op) {
      operators_[op] = {};
      operators_[op].tensors = operands_[op];
      operators_[op].inputs = op == kAdd ? 2 : 1;
      operators_[op].outputs = 1;
      operators_[op].kernel_h = operators_[op].stride_h = operators_[op].dilation_h = 1;
      operators_[op].columns = inner;
      operators_[op].scratch = sums_;
      operators_[op].hold = kNoTensor;
      // In a stage of its own an operator wakes none but itself; the first one's output is read last by ADD.
      operators_[op].wakes =
          last == 0 ? op : (op == kConv ? uint16_t{kAdd} : (op < kReduce ? op + 1 : kReduce));
    }
    operators_[kConv].row = conv_2d_row;
    operators_[kConv].params = &network_.conv.params;
    operators_[kConv].kernel_h = 3;
    operators_[kConv].stride_h = static_cast<uint16_t>(conv.stride_h);
    operators_[kConv].pad_top = static_cast<int16_t>(conv.pad_top);
    operators_[kDepthwise].row = depthwise_conv_2d_row;
    operators_[kDepthwise].params = &network_.depthwise.params;
    operators_[kDepthwise].kernel_h = 3;
    operators_[kDepthwise].pad_top = static_cast<int16_t>(depthwise.pad_top);
    operators_[kPointwise].row = conv_2d_row;
    operators_[kPointwise].params = &network_.pointwise.params;
    operators_[kAdd].row = sum_row;
    operators_[kAdd].params = &network_.sum;
    operators_[kReduce].sum = &mean_sum;
    operators_[kReduce].params = &network_.mean;
    operators_[kReduce].kernel_h = static_cast<uint16_t>(depthwise.output_height);
    operators_[kReduce].columns = {0, 1, 0};
    operators_[kReduce].sums = static_cast<uint16_t>(channels);
  }

  void write_stages() {
    const uint16_t fed = plan_.is_fed ? uint16_t{kInput} : kNoTensor;
    const uint32_t fed_bytes = plan_.is_fed ? tensors_[kInput].pitch : 0;
    if (plan_.is_streamed) {
      stages_.push_back({0, kOperators, 1, fed, 0, fed_bytes});
      return;
    }
    for (uint16_t op = 0; op < kOperators; ++op) {
      stages_.push_back({op, 1, 1, kNoTensor, 0, 0});
    }
  }

  const Network& network_;
  const Plan plan_;
  const uint16_t operands_[kOperators][3] = {
      {kInput, kFirst}, {kFirst, kDeep}, {kDeep, kPoint}, {kFirst, kPoint, kTotal}, {kTotal, kMean}};
  Rows tensors_[kTensors];
  StageOp operators_[kOperators];
  std::vector<Stage> stages_;
  std::vector<uint32_t> tables_[kTensors];
  uint32_t bytes_ = 0;
  uint32_t sums_ = 0;
  std::vector<uint8_t> arena_;
};

void test_networks(check::Report& report) {
  Random random(1);
  const struct {
    const char* name;
    Plan plan;
  } plans[] = {{"layer by layer", {false, false, false, 0}},
               {"as a stream", {true, false, false, 0}},
               {"as a stream with larger rings", {true, false, false, 2}},
               {"as a stream with tables of rows", {true, false, true, 1}},
               {"fed by rows", {true, true, false, 0}},
               {"fed by rows into tables", {true, true, true, 0}}};
  for (int32_t i = 0; i < 150; ++i) {
    Network network;
    draw_network(random, &network);
    for (const auto& each : plans) {
      Run run(network, each.plan, random);
      report.is_equal(each.name, network.expected, run.outputs());
      // Nothing is left from one inference to the next.
      report.is_equal(each.name, network.expected, run.outputs());
      report.is_true("nothing is written behind the arena", run.is_within_memory());
    }
  }
  report.has_seen_values("networks are not saturated throughout");
}

// Several images, one after the other, through a stage of one operator.
void test_batch(check::Report& report) {
  Random random(2);
  const Map images = {8, 3, 2, random.values(48, -128, 127)};
  const Map second = {8, 3, 2, random.values(48, -128, 127)};
  const Sum sum = draw_sum(random, 2);
  const std::vector<int8_t> expected =
      run_rows(sum_row, &sum, {&images, &second}, {1, 1, 1, 0, 8, 3, 2, 1, {0, 3, 0}}, 0, 0);
  std::vector<int8_t> first_values = images.values, second_values = second.values, output(48);
  void* bases[] = {nullptr, first_values.data(), second_values.data(), output.data()};
  const Rows tensors[] = {
      {nullptr, 0, 6, 2, 2, 1, 0, 1}, {nullptr, 0, 6, 2, 2, 1, 0, 2}, {nullptr, 0, 6, 2, 2, 1, 0, 3}};
  const uint16_t operands[] = {0, 1, 2};
  StageOp op = {};
  op.row = sum_row;
  op.params = &sum;
  op.tensors = operands;
  op.inputs = 2;
  op.outputs = 1;
  op.kernel_h = op.stride_h = op.dilation_h = 1;
  op.columns = {0, 3, 0};
  op.hold = kNoTensor;
  const Stage stage = {0, 1, 4, kNoTensor, 0, 0};
  const Program program = {tensors, &op, &stage, 1, 3, 1};
  const void* window[2];
  uint16_t counts[5];
  run_program(program, {bases, window, counts});
  report.is_equal("four images", expected, output);
}

}  // namespace

int main() {
  check::Report report;
  test_networks(report);
  test_batch(report);
  return report.status();
}
