// What differs between the headers of TensorFlow Lite Micro that this library is compiled with: today's,
// those of esp-tflite-micro, those of Arduino's libraries, and those that the package xmos-ai-tools ships,
// which serve the host.
#ifndef TFLM_MCUNET_TFLM_COMPATIBILITY_H_
#define TFLM_MCUNET_TFLM_COMPATIBILITY_H_

#include <stddef.h>
#include <stdint.h>

#include "../../include/tflm_mcunet/tflm_registration.h"
#ifdef TFLM_MCUNET_TFLM_BEFORE_2023
#include "tensorflow/lite/c/common.h"
#else
#include "tensorflow/lite/micro/micro_common.h"
#endif

namespace tflm_mcunet {

#ifdef TFLM_MCUNET_HOST_PACKAGE
// The package tflite-micro is compiled with TF_LITE_STATIC_MEMORY, and the headers at hand cannot be: the
// beginning of a node as the package has it.
struct HostNode {
  TfLiteIntArray* inputs;
  TfLiteIntArray* outputs;
  TfLiteIntArray* intermediates;
  void* user_data;
  void* builtin_data;
};
inline void* user_data(TfLiteNode* node) { return reinterpret_cast<HostNode*>(node)->user_data; }
inline const void* builtin_data(TfLiteNode* node) { return reinterpret_cast<HostNode*>(node)->builtin_data; }
#else
inline void* user_data(TfLiteNode* node) { return node->user_data; }
inline const void* builtin_data(TfLiteNode* node) { return node->builtin_data; }
#endif

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_TFLM_COMPATIBILITY_H_
