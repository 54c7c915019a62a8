// The options of the operator TFLM_MCUNET_STAGE: 32-bit little-endian words, read where they lie in the
// model.
//
// After the header (kMagic .. kParams) follow these sections, without gaps:
//   maps      2 words each: planned offset in the arena, bytes; the inputs', then the outputs'
//   stages    4 words each, a Stage as it lies in memory; the engine runs them one after the other
//   tensors   7 words each: offset, pitch, row bytes, height | slots << 16, step | phase << 16,
//             base (0 the workspace, k constant k - 1 of the first kBases), first row offset or kNone
//   ops      12 words each: kernel | its pointers << 16 | whether it sums << 23 | its words << 24,
//             inputs | outputs << 8 | first operand << 16, kernel_h | stride_h << 16,
//             dilation_h | pad_top << 16, three columns, scratch, sums or first row | hold << 16, first
//             pointer, first word, first shift or kNone
//   operands  half a word each, filled up to a whole one
//   offsets   one word each: the row offsets of tensors, the shifts of operators
//   pointers  3 words each: constant, offset, bytes; or kRoutine, its number, 0; or kWordsOf, the first word,
//             how many, for a structure of words alone; or kNone for nullptr
//   words     of the kernels' structures, as they lie in memory
#ifndef TFLM_MCUNET_TFLM_STAGE_OPTIONS_H_
#define TFLM_MCUNET_TFLM_STAGE_OPTIONS_H_

#include <stddef.h>
#include <stdint.h>

#include "../engine/program.h"
#include "stage_kernel.h"

namespace tflm_mcunet {

constexpr uint32_t kStageMagic = 0x5355434Du;
constexpr uint32_t kStageVersion = 2;
constexpr uint32_t kNone = 0xFFFFFFFFu;
constexpr uint32_t kRoutine = 0xFFFFFFFEu;
constexpr uint32_t kWordsOf = 0xFFFFFFFDu;

enum StageHeader {
  kMagic,
  kVersion,
  kWords,     // of the whole
  kChecksum,  // of every word after this one: FNV-1a by words
  kWorkspaceBytes,
  kInputMaps,
  kOutputMaps,
  kConstants,
  kBases,  // the first so many constants are operands, with rows
  kTensors,
  kStages,
  kOps,
  kOperands,
  kOffsets,
  kPointers,
  kParams,  // words of structures
  kHeaderWords
};

constexpr uint32_t kMapWords = 2;
constexpr uint32_t kStageWords = 4;
constexpr uint32_t kTensorWords = 7;
constexpr uint32_t kOpWords = 12;
constexpr uint32_t kPointerWords = 3;

// The sections of checked options.
struct StageOptions {
  const uint32_t* header;
  const uint32_t* maps;
  const Stage* stages;
  const uint32_t* tensors;
  const uint32_t* ops;
  const uint16_t* operands;
  const uint32_t* offsets;
  const uint32_t* pointers;
  const uint32_t* params;
};

struct StageConstant {
  const uint8_t* data;
  uint32_t bytes;
};

// The constants of the stage, as the runtime knows them: `get` is false where there is none of that number.
struct StageConstants {
  bool (*get)(const void* runtime, uint32_t number, StageConstant* constant);
  const void* runtime;
};

// Finds the sections. Returns nullptr, or what is wrong.
const char* read_options(const void* data, size_t bytes, StageOptions* options);

// Checks every index, and every address that the engine will form, against the workspace and the constants,
// and that every kernel and routine is there. Returns nullptr, or what is wrong.
const char* check_options(const StageOptions& options, const StageConstants& constants,
                          const StageKernels& kernels);

// Bytes that `build_stage` needs; for checked options.
size_t stage_bytes(const StageOptions& options);

// A stage as the engine runs it, in memory of `stage_bytes`, aligned as a pointer.
struct BuiltStage {
  Program program;
  Workspace workspace;
  void** bases;  // bases[0], the arena, is the caller's to set
};
void build_stage(const StageOptions& options, const StageConstants& constants, const StageKernels& kernels,
                 uint8_t* memory, BuiltStage* built);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_TFLM_STAGE_OPTIONS_H_
