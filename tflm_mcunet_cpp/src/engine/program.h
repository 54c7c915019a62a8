// A Schedule as constant tables: what the engine runs. Position-independent, so that the tables can lie in flash.
#ifndef TFLM_MCUNET_ENGINE_PROGRAM_H_
#define TFLM_MCUNET_ENGINE_PROGRAM_H_

#include <stdint.h>

#include "../kernels/row.h"

namespace tflm_mcunet {

// A tensor seen as rows: row y lies at bases[base] + offset + (y mod ring) * row_bytes.
struct Rows {
  uint32_t offset;
  uint32_t row_bytes;
  uint16_t height;  // rows of the whole tensor
  uint16_t ring;    // rows held; the height for a whole map
  uint16_t base;    // index into Workspace::bases: 0 is the arena, the others are constants
};

// One operator of a stage. Exactly one of `row` and `whole` is set.
struct StageOp {
  RowKernel row;
  WholeKernel whole;
  const void* params;
  const uint16_t* tensors;  // indices into Program::tensors: the inputs, then the outputs
  uint8_t inputs;
  uint8_t outputs;
  // Output row y reads the rows y * stride_h - pad_top + k * dilation_h of every input, 0 <= k < kernel_h.
  uint16_t kernel_h;
  uint16_t stride_h;
  uint16_t dilation_h;
  int16_t pad_top;
  uint16_t width;    // output columns
  uint32_t scratch;  // offset in the arena
};

// A run of operators through which rows flow; a stage of one operator is that operator executed whole.
struct Stage {
  uint16_t first_op;
  uint16_t op_count;
  uint16_t batch;  // images, one after the other; above 1 only for a stage of one row operator
};

struct Program {
  const Rows* tensors;
  const StageOp* ops;
  const Stage* stages;
  uint16_t stage_count;
};

// The memory that a program works in. `window` holds as many pointers as the largest operator reads rows, and
// `produced` one count for each tensor.
struct Workspace {
  void* const* bases;
  const void** window;
  uint16_t* produced;
};

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_ENGINE_PROGRAM_H_
