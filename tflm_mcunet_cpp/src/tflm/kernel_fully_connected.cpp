// Drop-in FULLY_CONNECTED.
#include "../../include/tflm_mcunet/tflm_kernels.h"
#include "kernel_choice.h"
#include "kernel_rows.h"
#include "kernel_weighted.h"
#include "tensorflow/lite/c/builtin_op_data.h"

namespace tflm_mcunet {
namespace {

struct DenseData {
  RowWalk walk;
  FullyConnected params;
};

void* init(TfLiteContext* context, const char*, size_t) {
  return context->AllocatePersistentBuffer(context, sizeof(DenseData));
}

// TFLite refuses a bias on another scale than that of the products.
bool has_bias_scale(const Weighted& weighted) {
  if (weighted.bias_values == nullptr) {
    return true;
  }
  // Nearly always it is the product in float32, which is within 2^-24 of the real one.
  const float rounded = weighted.input.scale * weighted.weights.scales[0];
  if (rounded == weighted.bias.scale && rounded < 1000.0f * weighted.output.scale) {
    return true;
  }
  const double product =
      static_cast<double>(weighted.input.scale) * static_cast<double>(weighted.weights.scales[0]);
  const double difference = product - static_cast<double>(weighted.bias.scale);
  const double limit = 0.02 * static_cast<double>(weighted.output.scale);
  return difference <= limit && -difference <= limit;
}

const char* prepare_dense(const Operator& op, DenseData* data) {
  Weighted weighted;
  if (const char* wrong = read_weighted(op, &weighted)) {
    return wrong;
  }
  const auto* given = static_cast<const TfLiteFullyConnectedParams*>(builtin_data(op.node));
  if (given == nullptr || given->weights_format != kTfLiteFullyConnectedWeightsFormatDefault) {
    return "shuffled weights are not taken";
  }
  const int32_t units = weighted.weights.shape[0];
  const int32_t depth = weighted.weights.shape[1];
  if (weighted.weights.rank != 2 || units < 1 || depth < 1 || weighted.input.elements % depth != 0 ||
      weighted.output.elements != weighted.input.elements / depth * units) {
    return "the shapes of input, weights and output contradict each other";
  }
  const bool is_layer = weighted.weights.scale_count == 1;
  if (is_layer && !has_bias_scale(weighted)) {
    return "the bias's scale is not input scale times weight scale";
  }
  const WeightLayout layout = {units, depth, depth, 1};
  if (const char* wrong = prepare_weighted(op, layout, given->activation, is_layer, &weighted)) {
    return wrong;
  }
  fill_weighted(weighted, &data->params);
  data->params.depth = depth;
  const void** window = static_cast<const void**>(op.keep(sizeof(void*)));
  const int32_t vectors = weighted.input.elements / depth;
  data->walk = {
      choose_dense(weighted, layout), window, 1, vectors, depth, vectors, units, units, 1, 1, 1, 0, -1};
  return window == nullptr ? kNoMemory : nullptr;
}

TfLiteStatus prepare(TfLiteContext* context, TfLiteNode* node) {
  const Operator op = {context, node, "FULLY_CONNECTED"};
  DenseData* data = static_cast<DenseData*>(user_data(node));
  const char* wrong = data == nullptr ? kNoMemory : prepare_dense(op, data);
  return wrong == nullptr ? kTfLiteOk : op.fail(wrong);
}

TfLiteStatus invoke(TfLiteContext* context, TfLiteNode* node) {
  const Operator op = {context, node, "FULLY_CONNECTED"};
  const DenseData* data = static_cast<const DenseData*>(user_data(node));
  walk_rows(data->walk, &data->params, op.input_data(0), op.output_data(), nullptr);
  return kTfLiteOk;
}

}  // namespace

TFLMRegistration Register_FULLY_CONNECTED() { return {init, nullptr, prepare, invoke, nullptr, 0, nullptr}; }

}  // namespace tflm_mcunet
