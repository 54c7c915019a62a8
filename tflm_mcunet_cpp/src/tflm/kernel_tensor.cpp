#include "kernel_tensor.h"

#include "micro_tensor.h"

namespace tflm_mcunet {
namespace {

// The temporary tensor that `facts` are read from is given back before this returns: what it points to lies
// in the model, but for its zero points.
bool read_facts(const Operator& op, int index, TensorFacts* facts) {
  MicroTensor* const tensor = borrow_tensor(op.context, index);
  if (tensor == nullptr) {
    return false;
  }
  facts->type = tensor->type;
  facts->data = tensor->data.data;
  facts->rank = tensor->dims == nullptr ? 0 : tensor->dims->size;
  facts->elements = 1;
  facts->scale = tensor->params.scale;
  facts->zero_point = tensor->params.zero_point;
  facts->scales = nullptr;
  facts->scale_count = 0;
  for (int32_t i = 0; i < facts->rank && i < kMostAxes; ++i) {
    facts->shape[i] = tensor->dims->data[i];
    facts->elements *= facts->shape[i];
  }
  if (tensor->quantization.type == kTfLiteAffineQuantization) {
    const auto* affine = static_cast<const TfLiteAffineQuantization*>(tensor->quantization.params);
    if (affine != nullptr && affine->scale != nullptr) {
      facts->scales = affine->scale->data;
      facts->scale_count = affine->scale->size;
    }
  }
  return_tensor(op.context, tensor);
  return facts->rank <= kMostAxes;
}

}  // namespace

bool Operator::has_input(int32_t position) const {
  return position < node->inputs->size && node->inputs->data[position] >= 0;
}

bool Operator::input(int32_t position, TensorFacts* facts) const {
  return has_input(position) && read_facts(*this, node->inputs->data[position], facts);
}

bool Operator::output(TensorFacts* facts) const {
  return node->outputs->size == 1 && read_facts(*this, node->outputs->data[0], facts);
}

const void* Operator::input_data(int32_t position) const {
  return context->GetEvalTensor(context, node->inputs->data[position])->data.data;
}

void* Operator::output_data() const {
  return context->GetEvalTensor(context, node->outputs->data[0])->data.data;
}

void* Operator::keep(size_t bytes) const { return context->AllocatePersistentBuffer(context, bytes); }

bool Operator::request(size_t bytes, int32_t* index) const {
  int given = -1;
  const bool is_given = context->RequestScratchBufferInArena(context, bytes, &given) == kTfLiteOk;
  *index = given;
  return is_given;
}

void* Operator::scratch(int32_t index) const {
  return index < 0 ? nullptr : context->GetScratchBuffer(context, index);
}

TfLiteStatus Operator::fail(const char* reason) const {
  context->ReportError(context, "tflm_mcunet %s: %s", name, reason);
  return kTfLiteError;
}

}  // namespace tflm_mcunet
