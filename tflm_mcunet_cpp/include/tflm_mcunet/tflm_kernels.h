// Kernels of tflm_mcunet for users of TensorFlow Lite Micro who keep their model: hand them to the op
// resolver in place of TensorFlow Lite Micro's own. Compile the sources in src/tflm/, src/kernels/ and
// src/kernels/arm_dsp/ with the flags of TensorFlow Lite Micro itself, then:
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
// depends on scales and shapes.
//
// On cores with the DSP extension (Cortex-M4, M7, M33) ADD, SUB, CONV_2D, DEPTHWISE_CONV_2D and
// FULLY_CONNECTED use its instructions. They read weights from the model as they are. What convolutions widen
// lies in scratch of the arena as long as they run; elsewhere no kernel asks for any:
// - CONV_2D takes the windows of four pixels as int16, or of two where four would take more than 2 kB, and
//   one as bytes if windows are not pixels of whole words: 196 bytes for a pointwise one of 24 channels.
// - DEPTHWISE_CONV_2D takes four channels of some rows as int16, up to 2 kB or one output row's, and their
//   weights: 2.7 kB for a 5x5 window over 10 rows of 10 columns, 1.1 kB for 3x3 over 20 of 20.
// TFLM_MCUNET_PORTABLE_KERNELS, defined for the compiler, keeps the portable kernels there, without scratch.
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
