// The driver is demand-driven. Of a stage's operators, the one nearest the output that can produce its next
// row runs, and the search begins anew; a row is taken from the caller only when no operator can run. The
// Schedule gave every row its place for exactly this order, so there is no test for space. A stage of one
// operator is a loop over its rows.
#include "engine.h"

#include <string.h>

namespace tflm_mcunet {
namespace {

inline uint8_t* base_address(const Rows& tensor, const Workspace& workspace) {
  return static_cast<uint8_t*>(workspace.bases[tensor.base]);
}

inline uint8_t* row_address(const Rows& tensor, const Workspace& workspace, int32_t row) {
  if (tensor.rows != nullptr) {
    return base_address(tensor, workspace) + tensor.rows[row];
  }
  uint32_t slot = static_cast<uint32_t>(row) * tensor.step + tensor.phase;
  if (slot >= tensor.slots) {
    slot %= tensor.slots;
  }
  return base_address(tensor, workspace) + tensor.offset + slot * tensor.pitch;
}

inline void* scratch_address(const StageOp& op, const Workspace& workspace) {
  return static_cast<uint8_t*>(workspace.bases[0]) + op.scratch;
}

inline int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }

void run_whole(const Program& program, const StageOp& op, const Workspace& workspace) {
  void* outputs[16];
  for (int32_t i = 0; i < op.inputs; ++i) {
    workspace.window[i] = row_address(program.tensors[op.tensors[i]], workspace, 0);
  }
  for (int32_t i = 0; i < op.outputs; ++i) {
    outputs[i] = row_address(program.tensors[op.tensors[op.inputs + i]], workspace, 0);
  }
  op.whole(op.params, workspace.window, outputs, scratch_address(op, workspace));
}

// Fills the window of an operator with one input's rows, the first of which is `first`; to what lies behind.
// From row to row a ring moves on by equal steps.
inline const void** window_rows(const StageOp& op, const Rows& input, const Workspace& workspace,
                                int32_t first, uint32_t shift, const void** window) {
  const void** const end = window + op.kernel_h;
  int32_t row = first;
  for (; row < 0 && window != end; row += op.dilation_h) {
    *window++ = nullptr;
  }
  if (window != end && row < input.height) {
    const uint8_t* address = row_address(input, workspace, row) + shift;
    *window++ = address;
    row += op.dilation_h;
    if (input.rows != nullptr) {
      for (; window != end && row < input.height; row += op.dilation_h) {
        *window++ = row_address(input, workspace, row) + shift;
      }
    } else if (window != end && row < input.height) {
      const uint32_t slots = op.dilation_h * input.step;
      const uint32_t move = (slots < input.slots ? slots : slots % input.slots) * input.pitch;
      const uint32_t ring = input.slots * input.pitch;
      const uint8_t* const behind = base_address(input, workspace) + input.offset + shift + ring;
      do {
        address += move;
        if (address >= behind) {
          address -= ring;
        }
        *window++ = address;
        row += op.dilation_h;
      } while (window != end && row < input.height);
    }
  }
  while (window != end) {
    *window++ = nullptr;
  }
  return window;
}

// Computes output row `y` of image `image`.
void run_row(const Program& program, const StageOp& op, const Workspace& workspace, int32_t y,
             uint32_t image) {
  const void** window = workspace.window;
  const int32_t first = y * op.stride_h - op.pad_top;
  for (int32_t i = 0; i < op.inputs; ++i) {
    const Rows& input = program.tensors[op.tensors[i]];
    const uint32_t shift = image * input.height * input.pitch + (op.shifts != nullptr ? op.shifts[i] : 0);
    window = window_rows(op, input, workspace, first, shift, window);
  }
  const Rows& output = program.tensors[op.tensors[op.inputs]];
  const uint32_t shift =
      image * output.height * output.pitch + (op.shifts != nullptr ? op.shifts[op.inputs] : 0);
  uint8_t* out = row_address(output, workspace, y) + shift;
  op.row(op.params, workspace.window, out, op.columns, scratch_address(op, workspace));
}

// Adds input row `count` of a summing operator's window, and finishes with the last; whether it was the last.
bool run_sum(const Program& program, const StageOp& op, const Workspace& workspace, int32_t count) {
  const Rows& input = program.tensors[op.tensors[0]];
  const Rows& output = program.tensors[op.tensors[1]];
  const int32_t first = op.pad_top < 0 ? -op.pad_top : 0;
  const int32_t rows = smaller(op.kernel_h - op.pad_top, input.height) - first;
  int32_t* sums = static_cast<int32_t*>(scratch_address(op, workspace));
  if (count == 0) {
    memset(sums, 0, static_cast<uint32_t>(op.sums) * sizeof(int32_t));
  }
  op.sum->add(op.params, row_address(input, workspace, first + count), sums, op.columns);
  if (count + 1 < rows) {
    return false;
  }
  op.sum->finish(op.params, sums, rows, row_address(output, workspace, 0), op.columns);
  return true;
}

// The input row that must exist before an operator can take its next step, the `count`-th.
inline int32_t last_needed(const StageOp& op, int32_t count) {
  if (op.sum != nullptr) {
    return count + (op.pad_top < 0 ? -op.pad_top : 0);
  }
  return count * op.stride_h - op.pad_top + (op.kernel_h - 1) * op.dilation_h;
}

bool is_ready(const Program& program, const StageOp& op, const Workspace& workspace, int32_t count) {
  if (op.hold != kNoTensor && workspace.counts[op.hold] <= count) {
    return false;
  }
  const int32_t last = last_needed(op, count);
  for (int32_t i = 0; i < op.inputs; ++i) {
    const int32_t height = program.tensors[op.tensors[i]].height;
    if (workspace.counts[op.tensors[i]] <= smaller(last, height - 1)) {
      return false;
    }
  }
  return true;
}

inline int32_t last_op(const Stage& stage) { return stage.first_op + stage.op_count - 1; }

// Takes one step of the operator nearest the output that can, none behind operator `from` being able to.
// Returns the operator behind which none is able to now, since a step makes only those ready that read or
// wait for its output; -1 where no operator can.
int32_t advance(const Program& program, const Stage& stage, const Workspace& workspace, int32_t from) {
  for (int32_t i = from; i >= stage.first_op; --i) {
    const StageOp& op = program.ops[i];
    const uint16_t output = op.tensors[op.inputs];
    if (workspace.counts[output] >= program.tensors[output].height) {
      continue;
    }
    uint16_t& count = workspace.counts[program.tensor_count + i];
    if (!is_ready(program, op, workspace, count)) {
      continue;
    }
    if (op.sum != nullptr) {
      workspace.counts[output] = run_sum(program, op, workspace, count) ? 1 : 0;
    } else {
      run_row(program, op, workspace, count, 0);
      ++workspace.counts[output];
    }
    ++count;
    return op.wakes;
  }
  return -1;
}

void advance_to_the_end(const Program& program, const Stage& stage, const Workspace& workspace) {
  for (int32_t from = last_op(stage); from >= 0;) {
    from = advance(program, stage, workspace, from);
  }
}

// What the stage's operators write begins empty, and so does a fed tensor; every other operand is there.
void begin_stage(const Program& program, const Stage& stage, const Workspace& workspace) {
  const StageOp* ops = program.ops + stage.first_op;
  for (int32_t i = 0; i < stage.op_count; ++i) {
    for (int32_t k = 0; k < ops[i].inputs; ++k) {
      workspace.counts[ops[i].tensors[k]] = program.tensors[ops[i].tensors[k]].height;
    }
  }
  for (int32_t i = 0; i < stage.op_count; ++i) {
    workspace.counts[ops[i].tensors[ops[i].inputs]] = ops[i].first_row;
    workspace.counts[program.tensor_count + stage.first_op + i] = ops[i].first_row;
  }
  if (stage.fed != kNoTensor) {
    workspace.counts[stage.fed] = 0;
  }
}

void run_stage(const Program& program, const Stage& stage, const Workspace& workspace) {
  const StageOp& op = program.ops[stage.first_op];
  if (op.whole != nullptr) {
    run_whole(program, op, workspace);
    return;
  }
  if (stage.op_count == 1 && op.row != nullptr) {
    const int32_t height = program.tensors[op.tensors[op.inputs]].height;
    for (uint32_t image = 0; image < stage.batch; ++image) {
      for (int32_t y = op.first_row; y < height; ++y) {
        run_row(program, op, workspace, y, image);
      }
    }
    return;
  }
  begin_stage(program, stage, workspace);
  advance_to_the_end(program, stage, workspace);
}

}  // namespace

