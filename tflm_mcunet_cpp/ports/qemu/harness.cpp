// Runs a generated program on a batch of inputs from a file, and reports outputs, instruction counts and
// stack.
//
// Files, all little endian, in the working directory:
//   inputs.bin   uint32 magic, inferences, then the input tensors of inference 0, 1, ... back to back
//   outputs.bin  the output tensors of inference 0, 1, ... back to back
//   report.bin   records of four uint32: tag, a, b, c (see Tag)
// It uses no C library, so that whatever of it gets linked is the program's.
#include <stdint.h>

#include "model.h"
#include "port.h"

namespace {

constexpr uint32_t kMagic = 0x4E55434Du;
constexpr uint32_t kAlignment = 16;

enum Tag : uint32_t {
  kTagStarted = 1,       // a = arena bytes
  kTagCount = 2,         // a = inference, b = instructions (low half), c = (high half)
  kTagStack = 3,         // a = stack mark in bytes, b = size of the stack (0: not measured)
  kTagDone = 4,          // a = inferences
  kTagBadInput = 5,      // a = inference at which inputs.bin ended, or 0xFFFFFFFF for a bad header
  kTagInitFailed = 6,    // a = what model_init returned
  kTagInvokeFailed = 7,  // a = inference, b = what model_invoke returned, or the rows that it still wants
  kTagBadPointer =
      8,          // a = 0 input, 1 output; b = index; c = address that is null or not aligned to 16 bytes
  kTagFault = 9,  // a = cause (CFSR or mcause), b = address of the instruction, c = address that it accessed
  kTagOverflow = 10,   // a = inference: the instruction counter wrapped
  kTagInitCount = 11,  // b = instructions of model_init (low half), c = (high half)
};

constexpr uint32_t kInputBytes[] = MODEL_INPUT_BYTES;
constexpr uint32_t kOutputBytes[] = MODEL_OUTPUT_BYTES;
static_assert(sizeof(kInputBytes) / sizeof(uint32_t) == MODEL_INPUT_COUNT, "one size for each input");
static_assert(sizeof(kOutputBytes) / sizeof(uint32_t) == MODEL_OUTPUT_COUNT, "one size for each output");

int report_file;

void Report(uint32_t tag, uint32_t a, uint32_t b, uint32_t c) {
  const uint32_t record[4] = {tag, a, b, c};
  tflm_mcunet_port::Write(report_file, record, sizeof(record));
}

void Report64(uint32_t tag, uint32_t a, uint64_t value) {
  Report(tag, a, static_cast<uint32_t>(value), static_cast<uint32_t>(value >> 32));
}

// The tensors move through these two, so that a null or badly aligned pointer is a message, not a fault far
// away.
void* CheckedPointer(uint32_t direction, int index) {
  void* const pointer = direction == 0 ? model_input(index) : model_output(index);
  const uintptr_t address = reinterpret_cast<uintptr_t>(pointer);
  if (address == 0 || (direction == 0 && address % kAlignment != 0)) {
    Report(kTagBadPointer, direction, static_cast<uint32_t>(index), static_cast<uint32_t>(address));
    tflm_mcunet_port::Exit(1);
  }
  return pointer;
}

bool WriteOutputs(int file) {
  for (int i = 0; i < MODEL_OUTPUT_COUNT; ++i) {
    if (!tflm_mcunet_port::Write(file, CheckedPointer(1, i), kOutputBytes[i])) return false;
  }
  return true;
}

// Instructions of one call, the function's return included. False after a report: the counter wrapped.
bool CountedCall(int (*function)(), uint64_t overhead, uint32_t inference, int* status,
                 uint64_t* instructions) {
  uint64_t elapsed = 0;
  if (!tflm_mcunet_port::CallProgram(function, status, &elapsed)) {
    Report(kTagOverflow, inference, 0, 0);
    return false;
  }
  *instructions = elapsed - overhead;
  return true;
}

#ifdef MODEL_FED_ROWS
// A program that is fed by rows holds no input: a row lies here, with the caller, as in a camera's line
// buffer.
alignas(kAlignment) uint8_t row[MODEL_FED_ROW_BYTES];
static_assert(MODEL_INPUT_COUNT == 1, "only a single input can be fed by rows");
static_assert(kInputBytes[0] == MODEL_FED_ROWS * MODEL_FED_ROW_BYTES, "an input is its rows");

int FeedRow() { return model_feed_rows(row, 1); }

// One inference with the inputs from `file`. `status` is the number of rows that the program still wants.
// False after a report.
bool Infer(int file, uint64_t overhead, uint32_t inference, int* status, uint64_t* instructions) {
  *instructions = 0;
  for (int32_t y = 0; y < MODEL_FED_ROWS * MODEL_FED_PASSES; ++y) {
    uint64_t counted = 0;
    if (!tflm_mcunet_port::Read(file, row, sizeof(row))) {
      Report(kTagBadInput, inference, 0, 0);
      return false;
    }
    if (!CountedCall(FeedRow, overhead, inference, status, &counted)) return false;
    *instructions += counted;
  }
  return true;
}
#else
// One inference with the inputs from `file`. `status` is what the program returned. False after a report.
bool Infer(int file, uint64_t overhead, uint32_t inference, int* status, uint64_t* instructions) {
  for (int i = 0; i < MODEL_INPUT_COUNT; ++i) {
    if (!tflm_mcunet_port::Read(file, CheckedPointer(0, i), kInputBytes[i])) {
      Report(kTagBadInput, inference, 0, 0);
      return false;
    }
  }
  return CountedCall(model_invoke, overhead, inference, status, instructions);
}
#endif

int Run(int inputs, int outputs) {
  uint32_t header[2] = {0, 0};
  if (!tflm_mcunet_port::Read(inputs, header, sizeof(header)) || header[0] != kMagic) {
    Report(kTagBadInput, 0xFFFFFFFFu, 0, 0);
    return 1;
  }
  const uint32_t inferences = header[1];
  int status = 0;
  uint64_t overhead = 0;
  if (tflm_mcunet_port::kEmptyFunction != nullptr) {
    uint64_t elapsed = 0;
    tflm_mcunet_port::CallProgram(tflm_mcunet_port::kEmptyFunction, &status, &elapsed);
    overhead = elapsed - 1;
  }
  tflm_mcunet_port::PaintProgramStack();
  uint64_t instructions = 0;
  if (!CountedCall(model_init, overhead, 0, &status, &instructions)) return 1;
  if (status != 0) {
    Report(kTagInitFailed, static_cast<uint32_t>(status), 0, 0);
    return 1;
  }
  Report64(kTagInitCount, 0, instructions);
  for (uint32_t i = 0; i < inferences; ++i) {
    if (!Infer(inputs, overhead, i, &status, &instructions)) return 1;
    if (status != 0) {
      Report(kTagInvokeFailed, i, static_cast<uint32_t>(status), 0);
      return 1;
    }
    if (!WriteOutputs(outputs)) return 1;
    Report64(kTagCount, i, instructions);
  }
  Report(kTagStack, tflm_mcunet_port::ProgramStackMark(), tflm_mcunet_port::ProgramStackSize(), 0);
  Report(kTagDone, inferences, 0, 0);
  return 0;
}

}  // namespace

namespace tflm_mcunet_port {

void ReportFault(uint32_t cause, uint32_t pc, uint32_t address) {
  Report(kTagFault, cause, pc, address);
  Exit(1);
}

}  // namespace tflm_mcunet_port

int main() {
  report_file = tflm_mcunet_port::OpenForWriting("report.bin");
  const int inputs = tflm_mcunet_port::OpenForReading("inputs.bin");
  const int outputs = tflm_mcunet_port::OpenForWriting("outputs.bin");
  if (report_file < 0 || inputs < 0 || outputs < 0) tflm_mcunet_port::Exit(1);
  Report(kTagStarted, MODEL_ARENA_BYTES, 0, 0);
  tflm_mcunet_port::Exit(Run(inputs, outputs));
  return 1;
}
