// What a stage of a model can name by a number: kernels, and the routines that kernels of a family work with.
// A number never changes its meaning: a structure with other fields, or weights in another order, is another
// kernel once there are models that name it. The converter reads the lists in `stage_kernels.cpp`, here and
// in the folders of the families. A firmware links what it registers: a whole list or a few entries of it.
#ifndef TFLM_MCUNET_TFLM_STAGE_KERNEL_H_
#define TFLM_MCUNET_TFLM_STAGE_KERNEL_H_

#include <stddef.h>
#include <stdint.h>

#include "../kernels/row.h"

namespace tflm_mcunet {

// Numbers come in groups: those of the routines that may stand in one place of a structure are one.
constexpr uint16_t kStageGroup = 64;

constexpr int kMostPointers = 4;

// A kernel and the extent of its structure: pointers, then 32-bit words.
struct StageKernel {
  RowKernel row;
  const SumKernels* sum;  // or this
  uint16_t number;
  // For each pointer the number with which those of its routines begin; 0 where it points at data.
  uint16_t groups[kMostPointers];
  uint8_t pointers;
  uint8_t words;
};

struct StageRoutine {
  const void* pointer;  // where the pointer to it lies
  uint16_t number;
};

// What a firmware has. Numbers ascend in a list; those that are not in it are looked for in the next one.
struct StageKernels {
  const StageKernel* kernels;
  const StageRoutine* routines;
  uint16_t kernel_count;
  uint16_t routine_count;
  const StageKernels* next;
};

// nullptr where there is none of that number.
const StageKernel* find_kernel(const StageKernels& registered, uint32_t number);
const StageRoutine* find_routine(const StageKernels& registered, uint32_t number);

constexpr size_t pointer_aligned(size_t bytes) {
  return (bytes + sizeof(void*) - 1) / sizeof(void*) * sizeof(void*);
}

constexpr size_t params_bytes(size_t pointers, size_t words) {
  return pointer_aligned(pointers * sizeof(void*) + words * 4);
}

// A structure of words alone is not padded to a pointer. The groups are those of the first pointers.
template <typename Structure, uint8_t kPointers, uint8_t kWords, uint16_t... kGroups>
constexpr StageKernel stage_kernel(uint16_t number, RowKernel row, const SumKernels* sum) {
  static_assert(pointer_aligned(sizeof(Structure)) == params_bytes(kPointers, kWords) &&
                    sizeof(Structure) >= kPointers * sizeof(void*) + kWords * 4,
                "the list of kernels does not fit the structure");
  static_assert(sizeof...(kGroups) <= kPointers && kPointers <= kMostPointers, "too many pointers");
  return {row, sum, number, {kGroups...}, kPointers, kWords};
}

template <typename Structure, uint8_t kPointers, uint8_t kWords, uint16_t... kGroups>
constexpr StageKernel row_kernel(uint16_t number, RowKernel kernel) {
  return stage_kernel<Structure, kPointers, kWords, kGroups...>(number, kernel, nullptr);
}

template <typename Structure, uint8_t kPointers, uint8_t kWords>
constexpr StageKernel sum_kernel(uint16_t number, const SumKernels* kernels) {
  return stage_kernel<Structure, kPointers, kWords>(number, nullptr, kernels);
}

// A pointer in flash.
template <typename Pointer, Pointer kPointer>
struct StagePointer {
  static const Pointer kept;
};
template <typename Pointer, Pointer kPointer>
const Pointer StagePointer<Pointer, kPointer>::kept = kPointer;

// Pointer is the type of the structure's field.
template <typename Pointer, Pointer kPointer>
constexpr StageRoutine routine(uint16_t number) {
  static_assert(sizeof(Pointer) == sizeof(void*), "all pointers of a structure have one size");
  return {&StagePointer<Pointer, kPointer>::kept, number};
}

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_TFLM_STAGE_KERNEL_H_
