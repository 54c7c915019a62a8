"""What no drawn shape or scale reaches: missing biases, huge sums, values that are no numbers, odd ends of a graph."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from harness import run_graphs
from kernel_check import assert_equal_to_tflm, inputs
from value_pairs import every_pair, pairs

from tflm_mcunet import tflite
from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.codegen.program import build_program
from tflm_mcunet.errors import UnsupportedOpError
from tflm_mcunet.graph import Graph, Op, Quantization
from tflm_mcunet.ops import VALID
from tflm_mcunet.schedule.layer import plan_layer
from tflm_mcunet.tflm import interpreter


def test_depthwise_without_bias_equals_one_with_zeros():
    b = GraphBuilder(3)
    x = b.input((1, 5, 4, 3))
    graph = b.finish([b.depthwise_conv_2d(x, multiplier=2, bias=False)])
    (op,) = graph.ops
    zeros = GraphBuilder()
    zeros.tensors = list(graph.tensors)
    bias = zeros.constant([0] * 6)
    with_zeros = Graph(
        tuple(zeros.tensors), (replace(op, inputs=(*op.inputs[:2], bias)),), graph.inputs, graph.outputs
    )
    feed = inputs(graph)
    truth = interpreter.run(tflite.write(with_zeros), feed).outputs
    for expected, computed in zip(truth, run_graphs([graph], [feed])[0], strict=True):
        assert np.array_equal(expected[0], computed[0])


def test_odd_ends_of_a_graph():
    """An output that is read as well, an input that is an output, an operand read twice, an output named twice."""
    graphs = []
    b = GraphBuilder(1)
    x = b.input((1, 4, 4, 2))
    y = b.conv_2d(x, 3)
    z = b.op("RELU", [y])
    graphs.append(b.finish([y, z, x]))
    b = GraphBuilder(2)
    x = b.input((1, 4, 4, 2))
    y = b.op("RELU6", [x])
    graphs.append(b.finish([b.binary("ADD", y, y), b.concatenation([y, y])]))
    b = GraphBuilder(3)
    x = b.input((2, 6))
    graphs.append(b.finish([b.reshape(x, (3, 4)), b.reshape(x, (4, 3))]))
    b = GraphBuilder(4)
    x, unread = b.input((1, 8)), b.input((1, 5))
    graphs.append(b.finish([b.op("TANH", [x], scale=1 / 128, zero_point=0), unread]))
    b = GraphBuilder(5)
    x = b.input((1, 2, 2, 8))
    graphs.append(b.finish([x]))
    assert_equal_to_tflm(graphs)


def test_reshapes_of_reshapes_share_their_bytes():
    b = GraphBuilder(6)
    x = b.op("RELU", [b.input((1, 4, 6, 2))])
    y = b.op("EXPAND_DIMS", [b.reshape(x, (8, 6)), b.constant(0)])
    y = b.op("RELU6", [b.op("SQUEEZE", [y], {"squeeze_dims": [0]})])
    graph = b.finish([b.reshape(y, (48,))])
    program = build_program(
        plan_layer(graph, in_place={"RESHAPE": (0,), "EXPAND_DIMS": (0,), "SQUEEZE": (0,)})
    )
    kinds = [graph.ops[step.op].type for stage in program.stages for step in stage.steps]
    assert kinds == ["RELU", "RELU6"]
    assert_equal_to_tflm([graph])


def test_a_constant_feeds_operators_that_move_and_map():
    b = GraphBuilder(7)
    x = b.input((2, 3, 3, 4), scale=0.1, zero_point=3)
    data = b.random.integers(-128, 128, (2, 3, 3, 4), dtype=np.int8)
    c = b.tensor(data.shape, "int8", scale=0.1, zero_point=3, data=data)
    transposed = b.tensor(data.shape, "int8", scale=0.1, zero_point=3)
    b.ops.append(Op("TRANSPOSE", (c, b.constant([0, 2, 1, 3])), (transposed,)))
    relu = b.tensor(data.shape, "int8", scale=0.2, zero_point=-5)
    b.ops.append(Op("RELU", (c,), (relu,)))
    joined = b.concatenation([x, c, transposed])
    assert_equal_to_tflm([b.finish([joined, b.binary("ADD", x, c), b.binary("MUL", relu, c)])])


def test_large_sums():
    graphs = []
    for shape in ((1, 96, 96, 1), (1, 33, 65, 2), (1, 7, 7, 40)):
        b = GraphBuilder(8)
        x = b.input(shape, scale=0.03, zero_point=-128)
        pooled = b.pool_2d("AVERAGE_POOL_2D", x, shape[1:3], stride=(1, 1), padding=VALID)
        graphs.append(b.finish([b.mean(x, (1, 2), scale=0.011, zero_point=17), pooled]))
    b = GraphBuilder(9)
    graphs.append(b.finish([b.fully_connected(b.input((1, 4000)), 3)]))
    assert_equal_to_tflm(graphs)


def test_sizes_at_which_the_nearest_neighbour_hangs_on_the_last_bit():
    """float32 and float64 scales pick different neighbours here; TFLite Micro's is float32."""
    sizes = [
        (14, 46),
        (26, 22),
        (26, 44),
        (28, 46),
        (30, 26),
        (30, 52),
        (30, 58),
        (46, 14),
        (60, 52),
        (62, 58),
    ]
    graphs = []
    for size, resized in itertools.product(sizes, (0, 1)):
        b = GraphBuilder(14)
        x = b.input((1, 1, size[0], 1))
        options = {"align_corners": bool(resized), "half_pixel_centers": False}
        graphs.append(b.finish([b.op("RESIZE_NEAREST_NEIGHBOR", [x, b.constant([1, size[1]])], options)]))
    assert_equal_to_tflm(graphs)


