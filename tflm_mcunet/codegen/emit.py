"""Writes a Program as a self-contained C++ directory: `model.h`, `model.cpp`, the library files they need."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tflm_mcunet.codegen.closure import library_files
from tflm_mcunet.codegen.header import invoke_declaration, model_header
from tflm_mcunet.codegen.literals import braces, c_comment
from tflm_mcunet.codegen.program import Program, ProgramStage, Rows, Step
from tflm_mcunet.codegen.stream_state import Variable
from tflm_mcunet.codegen.tables import Tables
from tflm_mcunet.cpp import cpp_sources
from tflm_mcunet.graph import Tensor
from tflm_mcunet.ops import total_macs
from tflm_mcunet.schedule.schedule import aligned

_ENGINE = "engine/engine"


def emit(program: Program, name: str = "model") -> dict[str, str]:
    """The files of the C++ program.

    Args:
        program: Program.
        name: str. A C identifier: the prefix of the functions and the stem of the two files.

    Returns:
        dict. Path relative to the program's directory -> text. Compile every `.cpp` with that directory as
        include path; C++14 or later, no heap, no exceptions.
    """
    if not name.isidentifier() or not name.isascii():
        raise ValueError(f"Expected `name` to be a C identifier, got {name!r}")
    sources = sorted({s.call.source for stage in program.stages for s in stage.steps} | {_ENGINE})
    files = {f"{name}.h": _header(program, name), f"{name}.cpp": _source(program, name, sources)}
    root = cpp_sources() / "src"
    for path in library_files((f"{s}{suffix}" for s in sources for suffix in (".h", ".cpp")), root):
        files[f"tflm_mcunet/{path}"] = (root / path).read_text()
    return files


def write(files: dict[str, str], directory: Path) -> None:
    """Write a program's files, leaving those untouched that are the same already."""
    for path, text in files.items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_text() != text:
            target.write_text(text)


def _header(program: Program, name: str) -> str:
    upper = name.upper()
    macros = (
        f"#define {upper}_ARENA_BYTES {program.arena_bytes}\n"
        f"#define {upper}_MACS {total_macs(program.graph)}\n"
        f"{_fed_macros(program, upper)}{_state_macro(program, upper)}"
    )
    how, functions = "an int8 network as a C++ program", _run_declaration(program, name)
    is_kept = bool(program.state.variables)
    return model_header(program.graph, name, how=how, macros=macros, run=functions, is_kept=is_kept)


def _fed_macros(program: Program, upper: str) -> str:
    fed = program.fed_rows
    if fed is None:
        return ""
    return (
        f"#define {upper}_FED_ROWS {fed.height}\n"
        f"#define {upper}_FED_ROW_BYTES {_row_bytes(program, fed)}\n"
        f"#define {upper}_FED_PASSES {program.fed_passes}\n"
    )


def _state_macro(program: Program, upper: str) -> str:
    state = program.state
    return f"#define {upper}_STATE_BYTES {state.size_bytes}\n" if state.variables else ""


def _row_bytes(program: Program, rows: Rows) -> int:
    """Bytes of a row itself, which may lie farther apart."""
    return program.graph.tensors[rows.tensor].size_bytes // rows.height


def _run_declaration(program: Program, name: str) -> str:
    if program.fed_rows is None:
        return invoke_declaration(name)
    return f"""// Takes the next `count` rows of the input, from the top of the image; they need not outlive the call.
// The whole image is fed {name.upper()}_FED_PASSES times. Returns how many rows the inference still wants: 0
// when the outputs are there. Rows past the last are not read; the next call begins a new inference, and so does
// {name}_init, whatever was fed before.
int {name}_feed_rows(const void* rows, int count);"""


