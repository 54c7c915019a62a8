"""A larger kernel with zeros and SAME padding gives the bytes that PAD and VALID gave."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from transform_runs import assert_same_outputs, needs_tflm, types

from tflm_mcunet import tflite
from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.graph import Quantization
from tflm_mcunet.ops import SAME, VALID, total_macs
from tflm_mcunet.transforms import clean, fold_pad, grow_kernels


def padded(pads, size, kernel, stride, dilation=(1, 1), depthwise=False, seed=0):
    b = GraphBuilder(seed)
    x = b.pad(b.input((1, *size, 2)), [(0, 0), *pads, (0, 0)])
    keywords = {"stride": stride, "dilation": dilation, "padding": VALID}
    y = b.depthwise_conv_2d(x, kernel, **keywords) if depthwise else b.conv_2d(x, 3, kernel, **keywords)
    return b.finish([y])


@needs_tflm
@pytest.mark.parametrize("part", range(3))
def test_drawn_geometries(part):
    rng = random.Random(part)
    grown = 0
    for _ in range(40):
        kernel = (rng.randint(1, 5), rng.randint(1, 5))
        stride = rng.choice([(1, 1), (2, 2), (2, 2), (3, 3)])
        dilation = rng.choice([(1, 1), (1, 1), (2, 2)]) if stride == (1, 1) else (1, 1)
        size = (rng.randint(5, 11), rng.randint(5, 11))
        pads = []
        for k, d in zip(kernel, dilation):
            even = (k - 1) * d // 2
            pads.append((even, even) if rng.random() < 0.7 else (rng.randint(0, 2), rng.randint(0, 2)))
        if any(n + sum(p) <= (k - 1) * d for n, p, k, d in zip(size, pads, kernel, dilation)):
            continue
        graph = padded(pads, size, kernel, stride, dilation, rng.random() < 0.5)
        result = grow_kernels(graph, max_mac_overhead=5)
        if not result.done:
            assert result.graph is graph and len(result.refused) == 1
            continue
        grown += 1
        (op,) = result.graph.ops
        assert op.options["padding"] == SAME
        assert_same_outputs(graph, tflite.prune(result.graph))
    assert grown >= 12


@needs_tflm
@pytest.mark.parametrize("k", [3, 5, 7])
def test_even_padding_before_a_stride_of_two(k):
    graph = padded([(k // 2, k // 2)] * 2, (12, 16), (k, k), (2, 2), depthwise=True)
    assert fold_pad(graph).refused
    result = grow_kernels(graph, max_mac_overhead=2)
    (op,) = result.graph.ops
    assert result.graph.tensors[op.inputs[1]].shape == (1, k + 1, k + 1, 2)
    extra = total_macs(result.graph) - total_macs(graph)
    assert extra == 6 * 8 * 2 * (2 * k + 1)
    assert f"{extra:,} MACs and {2 * (2 * k + 1):,} bytes more" in result.done[0]
    assert_same_outputs(graph, tflite.prune(result.graph))


def test_the_largest_maps_come_first_while_the_macs_allow():
    b = GraphBuilder(1)
    x = b.input((1, 16, 16, 4))
    for channels in (8, 8):
        x = b.pad(b.conv_2d(x, channels), [(0, 0), (1, 1), (1, 1), (0, 0)])
        x = b.depthwise_conv_2d(x, (3, 3), stride=(2, 2), padding=VALID)
    graph = b.finish([x])
    both = total_macs(grow_kernels(graph, max_mac_overhead=9).graph) / total_macs(graph)
    result = grow_kernels(graph, max_mac_overhead=both - 0.001)
    assert types(result.graph) == ["CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D", "PAD", "DEPTHWISE_CONV_2D"]
    assert "op 1 PAD" in result.done[0] and "times the MACs" in result.refused[0]
    assert total_macs(result.graph) <= (both - 0.001) * total_macs(graph)
    assert grow_kernels(graph, max_mac_overhead=1.0).graph is graph


@pytest.mark.parametrize("change", ["zero point", "pool", "computed weights", "no kernel"])
def test_reasons_to_stay(change):
    b = GraphBuilder(2)
    amounts = (4, 0) if change == "no kernel" else (1, 1)
    x = b.pad(b.input((1, 8, 8, 2)), [(0, 0), amounts, amounts, (0, 0)])
    y = b.pool_2d("MAX_POOL_2D", x, (2, 2)) if change == "pool" else b.conv_2d(x, 3, (3, 3), padding=VALID)
    if change == "zero point":
        w = b.ops[-1].inputs[1]
        b.tensors[w] = replace(b.tensors[w], quantization=Quantization((0.01,), (3,)))
    if change == "computed weights":
        w = b.ops[-1].inputs[1]
        b.tensors[w] = replace(b.tensors[w], data=None)
        b.inputs.append(w)
    graph = b.finish([y])
    result = grow_kernels(graph, max_mac_overhead=99)
    reason = {"pool": "MAX_POOL_2D reads it", "no kernel": "no kernel up to twice"}.get(
        change, "zero point 0"
    )
    assert result.graph is graph and reason in result.refused[0]


@needs_tflm
def test_clean_grows_only_when_allowed(shared_models):
    graph = tflite.read((shared_models / "mcunet_vww_80.tflite").read_bytes())
    assert types(clean(graph).graph).count("PAD") == 4
    result = clean(graph, max_mac_overhead=1.02)
    assert types(result.graph).count("PAD") == 2 and total_macs(result.graph) <= 1.02 * total_macs(graph)
    assert_same_outputs(graph, result.graph, inferences=1)
    assert "PAD" not in types(clean(graph, max_mac_overhead=1.1).graph)
