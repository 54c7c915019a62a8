// Registration with the interpreter of the package tflite-micro, which calls a function of a shared library
// with the address of its resolver. Nothing of this is compiled for a device.
#ifdef TFLM_MCUNET_HOST_PACKAGE

#include "../../include/tflm_mcunet/tflm_kernels.h"
#include "host_resolver.h"

// The drop-in kernels; the numbers are those of the operators in TensorFlow Lite's schema.
extern "C" bool RegisterTflmMcunetKernels(void* resolver) {
  tflm_mcunet::HostResolver& host = *static_cast<tflm_mcunet::HostResolver*>(resolver);
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
