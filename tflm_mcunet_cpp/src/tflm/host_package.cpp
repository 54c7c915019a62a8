// Registration with the interpreter of the package tflite-micro, which calls a function of a shared library
// with the address of its resolver. Nothing of this is compiled for a device.
#ifdef TFLM_MCUNET_HOST_PACKAGE

#include <string.h>

#include "../../include/tflm_mcunet/tflm_kernels.h"
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

  // The package has registered every builtin operator before it calls, and its resolver refuses a second
  // registration; so the first one is replaced.
  bool Replace(int32_t builtin_code, const TFLMRegistration& registration) {
    for (unsigned int i = 0; i < count && i < kSize; ++i) {
      if (registrations[i].builtin_code == builtin_code && registrations[i].custom_name == nullptr) {
        registrations[i] = registration;
        registrations[i].builtin_code = builtin_code;
        return true;
      }
    }
    return false;
  }
};

}  // namespace

extern "C" bool RegisterTflmMcunetStage(void* resolver) {
  return tflm_mcunet::AddStageOp(*static_cast<HostResolver*>(resolver)) == kTfLiteOk;
}

// The drop-in kernels; the numbers are those of the operators in TensorFlow Lite's schema.
extern "C" bool RegisterTflmMcunetKernels(void* resolver) {
  HostResolver& host = *static_cast<HostResolver*>(resolver);
  return host.Replace(0, tflm_mcunet::Register_ADD()) &&
         host.Replace(1, tflm_mcunet::Register_AVERAGE_POOL_2D()) &&
         host.Replace(3, tflm_mcunet::Register_CONV_2D()) &&
         host.Replace(4, tflm_mcunet::Register_DEPTHWISE_CONV_2D()) &&
         host.Replace(9, tflm_mcunet::Register_FULLY_CONNECTED()) &&
         host.Replace(17, tflm_mcunet::Register_MAX_POOL_2D()) &&
         host.Replace(18, tflm_mcunet::Register_MUL()) && host.Replace(25, tflm_mcunet::Register_SOFTMAX()) &&
         host.Replace(40, tflm_mcunet::Register_MEAN()) && host.Replace(41, tflm_mcunet::Register_SUB());
}

#endif  // TFLM_MCUNET_HOST_PACKAGE