def _source(program: Program, name: str, sources: list[str]) -> str:
    graph, tables = program.graph, Tables()
    steps = [step for stage in program.stages for step in stage.steps]
    constants = list(dict.fromkeys(r.tensor for r in program.tensors if r.is_constant))
    bases = ["arena", *(_constant_base(graph.tensors[i], tables) for i in constants)]
    operands: list[int] = []
    rows = [_rows(r, 1 + constants.index(r.tensor) if r.is_constant else 0, tables) for r in program.tensors]
    wakes = _wakes(program)
    ops = [_op(step, i, wakes[i], program, tables, operands) for i, step in enumerate(steps)]
    stages, first = [], 0
    for stage in program.stages:
        fed = (
            "kNoTensor, 0, 0" if stage.fed < 0 else f"{stage.fed}, {stage.fed_skip_bytes}, {stage.fed_bytes}"
        )
        stages.append(f"    {{{first}, {len(stage.steps)}, {stage.steps[0].call.batch}, {fed}}},")
        first += len(stage.steps)
    includes = "\n".join(f'#include "tflm_mcunet/{s}.h"' for s in sources)
    state_definitions = _state_definitions(program, tables)
    headers = "#include <stdint.h>\n#include <string.h>" if program.state.variables else "#include <stdint.h>"
    definitions = "\n\n".join(tables.definitions)
    arena_bytes = aligned(program.arena_bytes) + program.scratch_bytes
    return f"""// Generated by tflm_mcunet: the tables of the network and the memory that it runs in.
#include "{name}.h"

{headers}

{includes}

namespace {{

using namespace tflm_mcunet;

{definitions}

const uint16_t kOperands[] = {braces(operands) if operands else "{0}"};

const Rows kTensors[] = {{
{_lines(rows, "    {nullptr, 0, 0, 0, 1, 1, 0, 0},")}
}};

const StageOp kOps[] = {{
{_lines(ops, _NO_OP)}
}};

const Stage kStages[] = {{
{_lines(stages, "    {0, 0, 0, kNoTensor, 0, 0},")}
}};

const Program kProgram = {{kTensors, kOps, kStages, {len(stages)}, {_counted_tensors(program)}, {len(steps)}}};

alignas(16) uint8_t arena[{max(arena_bytes, 16)}];
const void* window[{program.window_rows}];
uint16_t counts[{_count_size(program)}];

void* const kBases[] = {braces(bases)};
const Workspace kWorkspace = {{kBases, window, counts}};
{state_definitions}
}}  // namespace

{_init_definition(program, name)}

{_run_definition(program, name, state_definitions)}
{_accessor(f"{name}_input", _given_places(program))}
{_accessor(f"{name}_output", _taken_places(program))}"""


_NO_OP = "    {" + "nullptr, " * 6 + "0, " * 7 + "{0, 0, 0}, 0, 0, kNoTensor, 0},"


def _state_definitions(program: Program, tables: Tables) -> str:
    """The functions that give the state its first values and move it between two calls; nothing without state."""
    state = program.state
    if not state.variables:
        return ""
    graph = program.graph
    waiting = [(f"aside + {v.aside}" if v.aside >= 0 else f"arena + {v.before}", v) for v in state.variables]
    first = [_first_value(place, v.first, tables) for place, v in waiting]
    taken = [f"memcpy(arena + {v.before}, {place}, {v.size_bytes});" for place, v in waiting if v.aside >= 0]
    kept = [
        f"memcpy(aside + {at}, arena + {program.outputs[i]}, {graph.tensors[graph.outputs[i]].size_bytes});"
        for i, at in state.outputs
    ]
    kept += [f"memcpy({place}, arena + {v.after}, {v.size_bytes});" for place, v in waiting if v.aside >= 0]
    kept += [
        f"{_mover(v)}({place}, arena + {v.after}, {v.size_bytes});"
        for place, v in waiting
        if v.aside < 0 and v.before != v.after
    ]
    aside = f"\nalignas(16) uint8_t aside[{state.aside_bytes}];\n" if state.aside_bytes else ""
    why = "// The state waits where the next inference reads it, or aside where outputs or other state lie there."
    functions = (
        _function("begin_state", first),
        _function("take_state", taken),
        _function("keep_state", kept),
    )
    return f"{aside}\n{why}\n" + "\n".join(f for f in functions if f)


def _mover(variable: Variable) -> str:
    """What moves a variable to where it waits; a C library's memmove may go byte by byte."""
    is_apart = abs(variable.before - variable.after) >= variable.size_bytes
    return "memcpy" if is_apart else "memmove"


def _function(name: str, statements: list[str]) -> str:
    """A function's definition; nothing where it has nothing to do."""
    body = "\n".join(f"  {statement}" for statement in statements)
    return f"void {name}() {{\n{body}\n}}\n" if statements else ""


def _first_value(place: str, first: bytes, tables: Tables) -> str:
    """One byte everywhere as a rule, a table where they differ."""
    if len(set(first)) == 1:
        return f"memset({place}, {first[0]}, {len(first)});"
    table = tables.constant(np.frombuffer(first, np.uint8))
    return f"memcpy({place}, {table}, {len(first)});"


def _given_places(program: Program) -> list[str]:
    """Where each model input is written; nothing for one that is fed by rows."""
    offsets = program.inputs[: len(program.graph.model_inputs)]
    return [f"arena + {o}" if o >= 0 else "" for o in offsets]


def _taken_places(program: Program) -> list[str]:
    """Where each model output is read."""
    asides = [program.state.aside_of(i) for i in range(len(program.graph.model_outputs))]
    return [
        f"arena + {o}" if a < 0 else f"aside + {a}" for o, a in zip(program.outputs, asides, strict=False)
    ]