void run_program(const Program& program, const Workspace& workspace) {
  for (int32_t i = 0; i < program.stage_count; ++i) {
    run_stage(program, program.stages[i], workspace);
  }
}

void begin_feeding(const Program& program, const Workspace& workspace) {
  workspace.counts[program.tensor_count + program.op_count] = 0;
  begin_stage(program, program.stages[0], workspace);
}

void feed_row(const Program& program, const Workspace& workspace, const void* row) {
  uint16_t& number = workspace.counts[program.tensor_count + program.op_count];
  if (number >= program.stage_count) {
    return;
  }
  const Stage& stage = program.stages[number];
  const Rows& fed = program.tensors[stage.fed];
  uint16_t& count = workspace.counts[stage.fed];
  memcpy(row_address(fed, workspace, count), static_cast<const uint8_t*>(row) + stage.fed_skip,
         stage.fed_bytes);
  ++count;
  advance_to_the_end(program, stage, workspace);
  if (count < fed.height) {
    return;
  }
  ++number;
  if (number < program.stage_count && program.stages[number].fed != kNoTensor) {
    begin_stage(program, program.stages[number], workspace);
    return;
  }
  for (; number < program.stage_count; ++number) {
    run_stage(program, program.stages[number], workspace);
  }
}

}  // namespace tflm_mcunet
