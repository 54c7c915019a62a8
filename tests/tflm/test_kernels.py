"""The drop-in kernels in the real interpreter: TFLite Micro's bytes, or an error that names the operator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import drawn_ops
import numpy as np
import pytest
from hypothesis import given
from kernel_check import batches, in_batches, inputs
from value_pairs import every_pair, pairs

from tflm_mcunet import tflite
from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.errors import ModelError
from tflm_mcunet.graph import Graph, Quantization
from tflm_mcunet.ops import VALID
from tflm_mcunet.tflm import interpreter
from tflm_mcunet.tflm.stage_library import stage_library

REGISTER = "RegisterTflmMcunetKernels"
OPS = (
    "binary",
    "conv_2d",
    "depthwise_conv_2d",
    "fully_connected",
    "grouped_conv_2d",
    "mean",
    "pool_2d",
    "softmax",
)


def run(model: bytes, feed: Sequence[Sequence[np.ndarray]], ours: bool) -> interpreter.TflmRun:
    return interpreter.run(model, feed, custom_ops=[(stage_library(), REGISTER)] if ours else [])


def assert_equal(model: bytes, feed: Sequence[Sequence[np.ndarray]], what: object) -> None:
    stock, ours = run(model, feed, False), run(model, feed, True)
    for expected, computed in zip(stock.outputs, ours.outputs, strict=True):
        for a, b in zip(expected, computed, strict=True):
            assert a.tobytes() == b.tobytes(), repr(what)
    assert stock.allocations and ours.allocations
    assert ours.allocations.head_bytes <= stock.allocations.head_bytes, "the kernels need no scratch"


@pytest.mark.parametrize("name", OPS)
def test_drawn_operators_compute_the_bytes_of_tflite_micro(name: str) -> None:
    @in_batches
    @given(batches(getattr(drawn_ops, name)()))
    def check(batch):
        for graph in batch.graphs:
            assert_equal(tflite.write(graph), inputs(graph), graph)

    check()


def test_every_pair_of_values_of_a_sum_a_difference_and_a_product() -> None:
    """TFLite Micro divides ADD's scales in double and SUB's in float."""
    for graph in pairs():
        assert_equal(tflite.write(graph), every_pair(), graph)


def test_reference_models_compute_the_bytes_of_tflite_micro(shared_models: Path) -> None:
    for path in sorted(shared_models.glob("*.tflite")):
        graph = tflite.read(path)
        feed = inputs(graph, 1)
        stock, ours = (run(path.read_bytes(), feed, flag) for flag in (False, True))
        assert stock.allocations and ours.allocations
        for expected, computed in zip(stock.outputs, ours.outputs, strict=True):
            assert [a.tobytes() for a in expected] == [b.tobytes() for b in computed], path.name


def network(seed: int = 11) -> Graph:
    """Every operator that has a drop-in kernel."""
    b = GraphBuilder(seed)
    x = b.conv_2d(b.input((1, 12, 12, 3)), 8, (3, 3), stride=(2, 2), activation="RELU6")
    y = b.depthwise_conv_2d(x, (3, 3), activation="RELU")
    x = b.binary("SUB", b.binary("ADD", x, y), y)
    x = b.binary("MUL", x, b.mean(x, (1, 2), keep_dims=True))
    x = b.pool_2d("MAX_POOL_2D", b.pool_2d("AVERAGE_POOL_2D", x, (2, 2)), (2, 2), padding=VALID)
    logits = b.fully_connected(x, 10)
    # Both are compared: a saturated softmax tells little.
    return b.finish([b.softmax(logits), logits])


def changed(graph: Graph, op_type: str, operand: int, dtype: str) -> bytes:
    """The network with one operand of an operator declared as another type, so that stock kernels refuse it or not."""
    op = next(op for op in graph.ops if op.type == op_type)
    index = op.inputs[operand]
    tensor = graph.tensors[index]
    quantization = Quantization(tensor.quantization.scale[:1], (0,)) if tensor.quantization else None
    other = replace(tensor, dtype=dtype, quantization=quantization if dtype == "int16" else None)
    tensors = [other if i == index else t for i, t in enumerate(graph.tensors)]
    return tflite.write(replace(graph, tensors=tuple(tensors)))


def test_a_network_of_all_of_them_equals_stock() -> None:
    graph = network()
    assert_equal(tflite.write(graph), inputs(graph, 4), "network")


@pytest.mark.parametrize("dtype", ["int16", "float32"])
@pytest.mark.parametrize(
    "op_type",
    [
        "ADD", "AVERAGE_POOL_2D", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "MAX_POOL_2D", "MEAN", "MUL",
        "SOFTMAX", "SUB",
    ],
)  # fmt: skip
def test_other_types_are_refused_by_the_kernels_name(op_type: str, dtype: str) -> None:
    model = changed(network(), op_type, 0, dtype)
    with pytest.raises(ModelError, match=r"tflm_mcunet .*only int8") as refused:
        run(model, [], True)
    # The tensor may be another operator's output too, which then is the first to refuse it.
    assert op_type in str(refused.value) or "tflm_mcunet" in str(refused.value)


@pytest.mark.parametrize("op_type", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_negative_weight_scales_are_computed(op_type: str) -> None:
    """Some converters write them; the multiplier is negative then."""
    graph = network()
    op = next(op for op in graph.ops if op.type == op_type)
    weights = graph.tensors[op.inputs[1]]
    assert weights.quantization is not None
    scales = tuple(-s if i % 2 else s for i, s in enumerate(weights.quantization.scale))
    turned = replace(weights, quantization=replace(weights.quantization, scale=scales))
    tensors = [turned if t is weights else t for t in graph.tensors]
    model = tflite.write(replace(graph, tensors=tuple(tensors)))
    assert_equal(model, inputs(graph), "negative scales")
    positive = run(tflite.write(graph), inputs(graph), True).outputs
    assert any(
        a.tobytes() != b.tobytes() for a, b in zip(positive[0], run(model, inputs(graph), True).outputs[0])
    )


@pytest.mark.parametrize("op_type", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_weights_have_the_first_zero_point_alone(op_type: str) -> None:
    """TensorFlow Lite wants 0 for every channel; TFLite Micro computes as if they were, whatever is written."""
    graph = network()
    index = next(op for op in graph.ops if op.type == op_type).inputs[1]

    def model(zero_points: tuple[int, ...]) -> bytes:
        weights = graph.tensors[index]
        assert weights.quantization is not None
        other = replace(weights, quantization=replace(weights.quantization, zero_point=zero_points))
        tensors = [other if i == index else t for i, t in enumerate(graph.tensors)]
        return tflite.write(replace(graph, tensors=tuple(tensors)))

    assert_equal(model((0, *range(1, 8))), inputs(graph), "zero points of channels")
    with pytest.raises(ModelError, match="quantised symmetrically"):
        run(model((1, *range(1, 8))), [], True)


def refused(graph: Graph) -> str:
    with pytest.raises(ModelError) as error:
        run(tflite.write(graph), [], True)
    return str(error.value)


def test_weights_that_are_computed_are_refused() -> None:
    b = GraphBuilder(1)
    x, w = b.input((1, 4, 4, 2)), b.input((3, 1, 1, 2))
    y = b.conv_2d(x, 3)
    op = b.ops[-1]
    b.ops[-1] = replace(op, inputs=(x, w, op.inputs[2]))
    assert "tflm_mcunet CONV_2D: the weights must be int8 constants" in refused(b.finish([y]))


def refused_biases() -> Graph:
    b = GraphBuilder(2)
    y = b.fully_connected(b.input((1, 8)), 4)
    bias = b.ops[-1].inputs[2]
    values = np.full(4, 2**31 - 1, np.int32)
    b.tensors[bias] = replace(b.tensors[bias], data=values.tobytes())
    return b.finish([y])


def test_sums_that_overflow_are_refused() -> None:
    message = refused(refused_biases())
    assert "tflm_mcunet FULLY_CONNECTED: some input would overflow an int32 sum" in message


def test_large_biases_that_fit_are_computed() -> None:
    """Near the limit the bound that needs no weights fails, and the weights decide."""
    b = GraphBuilder(3)
    x = b.input((1, 8), zero_point=0)
    y = b.fully_connected(x, 4, scale=1e4)
    bias = b.ops[-1].inputs[2]
    values = np.array([2**31 - 200_000, -(2**31) + 200_000, 2**31 - 160_000, 0], np.int32)
    b.tensors[bias] = replace(b.tensors[bias], data=values.tobytes())
    graph = b.finish([y])
    assert_equal(tflite.write(graph), inputs(graph), "large biases")
