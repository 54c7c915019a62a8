"""All clean-ups together: same bytes, nothing left to do, nothing unused left behind."""

from __future__ import annotations

import random
import time

import pytest
from transform_runs import assert_same_outputs, needs_tflm, types

from tflm_mcunet import tflite
from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.errors import UsageError
from tflm_mcunet.ops import SAME, VALID
from tflm_mcunet.schedule.layer import plan_layer
from tflm_mcunet.tflm.interpreter import run
from tflm_mcunet.transforms import canonical, clean


def drawn(seed):
    """A random graph of operators that a clean-up may look at, with side branches and dead ends."""
    rng = random.Random(seed)
    b = GraphBuilder(seed)
    x = b.input(
        (1, rng.randint(6, 9), rng.randint(6, 9), rng.choice((1, 2, 3))), zero_point=rng.choice((-128, 3))
    )
    maps, ends = [x], []
    for _ in range(rng.randint(3, 10)):
        x = rng.choice(maps[-2:])
        _, h, w, c = b.tensors[x].shape
        kind = rng.choice(("pad", "pad", "relu", "relu", "quantize", "reshape", "transpose", "add", "end"))
        if kind == "pad" and h >= 3 and w >= 3:
            k, s = rng.choice((1, 2, 3)), rng.choice((1, 2))
            totals = [max(((n + s - 1) // s - 1) * s + k - n, 0) for n in (h, w)]
            pads = [
                (t // 2, t - t // 2) if rng.random() < 0.7 else (rng.randint(0, 1), rng.randint(0, 1))
                for t in totals
            ]
            y = b.pad(x, [(0, 0), *pads, (0, 0)])
            if min(b.tensors[y].shape[1:3]) < k:
                continue
            keywords = {"stride": (s, s), "padding": rng.choice((VALID, VALID, VALID, SAME))}
            y = (
                b.depthwise_conv_2d(y, (k, k), **keywords)
                if rng.random() < 0.5
                else b.conv_2d(y, 2, (k, k), **keywords)
            )
        elif kind == "relu":
            q = {"scale": 0.11} if rng.random() < 0.2 else {}
            y = b.op(rng.choice(("RELU", "RELU6")), [x], **q)
        elif kind == "quantize":
            y = b.op("QUANTIZE", [x], **({"scale": 0.07, "zero_point": -3} if rng.random() < 0.5 else {}))
        elif kind == "reshape":
            y = b.reshape(b.reshape(x, (h * w, c)) if rng.random() < 0.5 else x, (1, h, w, c))
        elif kind == "transpose":
            order = (0, 1, 2, 3) if rng.random() < 0.5 else (0, 2, 1, 3)
            y = b.op("TRANSPOSE", [x, b.constant(order)])
        elif kind == "add":
            y = b.binary("ADD", x, x)
        else:
            ends.append(b.op("TANH", [x], scale=1 / 128, zero_point=0))
            continue
        maps.append(y)
    outputs = [maps[-1], *(e for e in ends if rng.random() < 0.5)]
    if maps[-1] in b.inputs or not b.ops:
        return None
    return b.finish(outputs)


@needs_tflm
@pytest.mark.parametrize("part", range(4))
def test_drawn_graphs_compute_the_same_bytes(part):
    changed = 0
    for seed in range(part * 50, part * 50 + 50):
        graph = drawn(seed)
        if graph is None:
            continue
        result = clean(graph)
        assert_same_outputs(graph, result.graph, seed)
        changed += len(result.graph.ops) < len(graph.ops)
        again = clean(result.graph)
        assert again.graph is result.graph and not again.done
        assert result.done or result.graph is graph
        before, after = (
            plan_layer(g, in_place=None, effort=10_000).arena_bytes for g in (graph, result.graph)
        )
        assert after <= before
    assert changed > 20


@needs_tflm
@pytest.mark.parametrize("io", [None, "int8"])
def test_real_models(shared_models, io):
    for path in sorted(shared_models.glob("*.tflite")):
        graph = tflite.read(path.read_bytes())
        cleaned, refused = canonical(graph, io=io)
        tflite.verify(cleaned)
        assert len(cleaned.ops) <= len(graph.ops)
        assert all("op " in reason and "PAD" in reason for reason in refused)
        if io == "int8":
            assert {cleaned.tensors[t].dtype for t in (*cleaned.inputs, *cleaned.outputs)} == {"int8"}
        elif len(cleaned.ops) < len(graph.ops):
            assert_same_outputs(graph, cleaned, inferences=1)


def test_clean_ups_enable_each_other():
    # The identity RESHAPE hides the RELU from the convolution, and a dead reader hides the PAD.
    b = GraphBuilder(18)
    x = b.pad(b.input((1, 8, 8, 2)), [(0, 0), (0, 1), (0, 1), (0, 0)])
    b.op("TANH", [x], scale=1 / 128, zero_point=0)
    y = b.reshape(b.conv_2d(x, 4, (3, 3), stride=(2, 2), padding=VALID), (1, 4, 4, 4))
    graph = b.finish([b.op("RELU", [y])])
    result = clean(graph)
    assert types(result.graph) == ["CONV_2D"]
    assert len(result.graph.tensors) == 4
    assert [part.split(" ")[2] for part in result.done] == ["TANH", "RESHAPE", "PAD", "RELU"]


def test_nothing_to_do_gives_the_same_graph():
    b = GraphBuilder(19)
    graph = b.finish([b.conv_2d(b.input((1, 4, 4, 2)), 3)])
    assert canonical(graph) == (graph, ()) and canonical(graph)[0] is graph


@needs_tflm
def test_unused_tensors_are_dropped_because_tflite_micro_gives_them_bytes():
    b = GraphBuilder(22)
    y = b.conv_2d(b.input((1, 4, 4, 2)), 3)
    b.tensor((1, 64, 64, 2), scale=0.1)
    graph = b.finish([y])
    result = clean(graph)
    assert len(result.graph.tensors) == len(graph.tensors) - 1 and result.done
    heads = [run(tflite.write(g)).allocations.head_bytes for g in (graph, result.graph)]
    assert heads[0] == 8192 and heads[1] < 200


def test_io_is_checked():
    b = GraphBuilder(20)
    with pytest.raises(UsageError, match="io"):
        canonical(b.finish([b.op("RELU", [b.input((1, 4))])]), io="float")


def test_ten_thousand_operators():
    b = GraphBuilder(21)
    x = b.input((1, 4, 4, 2), scale=0.1, zero_point=0)
    skip = x
    for i in range(2500):
        x = b.pad(x, [(0, 0), (0, 0), (0, 0), (0, 0)])
        x = b.reshape(x, (1, 4, 4, 2))
        x = b.binary("ADD", x, skip, scale=0.1, zero_point=0)
        x = b.op("RELU", [x])
        skip = x if i % 7 == 0 else skip
    graph = b.finish([x])
    assert len(graph.ops) == 10_000
    start = time.process_time()
    cleaned, _ = canonical(graph)
    assert time.process_time() - start < 10
    assert set(types(cleaned)) == {"ADD"} and len(cleaned.ops) == 2500
