// What TensorFlow Lite Micro calls the functions of an operator: TFLMRegistration since 2023,
// TfLiteRegistration before, which is what the libraries in Arduino's Library Manager still are.
#ifndef TFLM_MCUNET_TFLM_REGISTRATION_H_
#define TFLM_MCUNET_TFLM_REGISTRATION_H_

#if defined(__has_include)
#if !__has_include("tensorflow/lite/micro/micro_common.h")
#define TFLM_MCUNET_TFLM_BEFORE_2023
#define TFLMRegistration TfLiteRegistration
#endif
#endif

struct TFLMRegistration;

#endif  // TFLM_MCUNET_TFLM_REGISTRATION_H_
