// A tensor with its quantisation, lent by TensorFlow Lite Micro's MicroContext; as `compatibility.h`, for the
// few files that need it.
#ifndef TFLM_MCUNET_TFLM_MICRO_TENSOR_H_
#define TFLM_MCUNET_TFLM_MICRO_TENSOR_H_

#include "compatibility.h"
#ifndef TFLM_MCUNET_HOST_PACKAGE
#include "tensorflow/lite/micro/micro_context.h"
#endif

namespace tflm_mcunet {

#ifdef TFLM_MCUNET_HOST_PACKAGE
// The beginnings of a tensor and of the context's table of functions as the package tflite-micro has them.
struct MicroTensor {
  TfLiteQuantization quantization;
  TfLiteQuantizationParams params;
  TfLitePtrUnion data;
  TfLiteIntArray* dims;
  size_t bytes;
  TfLiteType type;
};
class HostContext {
 public:
  virtual ~HostContext() = default;
  virtual void* AllocatePersistentBuffer(size_t bytes) = 0;
  virtual TfLiteStatus RequestScratchBufferInArena(size_t bytes, int* index) = 0;
  virtual void* GetScratchBuffer(int index) = 0;
  virtual MicroTensor* AllocateTempTfLiteTensor(int index) = 0;
  virtual void DeallocateTempTfLiteTensor(MicroTensor* tensor) = 0;
};
inline HostContext* micro_context(TfLiteContext* context) {
  return static_cast<HostContext*>(context->impl_);
}
#else
using MicroTensor = TfLiteTensor;
#ifdef XCORE_TFLITE_MICRO_PATCHED
namespace runtime = ::tflite_micro;
#else
namespace runtime = ::tflite;
#endif
inline runtime::MicroContext* micro_context(TfLiteContext* context) {
  return runtime::GetMicroContext(context);
}
#endif

// A tensor by its index in the model, for Prepare only: give it back before Prepare returns.
inline MicroTensor* borrow_tensor(TfLiteContext* context, int index) {
  return micro_context(context)->AllocateTempTfLiteTensor(index);
}
inline void return_tensor(TfLiteContext* context, MicroTensor* tensor) {
  micro_context(context)->DeallocateTempTfLiteTensor(tensor);
}

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_TFLM_MICRO_TENSOR_H_
