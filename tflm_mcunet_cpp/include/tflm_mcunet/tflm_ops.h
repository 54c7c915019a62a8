// The custom operators by which TensorFlow Lite Micro runs stages planned by tflm_mcunet. Compile the sources
// in src/tflm/, src/engine/ and src/kernels/ with the flags of TensorFlow Lite Micro itself, then:
//
//   tflite::MicroMutableOpResolver<N> resolver;
//   tflm_mcunet::AddStageOp(resolver);
#ifndef TFLM_MCUNET_TFLM_OPS_H_
#define TFLM_MCUNET_TFLM_OPS_H_

#include "tflm_registration.h"

namespace tflm_mcunet {

// The operator's name in the model.
constexpr char kStageName[] = "TFLM_MCUNET_STAGE";

// A stage: a run of operators through which rows flow. The model's OfflineMemoryAllocation metadata says
// where its maps lie; a runtime that does not honour it makes the operator fail, never compute something
// else.
const TFLMRegistration* Register_STAGE();

// Adds the operator to a MicroMutableOpResolver, which copies the registration; the resolver's status.
template <typename Resolver>
auto AddStageOp(Resolver& resolver) -> decltype(resolver.AddCustom(kStageName, nullptr)) {
  // Before 2023 a resolver wanted a pointer to what is not constant, though it only read it.
  return resolver.AddCustom(kStageName, const_cast<TFLMRegistration*>(Register_STAGE()));
}

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_TFLM_OPS_H_
