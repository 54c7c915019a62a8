#include "stage_kernel.h"

namespace tflm_mcunet {
namespace {

// The entry of that number in an ascending list.
template <typename Entry>
const Entry* find(const Entry* entries, uint16_t count, uint32_t number) {
  if (count == 0 || number < entries[0].number || number > entries[count - 1].number) {
    return nullptr;
  }
  for (const Entry* entry = entries; entry != entries + count; ++entry) {
    if (entry->number == number) {
      return entry;
    }
  }
  return nullptr;
}

}  // namespace

const StageKernel* find_kernel(const StageKernels& registered, uint32_t number) {
  for (const StageKernels* list = &registered; list != nullptr; list = list->next) {
    if (const StageKernel* found = find(list->kernels, list->kernel_count, number)) {
      return found;
    }
  }
  return nullptr;
}

const StageRoutine* find_routine(const StageKernels& registered, uint32_t number) {
  for (const StageKernels* list = &registered; list != nullptr; list = list->next) {
    if (const StageRoutine* found = find(list->routines, list->routine_count, number)) {
      return found;
    }
  }
  return nullptr;
}

}  // namespace tflm_mcunet
