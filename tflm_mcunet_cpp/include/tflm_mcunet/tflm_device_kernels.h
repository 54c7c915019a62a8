// Kernels by device: on Espressif's chips those of the component esp-tflite-micro, whose esp-nn uses the
// vector unit of the ESP32-S3 and the multiplier of the others, elsewhere ours. The choice is made when this
// is compiled: define TFLM_MCUNET_USE_ESP_NN beside CONFIG_NN_OPTIMIZED to hand over.
//
//   resolver.AddConv2D(tflm_mcunet::device::Register_CONV_2D());
//
// Beware: esp-nn rounds some outputs differently from TensorFlow Lite Micro's reference kernels, by one step
// of the output's scale where it does. All that tflm_mcunet promises of equal bytes holds without the macro
// only.
#ifndef TFLM_MCUNET_TFLM_DEVICE_KERNELS_H_
#define TFLM_MCUNET_TFLM_DEVICE_KERNELS_H_

#include "tflm_kernels.h"

#if defined(TFLM_MCUNET_USE_ESP_NN)
namespace tflite {
TFLMRegistration Register_ADD();
TFLMRegistration Register_AVERAGE_POOL_2D();
TFLMRegistration Register_CONV_2D();
TFLMRegistration Register_DEPTHWISE_CONV_2D();
TFLMRegistration Register_FULLY_CONNECTED();
TFLMRegistration Register_MAX_POOL_2D();
TFLMRegistration Register_MUL();
TFLMRegistration Register_SOFTMAX();
}  // namespace tflite
#endif

namespace tflm_mcunet {
namespace device {

#if defined(TFLM_MCUNET_USE_ESP_NN)
namespace chosen = ::tflite;
#else
namespace chosen = ::tflm_mcunet;
#endif

// The operators that esp-nn has routines for.
using chosen::Register_ADD;
using chosen::Register_AVERAGE_POOL_2D;
using chosen::Register_CONV_2D;
using chosen::Register_DEPTHWISE_CONV_2D;
using chosen::Register_FULLY_CONNECTED;
using chosen::Register_MAX_POOL_2D;
using chosen::Register_MUL;
using chosen::Register_SOFTMAX;

}  // namespace device
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_TFLM_DEVICE_KERNELS_H_
