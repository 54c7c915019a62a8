// As host_package.cpp, for the operator of stages with the kernels of all families.
#ifdef TFLM_MCUNET_HOST_PACKAGE

#include "../../../include/tflm_mcunet/tflm_ops.h"
#include "../host_resolver.h"
#include "../stage_kernel.h"

namespace tflm_mcunet {

// The list of the MVE family includes the DSP family's.
extern const StageKernels kEveryStageKernels;
const StageKernels kEveryStageKernels = {kRiscvStageKernels.kernels, kRiscvStageKernels.routines,
                                         kRiscvStageKernels.kernel_count, kRiscvStageKernels.routine_count,
                                         &kArmMveStageKernels};

}  // namespace tflm_mcunet

extern "C" bool RegisterTflmMcunetStage(void* resolver) {
  using namespace tflm_mcunet;
  return AddStageOp<kEveryStageKernels>(*static_cast<HostResolver*>(resolver)) == kTfLiteOk;
}

#endif  // TFLM_MCUNET_HOST_PACKAGE
