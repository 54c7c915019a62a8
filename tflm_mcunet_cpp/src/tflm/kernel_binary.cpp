// Drop-in ADD, SUB and MUL, of equal shapes and broadcast.
#include "../../include/tflm_mcunet/tflm_kernels.h"
#include "../kernels/binary.h"
#include "kernel_choice.h"
#include "kernel_parameters.h"
#include "kernel_tensor.h"
#include "tensorflow/lite/c/builtin_op_data.h"

namespace tflm_mcunet {
namespace {

// Bits by which TFLite shifts either term of a sum to the left, so that nothing is lost.
constexpr int32_t kSumShift = 20;

// What scales that are multiplied by a power of two stay below.
constexpr float kMost = 1e38f;

struct BinaryData {
  Sum sum;
  Product product;
  Broadcast broadcast;
  bool is_broadcast;
};

struct Operands {
  TensorFacts first;
  TensorFacts second;
  TensorFacts output;
};

void* init(TfLiteContext* context, const char*, size_t) {
  return context->AllocatePersistentBuffer(context, sizeof(BinaryData));
}

// The extent of an axis, counted from the innermost.
int32_t extent(const TensorFacts& facts, int32_t axis) {
  return axis < facts.rank ? facts.shape[facts.rank - 1 - axis] : 1;
}

const char* prepare_walk(const Operands& operands, BinaryData* data) {
  int32_t first = 1;
  int32_t second = 1;
  data->is_broadcast = false;
  for (int32_t i = 0; i < kMostAxes; ++i) {
    const int32_t one = extent(operands.first, i);
    const int32_t other = extent(operands.second, i);
    const int32_t whole = extent(operands.output, i);
    if ((one != whole && one != 1) || (other != whole && other != 1) ||
        whole != (one > other ? one : other)) {
      return "the operands' shapes do not broadcast to the output's";
    }
    const int32_t axis = kMostAxes - 1 - i;
    data->broadcast.extent[axis] = whole;
    data->broadcast.first_stride[axis] = one == 1 ? 0 : first;
    data->broadcast.second_stride[axis] = other == 1 ? 0 : second;
    data->is_broadcast = data->is_broadcast || one != other;
    first *= one;
    second *= other;
  }
  return nullptr;
}

// The multiplier of a quotient of scales, which is a double in TFLite Micro's ADD (kernels/add_common.cc) and
// a float in its SUB (sub_common.cc).
Multiplier ratio(float scale, float other, int32_t sign) {
  return sign > 0 ? quantize_quotient(scale, 1.0f, other) : quantize_quotient(scale / other, 1.0f, 1.0f);
}

const char* prepare_sum(const Operands& operands, int32_t sign, int32_t activation, Sum* sum) {
  const float first = operands.first.scale;
  const float second = operands.second.scale;
  const float twice = 2.0f * (first > second ? first : second);
  const Multiplier one = ratio(first, twice, sign);
  const Multiplier other = ratio(second, twice, sign);
  const float output = static_cast<float>(1 << kSumShift) * operands.output.scale;
  if (!(twice < kMost && output < kMost)) {
    return "a scale is too large";
  }
  const Multiplier out = ratio(twice, output, sign);
  if (out.shift > 0) {
    return "the output's scale is too small";
  }
  *sum = {operands.output.elements,
          sign,
          operands.first.zero_point,
          one.value,
          one.shift,
          operands.second.zero_point,
          other.value,
          other.shift,
          out.value,
          out.shift,
          operands.output.zero_point,
          0,
          0};
  const bool is_known = activation_range(activation, operands.output.scale, operands.output.zero_point,
                                         &sum->output_min, &sum->output_max);
  return is_known ? nullptr : "the fused activation has no int8 form";
}

const char* prepare_product(const Operands& operands, int32_t activation, Product* product) {
  const Multiplier out =
      quantize_quotient(operands.first.scale, operands.second.scale, operands.output.scale);
  if (!has_headroom(255 * 255, out.shift)) {
    return "some product would overflow int32";
  }
  *product = {operands.output.elements,
              operands.first.zero_point,
              operands.second.zero_point,
              out.value,
              out.shift,
              operands.output.zero_point,
              0,
              0};
  const bool is_known = activation_range(activation, operands.output.scale, operands.output.zero_point,
                                         &product->output_min, &product->output_max);
  return is_known ? nullptr : "the fused activation has no int8 form";
}

// `sign` is 0 for a product.
const char* prepare_binary(const Operator& op, int32_t sign, int32_t activation, BinaryData* data) {
  Operands operands;
  if (!op.input(0, &operands.first) || !op.input(1, &operands.second) || !op.output(&operands.output)) {
    return "an operand is missing, or has more than 6 axes";
  }
  if (!is_int8(operands.first) || !is_int8(operands.second) || !is_int8(operands.output)) {
    return kNotInt8;
  }
  if (const char* wrong = prepare_walk(operands, data)) {
    return wrong;
  }
  if (sign == 0) {
    data->broadcast.arithmetic = &data->product;
    return prepare_product(operands, activation, &data->product);
  }
  data->broadcast.arithmetic = &data->sum;
  return prepare_sum(operands, sign, activation, &data->sum);
}

template <typename Options>
TfLiteStatus prepare(TfLiteContext* context, TfLiteNode* node, const char* name, int32_t sign) {
  const Operator op = {context, node, name};
  BinaryData* data = static_cast<BinaryData*>(user_data(node));
  const Options* given = static_cast<const Options*>(builtin_data(node));
  const int32_t activation = given == nullptr ? 0 : static_cast<int32_t>(given->activation);
  const char* wrong = data == nullptr ? kNoMemory : prepare_binary(op, sign, activation, data);
  return wrong == nullptr ? kTfLiteOk : op.fail(wrong);
}

TfLiteStatus prepare_add(TfLiteContext* context, TfLiteNode* node) {
  return prepare<TfLiteAddParams>(context, node, "ADD", 1);
}

TfLiteStatus prepare_sub(TfLiteContext* context, TfLiteNode* node) {
  return prepare<TfLiteSubParams>(context, node, "SUB", -1);
}

TfLiteStatus prepare_mul(TfLiteContext* context, TfLiteNode* node) {
  return prepare<TfLiteMulParams>(context, node, "MUL", 0);
}

TfLiteStatus invoke(TfLiteContext* context, TfLiteNode* node, RowKernel row, WholeKernel whole,
                    bool is_product) {
  const Operator op = {context, node, ""};
  const BinaryData* data = static_cast<const BinaryData*>(user_data(node));
  const void* inputs[2] = {op.input_data(0), op.input_data(1)};
  void* outputs[1] = {op.output_data()};
  if (data->is_broadcast) {
    whole(&data->broadcast, inputs, outputs, nullptr);
    return kTfLiteOk;
  }
  const void* params = is_product ? static_cast<const void*>(&data->product) : &data->sum;
  row(params, inputs, outputs[0], {0, 1, 0}, nullptr);
  return kTfLiteOk;
}

TfLiteStatus invoke_sum(TfLiteContext* context, TfLiteNode* node) {
  return invoke(context, node, kSumRow, sum_broadcast, false);
}

TfLiteStatus invoke_product(TfLiteContext* context, TfLiteNode* node) {
  return invoke(context, node, product_row, product_broadcast, true);
}

}  // namespace

TFLMRegistration Register_ADD() { return {init, nullptr, prepare_add, invoke_sum, nullptr, 0, nullptr}; }

TFLMRegistration Register_SUB() { return {init, nullptr, prepare_sub, invoke_sum, nullptr, 0, nullptr}; }

TFLMRegistration Register_MUL() { return {init, nullptr, prepare_mul, invoke_product, nullptr, 0, nullptr}; }

}  // namespace tflm_mcunet
