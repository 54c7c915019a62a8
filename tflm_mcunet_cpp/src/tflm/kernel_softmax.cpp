// Drop-in SOFTMAX over the last axis, int8 to int8 or int16.
#include "../../include/tflm_mcunet/tflm_kernels.h"
#include "../kernels/softmax.h"
#include "kernel_parameters.h"
#include "kernel_rows.h"
#include "kernel_tensor.h"
#include "tensorflow/lite/c/builtin_op_data.h"

namespace tflm_mcunet {
namespace {

// So many equal values overflow TFLite Micro's sum of exponentials.
constexpr int32_t kTooDeep = 4096;

struct SoftmaxData {
  Softmax params;
  RowWalk walk;
  const void* window[1];
  int32_t exponential[256];
};

void* init(TfLiteContext* context, const char*, size_t) {
  return context->AllocatePersistentBuffer(context, sizeof(SoftmaxData));
}

// TFLite Micro's kernel has a fixed output quantisation for either type.
bool has_fixed_output(const TensorFacts& output) {
  if (output.type == kTfLiteInt8) {
    return output.scale == 1.0f / 256 && output.zero_point == -128;
  }
  const float unit = 1.0f / 65536;
  const float difference = output.scale - unit;
  return output.type == kTfLiteInt16 && output.zero_point == -32768 && difference <= 0.001f * unit &&
         -difference <= 0.001f * unit;
}

const char* prepare_softmax(const Operator& op, SoftmaxData* data) {
  TensorFacts input, output;
  if (!op.input(0, &input) || !op.output(&output) || input.rank < 1 || input.elements != output.elements) {
    return "an operand is missing, or the shapes differ";
  }
  if (!is_int8(input)) {
    return kNotInt8;
  }
  if (!has_fixed_output(output)) {
    return "the output's quantisation is not that of TFLite Micro's int8 or int16 SOFTMAX";
  }
  const int32_t depth = input.shape[input.rank - 1];
  if (depth < 1 || depth >= kTooDeep) {
    return "the last axis must have 1 to 4095 values";
  }
  const auto* given = static_cast<const TfLiteSoftmaxParams*>(builtin_data(op.node));
  if (given == nullptr || !softmax_exponentials(static_cast<double>(input.scale),
                                                static_cast<double>(given->beta), data->exponential)) {
    return "beta times the input's scale is too small";
  }
  data->params = {data->exponential, depth};
  const int32_t vectors = input.elements / depth;
  const bool is_int8_output = output.type == kTfLiteInt8;
  data->walk = {is_int8_output ? softmax_row : softmax_int16_row,
                data->window,
                1,
                vectors,
                depth,
                vectors,
                is_int8_output ? depth : 2 * depth,
                1,
                1,
                1,
                1,
                0,
                -1};
  return nullptr;
}

TfLiteStatus prepare(TfLiteContext* context, TfLiteNode* node) {
  const Operator op = {context, node, "SOFTMAX"};
  SoftmaxData* data = static_cast<SoftmaxData*>(user_data(node));
  const char* wrong = data == nullptr ? kNoMemory : prepare_softmax(op, data);
  return wrong == nullptr ? kTfLiteOk : op.fail(wrong);
}

TfLiteStatus invoke(TfLiteContext* context, TfLiteNode* node) {
  const Operator op = {context, node, "SOFTMAX"};
  const SoftmaxData* data = static_cast<const SoftmaxData*>(user_data(node));
  walk_rows(data->walk, &data->params, op.input_data(0), op.output_data(), nullptr);
  return kTfLiteOk;
}

}  // namespace

TFLMRegistration Register_SOFTMAX() { return {init, nullptr, prepare, invoke, nullptr, 0, nullptr}; }

}  // namespace tflm_mcunet
