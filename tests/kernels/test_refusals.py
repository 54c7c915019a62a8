"""What the kernels cannot compute exactly is refused by name, before anything is written."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from kernel_check import inputs

from tflm_mcunet import tflite
from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.codegen.program import build_program
from tflm_mcunet.errors import ModelError, UnsupportedOpError
from tflm_mcunet.graph import Graph, Quantization
from tflm_mcunet.schedule.layer import plan_layer
from tflm_mcunet.tflm import interpreter

Make = Callable[[GraphBuilder], int]


def _image(b: GraphBuilder, **keywords) -> int:
    return b.input((1, 4, 4, 2), **{"scale": 0.1, "zero_point": 0, **keywords})


def _pool(b):
    options = {"padding": 0, "stride_h": 1, "stride_w": 1, "filter_height": 2, "filter_width": 2}
    options["fused_activation_function"] = 0
    return b.op("MAX_POOL_2D", [_image(b)], options, scale=0.2)


def _concatenation(b):
    return b.concatenation([_image(b), _image(b, scale=0.2)])


def _fused_concatenation(b):
    return b.op("CONCATENATION", [_image(b), _image(b)], {"axis": 3, "fused_activation_function": 1})


def _padv2(b):
    x = _image(b)
    value = b.tensor((1,), "int8", scale=0.3, zero_point=0, data=np.int8([1]))
    return b.op("PADV2", [x, b.constant([(0, 0), (1, 1), (1, 1), (0, 0)]), value])


def _bias_on_its_own_scale(b):
    y = b.fully_connected(_image(b), 3)
    index = b.ops[-1].inputs[2]
    b.tensors[index] = replace(b.tensors[index], quantization=Quantization((1.0,), (0,)))
    return y


def _slice(b):
    x = b.input((2, 2, 2, 2, 2))
    masks = dict.fromkeys(("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"), 0)
    return b.op("STRIDED_SLICE", [x, *(b.constant([v] * 5) for v in (0, 1, 1))], masks)


#: What TFLite Micro refuses too: in Prepare or Eval, or by stopping.
BOTH: dict[str, Make] = {
    "a pool that rescales": _pool,
    "CONCATENATION of two scales": _concatenation,
    "CONCATENATION with an activation": _fused_concatenation,
    "PADV2 with a value on another scale": _padv2,
    "LOGISTIC with another output zero point": lambda b: b.op("LOGISTIC", [_image(b)], scale=1 / 256),
    "SOFTMAX with another output scale": lambda b: b.op(
        "SOFTMAX", [_image(b)], {"beta": 1.0}, scale=0.1, zero_point=-128
    ),
    "SOFTMAX with a tiny input scale": lambda b: b.softmax(_image(b, scale=2.0**-30)),
    "HARD_SWISH with a tiny output scale": lambda b: b.op("HARD_SWISH", [_image(b)], scale=1e-4),
    "ADD with a tiny output scale": lambda b: b.binary("ADD", _image(b), _image(b), scale=1e-8, zero_point=0),
    "FULLY_CONNECTED with a bias on its own scale": _bias_on_its_own_scale,
    "STRIDED_SLICE of 5 dimensions": _slice,
    "TRANSPOSE of int32": lambda b: b.op("TRANSPOSE", [b.input((2, 3), "int32"), b.constant([1, 0])]),
    "EXPAND_DIMS of int32": lambda b: b.op("EXPAND_DIMS", [b.input((2, 3), "int32"), b.constant(0)]),
    "RESIZE_NEAREST_NEIGHBOR of int32": lambda b: b.op(
        "RESIZE_NEAREST_NEIGHBOR",
        [b.input((1, 2, 2, 1), "int32"), b.constant([4, 4])],
        {"align_corners": False, "half_pixel_centers": False},
    ),
    "RELU of 7 dimensions": lambda b: b.op("RELU", [b.input((1,) * 7)]),
}


def _split(b):
    return b.op("SPLIT", [b.constant(1), b.input((1, 17))], {"num_splits": 17}, outputs=17)


def _overflowing_sum(b):
    x = b.input((1, 70000), scale=0.1, zero_point=-128)
    y = b.fully_connected(x, 1)
    index = b.ops[-1].inputs[1]
    b.tensors[index] = replace(b.tensors[index], data=b"\x7f" * 70000)
    return y


#: What TFLite Micro computes in another way from release to release, or with no defined result; and what we lack.
OURS: dict[str, Make] = {
    "an operator without a kernel": lambda b: b.op("ABS", [_image(b)], shape=(1, 4, 4, 2)),
    "float32 arithmetic": lambda b: b.op("RELU", [b.input((1, 4), "float32")]),
    "LEAKY_RELU with a negative slope": lambda b: b.op("LEAKY_RELU", [_image(b)], {"alpha": -0.5}),
    "half-pixel centres that shift": lambda b: b.op(
        "RESIZE_NEAREST_NEIGHBOR",
        [_image(b), b.constant([3, 3])],
        {"align_corners": False, "half_pixel_centers": True},
    ),
    "more outputs than the engine counts": _split,
    "a sum that overflows": _overflowing_sum,
    "a product that overflows": lambda b: b.binary("MUL", _image(b), _image(b), scale=1e-8, zero_point=0),
    "computed axes": lambda b: b.op(
        "MEAN", [_image(b), b.input((1,), "int32")], {"keep_dims": False}, shape=(1, 2)
    ),
}


def _graph(make: Make) -> Graph:
    b = GraphBuilder(0)
    return b.finish([make(b)])


@pytest.mark.parametrize("what", [*BOTH, *OURS])
def test_refusal_names_operator_and_tensors(what):
    graph = _graph({**BOTH, **OURS}[what])
    with pytest.raises(UnsupportedOpError) as refusal:
        build_program(plan_layer(graph, in_place=None))
    assert str(refusal.value).startswith(f"op 0 {graph.ops[0].type} (inputs 't0'")


@pytest.mark.parametrize("what", BOTH)
def test_tflite_micro_refuses_it_too(what):
    graph = _graph(BOTH[what])
    with pytest.raises(ModelError):
        interpreter.run(tflite.write(graph), inputs(graph))
