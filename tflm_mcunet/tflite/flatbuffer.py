"""Bytes ↔ a TFLite flatbuffer's object tree: unpacked with every offset checked, packed with aligned data.

The generated Python unpacking trusts its input: bad bytes make it loop, eat memory or raise anything. Here
each table, vtable, vector and string is checked against the file's end before it is read. What a file can
make us visit is bounded by its size, so that offsets which share or cross one another cannot blow up.
"""

from __future__ import annotations

import struct
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as generated

from tflm_mcunet.errors import ModelError
from tflm_mcunet.tflite.schema import Field, Table, table, union_members

IDENTIFIER = b"TFL3"
#: flatbuffers' own limit, and TFLite's: offsets are signed 32-bit.
MAX_FILE_BYTES = 2**31 - 1
_MAX_DEPTH = 32
#: How often the vectors of a file may be read on average, should tables share them.
_MAX_SHARING = 4
_HINT = "the file is damaged, cut short, or no TFLite model; export it again"

_u16 = struct.Struct("<H").unpack_from
_u32 = struct.Struct("<I").unpack_from
_i32 = struct.Struct("<i").unpack_from


class _BrokenError(Exception):
    """A broken fact of the flatbuffer; the path to it is gathered while it passes upwards."""

    def __init__(self, fact: str) -> None:
        super().__init__(fact)
        self.fact = fact
        self.path: list[str] = []


def unpack(data: bytes) -> tuple[Any, int]:
    """The ModelT tree of a model's bytes, and where the last byte that belongs to it ends.

    Raises:
        ModelError: what is broken, with the path of the table and field.
    """
    if len(data) < 8 or data[4:8] != IDENTIFIER:
        found = f"{data[4:8]!r}" if len(data) >= 8 else f"a file of {len(data)} bytes"
        raise ModelError(
            f"no TFLite model: expected the identifier {IDENTIFIER!r} at byte 4, got {found}", _HINT
        )
    if len(data) > MAX_FILE_BYTES:
        raise ModelError(f"a model of {len(data)} bytes is past TFLite's limit of 2 GiB")
    reader = _Reader(data)
    try:
        model = reader.table(table("Model"), reader.offset(0), 0)
    except _BrokenError as broken:
        path = "".join(reversed(broken.path)).lstrip(".") or "Model"
        raise ModelError(f"broken flatbuffer at {path}: {broken.fact}", _HINT) from None
    return model, reader.end


