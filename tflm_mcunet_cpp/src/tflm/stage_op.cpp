// The operator TFLM_MCUNET_STAGE. Inputs: the maps that the stage reads, then its constants. Outputs: the
// maps that it writes, then the workspace, which the model's offline plan places at the beginning of the
// arena and which reaches over everything that the stage touches, so that every place of the Schedule is an
// offset in it.
#include "../../include/tflm_mcunet/tflm_ops.h"
#include "../engine/engine.h"
#include "compatibility.h"
#include "stage_kernel.h"
#include "stage_options.h"

namespace tflm_mcunet {
namespace {

struct StageData {
  const StageKernels* kernels;
  const void* options_data;
  size_t options_bytes;
  StageOptions options;
  BuiltStage built;
};

// Bytes of a tensor; false for a type that no stage uses.
bool tensor_bytes(const TfLiteEvalTensor& tensor, uint32_t* bytes) {
  uint32_t size = 0;
  switch (tensor.type) {
    case kTfLiteInt8:
    case kTfLiteUInt8:
    case kTfLiteBool:
      size = 1;
      break;
    case kTfLiteInt16:
      size = 2;
      break;
    case kTfLiteInt32:
    case kTfLiteUInt32:
    case kTfLiteFloat32:
      size = 4;
      break;
    default:
      return false;
  }
  for (int i = 0; i < tensor.dims->size; ++i) {
    size *= static_cast<uint32_t>(tensor.dims->data[i]);
  }
  *bytes = size;
  return true;
}

TfLiteStatus fail(TfLiteContext* context, const char* reason) {
  context->ReportError(context, "%s: %s", kStageName, reason);
  return kTfLiteError;
}

// The operand of map `i`: the inputs', then the outputs'.
const TfLiteEvalTensor* map_tensor(const TfLiteContext* context, const TfLiteNode* node,
                                   const StageOptions& options, uint32_t i) {
  const uint32_t inputs = options.header[kInputMaps];
  const int index = i < inputs ? node->inputs->data[i] : node->outputs->data[i - inputs];
  return index < 0 ? nullptr : context->GetEvalTensor(context, index);
}

const char* check_maps(const TfLiteContext* context, const TfLiteNode* node, const StageOptions& options) {
  for (uint32_t i = 0; i < options.header[kInputMaps] + options.header[kOutputMaps]; ++i) {
    const TfLiteEvalTensor* map = map_tensor(context, node, options, i);
    uint32_t bytes = 0;
    if (map == nullptr || !tensor_bytes(*map, &bytes) || bytes != options.maps[i * kMapWords + 1]) {
      return "a map is of another size than planned";
    }
  }
  const int last = node->outputs->data[node->outputs->size - 1];
  const TfLiteEvalTensor* workspace = last < 0 ? nullptr : context->GetEvalTensor(context, last);
  uint32_t bytes = 0;
  if (workspace == nullptr || !tensor_bytes(*workspace, &bytes) || bytes != options.header[kWorkspaceBytes]) {
    return "the workspace is of another size than planned";
  }
  return nullptr;
}

// The operator at work, as `find_constant` needs it.
struct Operator {
  const TfLiteContext* context;
  const TfLiteNode* node;
  uint32_t input_maps;
};

bool find_constant(const void* runtime, uint32_t number, StageConstant* constant) {
  const Operator& op = *static_cast<const Operator*>(runtime);
  const int index = op.node->inputs->data[op.input_maps + number];
  const TfLiteEvalTensor* tensor = index < 0 ? nullptr : op.context->GetEvalTensor(op.context, index);
  if (tensor == nullptr || tensor->data.data == nullptr || !tensor_bytes(*tensor, &constant->bytes)) {
    return false;
  }
  constant->data = static_cast<const uint8_t*>(tensor->data.data);
  return reinterpret_cast<uintptr_t>(constant->data) % 4 == 0;
}

TfLiteStatus prepare(TfLiteContext* context, TfLiteNode* node) {
  StageData* data = static_cast<StageData*>(user_data(node));
  if (data == nullptr) {
    return fail(context, "the arena is too small");
  }
  StageOptions& options = data->options;
  if (const char* wrong = read_options(data->options_data, data->options_bytes, &options)) {
    return fail(context, wrong);
  }
  const uint32_t* header = options.header;
  if (static_cast<uint32_t>(node->inputs->size) != header[kInputMaps] + header[kConstants] ||
      static_cast<uint32_t>(node->outputs->size) != header[kOutputMaps] + 1) {
    return fail(context, "it has another number of operands than its options say");
  }
  if (const char* wrong = check_maps(context, node, options)) {
    return fail(context, wrong);
  }
  const Operator op = {context, node, header[kInputMaps]};
  const StageConstants constants = {find_constant, &op};
  if (const char* wrong = check_options(options, constants, *data->kernels)) {
    return fail(context, wrong);
  }
  void* memory = context->AllocatePersistentBuffer(context, stage_bytes(options));
  if (memory == nullptr) {
    return fail(context, "the arena is too small");
  }
  build_stage(options, constants, *data->kernels, static_cast<uint8_t*>(memory), &data->built);
  return kTfLiteOk;
}

TfLiteStatus invoke(TfLiteContext* context, TfLiteNode* node) {
  StageData* data = static_cast<StageData*>(user_data(node));
  const StageOptions& options = data->options;
  const int last = node->outputs->data[node->outputs->size - 1];
  uint8_t* arena = static_cast<uint8_t*>(context->GetEvalTensor(context, last)->data.data);
  for (uint32_t i = 0; i < options.header[kInputMaps] + options.header[kOutputMaps]; ++i) {
    if (map_tensor(context, node, options, i)->data.data != arena + options.maps[i * kMapWords]) {
      return fail(context,
                  "the offline plan was not honoured: keep the model's OfflineMemoryAllocation metadata");
    }
  }
  data->built.bases[0] = arena;
  run_program(data->built.program, data->built.workspace);
  return kTfLiteOk;
}

}  // namespace

void* init_stage(TfLiteContext* context, const char* options, size_t bytes, const StageKernels& kernels) {
  StageData* data = static_cast<StageData*>(context->AllocatePersistentBuffer(context, sizeof(StageData)));
  if (data != nullptr) {
    data->kernels = &kernels;
    data->options_data = options;
    data->options_bytes = bytes;
  }
  return data;
}

void set_registration(StageInit init, TFLMRegistration* registration) {
  // builtin_code is BuiltinOperator_CUSTOM; the resolver sets it anyway.
  *registration = {init, nullptr, prepare, invoke, nullptr, 32, kStageName};
}

}  // namespace tflm_mcunet
