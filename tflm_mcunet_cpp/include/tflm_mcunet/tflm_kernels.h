// Kernels of tflm_mcunet for users of TensorFlow Lite Micro who keep their model: hand them to the op
// resolver in place of TensorFlow Lite Micro's own. Compile the sources in src/tflm/ and src/kernels/, and
// src/kernels/arm_dsp/unpacked.cpp, with the flags of TensorFlow Lite Micro itself, then:
//
//   tflite::MicroMutableOpResolver<3> resolver;
//   resolver.AddConv2D(tflm_mcunet::Register_CONV_2D());
//   resolver.AddDepthwiseConv2D(tflm_mcunet::Register_DEPTHWISE_CONV_2D());
//   resolver.AddSoftmax(tflm_mcunet::Register_SOFTMAX());
//
// They compute the bytes of TensorFlow Lite Micro's reference kernels for int8 models. What they do not take
// (float, int16 or hybrid operands, weights that are no constants) makes AllocateTensors fail with a message
// that names the operator: nothing is computed differently, and nothing falls back in silence. A model that
// needs both kinds of an operator keeps TensorFlow Lite Micro's own kernel for it. Prepare computes what
// depends on scales and shapes; no kernel asks for scratch memory.
//
// On cores with the DSP extension (Cortex-M4, M7, M33) CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED use its
// instructions. They read the weights from the model as they are, so this costs no byte of the arena.
// TFLM_MCUNET_PORTABLE_KERNELS, defined for the compiler, keeps the portable kernels there.
//
// Resolvers since August 2025 take a registration for these; AddMean and AddSub of some do not yet.
#ifndef TFLM_MCUNET_TFLM_KERNELS_H_
#define TFLM_MCUNET_TFLM_KERNELS_H_

#include "tflm_registration.h"

namespace tflm_mcunet {

TFLMRegistration Register_ADD();
TFLMRegistration Register_AVERAGE_POOL_2D();
TFLMRegistration Register_CONV_2D();
TFLMRegistration Register_DEPTHWISE_CONV_2D();
TFLMRegistration Register_FULLY_CONNECTED();
TFLMRegistration Register_MAX_POOL_2D();
TFLMRegistration Register_MEAN();
TFLMRegistration Register_MUL();
TFLMRegistration Register_SOFTMAX();
TFLMRegistration Register_SUB();

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_TFLM_KERNELS_H_
