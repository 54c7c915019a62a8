"""Object trees of models through the generated code alone, and a model that uses every corner of the schema."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as s

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.graph import Graph

#: Codes past 127 are marked by 127 in the deprecated field.
ADD, CUSTOM, MUL, COMPOSITE = 0, 32, 18, 206


def tree(data: bytes) -> Any:
    """The ModelT of a file, unpacked by the generated code: the outside truth."""
    return s.ModelT.InitFromPackedBuf(data)


def pack(model: Any) -> bytes:
    """The file of a ModelT, packed by the generated code (unaligned)."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def difference(a: Any, b: Any, path: str = "Model") -> str:
    """The first difference of two object trees; empty if they are equal to the last field."""
    if type(a) is not type(b):
        return f"{path}: {a!r} is not {b!r}"
    if isinstance(a, np.ndarray):
        return "" if a.dtype == b.dtype and a.tobytes() == b.tobytes() else f"{path}: {a} is not {b}"
    if isinstance(a, list):
        if len(a) != len(b):
            return f"{path}: {len(a)} elements, not {len(b)}"
        pairs = [(f"{path}[{i}]", x, y) for i, (x, y) in enumerate(zip(a, b))]
    elif hasattr(a, "__dict__"):
        pairs = [(f"{path}.{name}", value, vars(b)[name]) for name, value in vars(a).items()]
    else:
        return "" if a == b else f"{path}: {a!r} is not {b!r}"
    return next((found for where, x, y in pairs if (found := difference(x, y, where))), "")


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def raw(data: bytes) -> np.ndarray:
    return np.frombuffer(data, np.uint8)


def data_positions(data: bytes) -> list[tuple[int, int]]:
    """(position, length) of every buffer's data in a file."""
    start = np.frombuffer(data, np.uint8).__array_interface__["data"][0]
    arrays = [buffer.data for buffer in tree(data).buffers if buffer.data is not None]
    return [(a.__array_interface__["data"][0] - start, a.size) for a in arrays]


def everything() -> Any:
    """A valid model with what converters rarely write: two subgraphs and every side table of the schema."""
    floats = np.array([1.5, -2.0, 0.25], np.float32)
    buffers = [
        s.BufferT(),
        s.BufferT(data=raw(b"")),
        s.BufferT(data=raw(floats.tobytes())),
        s.BufferT(data=raw(b"1.2.3\0\0\0")),
        s.BufferT(data=raw(b"\xffnotes")),
        s.BufferT(data=raw(bytes([1, 2, 3, 4]))),
        s.BufferT(data=raw(bytes(range(8)))),
        s.BufferT(data=raw(np.array([0.5, 0.5], np.float32).tobytes())),
        s.BufferT(data=raw(b"\x01\0\0\0\x0c\0\0\0\x0f\0\0\0abc")),
        s.BufferT(data=raw(b"used by nothing")),
    ]
    codes = [
        s.OperatorCodeT(ADD, None, 2, ADD),
        s.OperatorCodeT(CUSTOM, b"My\xffOp", 3, CUSTOM),
        s.OperatorCodeT(127, None, 1, COMPOSITE),
        s.OperatorCodeT(MUL, None, 1, 0),
        s.OperatorCodeT(127, None, 1, 9999),
    ]
    return s.ModelT(
        version=3,
        operatorCodes=codes,
        subgraphs=[_main(), _second()],
        description=b"caf\xe9",
        buffers=buffers,
        metadataBuffer=ints(3),
        metadata=[s.MetadataT(b"min_runtime_version", 3), s.MetadataT(b"\xff", 4)],
        signatureDefs=[
            s.SignatureDefT([s.TensorMapT(b"a", 0)], [s.TensorMapT(b"b", 9)], b"serve", 0),
            s.SignatureDefT([s.TensorMapT(b"c", 0)], [s.TensorMapT(b"d", 1)], b"part", 1),
        ],
        externalBufferGroups=[s.ExternalBufferGroupT(b"weights.bin")],
        externalBuffers=[s.ExternalBufferT(1, 0, 16, 32, b"none")],
    )