def _init_definition(program: Program, name: str) -> str:
    if program.state.variables:
        return f"""extern "C" int {name}_init(void) {{
  begin_state();
  return 0;
}}"""
    if program.fed_rows is None:
        return f'extern "C" int {name}_init(void) {{ return 0; }}'
    return f"""namespace {{
int missing = 0;  // rows that the inference still wants
}}

extern "C" int {name}_init(void) {{
  missing = 0;
  return 0;
}}"""


def _run_definition(program: Program, name: str, state: str) -> str:
    fed = program.fed_rows
    if fed is None:
        taken = "  take_state();\n" if "void take_state()" in state else ""
        kept = "  keep_state();\n" if "void keep_state()" in state else ""
        return f"""extern "C" int {name}_invoke(void) {{
{taken}  run_program(kProgram, kWorkspace);
{kept}  return 0;
}}
"""
    row_bytes = _row_bytes(program, fed)
    return f"""extern "C" int {name}_feed_rows(const void* rows, int count) {{
  const uint8_t* row = static_cast<const uint8_t*>(rows);
  if (missing == 0 && count > 0) {{
    begin_feeding(kProgram, kWorkspace);
    missing = {fed.height * program.fed_passes};
  }}
  for (; count > 0 && missing > 0; --count, --missing, row += {row_bytes}) {{
    feed_row(kProgram, kWorkspace, row);
  }}
  return missing;
}}
"""


def _lines(lines: list[str], empty: str) -> str:
    return "\n".join(lines or [empty])


def _counted_stages(program: Program) -> list[ProgramStage]:
    """Counters are read only in stages of several operators, in those that sum and in those that are fed."""
    return [s for s in program.stages if len(s.steps) > 1 or s.fed >= 0 or s.steps[0].call.is_sum]


def _counted_tensors(program: Program) -> int:
    """The tensors up to the last one whose rows a stage counts."""
    counted = [s for stage in _counted_stages(program) for s in stage.steps]
    return 1 + max((max(*s.tensors, s.hold) for s in counted), default=-1)


def _count_size(program: Program) -> int:
    """A counter for each of those tensors and for each operator, and the stage that is being fed."""
    if not _counted_stages(program):
        return 1
    return _counted_tensors(program) + sum(len(stage.steps) for stage in program.stages) + 1


def _constant_base(tensor: Tensor, tables: Tables) -> str:
    name = tables.constant(tensor.array())
    return f"const_cast<void*>(static_cast<const void*>({name}))"


def _rows(rows: Rows, base: int, tables: Tables) -> str:
    listed = tables.constant(np.array(rows.row_offsets, np.uint32)) if rows.row_offsets else "nullptr"
    numbers = (rows.offset, rows.pitch_bytes, rows.height, rows.slots, rows.step, rows.phase, base)
    return f"    {{{listed}, " + ", ".join(str(n) for n in numbers) + "},"


def _wakes(program: Program) -> list[int]:
    """For each operator the last one of its stage that reads or waits for its output; without one, itself."""
    wakes: list[int] = []
    for stage in program.stages:
        first = len(wakes)
        for i, step in enumerate(stage.steps):
            output = step.tensors[len(step.call.inputs)]
            woken = [
                j
                for j, other in enumerate(stage.steps)
                if j > i and output in (*other.tensors[: len(other.call.inputs)], other.hold)
            ]
            wakes.append(first + max(woken, default=i))
    return wakes


def _op(step: Step, index: int, wakes: int, program: Program, tables: Tables, operands: list[int]) -> str:
    call, window = step.call, step.call.window
    params = tables.params(call.params, call.source, f"kOp{index}")
    first = len(operands)
    operands.extend(step.tensors)
    if call.is_sum:
        kernels = f"nullptr, &{call.kernel}, nullptr"
    else:
        kernels = f"nullptr, nullptr, {call.kernel}" if call.whole else f"{call.kernel}, nullptr, nullptr"
    sums = call.outputs[0].row_bytes if call.is_sum else 0
    numbers = (
        len(call.inputs),
        len(call.outputs),
        window.kernel_h,
        window.stride_h,
        window.dilation_h,
        window.pad_top,
        step.first_row,
        braces(step.columns),
        step.scratch_offset,
        sums,
        step.hold if step.hold >= 0 else "kNoTensor",
        wakes,
    )
    shifts = tables.constant(np.array(step.shifts, np.uint32)) if step.shifts else "nullptr"
    comment = c_comment(program.graph.describe(step.op))
    return (
        f"    // {comment}\n    {{{kernels}, &{params}, kOperands + {first}, {shifts}, "
        + ", ".join(str(n) for n in numbers)
        + "},"
    )


def _accessor(name: str, places: list[str]) -> str:
    """A function from index to address; an input that is fed by rows has none."""
    cases = "".join(f"    case {i}:\n      return {place};\n" for i, place in enumerate(places) if place)
    return f"""extern "C" void* {name}(int index) {{
  switch (index) {{
{cases}    default:
      return nullptr;
  }}
}}
"""
