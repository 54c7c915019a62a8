"""Upper bounds of an interpreter-free program's flash and static memory, from its tables, without compiling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tflm_mcunet.codegen.call import Call, Constant, Params
from tflm_mcunet.codegen.program import Program

#: Machine code of every kernel that a searched network can call, the engine, and the library routines that they
#: pull in: what the largest core takes, rounded up. `tests/tinynas/test_budget.py` builds programs and compares.
CODE_BYTES = 32 * 1024

#: Stack of `invoke`, above what any emulated core takes.
STACK_BYTES = 1024

#: Bytes of tables for one operator, one tensor and one stage (`engine/program.h`, the largest kernel parameters).
_OP_BYTES, _TENSOR_BYTES, _STAGE_BYTES, _HEADER_BYTES = 80, 24, 16, 64
_FIELD_BYTES = 8


def constant_bytes(*programs: Program) -> int:
    """No program of these operators, each in one of the given forms, has more bytes of constants.

    Args:
        programs: Program. The same Schedule lowered for several families: which kernel is exact for an operator
            depends on its weights, so each operator counts with its largest form.
    """
    forms = zip(*([step for stage in program.stages for step in stage.steps] for program in programs))
    total = _HEADER_BYTES + sum(max(_call_bytes(step.call) for step in steps) for steps in forms)
    first = programs[0]
    steps = [step for stage in first.stages for step in stage.steps]
    total += sum(_padded(4 * len(step.shifts)) + 2 * len(step.tensors) + 2 for step in steps)
    for rows in first.tensors:
        total += _TENSOR_BYTES + _padded(4 * len(rows.row_offsets))
        if rows.is_constant:
            total += _padded(first.graph.tensors[rows.tensor].size_bytes) + 4
    return total + _STAGE_BYTES * len(first.stages)


def static_bytes(program: Program) -> int:
    """Bytes of the program's data outside the arena: counters of the engine, pointers to rows, alignment."""
    steps = sum(len(stage.steps) for stage in program.stages)
    counters = 2 * (len(program.tensors) + steps + len(program.stages) + 1)
    bases = 4 * (1 + len({rows.tensor for rows in program.tensors if rows.is_constant}))
    return counters + 4 * program.window_rows + bases + 64


def _call_bytes(call: Call) -> int:
    return _OP_BYTES + _params_bytes(call.params)


def _params_bytes(params: Params) -> int:
    return sum(_FIELD_BYTES + _value_bytes(value) for value in params.fields.values())


def _value_bytes(value: Any) -> int:
    if isinstance(value, Constant):
        return _padded(max(1, value.values.size) * value.values.dtype.itemsize)
    if isinstance(value, Params):
        return _params_bytes(value)
    if isinstance(value, (tuple, list, np.ndarray)):
        return sum(_FIELD_BYTES + _value_bytes(v) for v in _items(value))
    return 0


def _items(value: Any) -> Iterator[Any]:
    yield from value


def _padded(size_bytes: int) -> int:
    return -(-size_bytes // 4) * 4
