// Drop-in AVERAGE_POOL_2D and MAX_POOL_2D.
#include "../../include/tflm_mcunet/tflm_kernels.h"
#include "../kernels/pool_2d.h"
#include "kernel_parameters.h"
#include "kernel_rows.h"
#include "kernel_tensor.h"
#include "tensorflow/lite/c/builtin_op_data.h"

namespace tflm_mcunet {
namespace {

// TFLite's tolerance for the scales on either side of a pool.
constexpr double kScaleTolerance = 1e-6;

struct PoolData {
  RowWalk walk;
  Pool2D params;
};

void* init(TfLiteContext* context, const char*, size_t) {
  return context->AllocatePersistentBuffer(context, sizeof(PoolData));
}

const char* prepare_pool(const Operator& op, RowKernel kernel, PoolData* data) {
  TensorFacts input, output;
  if (!op.input(0, &input) || !op.output(&output) || input.rank != 4 || output.rank != 4) {
    return "input and output must be maps of four axes";
  }
  if (!is_int8(input) || !is_int8(output)) {
    return kNotInt8;
  }
  const double difference = static_cast<double>(input.scale) - static_cast<double>(output.scale);
  if (difference > kScaleTolerance || difference < -kScaleTolerance ||
      input.zero_point != output.zero_point) {
    return "input and output must have one quantisation";
  }
  const auto* given = static_cast<const TfLitePoolParams*>(builtin_data(op.node));
  if (given == nullptr || !activation_range(given->activation, output.scale, output.zero_point,
                                            &data->params.output_min, &data->params.output_max)) {
    return "the fused activation has no int8 form";
  }
  const bool is_same = given->padding == kTfLitePaddingSame;
  const Axis rows = {input.shape[1], output.shape[1], given->filter_height, given->stride_height, 1};
  const Axis columns = {input.shape[2], output.shape[2], given->filter_width, given->stride_width, 1};
  RowWalk& walk = data->walk;
  if (input.shape[0] != output.shape[0] || input.shape[3] != output.shape[3] ||
      !leading_padding(rows, is_same, &walk.pad_top) ||
      !leading_padding(columns, is_same, &data->params.pad_left)) {
    return "the output's shape does not follow from the input's";
  }
  data->params.input_width = input.shape[2];
  data->params.channels = input.shape[3];
  data->params.kernel_h = given->filter_height;
  data->params.kernel_w = given->filter_width;
  data->params.stride_w = given->stride_width;
  walk.kernel = kernel;
  walk.images = input.shape[0];
  walk.input_height = input.shape[1];
  walk.input_row_bytes = input.shape[2] * input.shape[3];
  walk.output_height = output.shape[1];
  walk.output_row_bytes = output.shape[2] * output.shape[3];
  walk.output_width = output.shape[2];
  walk.kernel_h = given->filter_height;
  walk.stride_h = given->stride_height;
  walk.dilation_h = 1;
  walk.scratch = -1;
  walk.window = static_cast<const void**>(op.keep(static_cast<size_t>(walk.kernel_h) * sizeof(void*)));
  return walk.window == nullptr ? kNoMemory : nullptr;
}

TfLiteStatus prepare(TfLiteContext* context, TfLiteNode* node, const char* name, RowKernel kernel) {
  const Operator op = {context, node, name};
  PoolData* data = static_cast<PoolData*>(user_data(node));
  const char* wrong = data == nullptr ? kNoMemory : prepare_pool(op, kernel, data);
  return wrong == nullptr ? kTfLiteOk : op.fail(wrong);
}

TfLiteStatus prepare_average(TfLiteContext* context, TfLiteNode* node) {
  return prepare(context, node, "AVERAGE_POOL_2D", average_pool_2d_row);
}

TfLiteStatus prepare_max(TfLiteContext* context, TfLiteNode* node) {
  return prepare(context, node, "MAX_POOL_2D", max_pool_2d_row);
}

TfLiteStatus invoke(TfLiteContext* context, TfLiteNode* node) {
  const Operator op = {context, node, ""};
  const PoolData* data = static_cast<const PoolData*>(user_data(node));
  walk_rows(data->walk, &data->params, op.input_data(0), op.output_data(), nullptr);
  return kTfLiteOk;
}

}  // namespace

TFLMRegistration Register_AVERAGE_POOL_2D() {
  return {init, nullptr, prepare_average, invoke, nullptr, 0, nullptr};
}

TFLMRegistration Register_MAX_POOL_2D() { return {init, nullptr, prepare_max, invoke, nullptr, 0, nullptr}; }

}  // namespace tflm_mcunet
