// The driver is demand-driven. Of a stage's operators, the one nearest the output that can produce its next row
// runs, and the search begins anew; so a row is consumed as soon as it can be, and a ring holds no more rows than
// the Schedule gave it. A stage of one operator degenerates to a loop over its rows.
#include "engine.h"

namespace tflm_mcunet {
namespace {

inline uint8_t* row_address(const Rows& tensor, const Workspace& workspace, int32_t row, uint32_t shift) {
  const uint32_t slot = tensor.ring == tensor.height ? static_cast<uint32_t>(row)
                                                     : static_cast<uint32_t>(row) % tensor.ring;
  return static_cast<uint8_t*>(workspace.bases[tensor.base]) + tensor.offset + shift +
         slot * tensor.row_bytes;
}

inline uint8_t* address(const Rows& tensor, const Workspace& workspace) {
  return static_cast<uint8_t*>(workspace.bases[tensor.base]) + tensor.offset;
}

void run_whole(const Program& program, const StageOp& op, const Workspace& workspace) {
  void* outputs[16];
  for (int32_t i = 0; i < op.inputs; ++i) {
    workspace.window[i] = address(program.tensors[op.tensors[i]], workspace);
  }
  for (int32_t i = 0; i < op.outputs; ++i) {
    outputs[i] = address(program.tensors[op.tensors[op.inputs + i]], workspace);
  }
  op.whole(op.params, workspace.window, outputs, static_cast<uint8_t*>(workspace.bases[0]) + op.scratch);
}

// Computes output row `y` of image `image`.
void run_row(const Program& program, const StageOp& op, const Workspace& workspace, int32_t y, uint32_t image) {
  const void** window = workspace.window;
  const int32_t first = y * op.stride_h - op.pad_top;
  for (int32_t i = 0; i < op.inputs; ++i) {
    const Rows& input = program.tensors[op.tensors[i]];
    const uint32_t shift = input.base == 0 ? image * input.height * input.row_bytes : 0;
    for (int32_t k = 0, row = first; k < op.kernel_h; ++k, row += op.dilation_h) {
      const bool inside = row >= 0 && row < input.height;
      *window++ = inside ? row_address(input, workspace, row, shift) : nullptr;
    }
  }
  const Rows& output = program.tensors[op.tensors[op.inputs]];
  const Columns columns = {0, op.width, 0};
  op.row(op.params, workspace.window,
         row_address(output, workspace, y, image * output.height * output.row_bytes), columns,
         static_cast<uint8_t*>(workspace.bases[0]) + op.scratch);
}

// Whether every row that output row `y` reads has been produced.
bool is_ready(const Program& program, const StageOp& op, const Workspace& workspace, int32_t y) {
  const int32_t last = y * op.stride_h - op.pad_top + (op.kernel_h - 1) * op.dilation_h;
  for (int32_t i = 0; i < op.inputs; ++i) {
    const int32_t height = program.tensors[op.tensors[i]].height;
    if (workspace.produced[op.tensors[i]] <= (last < height ? last : height - 1)) {
      return false;
    }
  }
  return true;
}

// Runs the operator nearest the output that can produce a row; false where none can.
bool advance(const Program& program, const Stage& stage, const Workspace& workspace) {
  for (int32_t i = stage.first_op + stage.op_count - 1; i >= stage.first_op; --i) {
    const StageOp& op = program.ops[i];
    const uint16_t output = op.tensors[op.inputs];
    const int32_t y = workspace.produced[output];
    if (y < program.tensors[output].height && is_ready(program, op, workspace, y)) {
      run_row(program, op, workspace, y, 0);
      ++workspace.produced[output];
      return true;
    }
  }
  return false;
}

void run_stage(const Program& program, const Stage& stage, const Workspace& workspace) {
  const StageOp* ops = program.ops + stage.first_op;
  if (stage.op_count == 1) {
    if (ops->whole != nullptr) {
      run_whole(program, *ops, workspace);
      return;
    }
    const int32_t height = program.tensors[ops->tensors[ops->inputs]].height;
    for (uint32_t image = 0; image < stage.batch; ++image) {
      for (int32_t y = 0; y < height; ++y) {
        run_row(program, *ops, workspace, y, image);
      }
    }
    return;
  }
  // What the stage's operators write begins empty; every other operand is there.
  for (int32_t i = 0; i < stage.op_count; ++i) {
    for (int32_t k = 0; k < ops[i].inputs; ++k) {
      workspace.produced[ops[i].tensors[k]] = program.tensors[ops[i].tensors[k]].height;
    }
  }
  for (int32_t i = 0; i < stage.op_count; ++i) {
    workspace.produced[ops[i].tensors[ops[i].inputs]] = 0;
  }
  while (advance(program, stage, workspace)) {
  }
}

}  // namespace

void run_program(const Program& program, const Workspace& workspace) {
  for (int32_t i = 0; i < program.stage_count; ++i) {
    run_stage(program, program.stages[i], workspace);
  }
}

}  // namespace tflm_mcunet
