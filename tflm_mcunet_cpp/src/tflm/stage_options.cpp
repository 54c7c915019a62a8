// Options that were damaged, or made by another version, are refused here, before anything runs. What the
// checks cannot see (a structure's own numbers) is what the checksum is for.
#include "stage_options.h"

#include <string.h>

namespace tflm_mcunet {
namespace {

inline uint16_t low(uint32_t word) { return static_cast<uint16_t>(word & 0xFFFFu); }
inline uint16_t high(uint32_t word) { return static_cast<uint16_t>(word >> 16); }

// What an operator's record says of its kernel.
inline uint32_t pointers_of(const uint32_t* op) { return op[0] >> 16 & 0x7Fu; }
inline bool is_sum(const uint32_t* op) { return (op[0] >> 23 & 1u) != 0; }
inline uint32_t words_of(const uint32_t* op) { return op[0] >> 24; }

// FNV-1a by words: every step is one to one, so no change of a single word goes unseen.
uint32_t checksum(const uint32_t* words, size_t count) {
  constexpr uint32_t kPrime = 16777619u;
  const uint32_t* const end = words + count;
  uint32_t hash = 2166136261u;
  for (; end - words >= 4; words += 4) {
    hash = (hash ^ words[0]) * kPrime;
    hash = (hash ^ words[1]) * kPrime;
    hash = (hash ^ words[2]) * kPrime;
    hash = (hash ^ words[3]) * kPrime;
  }
  for (; words != end; ++words) {
    hash = (hash ^ *words) * kPrime;
  }
  return hash;
}

// Whether `count` records from `first` lie in a table of `size`.
inline bool fits(uint64_t first, uint64_t count, uint64_t size) { return first + count <= size; }

constexpr char kMissing[] =
    "it names a kernel that is not registered: name its family to AddStageOp, or update the library";

const char* check_tensor(const StageOptions& options, const uint32_t* tensor,
                         const StageConstants& constants) {
  const uint32_t* header = options.header;
  const uint64_t row_bytes = tensor[2];
  const uint32_t height = low(tensor[3]), slots = high(tensor[3]), base = tensor[5], first = tensor[6];
  StageConstant constant = {nullptr, header[kWorkspaceBytes]};
  if (base > header[kBases] || (base != 0 && !constants.get(constants.runtime, base - 1, &constant))) {
    return "a tensor lies nowhere";
  }
  const uint64_t size = constant.bytes;
  if (height == 0 || slots == 0 || high(tensor[4]) >= slots) {
    return "a tensor has no rows";
  }
  if (first == kNone) {
    const uint64_t last = static_cast<uint64_t>(slots - 1) * tensor[1];
    return fits(tensor[0] + last, row_bytes, size) ? nullptr : "rows lie outside of their memory";
  }
  if (!fits(first, height, header[kOffsets])) {
    return "a tensor's row offsets are missing";
  }
  for (uint32_t y = 0; y < height; ++y) {
    if (!fits(options.offsets[first + y], row_bytes, size)) {
      return "a row lies outside of its memory";
    }
  }
  return nullptr;
}

// Of the pointers of a structure, `index` is which.
const char* check_pointer(const uint32_t* pointer, const StageOptions& options,
                          const StageConstants& constants, const StageKernels& registered,
                          const StageKernel& kernel, uint32_t index) {
  const uint32_t* header = options.header;
  if ((pointer[0] == kRoutine) != (kernel.groups[index] != 0)) {
    return "a parameter is no constant, or no routine, that should be one";
  }
  if (pointer[0] == kRoutine) {
    const bool is_its_own = pointer[1] / kStageGroup * kStageGroup == kernel.groups[index];
    return is_its_own && find_routine(registered, pointer[1]) != nullptr ? nullptr : kMissing;
  }
  if (pointer[0] == kWordsOf) {
    return fits(pointer[1], pointer[2], header[kParams]) ? nullptr : "an operator's parameters are missing";
  }
  StageConstant constant = {nullptr, 0};
  if (pointer[0] == kNone) {
    return nullptr;
  }
  if (pointer[0] >= header[kConstants] || !constants.get(constants.runtime, pointer[0], &constant)) {
    return "a constant is missing, or the model is not placed at a multiple of 16";
  }
  if (!fits(pointer[1], pointer[2], constant.bytes) || pointer[1] % 4 != 0) {
    return "a parameter lies outside of its constant";
  }
  return nullptr;
}

const char* check_op(const StageOptions& options, const StageConstants& constants,
                     const StageKernels& registered, const uint32_t* op) {
  const uint32_t* header = options.header;
  const StageKernel* kernel = find_kernel(registered, low(op[0]));
  if (kernel == nullptr) {
    return kMissing;
  }
  if (kernel->pointers != pointers_of(op) || kernel->words != words_of(op) ||
      (kernel->sum != nullptr) != is_sum(op)) {
    return "a kernel is of another version: convert the model anew, or update the library";
  }
  const uint32_t inputs = op[1] & 0xFFu, outputs = op[1] >> 8 & 0xFFu, first = high(op[1]);
  if (inputs == 0 || outputs != 1 || !fits(first, inputs + outputs, header[kOperands])) {
    return "an operator's operands are missing";
  }
  for (uint32_t i = 0; i <= inputs; ++i) {
    if (options.operands[first + i] >= header[kTensors]) {
      return "an operand is no tensor";
    }
  }
  if (options.tensors[options.operands[first + inputs] * kTensorWords + 5] != 0) {
    return "an operator writes to a constant";
  }
  const uint32_t hold = high(op[8]), sums = low(op[8]);
  if (hold != kNoTensor && hold >= header[kTensors]) {
    return "an operator waits for no tensor";
  }
  if (op[11] != kNone) {
    if (!fits(op[11], inputs + outputs, header[kOffsets])) {
      return "an operator's shifts are missing";
    }
    for (uint32_t i = 0; i <= inputs; ++i) {
      if (options.offsets[op[11] + i] > options.tensors[options.operands[first + i] * kTensorWords + 2]) {
        return "an operator reaches past a row";
      }
    }
  }
  if (low(op[2]) == 0 || op[7] > header[kWorkspaceBytes] || op[7] % 4 != 0) {
    return "an operator has no window or no scratch memory";
  }
  if (kernel->sum != nullptr) {
    const int32_t skipped = -static_cast<int16_t>(high(op[3]));
    const uint32_t height = low(options.tensors[options.operands[first] * kTensorWords + 3]);
    if (inputs != 1 || (skipped > 0 && static_cast<uint32_t>(skipped) >= height)) {
      return "a sum has no rows";
    }
    if (!fits(op[7], 4u * static_cast<uint64_t>(sums), header[kWorkspaceBytes])) {
      return "sums lie outside of the workspace";
    }
  }
  const uint32_t rows = low(options.tensors[options.operands[first + inputs] * kTensorWords + 3]);
  if (kernel->sum == nullptr && sums >= rows) {
    return "an operator begins behind its last row";
  }
  if (!fits(op[9], kernel->pointers, header[kPointers]) || !fits(op[10], kernel->words, header[kParams])) {
    return "an operator's parameters are missing";
  }
  for (uint32_t i = 0; i < kernel->pointers; ++i) {
    const uint32_t* pointer = options.pointers + (op[9] + i) * kPointerWords;
    if (const char* wrong = check_pointer(pointer, options, constants, registered, *kernel, i)) {
      return wrong;
    }
  }
  return nullptr;
}

// Hands out the memory of a stage, piece by piece.
class Pieces {
 public:
  explicit Pieces(uint8_t* memory) : memory_(memory) {}
  uint8_t* take(size_t bytes) {
    uint8_t* piece = memory_ == nullptr ? nullptr : memory_ + used_;
    used_ += pointer_aligned(bytes);
    return piece;
  }
  size_t used() const { return used_; }

