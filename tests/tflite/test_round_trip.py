"""What is read and not changed is written back as it was."""

from __future__ import annotations

import copy
import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from tflite_trees import data_positions, difference, everything, pack, small_network, tree

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.errors import ModelError, UsageError
from tflm_mcunet.tflite import read, write
from tflm_mcunet.tflite.flatbuffer import unpack


def test_real_models_keep_every_field(shared_models: Path) -> None:
    for path in sorted(shared_models.glob("*.tflite")):
        data = path.read_bytes()
        assert difference(tree(data), tree(write(read(path)))) == "", path.name


def test_every_corner_of_the_schema_is_kept() -> None:
    data = pack(everything())
    assert difference(tree(data), tree(write(read(data)))) == ""


def test_checked_unpacking_equals_the_generated_one(shared_models: Path) -> None:
    files = [path.read_bytes() for path in sorted(shared_models.glob("*.tflite"))]
    for data in [*files, pack(everything()), write(small_network())]:
        assert difference(tree(data), unpack(data)[0]) == ""


def test_writing_twice_gives_the_same_bytes() -> None:
    once = write(read(pack(everything())))
    assert write(read(once)) == once
    assert once[4:8] == b"TFL3"


@pytest.mark.parametrize("seed", range(4))
def test_buffers_are_aligned(seed: int) -> None:
    model = everything()
    model.description = b"x" * seed  # moves everything behind it
    for data in (write(read(pack(model))), write(small_network(seed))):
        assert len(data_positions(data)) > 3
        assert [position % 16 for position, _ in data_positions(data)] == [0] * len(data_positions(data))


def test_shared_buffers_are_one_object_and_stay_shared() -> None:
    graph = read(pack(everything()))
    assert graph.tensors[1].data is graph.tensors[2].data
    written = tree(write(graph)).subgraphs[0].tensors
    assert [written[t].buffer for t in (1, 2, 11, 13, 14)] == [2, 2, 6, 6, 6]


def test_graph_shows_what_the_file_says() -> None:
    graph = read(pack(everything()))
    add, custom, composite = graph.ops
    assert add.options == {"fused_activation_function": 1, "pot_scale_int16": False}
    assert (custom.type, custom.custom_code, custom.custom_options) == ("CUSTOM", "My\\xffOp", b"opaque")
    assert (custom.version, custom.extra["intermediates"], custom.inputs) == (3, (10,), (3, 7, -1, 5, 11))
    assert composite.type == "STABLEHLO_COMPOSITE"
    assert composite.options == {
        "name": "fn",
        "decomposition_subgraph_index": 1,
        "composite_attributes": b"attributes",
        "composite_attributes_format": 0,
        "version": 7,
    }
    assert graph.container.subgraphs[0].ops[0].type == "MUL"  # by its deprecated code alone
    assert graph.name == "entry"
    assert graph.container.subgraphs[0].name == "main"
    assert graph.tensors[0].shape == (1, 3)
    assert graph.tensors[7].is_variable
    assert graph.tensors[7].data is None
    assert graph.tensors[9].name == "outé"
    assert graph.tensors[14].quantization is not None
    assert graph.tensors[14].quantization.scale == (0.5, 0.25)
    assert graph.tensors[11].quantization is None  # by blocks: nothing that a scale per axis could say
    np.testing.assert_array_equal(graph.tensors[1].array(), [1.5, -2.0, 0.25])


def test_an_empty_unwritten_tensor_is_a_constant() -> None:
    """The shape operand of a RESHAPE to a scalar has no elements and an empty buffer."""
    b = GraphBuilder(1)
    x = b.input((1, 1))
    y = b.reshape(x, ())
    graph = read(write(b.finish([y])))
    assert graph.tensors[graph.ops[0].inputs[1]].data == b""
    assert difference(tree(write(graph)), tree(write(b.finish([y])))) == ""


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda graph: pickle.loads(pickle.dumps(graph))])
def test_graphs_can_be_copied_and_pickled(copied: object) -> None:
    graph = read(pack(everything()))
    assert write(copied(graph)) == write(graph)  # type: ignore[operator]


def test_data_outside_the_flatbuffer_moves_inside() -> None:
    """Large models keep buffers and custom options behind the flatbuffer, by offset and size."""
    model = everything()
    model.buffers[2].data = None
    model.buffers[2].offset, model.buffers[2].size = 2, 12
    operator = model.subgraphs[0].operators[1]
    operator.customOptions = None
    operator.largeCustomOptionsOffset, operator.largeCustomOptionsSize = 2, 6
    end = len(pack(model))
    model.buffers[2].offset, operator.largeCustomOptionsOffset = end, end + 12
    data = pack(model) + everything().buffers[2].data.tobytes() + b"opaque"
    assert len(data) == end + 18
    assert difference(tree(write(read(data))), tree(pack(everything()))) == ""
    for cut in (1, 7):
        with pytest.raises(ModelError, match="pass the end of the file"):
            read(data[:-cut])


def test_overlapping_outside_data_is_bounded() -> None:
    model = everything()
    for buffer in model.buffers:
        buffer.data, buffer.offset, buffer.size = None, 2, 4096
    model.description = b"x" * 5000
    with pytest.raises(ModelError, match="adds up to 40960 bytes"):
        read(pack(model))


def test_associated_files_stay_readable() -> None:
    """TFLite's metadata tools append a zip archive (labels and the like) to the model."""
    archive = io.BytesIO(pack(everything()))
    archive.seek(0, io.SEEK_END)
    with zipfile.ZipFile(archive, "a") as files:
        files.writestr("labels.txt", "cat\ndog\n")
    written = write(read(archive.getvalue()))
    assert zipfile.ZipFile(io.BytesIO(written)).read("labels.txt") == b"cat\ndog\n"
    assert difference(tree(written), tree(pack(everything()))) == ""


def test_paths_and_buffers_are_read_alike(tmp_path: Path) -> None:
    data = pack(everything())
    path = tmp_path / "model.tflite"
    path.write_bytes(data)
    for source in (path, str(path), bytearray(data), memoryview(data)):
        assert write(read(source)) == write(read(data))


def test_unreadable_files_are_usage_errors(tmp_path: Path) -> None:
    for source in (tmp_path / "missing.tflite", tmp_path, "null\0byte", 7):
        with pytest.raises(UsageError) as caught:
            read(source)  # type: ignore[arg-type]
        assert caught.value.exit_code == 2
        assert str(tmp_path) in caught.value.message or not isinstance(source, Path)


def test_other_files_are_no_models(tmp_path: Path) -> None:
    for data in (b"", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n" + bytes(100)):
        (tmp_path / "other").write_bytes(data)
        with pytest.raises(ModelError, match="no TFLite model"):
            read(tmp_path / "other")


def test_weights_in_other_files_are_refused() -> None:
    model = everything()
    model.subgraphs[0].tensors[1].externalBuffer = 1
    with pytest.raises(ModelError, match=r"tensor 1 'w': its data is in another file"):
        read(pack(model))


def test_compressed_weights_are_refused() -> None:
    model = everything()
    model.metadata[1].name = b"COMPRESSION_METADATA"
    with pytest.raises(ModelError, match="compressed"):
        read(pack(model))
