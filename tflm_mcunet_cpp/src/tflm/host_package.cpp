// Registration with the interpreter of the package tflite-micro, which calls a function of a shared library
// with the address of its resolver. Nothing of this is compiled for a device.
#ifdef TFLM_MCUNET_HOST_PACKAGE

#include <string.h>

#include "../../include/tflm_mcunet/tflm_ops.h"
#include "compatibility.h"

namespace {

// The package's resolver, a MicroMutableOpResolver<200>, as far as a registration touches it: the headers at
// hand do not compile without those of gemmlowp, which only tensorflow brings along.
struct HostResolver {
  static constexpr unsigned int kSize = 200;
  const void* functions;
  TFLMRegistration registrations[kSize];
  unsigned int count;

  TfLiteStatus AddCustom(const char* name, const TFLMRegistration* registration) {
    for (unsigned int i = 0; i < count && i < kSize; ++i) {
      const char* known = registrations[i].custom_name;
      if (known != nullptr && strcmp(known, name) == 0) {
        return kTfLiteError;
      }
    }
    if (count >= kSize) {
      return kTfLiteError;
    }
    registrations[count] = *registration;
    registrations[count].custom_name = name;
    ++count;
    return kTfLiteOk;
  }
};

}  // namespace

extern "C" bool RegisterTflmMcunetStage(void* resolver) {
  return tflm_mcunet::AddStageOp(*static_cast<HostResolver*>(resolver)) == kTfLiteOk;
}

#endif  // TFLM_MCUNET_HOST_PACKAGE