class _Reader:
    """Reads tables out of `data`; positions are byte offsets from its start."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)
        self.end = 8
        # A table that is not shared takes at least four bytes and its reference four more.
        self.tables_left = self.size // 4
        self.bytes_left = self.size * _MAX_SHARING
        self.layouts: dict[tuple[str, int], tuple[int, list[tuple[Field, int]]]] = {}

    def offset(self, position: int) -> int:
        """Follow the unsigned offset at `position`; its target has room for four bytes."""
        distance = _u32(self.data, position)[0]
        target = position + distance
        if distance < 4 or target + 4 > self.size:
            raise _BrokenError(f"offset {distance} at byte {position} leads outside the {self.size} bytes")
        return target

    def layout(self, kind: Table, position: int) -> tuple[int, list[tuple[Field, int]]]:
        """Inline size of the table at `position`, and the fields it holds with their places inside it."""
        vtable = position - _i32(self.data, position)[0]
        known = self.layouts.get((kind.name, vtable))
        if known:
            return known
        if vtable < 0 or vtable + 4 > self.size:
            raise _BrokenError(f"vtable at byte {vtable} is outside the {self.size} bytes")
        vtable_bytes, table_bytes = _u16(self.data, vtable)[0], _u16(self.data, vtable + 2)[0]
        if vtable_bytes < 4 or vtable_bytes % 2 or vtable + vtable_bytes > self.size or table_bytes < 4:
            raise _BrokenError(f"vtable at byte {vtable} has sizes {vtable_bytes} and {table_bytes}")
        places = struct.unpack_from(f"<{vtable_bytes // 2 - 2}H", self.data, vtable + 4)
        if any(places[kind.slots :]):
            raise _BrokenError(f"{kind.name} uses a field that this version's schema does not know")
        present = []
        for field in kind.fields:
            place = places[field.slot] if field.slot < len(places) else 0
            if not place:
                continue
            width = field.width if field.kind == "scalar" and not field.is_vector else 4
            if place < 4 or place + width > table_bytes:
                raise _BrokenError(f"field {field.name} lies outside the table's {table_bytes} bytes")
            present.append((field, place))
        self.end = max(self.end, vtable + vtable_bytes)
        self.layouts[kind.name, vtable] = table_bytes, present
        return table_bytes, present

    def table(self, kind: Table, position: int, depth: int) -> Any:
        """The object of the table at `position`, with everything below it."""
        self.tables_left -= 1
        if self.tables_left < 0 or depth > _MAX_DEPTH:
            raise _BrokenError("more tables than the file has room for: offsets cross")
        table_bytes, present = self.layout(kind, position)
        if position + table_bytes > self.size:
            raise _BrokenError(f"table of {table_bytes} bytes at byte {position} passes the file's end")
        if position + table_bytes > self.end:
            self.end = position + table_bytes
        result = kind.make()
        values = result.__dict__
        for field, place in present:
            at = position + place
            try:
                if field.kind == "scalar" and not field.is_vector:
                    values[field.attribute] = field.unpack(self.data, at)[0]
                elif field.kind == "union":
                    member = self.union(field, values[field.attribute + "Type"], at, depth)
                    values[field.attribute] = member
                else:
                    values[field.attribute] = self.referred(field, self.offset(at), depth)
            except _BrokenError as broken:
                broken.path.append(f".{field.name}")
                raise
        return result

    def union(self, field: Field, code: int, at: int, depth: int) -> Any:
        if code == 0:
            return None
        member = union_members(field.target).get(code)
        if member is None:
            raise _BrokenError(f"union type {code} is not among the {field.target} of this version's schema")
        return self.table(table(member), self.offset(at), depth + 1)

    def referred(self, field: Field, position: int, depth: int) -> Any:
        """A string, table or vector at `position`."""
        if field.kind == "table" and not field.is_vector:
            return self.table(table(field.target), position, depth + 1)
        count = _u32(self.data, position)[0]
        width = 1 if field.kind == "string" and not field.is_vector else field.width
        start, stop = position + 4, position + 4 + count * width
        if stop > self.size:
            raise _BrokenError(f"{count} elements of {width} bytes at byte {position} pass the file's end")
        self.bytes_left -= count * width
        if self.bytes_left < 0:
            raise _BrokenError("more vectors than the file has room for: offsets cross")
        if stop > self.end:
            self.end = stop
        if field.kind == "scalar":
            return np.frombuffer(self.data, field.dtype, count, start)
        if field.kind == "string" and not field.is_vector:
            return self.data[start:stop]
        return [self.element(field, start, i, depth) for i in range(count)]

    def element(self, field: Field, start: int, index: int, depth: int) -> Any:
        """One string or table of a vector of offsets."""
        try:
            position = self.offset(start + 4 * index)
            if field.kind == "table":
                return self.table(table(field.target), position, depth + 1)
            count = _u32(self.data, position)[0]
            self.bytes_left -= count
            if position + 4 + count > self.size or self.bytes_left < 0:
                raise _BrokenError(f"string of {count} bytes at byte {position} passes the file's end")
            self.end = max(self.end, position + 4 + count)
            return self.data[position + 4 : position + 4 + count]
        except _BrokenError as broken:
            broken.path.append(f"[{index}]")
            raise


class AlignedBuffer(generated.BufferT):
    """A BufferT whose data starts at a multiple of 16 bytes, as the schema's `force_align` asks.

    The generated packing ignores `force_align`, while TFLite Micro reads constants where they lie.
    """

    def Pack(self, builder: flatbuffers.Builder) -> int:
        vector = None
        if self.data is not None:
            vector = _byte_vector(builder, self.data)
        generated.BufferStart(builder)
        if vector is not None:
            generated.BufferAddData(builder, vector)
        return generated.BufferEnd(builder)


def _byte_vector(builder: flatbuffers.Builder, data: bytes) -> int:
    builder.StartVector(1, len(data), 16)
    builder.head -= len(data)
    builder.Bytes[builder.head : builder.head + len(data)] = data
    return builder.EndVector()


def pack(model: Any) -> bytes:
    """The bytes of a ModelT tree, identifier included.

    Raises:
        ModelError: the model is past 2 GiB.
    """
    constants = sum(len(b.data) + 64 for b in model.buffers or [] if b.data is not None)
    if constants > MAX_FILE_BYTES:
        raise ModelError(f"the model's constants take {constants} bytes; TFLite's limit is 2 GiB")
    tables = sum(len(s.tensors or []) + len(s.operators or []) for s in model.subgraphs or [])
    # Room at once: the builder grows by doubling and copying.
    builder = flatbuffers.Builder(constants + 512 * tables + 4096)
    try:
        builder.Finish(model.Pack(builder), file_identifier=IDENTIFIER)
    except flatbuffers.builder.BuilderSizeError:
        raise ModelError("the model is past TFLite's limit of 2 GiB") from None
    return bytes(builder.Output())