def _main() -> Any:
    range_only = s.QuantizationParametersT(min=np.array([-1.0], "f4"), max=np.array([1.0], "f4"))
    sparsity = s.SparsityParametersT(
        traversalOrder=ints(0, 1),
        dimMetadata=[
            s.DimensionMetadataT(format=0, denseSize=4),
            s.DimensionMetadataT(
                1, 0, 3, s.Uint8VectorT(raw(bytes([0, 1, 2, 3, 4]))), 1, s.Int32VectorT(ints(0, 1, 2, 3))
            ),
        ],
    )
    blockwise = s.QuantizationParametersT(detailsType=2, details=s.BlockwiseQuantizationT(12, -1, 4))
    custom = s.QuantizationParametersT(detailsType=1, details=s.CustomQuantizationT(raw(b"mine")))
    per_axis = s.QuantizationParametersT(
        scale=np.array([0.5, 0.25], "f4"), zeroPoint=np.array([0, 0], "i8"), quantizedDimension=0
    )
    tensors = [
        s.TensorT(ints(1, 3), 0, 0, b"x", range_only, shapeSignature=ints(-1, 3), hasRank=True),
        s.TensorT(ints(3), 0, 2, b"w"),
        s.TensorT(ints(3), 0, 2, b"w again", s.QuantizationParametersT()),
        s.TensorT(ints(1, 3), 0, 1, b"y"),
        s.TensorT(ints(1, 3), 0, 0, b"z"),
        s.TensorT(ints(4, 4), 9, 5, b"sparse", sparsity=sparsity),
        s.TensorT(None, 14, 0, b"variant", variantTensors=[s.VariantSubTypeT(ints(2), 0, True)]),
        s.TensorT(ints(1, 3), 0, 0, b"state", isVariable=True),
        s.TensorT(ints(1), 5, 8, b"string"),
        s.TensorT(ints(1, 3), 0, 0, b"out\xc3\xa9"),
        s.TensorT(ints(1, 3), 0, 0, None),
        s.TensorT(ints(2, 4), 9, 6, b"blocks", blockwise),
        s.TensorT(ints(2), 0, 7, b"scales"),
        s.TensorT(ints(2, 4), 9, 6, b"opaque", custom),
        s.TensorT(ints(2, 4), 9, 6, b"per axis", per_axis),
    ]
    operators = [
        s.OperatorT(0, ints(0, 1), ints(3), s.BuiltinOptions.AddOptions, s.AddOptionsT(1, False)),
        s.OperatorT(
            1,
            ints(3, 7, -1, 5, 11),
            ints(4),
            customOptions=raw(b"opaque"),
            mutatingVariableInputs=np.array([False, True, False, False, False]),
            intermediates=ints(10),
            debugMetadataIndex=2,
        ),
        s.OperatorT(
            2,
            ints(4, 2),
            ints(9),
            builtinOptions2Type=s.BuiltinOptions2.StableHLOCompositeOptions,
            builtinOptions2=s.StableHLOCompositeOptionsT(b"fn", 1, raw(b"attributes"), 0, 7),
        ),
    ]
    return s.SubGraphT(tensors, ints(0), ints(9), operators, b"entry", 1)


def _second() -> Any:
    tensors = [s.TensorT(ints(2, 2), 0, 0, b"p"), s.TensorT(ints(2, 2), 0, 0, b"q")]
    return s.SubGraphT(tensors, ints(0), ints(1), [s.OperatorT(3, ints(0, 0), ints(1))], None)


def small_network(seed: int = 3) -> Graph:
    """A built int8 network whose logits and softmax are outputs."""
    b = GraphBuilder(seed)
    x = b.input((1, 8, 8, 4), name="image")
    y = b.conv_2d(x, 6, (3, 3), activation="RELU6")
    y = b.binary("ADD", b.depthwise_conv_2d(y), y)
    y = b.pool_2d("AVERAGE_POOL_2D", y, (2, 2))
    y = b.fully_connected(b.reshape(y, (1, 96)), 10)
    return b.finish([y, b.softmax(y)])
