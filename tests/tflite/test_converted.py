"""Models as TensorFlow's converter writes them: signatures, several subgraphs, variables, open shapes."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from tflite_trees import difference, tree

from tflm_mcunet.tflite import metadata, prune, read, verify, write


@pytest.fixture(scope="module")
def tf() -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return pytest.importorskip("tensorflow")


@pytest.fixture(scope="module")
def stateful(tf: Any, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Three signatures: a variable that is kept, a loop and a branch, the latter two with subgraphs of their own."""

    class Module(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            self.total = tf.Variable(tf.zeros([1, 4]))

        @tf.function(input_signature=[tf.TensorSpec([1, 4], tf.float32)])
        def add(self, x: Any) -> Any:
            self.total.assign_add(x)
            return {"total": self.total.read_value()}

        @tf.function(input_signature=[tf.TensorSpec([], tf.int32), tf.TensorSpec([1, 4], tf.float32)])
        def loop(self, n: Any, x: Any) -> Any:
            return {"x": tf.while_loop(lambda i, a: i < n, lambda i, a: (i + 1, a * 2.0 + 1.0), (0, x))[1]}

        @tf.function(input_signature=[tf.TensorSpec([], tf.bool), tf.TensorSpec([1, 4], tf.float32)])
        def branch(self, c: Any, x: Any) -> Any:
            return {"x": tf.cond(c, lambda: tf.nn.relu(x), lambda: x - 1.0)}

    module, folder = Module(), str(tmp_path_factory.mktemp("saved"))
    signatures = {"add": module.add, "loop": module.loop, "branch": module.branch}
    tf.saved_model.save(module, folder, signatures=signatures)
    converter = tf.lite.TFLiteConverter.from_saved_model(folder)
    converter.experimental_enable_resource_variables = True
    return converter.convert()


@pytest.fixture(scope="module")
def network(tf: Any) -> Any:
    layers = tf.keras.layers
    return tf.keras.Sequential(
        [
            layers.Input((12, 12, 3)),
            layers.ZeroPadding2D(1),
            layers.Conv2D(8, 3, strides=2),
            layers.DepthwiseConv2D(3, padding="same"),
            layers.ReLU(6.0),
            layers.Flatten(),
            layers.Dense(4, activation="softmax"),
        ]
    )


def samples() -> Any:
    generator = np.random.default_rng(0)
    for _ in range(4):
        yield [generator.random((1, 12, 12, 3), np.float32)]


def test_signatures_and_subgraphs_survive(stateful: bytes) -> None:
    graph = read(stateful)
    assert len(graph.container.subgraphs) >= 5
    for written in (write(graph), write(prune(graph))):
        interpreter = Interpreter(model_content=written)
        assert set(interpreter.get_signature_list()) == {"add", "loop", "branch"}
        add = interpreter.get_signature_runner("add")
        add(x=np.ones((1, 4), np.float32))
        np.testing.assert_array_equal(add(x=np.ones((1, 4), np.float32))["total"], [[2.0] * 4])
        loop = interpreter.get_signature_runner("loop")
        doubled = loop(n=np.int32(3), x=np.zeros((1, 4), np.float32))["x"]
        np.testing.assert_array_equal(doubled, [[7.0] * 4])
        branch = interpreter.get_signature_runner("branch")
        for condition, expected in ((True, 2.0), (False, 1.0)):
            out = branch(c=np.bool_(condition), x=np.full((1, 4), 2.0, np.float32))["x"]
            np.testing.assert_array_equal(out, [[expected] * 4])
    assert difference(tree(stateful), tree(write(graph))) == ""


@pytest.mark.parametrize("kind", ["float", "dynamic range", "int8", "float16", "outside buffers"])
def test_converted_networks_are_kept(tf: Any, network: Any, kind: str) -> None:
    settings: dict[str, Any] = {} if kind in ("float", "outside buffers") else {"optimizations": ["DEFAULT"]}
    if kind == "int8":
        settings["representative_dataset"] = samples
    if kind == "outside buffers":
        settings["_experimental_use_buffer_offset"] = True
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    for name, value in settings.items():
        setattr(converter, name, value)
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    data = converter.convert()
    graph = read(data)
    if kind == "outside buffers":
        assert any(buffer.offset > 1 for buffer in tree(data).buffers)
    else:
        assert difference(tree(data), tree(write(graph))) == ""
    assert "min_runtime_version" in metadata(graph)
    assert graph.tensors[graph.inputs[0]].extra["record"].shapeSignature.tolist() == [-1, 12, 12, 3]
    verify(graph, open_shapes=False)  # only the batch is open, and holds 1 throughout
    outputs = []
    for other in (data, write(graph), write(prune(graph))):
        interpreter = Interpreter(model_content=other)
        runner = interpreter.get_signature_runner()
        (name,) = runner.get_input_details()
        outputs.append(next(iter(runner(**{name: next(samples())[0]}).values())))
    assert np.array_equal(outputs[0], outputs[1])
    assert np.array_equal(outputs[0], outputs[2])


def test_models_with_open_heights_and_widths_are_read(tf: Any) -> None:
    inputs = tf.keras.Input((None, None, 3))
    x = tf.keras.layers.Conv2D(4, 3)(inputs)
    model = tf.keras.Model(inputs, tf.keras.layers.MaxPooling2D(2)(x))
    data = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    graph = read(data)
    assert difference(tree(data), tree(write(graph))) == ""
