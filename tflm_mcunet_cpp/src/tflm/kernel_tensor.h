// What the drop-in kernels read of an operator: its tensors with their quantisation, and the memory to keep
// things in.
#ifndef TFLM_MCUNET_TFLM_KERNEL_TENSOR_H_
#define TFLM_MCUNET_TFLM_KERNEL_TENSOR_H_

#include "compatibility.h"

namespace tflm_mcunet {

constexpr int32_t kMostAxes = 6;

// A tensor as Prepare sees it; what it points to outlives Prepare.
struct TensorFacts {
  TfLiteType type;
  const void* data;  // of a constant, else nullptr
  int32_t rank;
  int32_t shape[kMostAxes];
  int32_t elements;
  float scale;         // the first; 0 where there is no quantisation
  int32_t zero_point;  // the first
  const float* scales;
  int32_t scale_count;
};

// One operator at work: a kernel says what is wrong with it, and `fail` reports that with the operator's
// name.
struct Operator {
  TfLiteContext* context;
  TfLiteNode* node;
  const char* name;

  // Operands by position; false where there is none, or where it has more than kMostAxes axes.
  bool input(int32_t position, TensorFacts* facts) const;
  bool output(TensorFacts* facts) const;
  bool has_input(int32_t position) const;

  // For Invoke: where the operand lies.
  const void* input_data(int32_t position) const;
  void* output_data() const;

  // Memory that lives as long as the interpreter, or nullptr.
  void* keep(size_t bytes) const;

  // For Prepare: asks for memory that lives as long as Invoke, aligned to 16 bytes; where it lies then.
  // Nothing is asked for by an `index` below 0.
  bool request(size_t bytes, int32_t* index) const;
  void* scratch(int32_t index) const;

  TfLiteStatus fail(const char* reason) const;
};

constexpr const char* kNoMemory = "the arena is too small";
constexpr const char* kNotInt8 =
    "only int8 with per-tensor activations is taken; register TensorFlow Lite Micro's own kernel for this "
    "model";

// The scale and zero point of an int8 activation are there.
inline bool is_int8(const TensorFacts& facts) { return facts.type == kTfLiteInt8 && facts.scale > 0; }

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_TFLM_KERNEL_TENSOR_H_
