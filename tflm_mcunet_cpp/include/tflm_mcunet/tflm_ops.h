// The custom operator by which TensorFlow Lite Micro runs stages planned by tflm_mcunet. Compile the sources
// in src/tflm/, src/engine/ and src/kernels/ with the flags of TensorFlow Lite Micro itself, then:
//
//   tflite::MicroMutableOpResolver<N> resolver;
//   tflm_mcunet::AddStageOp(resolver);
//
// A model that was converted for a target names the kernels of its core's family (`convert` tells which),
// whose weights it holds packed. Then compile the family's folders in src/tflm/ and src/kernels/, too, and
// say so:
//
//   tflm_mcunet::AddStageOp<tflm_mcunet::kArmDspStageKernels>(resolver);
//
// That links every kernel of the family, 60 kB more than the portable ones on a Cortex-M4. A project exported
// with `--engine tflm` registers only those that its model names; so can you, with a StageKernels of your own
// (src/tflm/stage_kernel.h). What a model names and is not there makes AllocateTensors fail with a message.
// All kernels compute the same bytes on every core, fast on their own.
#ifndef TFLM_MCUNET_TFLM_OPS_H_
#define TFLM_MCUNET_TFLM_OPS_H_

#include <stddef.h>

#include "tflm_registration.h"

struct TfLiteContext;

namespace tflm_mcunet {

// The operator's name in the model.
constexpr char kStageName[] = "TFLM_MCUNET_STAGE";

// The kernels that models can name; each family's list includes the portable ones.
struct StageKernels;
extern const StageKernels kPortableStageKernels;
extern const StageKernels kArmDspStageKernels;  // Cortex-M4, M7, M33
extern const StageKernels kArmMveStageKernels;  // Cortex-M55, M85
extern const StageKernels kRiscvStageKernels;   // RISC-V without SIMD

// A stage: a run of operators through which rows flow. The model's OfflineMemoryAllocation metadata says
// where its maps lie; a runtime that does not honour it makes the operator fail, never compute something
// else.
using StageInit = void* (*)(TfLiteContext* context, const char* options, size_t bytes);
void* init_stage(TfLiteContext* context, const char* options, size_t bytes, const StageKernels& kernels);
void set_registration(StageInit init, TFLMRegistration* registration);

template <const StageKernels& kernels>
void* init_stage_with(TfLiteContext* context, const char* options, size_t bytes) {
  return init_stage(context, options, bytes, kernels);
}

// Adds the operator to a MicroMutableOpResolver, which copies the registration; the resolver's status.
template <const StageKernels& kernels, typename Resolver, typename Registration = TFLMRegistration>
auto AddStageOp(Resolver& resolver) -> decltype(resolver.AddCustom(kStageName, nullptr)) {
  Registration registration = {};
  set_registration(init_stage_with<kernels>, &registration);
  return resolver.AddCustom(kStageName, &registration);
}

// The same with the portable kernels, which is what a model names that was converted without a target.
template <typename Resolver>
auto AddStageOp(Resolver& resolver) -> decltype(resolver.AddCustom(kStageName, nullptr)) {
  return AddStageOp<kPortableStageKernels>(resolver);
}

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_TFLM_OPS_H_