def test_output_scales_at_which_six_is_halfway():
    """6 / scale is a half in float32, and next to one in float64."""
    graphs = []
    for steps in range(2, 60, 2):
        b = GraphBuilder(steps)
        x = b.input((1, 40), scale=0.5, zero_point=0)
        scale = float(np.float32(6 / (steps + 0.5)))
        graphs.append(b.finish([b.binary("ADD", x, x, activation="RELU6", scale=scale, zero_point=-128)]))
    assert_equal_to_tflm(graphs)


def test_softmax_of_very_many_equal_values_is_the_smallest_value():
    """TFLite Micro stops at sums of 512 and more; every share is less than half of 1/256 then."""
    b = GraphBuilder(10)
    x = b.input((1, 1000), scale=2.0**-20, zero_point=0)
    ((outputs,),) = run_graphs([b.finish([b.softmax(x)])], [[[np.zeros((1, 1000), np.int8)]]])
    assert (outputs[0] == -128).all()


def test_quantize_saturates_whatever_the_float():
    b = GraphBuilder(11)
    x = b.input((1, 8), "float32")
    graph = b.finish([b.op("QUANTIZE", [x], dtype="int8", scale=0.5, zero_point=7)])
    values = np.array([[np.inf, -np.inf, np.nan, 3e38, -3e38, 1e-45, 0.25, -0.25]], np.float32)
    ((outputs,),) = run_graphs([graph], [[[values]]])
    assert outputs[0].tolist() == [[127, -128, -128, 127, -128, 7, 8, 6]]


def test_a_constant_output_is_refused_by_name():
    b = GraphBuilder(12)
    x = b.input((1, 4))
    graph = b.finish([b.op("RELU", [x]), b.constant([1, 2, 3], name="labels")])
    with pytest.raises(UnsupportedOpError, match="'labels'"):
        run_graphs([graph], [inputs(graph)])


def test_negative_weight_scales_are_exact():
    """Real models have channels with negative scales; TFLite's multipliers carry the sign."""
    b = GraphBuilder(13)
    x = b.input((1, 5, 5, 3))
    graph = b.finish([b.conv_2d(x, 4, (3, 3))])
    weights = graph.tensors[graph.ops[0].inputs[1]]
    scales = tuple(-s if i % 2 else s for i, s in enumerate(weights.quantization.scale))
    tensors = list(graph.tensors)
    tensors[graph.ops[0].inputs[1]] = replace(weights, quantization=Quantization(scales, (0,) * 4, 0))
    assert_equal_to_tflm([replace(graph, tensors=tuple(tensors))])


def test_every_pair_of_values_of_a_sum_a_difference_and_a_product():
    """TFLite Micro divides ADD's scales in float64 and SUB's in float32."""
    graphs = list(pairs())
    assert_equal_to_tflm(graphs, [every_pair()] * len(graphs))
