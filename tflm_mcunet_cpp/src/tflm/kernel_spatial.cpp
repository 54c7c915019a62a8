// Drop-in CONV_2D and DEPTHWISE_CONV_2D.
#include "../../include/tflm_mcunet/tflm_kernels.h"
#include "kernel_choice.h"
#include "kernel_parameters.h"
#include "kernel_rows.h"
#include "kernel_weighted.h"
#include "tensorflow/lite/c/builtin_op_data.h"

namespace tflm_mcunet {
namespace {

// The portable kernel of depthwise convolutions finds its parameters at the beginning of DepthwiseUnpacked.
struct SpatialData {
  RowWalk walk;
  union {
    Conv2D conv;
    DepthwiseUnpacked depthwise;
  };
};

struct SpatialOptions {
  bool is_same;
  int32_t stride_h, stride_w, dilation_h, dilation_w, activation;
};

void* init(TfLiteContext* context, const char*, size_t) {
  return context->AllocatePersistentBuffer(context, sizeof(SpatialData));
}

// The window's place, the same for both operators: the weights are [?, kernel_h, kernel_w, ?].
const char* prepare_walk(const Weighted& weighted, const SpatialOptions& options, RowWalk* walk,
                         int32_t* pad_left) {
  const int32_t* in = weighted.input.shape;
  const int32_t* out = weighted.output.shape;
  const int32_t* kernel = weighted.weights.shape;
  const Axis rows = {in[1], out[1], kernel[1], options.stride_h, options.dilation_h};
  const Axis columns = {in[2], out[2], kernel[2], options.stride_w, options.dilation_w};
  if (in[0] != out[0] || !leading_padding(rows, options.is_same, &walk->pad_top) ||
      !leading_padding(columns, options.is_same, pad_left)) {
    return "the output's shape does not follow from the input's";
  }
  walk->images = in[0];
  walk->input_height = in[1];
  walk->input_row_bytes = in[2] * in[3];
  walk->output_height = out[1];
  walk->output_row_bytes = out[2] * out[3];
  walk->output_width = out[2];
  walk->kernel_h = kernel[1];
  walk->stride_h = options.stride_h;
  walk->dilation_h = options.dilation_h;
  return nullptr;
}

// Memory for the rows of a window: for as long as the operator runs, where its kernel takes scratch anyway.
const char* prepare_memory(const Operator& op, int32_t scratch_bytes, RowWalk* walk) {
  walk->window = nullptr;
  walk->scratch = -1;
  const size_t bytes = window_bytes(*walk);
  if (scratch_bytes > 0) {
    return op.request(bytes + static_cast<size_t>(scratch_bytes), &walk->scratch) ? nullptr : kNoMemory;
  }
  walk->window = static_cast<const void**>(op.keep(bytes));
  return walk->window == nullptr ? kNoMemory : nullptr;
}

bool are_maps(const Weighted& weighted) {
  return weighted.input.rank == 4 && weighted.weights.rank == 4 && weighted.output.rank == 4 &&
         weighted.weights.elements > 0;
}

// The fields of either parameter structure that say where the window lies.
template <typename Params>
void fill_window(const Weighted& weighted, const SpatialOptions& options, int32_t pad_left, Params* params) {
  params->input_width = weighted.input.shape[2];
  params->input_channels = weighted.input.shape[3];
  params->kernel_h = weighted.weights.shape[1];
  params->kernel_w = weighted.weights.shape[2];
  params->stride_w = options.stride_w;
  params->dilation_w = options.dilation_w;
  params->pad_left = pad_left;
}

const char* prepare_conv(const Operator& op, SpatialData* data) {
  Weighted weighted;
  if (const char* wrong = read_weighted(op, &weighted)) {
    return wrong;
  }
  const auto* given = static_cast<const TfLiteConvParams*>(builtin_data(op.node));
  const int32_t depth = weighted.input.shape[3];
  const int32_t group = weighted.weights.shape[3];
  const int32_t channels = weighted.weights.shape[0];
  if (!are_maps(weighted) || given == nullptr || depth % group != 0 || channels % (depth / group) != 0 ||
      weighted.output.shape[3] != channels) {
    return "the shapes of input, weights and output contradict each other";
  }
  const SpatialOptions options = {
      given->padding == kTfLitePaddingSame, given->stride_height,         given->stride_width,
      given->dilation_height_factor,        given->dilation_width_factor, given->activation};
  int32_t pad_left = 0;
  if (const char* wrong = prepare_walk(weighted, options, &data->walk, &pad_left)) {
    return wrong;
  }
  const int32_t taps = weighted.weights.elements / channels;
  const WeightLayout layout = {channels, taps, taps, 1};
  if (const char* wrong = prepare_weighted(op, layout, options.activation, false, &weighted)) {
    return wrong;
  }
  fill_weighted(weighted, &data->conv);
  fill_window(weighted, options, pad_left, &data->conv);
  data->conv.group_channels = group;
  data->conv.output_channels = channels;
  return prepare_memory(op, choose_conv(weighted, layout, &data->conv, &data->walk), &data->walk);
}

const char* prepare_depthwise(const Operator& op, SpatialData* data) {
  Weighted weighted;
  if (const char* wrong = read_weighted(op, &weighted)) {
    return wrong;
  }
  const auto* given = static_cast<const TfLiteDepthwiseConvParams*>(builtin_data(op.node));
  const int32_t depth = weighted.input.shape[3];
  const int32_t channels = weighted.weights.shape[3];
  if (!are_maps(weighted) || given == nullptr || depth < 1 || channels % depth != 0 ||
      weighted.weights.shape[0] != 1 || weighted.output.shape[3] != channels) {
    return "the shapes of input, weights and output contradict each other";
  }
  const SpatialOptions options = {
      given->padding == kTfLitePaddingSame, given->stride_height,         given->stride_width,
      given->dilation_height_factor,        given->dilation_width_factor, given->activation};
  int32_t pad_left = 0;
  if (const char* wrong = prepare_walk(weighted, options, &data->walk, &pad_left)) {
    return wrong;
  }
  const WeightLayout layout = {channels, weighted.weights.elements / channels, 1, channels};
  if (const char* wrong = prepare_weighted(op, layout, options.activation, false, &weighted)) {
    return wrong;
  }
  DepthwiseConv2D& conv = data->depthwise.conv;
  fill_weighted(weighted, &conv);
  fill_window(weighted, options, pad_left, &conv);
  conv.depth_multiplier = channels / depth;
  return prepare_memory(op, choose_depthwise(weighted, layout, &data->depthwise, &data->walk), &data->walk);
}

template <const char* (*kPrepare)(const Operator&, SpatialData*)>
TfLiteStatus prepare(TfLiteContext* context, TfLiteNode* node, const char* name) {
  const Operator op = {context, node, name};
  SpatialData* data = static_cast<SpatialData*>(user_data(node));
  const char* wrong = data == nullptr ? kNoMemory : kPrepare(op, data);
  return wrong == nullptr ? kTfLiteOk : op.fail(wrong);
}

TfLiteStatus conv_prepare(TfLiteContext* context, TfLiteNode* node) {
  return prepare<prepare_conv>(context, node, "CONV_2D");
}

TfLiteStatus depthwise_prepare(TfLiteContext* context, TfLiteNode* node) {
  return prepare<prepare_depthwise>(context, node, "DEPTHWISE_CONV_2D");
}

TfLiteStatus conv_invoke(TfLiteContext* context, TfLiteNode* node) {
  const Operator op = {context, node, "CONV_2D"};
  const SpatialData* data = static_cast<const SpatialData*>(user_data(node));
  walk_rows(data->walk, &data->conv, op.input_data(0), op.output_data(), op.scratch(data->walk.scratch));
  return kTfLiteOk;
}

TfLiteStatus depthwise_invoke(TfLiteContext* context, TfLiteNode* node) {
  const Operator op = {context, node, "DEPTHWISE_CONV_2D"};
  const SpatialData* data = static_cast<const SpatialData*>(user_data(node));
  walk_rows(data->walk, &data->depthwise, op.input_data(0), op.output_data(), op.scratch(data->walk.scratch));
  return kTfLiteOk;
}

}  // namespace

TFLMRegistration Register_CONV_2D() {
  return {init, nullptr, conv_prepare, conv_invoke, nullptr, 0, nullptr};
}

TFLMRegistration Register_DEPTHWISE_CONV_2D() {
  return {init, nullptr, depthwise_prepare, depthwise_invoke, nullptr, 0, nullptr};
}

}  // namespace tflm_mcunet
