// A Schedule as constant tables: what the engine runs. Position-independent, so that the tables can lie in
// flash.
#ifndef TFLM_MCUNET_ENGINE_PROGRAM_H_
#define TFLM_MCUNET_ENGINE_PROGRAM_H_

#include <stdint.h>

#include "../kernels/row.h"

namespace tflm_mcunet {

// Where the rows of a tensor lie, from Workspace::bases[base]: row y at `rows[y]` where that table is given,
// else at offset + ((y * step + phase) mod slots) * pitch. A whole map has slots = height, step = 1, phase =
// 0.
struct Rows {
  const uint32_t* rows;
  uint32_t offset;
  uint32_t pitch;
  uint16_t height;  // rows of the whole tensor
  uint16_t slots;   // rows held
  uint16_t step;
  uint16_t phase;  // in [0, slots)
  uint16_t base;   // 0 is the arena, the others are constants or the caller's tensors
};

constexpr uint16_t kNoTensor = 0xFFFF;

// One operator of a stage. Exactly one of `row`, `sum` and `whole` is set.
struct StageOp {
  RowKernel row;
  const SumKernels* sum;
  WholeKernel whole;
  const void* params;
  const uint16_t* tensors;  // indices into Program::tensors: the inputs, then the outputs
  const uint32_t* shifts;  // bytes from each operand's row to the column that the kernel takes; nullptr: none
  uint8_t inputs;
  uint8_t outputs;
  // Output row y reads the rows y * stride_h - pad_top + k * dilation_h of every input, 0 <= k < kernel_h.
  uint16_t kernel_h;
  uint16_t stride_h;
  uint16_t dilation_h;
  int16_t pad_top;
  uint16_t first_row;  // of the output, at which the stage begins; it ends at the height of its Rows
  Columns columns;
  uint32_t scratch;  // offset in the arena; of the sums where `sum` is set
  uint16_t sums;     // values of the output row where `sum` is set
  uint16_t hold;     // a tensor whose row y must exist before row y is computed, or kNoTensor
  uint16_t wakes;    // the last operator of the stage that reads or waits for the output; without one, itself
};

// A run of operators through which rows flow; a stage of one operator is that operator executed whole.
struct Stage {
  uint16_t first_op;
  uint16_t op_count;
  uint16_t batch;      // images, one after the other; above 1 only for a stage of one row operator
  uint16_t fed;        // the tensor whose rows the caller feeds, or kNoTensor; only in the first stages
  uint32_t fed_skip;   // bytes of a fed row before those that the stage takes
  uint32_t fed_bytes;  // bytes that it takes
};

struct Program {
  const Rows* tensors;
  const StageOp* ops;
  const Stage* stages;
  uint16_t stage_count;
  uint16_t tensor_count;  // of those at the front, up to the last one whose rows a stage counts
  uint16_t op_count;
};

// The memory that a program works in. `window` holds as many pointers as the largest operator reads rows, and
// `counts` one count for each counted tensor, then one for each operator, then the stage that is being fed.
struct Workspace {
  void* const* bases;
  const void** window;
  uint16_t* counts;
};

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_ENGINE_PROGRAM_H_
