"""Bad bytes give a result or a ModelError: never another exception, a crash or a hang."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as s
from tflite_trees import data_positions, everything, pack, small_network

from tflm_mcunet.errors import ModelError
from tflm_mcunet.tflite import prune, read, write

FLIPS = 2000
#: Generous beside the few milliseconds that a read takes: a hang is seconds.
MEAN_SECONDS = 0.1


def survives(data: bytes) -> bool:
    """Whether the bytes are still a model; if so, it can be written, pruned and read again."""
    try:
        graph = read(data)
    except ModelError:
        return False
    read(write(graph))
    read(write(prune(graph)))
    return True


def small_models(folder: Path | None) -> list[bytes]:
    """Files of a few kilobytes that are mostly structure, and real ones where they are at hand."""
    files = [write(small_network()), pack(everything()), write(read(pack(everything())))]
    if folder is not None:
        files += [
            (folder / name).read_bytes()
            for name in ("mlperf_kws_ref_model.tflite", "mlperf_resnet_quant.tflite")
        ]
    return files


def structure(data: bytes) -> list[int]:
    """Positions outside the larger buffers."""
    inside: set[int] = set()
    for position, size in data_positions(data):
        if size > 64:
            inside.update(range(position, position + size))
    return [i for i in range(len(data)) if i not in inside]


def check_cuts(files: list[bytes]) -> None:
    for data in files:
        assert survives(data)
        for percent in range(100):
            assert not survives(data[: len(data) * percent // 100])


def check_flips(files: list[bytes], flips: int, seed: int) -> None:
    generator = random.Random(seed)
    kept, started = 0, time.process_time()
    places = [structure(data) for data in files]
    for i in range(flips):
        data, place = bytearray(files[i % len(files)]), places[i % len(files)]
        for _ in range(generator.choice((1, 1, 2, 8))):
            at = generator.choice(place) if generator.random() < 0.6 else generator.randrange(len(data))
            data[at] = generator.choice(
                (data[at] ^ 1 << generator.randrange(8), generator.randrange(256), 0, 255)
            )
        kept += survives(bytes(data))
    assert 0 < kept < flips  # neither everything nor nothing is refused
    assert time.process_time() - started < MEAN_SECONDS * flips


def test_cut_files() -> None:
    check_cuts(small_models(None))


def test_cut_real_files(shared_models: Path) -> None:
    check_cuts([path.read_bytes() for path in sorted(shared_models.glob("*.tflite"))])


def test_flipped_bytes() -> None:
    check_flips(small_models(None), FLIPS, seed=2026)


def test_flipped_bytes_of_real_files(shared_models: Path) -> None:
    check_flips(small_models(shared_models)[3:], FLIPS // 4, seed=11)


def test_random_bytes_behind_the_identifier() -> None:
    generator = np.random.default_rng(5)
    for _ in range(200):
        noise = generator.integers(0, 256, generator.integers(0, 400), np.uint8).tobytes()
        survives(noise[:4] + b"TFL3" + noise[4:])
        survives(b"\x10\0\0\0TFL3" + noise)


def finish(make: Callable[[flatbuffers.Builder], Any]) -> bytes:
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(make(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def repeated(builder: flatbuffers.Builder, table: int, count: int) -> int:
    """A vector that names one table again and again."""
    builder.StartVector(4, count, 4)
    for _ in range(count):
        builder.PrependUOffsetTRelative(table)
    return builder.EndVector()


def model_of(builder: flatbuffers.Builder, subgraphs: int) -> int:
    s.ModelStart(builder)
    s.ModelAddVersion(builder, 3)
    s.ModelAddSubgraphs(builder, subgraphs)
    return s.ModelEnd(builder)


def crossing(builder: flatbuffers.Builder) -> int:
    """A thousand subgraphs of a thousand tensors of a thousand subtypes, each of them one table: 10^9 visits."""
    s.VariantSubTypeStart(builder)
    subtypes = repeated(builder, s.VariantSubTypeEnd(builder), 1000)
    s.TensorStart(builder)
    s.TensorAddVariantTensors(builder, subtypes)
    tensors = repeated(builder, s.TensorEnd(builder), 1000)
    s.SubGraphStart(builder)
    s.SubGraphAddTensors(builder, tensors)
    return model_of(builder, repeated(builder, s.SubGraphEnd(builder), 1000))


def sharing(builder: flatbuffers.Builder) -> int:
    """Two thousand tensors that share one shape of 20,000 dimensions."""
    shape = builder.CreateNumpyVector(np.ones(20_000, np.int32))
    tensors = []
    for _ in range(2000):
        s.TensorStart(builder)
        s.TensorAddShape(builder, shape)
        tensors.append(s.TensorEnd(builder))
    s.SubGraphStartTensorsVector(builder, len(tensors))
    for tensor in tensors:
        builder.PrependUOffsetTRelative(tensor)
    vector = builder.EndVector()
    s.SubGraphStart(builder)
    s.SubGraphAddTensors(builder, vector)
    return model_of(builder, repeated(builder, s.SubGraphEnd(builder), 1))


def newer_schema(builder: flatbuffers.Builder) -> int:
    """A SubGraph with a field that does not exist yet."""
    builder.StartObject(40)
    builder.PrependInt32Slot(39, 7, 0)
    return model_of(builder, repeated(builder, builder.EndObject(), 1))


@pytest.mark.parametrize(
    "make, message",
    [
        (crossing, "more tables than the file has room for"),
        (sharing, "more vectors than the file has room for"),
        (newer_schema, r"subgraphs\[0\]: SubGraph uses a field that this version's schema does not know"),
    ],
)
def test_hostile_files_are_refused_quickly(make: Callable[[flatbuffers.Builder], Any], message: str) -> None:
    data = finish(make)
    started = time.process_time()
    with pytest.raises(ModelError, match=message):
        read(data)
    assert time.process_time() - started < 2


def patched(data: bytes, path: str, value: int, width: int = 4) -> bytes:
    """The file with the integer at a named place overwritten."""
    root = int.from_bytes(data[:4], "little")
    vtable = root - int.from_bytes(data[root : root + 4], "little", signed=True)
    subgraphs = root + int.from_bytes(data[vtable + 8 : vtable + 10], "little")
    vector = subgraphs + int.from_bytes(data[subgraphs : subgraphs + 4], "little")
    at = {"root": 0, "soffset": root, "vtable": vtable, "inline": vtable + 2, "field": vtable + 8}
    at |= {"offset": subgraphs, "count": vector, "element": vector + 4}
    return data[: at[path]] + value.to_bytes(width, "little") + data[at[path] + width :]


@pytest.mark.parametrize(
    "path, value, width, message",
    [
        ("root", 0, 4, "broken flatbuffer at Model: offset 0 at byte 0 leads outside"),
        ("root", 2**32 - 1, 4, "broken flatbuffer at Model: offset 4294967295 at byte 0"),
        ("soffset", 2**31 - 1, 4, "broken flatbuffer at Model: vtable at byte -"),
        ("soffset", 2**31, 4, "broken flatbuffer at Model: vtable at byte .* is outside"),
        ("vtable", 3, 2, "broken flatbuffer at Model: vtable at byte .* has sizes 3 and"),
        ("vtable", 65534, 2, "broken flatbuffer at Model: vtable at byte .* has sizes 65534 and"),
        ("inline", 65535, 2, "broken flatbuffer at Model: table of 65535 bytes .* passes the file's end"),
        ("field", 60000, 2, "broken flatbuffer at Model: field subgraphs lies outside the table"),
        ("offset", 2**31, 4, "broken flatbuffer at subgraphs: offset 2147483648 at byte"),
        ("count", 2**32 - 1, 4, "broken flatbuffer at subgraphs: 4294967295 elements of 4 bytes at byte"),
        ("element", 3, 4, r"broken flatbuffer at subgraphs\[0\]: offset 3 at byte"),
    ],
)
def test_broken_offsets_are_named_with_their_path(path: str, value: int, width: int, message: str) -> None:
    data = pack(everything())
    assert patched(data, path, 0, 0) == data
    with pytest.raises(ModelError, match=message) as caught:
        read(patched(data, path, value, width))
    assert caught.value.hint


def test_unknown_union_members_are_refused() -> None:
    model = everything()
    model.subgraphs[0].operators[0].builtinOptionsType = 250
    with pytest.raises(ModelError, match=r"operators\[0\]\.builtin_options: union type 250"):
        read(pack(model))