 private:
  uint8_t* memory_;
  size_t used_ = 0;
};

size_t window_rows(const StageOptions& options) {
  size_t most = 1;
  for (uint32_t i = 0; i < options.header[kOps]; ++i) {
    const uint32_t* op = options.ops + i * kOpWords;
    const size_t rows = is_sum(op) ? 1 : static_cast<size_t>(op[1] & 0xFFu) * low(op[2]);
    most = rows > most ? rows : most;
  }
  return most;
}

struct Memory {
  uint8_t *bases, *window, *tensors, *ops, *counts;
};

Memory take_tables(const StageOptions& options, Pieces* pieces) {
  const uint32_t* header = options.header;
  Memory memory;
  memory.bases = pieces->take((1 + header[kBases]) * sizeof(void*));
  memory.window = pieces->take(window_rows(options) * sizeof(void*));
  memory.tensors = pieces->take(header[kTensors] * sizeof(Rows));
  memory.ops = pieces->take(header[kOps] * sizeof(StageOp));
  memory.counts = pieces->take((header[kTensors] + header[kOps]) * sizeof(uint16_t));
  return memory;
}

// A pointer of a structure, as it lies there.
void fill_pointer(const StageOptions& options, const StageConstants& constants,
                  const StageKernels& registered, const uint32_t* pointer, uint8_t* target) {
  if (pointer[0] == kRoutine) {
    memcpy(target, find_routine(registered, pointer[1])->pointer, sizeof(void*));
    return;
  }
  const void* value = nullptr;
  if (pointer[0] == kWordsOf) {
    value = options.params + pointer[1];
  } else if (pointer[0] != kNone) {
    StageConstant constant = {nullptr, 0};
    constants.get(constants.runtime, pointer[0], &constant);
    value = constant.data + pointer[1];
  }
  memcpy(target, &value, sizeof(void*));
}

// A kernel's structure: its pointers, then its words.
void fill_params(const StageOptions& options, const StageConstants& constants, const StageKernels& registered,
                 const uint32_t* op, const StageKernel& kernel, uint8_t* params) {
  for (uint32_t i = 0; i < kernel.pointers; ++i) {
    fill_pointer(options, constants, registered, options.pointers + (op[9] + i) * kPointerWords,
                 params + i * sizeof(void*));
  }
  memcpy(params + kernel.pointers * sizeof(void*), options.params + op[10], kernel.words * 4u);
}

void fill_op(const StageOptions& options, const uint32_t* op, const StageKernel& kernel, const void* params,
             StageOp* target) {
  target->row = kernel.row;
  target->sum = kernel.sum;
  target->whole = nullptr;
  target->params = params;
  target->tensors = options.operands + high(op[1]);
  target->shifts = op[11] == kNone ? nullptr : options.offsets + op[11];
  target->inputs = static_cast<uint8_t>(op[1] & 0xFFu);
  target->outputs = 1;
  target->kernel_h = low(op[2]);
  target->stride_h = high(op[2]);
  target->dilation_h = low(op[3]);
  target->pad_top = static_cast<int16_t>(high(op[3]));
  target->columns = {static_cast<int32_t>(op[4]), static_cast<int32_t>(op[5]), static_cast<int32_t>(op[6])};
  target->scratch = op[7];
  target->first_row = kernel.sum == nullptr ? low(op[8]) : uint16_t{0};
  target->sums = kernel.sum != nullptr ? low(op[8]) : uint16_t{0};
  target->hold = high(op[8]);
}

// StageOp::wakes of the operators [first, past) of a stage.
void link_ops(StageOp* ops, uint32_t first, uint32_t past) {
  for (uint32_t i = first; i < past; ++i) {
    const uint16_t output = ops[i].tensors[ops[i].inputs];
    ops[i].wakes = static_cast<uint16_t>(i);
    for (uint32_t j = i + 1; j < past; ++j) {
      bool is_woken = ops[j].hold == output;
      for (uint32_t k = 0; k < ops[j].inputs; ++k) {
        is_woken |= ops[j].tensors[k] == output;
      }
      ops[i].wakes = is_woken ? static_cast<uint16_t>(j) : ops[i].wakes;
    }
  }
}

}  // namespace

const char* read_options(const void* data, size_t bytes, StageOptions* options) {
  if (data == nullptr || bytes < kHeaderWords * 4 || bytes % 4 != 0) {
    return "its options are cut short";
  }
  if (reinterpret_cast<uintptr_t>(data) % 4 != 0) {
    return "its options are not aligned: place the model at a multiple of 16";
  }
  const uint32_t* header = static_cast<const uint32_t*>(data);
  if (header[kMagic] != kStageMagic) {
    return "its options are none of tflm_mcunet";
  }
  if (header[kVersion] != kStageVersion) {
    return "its options are of another version: convert the model anew, or update the library";
  }
  const uint32_t first = kChecksum + 1;
  if (header[kWords] != bytes / 4 || checksum(header + first, bytes / 4 - first) != header[kChecksum]) {
    return "its options are damaged";
  }
  const uint32_t counts[] = {header[kInputMaps], header[kOutputMaps], header[kTensors], header[kOps],
                             header[kOperands],  header[kConstants],  header[kBases],   header[kStages]};
  for (uint32_t count : counts) {
    if (count >= kNoTensor) {
      return "its tables are too large";
    }
  }
  const uint64_t maps = static_cast<uint64_t>(header[kInputMaps] + header[kOutputMaps]) * kMapWords;
  const uint64_t stages = static_cast<uint64_t>(header[kStages]) * kStageWords;
  const uint64_t tensors = static_cast<uint64_t>(header[kTensors]) * kTensorWords;
  const uint64_t ops = static_cast<uint64_t>(header[kOps]) * kOpWords;
  const uint64_t operands = (static_cast<uint64_t>(header[kOperands]) + 1) / 2;
  const uint64_t pointers = static_cast<uint64_t>(header[kPointers]) * kPointerWords;
  if (kHeaderWords + maps + stages + tensors + ops + operands + header[kOffsets] + pointers +
          header[kParams] !=
      header[kWords]) {
    return "its tables do not fill its options";
  }
  options->header = header;
  options->maps = header + kHeaderWords;
  static_assert(sizeof(Stage) == kStageWords * 4, "a Stage has no pointers");
  options->stages = reinterpret_cast<const Stage*>(options->maps + maps);
  options->tensors = options->maps + maps + stages;
  options->ops = options->tensors + tensors;
  options->operands = reinterpret_cast<const uint16_t*>(options->ops + ops);
  options->offsets = options->ops + ops + operands;
  options->pointers = options->offsets + header[kOffsets];
  options->params = options->pointers + pointers;
  return nullptr;
}

const char* check_options(const StageOptions& options, const StageConstants& constants,
                          const StageKernels& kernels) {
  const uint32_t* header = options.header;
  if (header[kOps] == 0 || header[kBases] > header[kConstants]) {
    return "it has no operators, or operands that are not there";
  }
  uint32_t staged = 0;
  for (uint32_t i = 0; i < header[kStages]; ++i) {
    const Stage& stage = options.stages[i];
    if (stage.op_count == 0 || stage.batch != 1 || stage.fed != kNoTensor) {
      return "a stage is empty, or fed";
    }
    if (stage.first_op != staged) {
      return "its stages do not follow each other";
    }
    staged += stage.op_count;
  }
  if (staged != header[kOps]) {
    return "its stages do not cover its operators";
  }
  for (uint32_t i = 0; i < header[kInputMaps] + header[kOutputMaps]; ++i) {
    const uint32_t* map = options.maps + i * kMapWords;
    if (!fits(map[0], map[1], header[kWorkspaceBytes])) {
      return "a map lies outside of the workspace";
    }
  }
  for (uint32_t i = 0; i < header[kTensors]; ++i) {
    if (const char* wrong = check_tensor(options, options.tensors + i * kTensorWords, constants)) {
      return wrong;
    }
  }
  for (uint32_t i = 0; i < header[kOps]; ++i) {
    if (const char* wrong = check_op(options, constants, kernels, options.ops + i * kOpWords)) {
      return wrong;
    }
  }
  return nullptr;
}

size_t stage_bytes(const StageOptions& options) {
  Pieces pieces(nullptr);
  take_tables(options, &pieces);
  for (uint32_t i = 0; i < options.header[kOps]; ++i) {
    const uint32_t* op = options.ops + i * kOpWords;
    pieces.take(params_bytes(pointers_of(op), words_of(op)));
  }
  return pieces.used();
}

void build_stage(const StageOptions& options, const StageConstants& constants, const StageKernels& kernels,
                 uint8_t* memory, BuiltStage* built) {
  const uint32_t* header = options.header;
  Pieces pieces(memory);
  const Memory tables = take_tables(options, &pieces);
  void** bases = reinterpret_cast<void**>(tables.bases);
  Rows* tensors = reinterpret_cast<Rows*>(tables.tensors);
  StageOp* ops = reinterpret_cast<StageOp*>(tables.ops);
  bases[0] = nullptr;
  for (uint32_t i = 0; i < header[kBases]; ++i) {
    StageConstant constant = {nullptr, 0};
    constants.get(constants.runtime, i, &constant);
    bases[1 + i] = const_cast<uint8_t*>(constant.data);  // The engine only reads there: `check_op`.
  }
  for (uint32_t i = 0; i < header[kTensors]; ++i) {
    const uint32_t* tensor = options.tensors + i * kTensorWords;
    tensors[i] = {tensor[6] == kNone ? nullptr : options.offsets + tensor[6],
                  tensor[0],
                  tensor[1],
                  low(tensor[3]),
                  high(tensor[3]),
                  low(tensor[4]),
                  high(tensor[4]),
                  static_cast<uint16_t>(tensor[5])};
  }
  for (uint32_t i = 0; i < header[kOps]; ++i) {
    const uint32_t* op = options.ops + i * kOpWords;
    const StageKernel& kernel = *find_kernel(kernels, low(op[0]));
    uint8_t* params = pieces.take(params_bytes(kernel.pointers, kernel.words));
    fill_params(options, constants, kernels, op, kernel, params);
    fill_op(options, op, kernel, params, ops + i);
  }
  for (uint32_t i = 0; i < header[kStages]; ++i) {
    const Stage& stage = options.stages[i];
    link_ops(ops, stage.first_op, static_cast<uint32_t>(stage.first_op) + stage.op_count);
  }
  built->program = Program();
  built->program.tensors = tensors;
  built->program.ops = ops;
  built->program.stages = options.stages;
  built->program.stage_count = static_cast<uint16_t>(header[kStages]);
  built->program.tensor_count = static_cast<uint16_t>(header[kTensors]);
  built->program.op_count = static_cast<uint16_t>(header[kOps]);
  built->workspace = {bases, reinterpret_cast<const void**>(tables.window),
                      reinterpret_cast<uint16_t*>(tables.counts)};
  built->bases = bases;
}

}  // namespace tflm_mcunet
