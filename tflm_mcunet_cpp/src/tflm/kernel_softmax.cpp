// Drop-in SOFTMAX over the last axis, int8 to int8 or int16.
#include "../../include/tflm_mcunet/tflm_kernels.h"
#include "../kernels/softmax.h"
#include "../kernels/softmax_vector.h"
#include "kernel_parameters.h"
#include "kernel_rows.h"
#include "kernel_tensor.h"
#include "tensorflow/lite/c/builtin_op_data.h"

namespace tflm_mcunet {
namespace {

// So many equal values overflow TFLite Micro's sum of exponentials.
constexpr int32_t kTooDeep = 4096;

constexpr int32_t kDistances = 256;

// Up to so many values have their exponentials computed when they are needed: a table of all of them would
// take longer to make than a small network to run, and has 1024 bytes.
constexpr int32_t kFew = 64;

// The kernels that read a table find their parameters at its beginning.
struct SoftmaxData {
  Softmax params;
  RowWalk walk;
  const void* window[1];
  int32_t* exponential;  // params.exponential: of all distances, or of the values of one vector
  SoftmaxScale scale;
};

void* init(TfLiteContext* context, const char*, size_t) {
  return context->AllocatePersistentBuffer(context, sizeof(SoftmaxData));
}

// A RowKernel over SoftmaxData that computes the exponentials of each vector.
template <typename Output>
void few_row(const void* params, const void* const* rows, void* out, const Columns&, void*) {
  const SoftmaxData& data = *static_cast<const SoftmaxData*>(params);
  const int32_t depth = data.params.depth;
  const int8_t* const input = static_cast<const int8_t*>(rows[0]);
  const int32_t largest = softmax::largest_of(input, depth);
  for (int32_t i = 0; i < depth; ++i) {
    data.exponential[i] = softmax_exponential(data.scale, largest - input[i]);
  }
  const int32_t* const exponential = data.exponential;
  softmax::softmax_vector(depth, [=](int32_t i) { return exponential[i]; }, static_cast<Output*>(out));
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
  if (given == nullptr ||
      !softmax_scale(static_cast<double>(input.scale), static_cast<double>(given->beta), &data->scale)) {
    return "beta times the input's scale is too small";
  }
  const bool is_few = input.elements <= kFew;
  const int32_t kept = is_few ? depth : kDistances;
  data->exponential = static_cast<int32_t*>(op.keep(static_cast<size_t>(kept) * sizeof(int32_t)));
  if (data->exponential == nullptr) {
    return kNoMemory;
  }
  for (int32_t distance = 0; distance < kDistances && !is_few; ++distance) {
    data->exponential[distance] = softmax_exponential(data->scale, distance);
  }
  data->params = {data->exponential, depth};
  const bool is_int8_output = output.type == kTfLiteInt8;
  const RowKernel tabled = is_int8_output ? softmax_row : softmax_int16_row;
  const RowKernel computed = is_int8_output ? few_row<int8_t> : few_row<int16_t>;
  const int32_t vectors = input.elements / depth;
  const int32_t output_bytes = is_int8_output ? depth : 2 * depth;
  data->walk = {
      is_few ? computed : tabled, data->window, 1, vectors, depth, vectors, output_bytes, 1, 1, 1, 1, 0, -1};
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
  walk_rows(data->walk, data, op.input_data(0), op.output_data(), nullptr);
  return kTfLiteOk;
}

}  // namespace

TFLMRegistration Register_SOFTMAX() { return {init, nullptr, prepare, invoke, nullptr, 0, nullptr}; }

}  // namespace tflm_mcunet
