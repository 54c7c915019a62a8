// Drop-in MEAN over constant axes.
#include "../../include/tflm_mcunet/tflm_kernels.h"
#include "../kernels/mean.h"
#include "kernel_parameters.h"
#include "kernel_tensor.h"

namespace tflm_mcunet {
namespace {

// Axes of one kind that the kernel walks.
constexpr int32_t kWalked = 3;

void* init(TfLiteContext* context, const char*, size_t) {
  return context->AllocatePersistentBuffer(context, sizeof(Mean));
}

// Axes of one kind, innermost first.
struct Group {
  int32_t extent[kWalked];
  int32_t stride[kWalked];
  int32_t count;
};

// Merges neighbouring axes of one kind; false where either kind has more than kWalked groups.
bool group_axes(const TensorFacts& input, const bool* is_reduced, Group groups[2]) {
  groups[0].count = groups[1].count = 0;
  int32_t stride = 1;
  int32_t before = -1;
  for (int32_t axis = input.rank - 1; axis >= 0; --axis) {
    const int32_t extent = input.shape[axis];
    if (extent == 1) {
      continue;
    }
    const int32_t kind = is_reduced[axis] ? 1 : 0;
    Group& group = groups[kind];
    if (kind == before) {
      group.extent[group.count - 1] *= extent;
    } else if (group.count == kWalked) {
      return false;
    } else {
      group.extent[group.count] = extent;
      group.stride[group.count++] = stride;
    }
    before = kind;
    stride *= extent;
  }
  return true;
}

// Writes a group outermost first, with axes of extent 1 before it.
void fill(const Group& group, int32_t extent[kWalked], int32_t stride[kWalked]) {
  for (int32_t i = 0; i < kWalked; ++i) {
    const int32_t from = kWalked - 1 - i;
    extent[i] = from < group.count ? group.extent[from] : 1;
    stride[i] = from < group.count ? group.stride[from] : 0;
  }
}

const char* prepare_mean(const Operator& op, Mean* mean_params) {
  TensorFacts input, axes, output;
  if (!op.input(0, &input) || !op.input(1, &axes) || !op.output(&output)) {
    return "an operand is missing, or has more than 6 axes";
  }
  if (!is_int8(input) || !is_int8(output)) {
    return kNotInt8;
  }
  if (axes.type != kTfLiteInt32 || axes.data == nullptr) {
    return "the axes must be int32 constants";
  }
  bool is_reduced[kMostAxes] = {};
  for (int32_t i = 0; i < axes.elements; ++i) {
    const int32_t axis = static_cast<const int32_t*>(axes.data)[i];
    if (axis < -input.rank || axis >= input.rank) {
      return "an axis is outside the input's";
    }
    is_reduced[axis < 0 ? axis + input.rank : axis] = true;
  }
  int64_t count = 1;
  for (int32_t i = 0; i < input.rank; ++i) {
    count *= is_reduced[i] ? input.shape[i] : 1;
  }
  Group groups[2];
  if (count < 1 || output.elements * count != input.elements || !group_axes(input, is_reduced, groups)) {
    return "the shapes contradict each other, or kept and reduced axes alternate too often";
  }
  const double ratio = static_cast<double>(input.scale) / static_cast<double>(output.scale);
  const Multiplier multiplier = mean_multiplier(ratio, count);
  if (!has_headroom(255 * count, multiplier.shift)) {
    return "some sum would overflow int32";
  }
  fill(groups[0], mean_params->kept_extent, mean_params->kept_stride);
  fill(groups[1], mean_params->reduced_extent, mean_params->reduced_stride);
  mean_params->input_offset = input.zero_point * static_cast<int32_t>(count);
  mean_params->multiplier = multiplier.value;
  mean_params->shift = multiplier.shift;
  mean_params->output_zero_point = output.zero_point;
  return nullptr;
}

TfLiteStatus prepare(TfLiteContext* context, TfLiteNode* node) {
  const Operator op = {context, node, "MEAN"};
  Mean* params = static_cast<Mean*>(user_data(node));
  const char* wrong = params == nullptr ? kNoMemory : prepare_mean(op, params);
  return wrong == nullptr ? kTfLiteOk : op.fail(wrong);
}

TfLiteStatus invoke(TfLiteContext* context, TfLiteNode* node) {
  const Operator op = {context, node, "MEAN"};
  const void* inputs[1] = {op.input_data(0)};
  void* outputs[1] = {op.output_data()};
  mean(user_data(node), inputs, outputs, nullptr);
  return kTfLiteOk;
}

}  // namespace

TFLMRegistration Register_MEAN() { return {init, nullptr, prepare, invoke, nullptr, 0, nullptr}; }

}  // namespace tflm_mcunet
