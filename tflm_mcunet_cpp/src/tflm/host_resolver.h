// The resolver of the package tflite-micro.
#ifndef TFLM_MCUNET_TFLM_HOST_RESOLVER_H_
#define TFLM_MCUNET_TFLM_HOST_RESOLVER_H_

#include <string.h>

#include "compatibility.h"

namespace tflm_mcunet {

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

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_TFLM_HOST_RESOLVER_H_
