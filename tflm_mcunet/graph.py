"""The model as data: frozen dataclasses, free of the flatbuffer schema and of any framework."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

#: Bytes of one element by dtype name. TFLite's names in lower case; INT4 is packed two to a byte by TFLite
#: and is listed only so that a file which has it can be read and written.
ITEM_BYTES: Mapping[str, float] = {
    "float16": 2,
    "bfloat16": 2,
    "float32": 4,
    "float64": 8,
    "int4": 0.5,
    "uint4": 0.5,
    "int2": 0.25,
    "int8": 1,
    "uint8": 1,
    "bool": 1,
    "int16": 2,
    "uint16": 2,
    "int32": 4,
    "uint32": 4,
    "int64": 8,
    "uint64": 8,
    "complex64": 8,
    "complex128": 16,
    "float8_e4m3fn": 1,
    "float8_e5m2": 1,
    "string": 0,
    "resource": 4,
    "variant": 4,
}


@dataclass(frozen=True)
class Quantization:
    """Affine quantisation, real = scale · (stored - zero_point), per tensor or along one axis.

    Args:
        scale: tuple of float (float32 values). One, or one per index of `axis`.
        zero_point: tuple of int. As many as scales.
        axis: int. The quantised dimension; 0 where there is one scale.
    """

    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    axis: int = 0


@dataclass(frozen=True)
class Tensor:
    """One tensor of a graph.

    Args:
        name: str. As in the file; not necessarily unique.
        shape: tuple of int. Fixed; a dimension that the file leaves open (-1) is held as 1 by TFLite.
        dtype: str. A key of `ITEM_BYTES`.
        quantization: Quantization or None.
        data: bytes or None. A constant's little-endian bytes; None for what is computed or fed.
        is_variable: bool. State that is kept between inferences.
        extra: mapping. Fields of the file that nothing here interprets; they ride along and are written back.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    quantization: Quantization | None = None
    data: bytes | None = field(default=None, repr=False)
    is_variable: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def elements(self) -> int:
        """Number of elements; 1 for a scalar."""
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        """Bytes of the tensor's values, without alignment."""
        return math.ceil(self.elements * ITEM_BYTES[self.dtype])

    @property
    def is_constant(self) -> bool:
        return self.data is not None

    @property
    def scale(self) -> float:
        """The scale of a per-tensor quantised tensor; 0.0 where there is none."""
        return self.quantization.scale[0] if self.quantization and self.quantization.scale else 0.0

    @property
    def zero_point(self) -> int:
        """The zero point of a per-tensor quantised tensor; 0 where there is none."""
        quantization = self.quantization
        return quantization.zero_point[0] if quantization and quantization.zero_point else 0

    def array(self) -> np.ndarray:
        """The constant as a read-only array of `shape`; ValueError if the tensor is no constant."""
        if self.data is None:
            raise ValueError(f"tensor {self.name!r} has no constant data")
        return np.frombuffer(self.data, dtype=np.dtype(self.dtype)).reshape(self.shape)


@dataclass(frozen=True)
class Op:
    """One operator.

    Args:
        type: str. TFLite's builtin name ("CONV_2D"), or "CUSTOM".
        inputs: tuple of int. Tensor indices; -1 for an absent optional input.
        outputs: tuple of int. Tensor indices.
        options: mapping. The builtin options by the schema's field names in snake case; enums as ints.
        custom_code: str. The name of a custom operator, else "".
        custom_options: bytes. Opaque options of a custom operator.
        version: int. The operator's version.
        extra: mapping. Fields that nothing here interprets.
    """

    type: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    custom_code: str = ""
    custom_options: bytes = field(default=b"", repr=False)
    version: int = 1
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def name(self) -> str:
        """What to call the operator in messages: its custom code, or its builtin name."""
        return self.custom_code if self.type == "CUSTOM" else self.type


@dataclass(frozen=True)
class Graph:
    """A model's main subgraph in execution order, with whatever else its file held.

    Args:
        tensors: tuple of Tensor.
        ops: tuple of Op, in execution order.
        inputs: tuple of int. Tensor indices fed by the caller, in the order of the signature.
        outputs: tuple of int. Tensor indices given to the caller.
        name: str.
        container: object or None. What the file holds besides this subgraph (metadata, signatures, other
            subgraphs); opaque to everything but `tflite/`.
        state: tuple of bytes. The first values of the variables that the last inputs and the last outputs of the
            graph stand for: what leaves one inference enters the next (see `transforms.explicit_state`).
    """

    tensors: tuple[Tensor, ...]
    ops: tuple[Op, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    name: str = "main"
    container: Any = field(default=None, repr=False, compare=False)
    state: tuple[bytes, ...] = field(default=(), repr=False)

    @property
    def model_inputs(self) -> tuple[int, ...]:
        """The inputs that the caller gives: those before the state."""
        return self.inputs[: len(self.inputs) - len(self.state)]

    @property
    def model_outputs(self) -> tuple[int, ...]:
        """The outputs that the caller is given: those before the state."""
        return self.outputs[: len(self.outputs) - len(self.state)]

    def describe(self, op_index: int) -> str:
        """Name an operator in a message: `op 6 CONV_2D (inputs 'a', 'b'; outputs 'c')`."""
        op = self.ops[op_index]
        return f"op {op_index} {op.name} (inputs {self._names(op.inputs)}; outputs {self._names(op.outputs)})"

    def _names(self, indices: Sequence[int]) -> str:
        return ", ".join("none" if i < 0 else f"{self.tensors[i].name!r}" for i in indices) or "none"

    def producers(self) -> dict[int, int]:
        """Tensor index -> index of the operator that writes it."""
        return {t: i for i, op in enumerate(self.ops) for t in op.outputs if t >= 0}

    def consumers(self) -> dict[int, list[int]]:
        """Tensor index -> indices of the operators that read it, ascending, each once."""
        readers: dict[int, list[int]] = {}
        for i, op in enumerate(self.ops):
            for t in dict.fromkeys(op.inputs):
                if t >= 0:
                    readers.setdefault(t, []).append(i)
        return readers

    def with_ops(self, ops: Sequence[Op]) -> Graph:
        """The same graph with other operators."""
        return replace(self, ops=tuple(ops))
