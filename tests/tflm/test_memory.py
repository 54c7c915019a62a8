"""The modelled memory equals what stock TFLite Micro records, to the byte, and says where it does not know."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from tflm_graphs import drawn_graph, needs_tflm

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.errors import ConstraintError, ModelError, UnsupportedOpError, UsageError
from tflm_mcunet.graph import Graph, Op, Tensor
from tflm_mcunet.ops import OPS
from tflm_mcunet.tflite import read, write
from tflm_mcunet.tflm.interpreter import Allocations, run
from tflm_mcunet.tflm.kernel_memory import KernelMemory
from tflm_mcunet.tflm.kernel_table import KERNELS
from tflm_mcunet.tflm.layout import layout
from tflm_mcunet.tflm.memory import RUNTIME, TflmMemory, memory

#: What TFLite Micro reported on a real 32-bit Cortex-M4, reference kernels.
CORTEX_M4_TOTALS = {
    "tflm_person_detect": 82_292,
    "mlperf_vww_96_int8": 100_660,
    "mlperf_kws_ref_model": 22_772,
    "mlperf_resnet_quant": 54_340,
    "mlperf_ad01_int8": 2_260,
    "mcunet_vww_80": 219_744,
}


def assert_equal(modelled: TflmMemory, recorded: Allocations) -> None:
    """Head, tail and total, and the parts that the runtime counts apart."""
    assert modelled.head_bytes == recorded.head_bytes
    assert modelled.tail_bytes == recorded.tail_bytes
    assert modelled.total_bytes == recorded.total_bytes
    parts = {part.name: part.bytes for part in modelled.parts}
    assert sum(part.bytes or 0 for part in modelled.parts) == modelled.total_bytes
    assert {part.label for part in modelled.parts} == {"exact"}
    assert parts.get("variables", 0) == recorded.parts.get("TfLiteTensor variable buffer data", 0)
    assert parts["tensors"] == recorded.parts["TfLiteEvalTensor data"]


@needs_tflm
def test_every_real_model_is_exact(shared_models):
    for path in sorted(shared_models.glob("*.tflite")):
        data = path.read_bytes()
        assert_equal(memory(read(data)), run(data).allocations)


@needs_tflm
@pytest.mark.parametrize("hundred", range(12))
def test_drawn_graphs_are_exact(hundred):
    for seed in range(100 * hundred, 100 * hundred + 100):
        graph = drawn_graph(seed)
        assert_equal(memory(graph), run(write(graph)).allocations)


def test_the_drawn_graphs_hold_every_operator_of_the_table():
    seen = {op.type for seed in range(1200) for op in drawn_graph(seed).ops}
    assert seen == set(OPS)
    assert set(OPS) <= set(KERNELS)


@needs_tflm
def test_the_arena_is_the_smallest_that_is_enough(shared_models):
    models = [path.read_bytes() for path in sorted(shared_models.glob("*.tflite"))]
    for data in (*models, *(write(drawn_graph(seed)) for seed in range(20))):
        needed = memory(read(data)).arena_bytes
        assert needed is not None
        run(data, arena_bytes=needed)
        with pytest.raises(ConstraintError):
            run(data, arena_bytes=needed - 16)


def test_32_bit_totals_are_never_below_and_at_most_2_percent_above_a_real_cortex_m4(shared_models):
    for name, measured in CORTEX_M4_TOTALS.items():
        modelled = memory(read(shared_models / f"{name}.tflite"), pointer_bits=32)
        assert modelled.total_bytes is not None
        assert measured <= modelled.total_bytes <= 1.02 * measured
        assert {part.label for part in modelled.parts} == {"modelled"}


def test_32_bits_take_less_than_64_and_short_enums_less_than_ints():
    for seed in range(40):
        graph = drawn_graph(seed)
        host, cortex_m, other = memory(graph), memory(graph, 32), memory(graph, 32, enum_bytes=4)
        assert host.head_bytes == cortex_m.head_bytes == other.head_bytes
        assert cortex_m.tail_bytes <= other.tail_bytes < host.tail_bytes


@pytest.mark.parametrize("bits, enum", [(16, None), (64, 1), (32, 2), (128, None)])
def test_other_machines_are_refused(bits, enum):
    with pytest.raises(UsageError, match="expected pointer_bits"):
        layout(bits, enum)


@needs_tflm
def test_tensors_that_nothing_makes_or_uses_take_their_place():
    b = GraphBuilder(4)
    x, unused_input = b.input((1, 5, 5, 3)), b.input((1, 3))
    lonely = b.tensor((1, 40, 40, 1), "int8", scale=0.5)
    y = b.op("RELU", [x])
    dead = b.conv_2d(y, 30, (1, 1))
    graph = b.finish([y, x])
    assert_equal(memory(graph), run(write(graph)).allocations)
    owners = {placed.owner.tensor for placed in memory(graph).buffers}
    assert {x, unused_input, lonely, y, dead} == owners


@needs_tflm
def test_variables_live_in_the_tail():
    b = GraphBuilder()
    x = b.input((1, 6, 6, 2))
    graph = b.finish([b.op("RELU", [x])])
    state = Tensor("state", (1, 37), "int8", graph.tensors[x].quantization, None, is_variable=True)
    graph = replace(graph, tensors=(*graph.tensors, state, replace(state, shape=(1, 3), name="more")))
    recorded = run(write(graph)).allocations
    assert recorded.parts["TfLiteTensor variable buffer data"] > 0
    assert_equal(memory(graph), recorded)


def with_resource_variables(count: int) -> Graph:
    """Each variable is read, doubled and assigned, the first one twice."""
    tensors: list[Tensor] = [Tensor("x", (1, 7), "float32")]
    ops: list[Op] = []
    options = {"fused_activation_function": 0, "pot_scale_int16": True}
    for i in range(count):
        h = len(tensors)
        tensors.append(Tensor(f"handle{i}", (1,), "resource"))
        tensors.extend(Tensor(f"{kind}{i}", (1, 7), "float32") for kind in ("before", "after"))
        ops.append(Op("VAR_HANDLE", (), (h,), {"container": "", "shared_name": f"v{i}"}))
        ops.append(Op("READ_VARIABLE", (h,), (h + 1,)))
        ops.append(Op("ADD", (0, h + 1), (h + 2,), options))
        ops.append(Op("ASSIGN_VARIABLE", (h, h + 2), ()))
        if i == 0:
            ops.append(Op("ASSIGN_VARIABLE", (h, h + 1), ()))
    return Graph(tuple(tensors), tuple(ops), (0,), (2,))


@needs_tflm
@pytest.mark.parametrize("count", [1, 2, 5])
def test_resource_variables_are_counted(count):
    graph = with_resource_variables(count)
    assert_equal(memory(graph), run(write(graph)).allocations)


@needs_tflm
@pytest.mark.parametrize("type", ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"])
def test_four_bit_weights_are_unpacked_into_scratch(type):
    b = GraphBuilder(9)
    x = b.input((1, 6, 6, 4))
    make = {"CONV_2D": lambda: b.conv_2d(x, 5, (3, 3)), "DEPTHWISE_CONV_2D": lambda: b.depthwise_conv_2d(x)}
    y = make.get(type, lambda: b.fully_connected(x, 7))()
    graph = b.finish([y])
    tensors = list(graph.tensors)
    weights = tensors[graph.ops[0].inputs[1]]
    packed = bytes(-(-weights.elements // 2))
    tensors[graph.ops[0].inputs[1]] = replace(weights, dtype="int4", data=packed)
    graph = replace(graph, tensors=tuple(tensors))
    modelled = memory(graph)
    assert_equal(modelled, run(write(graph)).allocations)
    (scratch,) = [placed for placed in modelled.buffers if placed.owner.op is not None]
    assert scratch.size_bytes >= weights.elements


@needs_tflm
def test_an_open_dimension_of_a_reshape_is_copied():
    b = GraphBuilder()
    y = b.reshape(b.input((1, 4, 6)), (8, 3))
    graph = b.finish([y])
    shape, open_shape = (np.array([2, n, 3], "<i4").tobytes() for n in (8, -1))
    model = write(graph)
    assert shape in model
    tensors = list(graph.tensors)
    tensors[y] = replace(tensors[y], shape=(-1, 3))
    opened = memory(replace(graph, tensors=tuple(tensors)))
    assert_equal(opened, run(model.replace(shape, open_shape)).allocations)
    assert opened.tail_bytes == memory(graph).tail_bytes + 16


def test_the_plan_says_whose_bytes_lie_where():
    b = GraphBuilder()
    x = b.input((1, 8, 8, 16))
    graph = b.finish([b.mean(x, [1, 2])])
    modelled = memory(graph)
    by_tensor = {p.owner.tensor: p for p in modelled.buffers if p.owner.tensor is not None}
    scratch = [p.size_bytes for p in modelled.buffers if p.owner.op == 0]
    assert by_tensor[x].size_bytes == 1024
    assert (by_tensor[x].first, by_tensor[x].last) == (0, 1)
    assert scratch == [64, 16, 16]
    assert modelled.head_bytes == max(p.offset_bytes + p.size_bytes for p in modelled.buffers)
    assert modelled.runtime == RUNTIME


def with_custom() -> Graph:
    b = GraphBuilder()
    x = b.input((1, 8, 8, 4))
    y = b.op("RELU", [x])
    graph = b.finish([y])
    return replace(graph, ops=(replace(graph.ops[0], type="CUSTOM", custom_code="Mine"),))


def test_an_unknown_kernel_is_no_guess():
    modelled = memory(with_custom())
    assert (modelled.head_bytes, modelled.tail_bytes, modelled.total_bytes, modelled.arena_bytes) == (
        None,
    ) * 4
    (reason,) = modelled.reasons
    assert reason.startswith("op 0 Mine (inputs 't0'; outputs 't1')")
    labels = {part.name: (part.bytes is None, part.label) for part in modelled.parts}
    assert labels["head"] == (True, "unknown")
    assert labels["kernels"] == (True, "unknown")
    assert labels["tensors"] == (False, "exact")


def test_the_caller_may_say_what_its_own_kernel_takes():
    def mine(graph: Graph, op: Op, pointer_bits: int) -> KernelMemory:
        return KernelMemory(init=(pointer_bits,), scratch=(1000,))

    modelled = memory(with_custom(), kernels={"Mine": mine})
    assert modelled.head_bytes == 256 + 256 + 1008
    assert modelled.tail_bytes is not None
    assert modelled.reasons == ()


@pytest.mark.parametrize("dtype", ["string", "variant", "int2"])
def test_types_without_a_size_are_refused(dtype):
    graph = Graph((Tensor("x", (1,), dtype),), (), (0,), (0,))
    with pytest.raises(UnsupportedOpError, match=f"no size for type {dtype}"):
        memory(graph)


def test_tensors_and_plans_past_2_gb_are_refused():
    def graph(side: int, count: int) -> Graph:
        tensors = tuple(Tensor(f"x{i}", (1, side, side, 1), "int8") for i in range(count))
        return Graph(tensors, (), tuple(range(count)), tuple(range(count)))

    with pytest.raises(UnsupportedOpError, match=r"tensor 0 'x0': 2500000000 bytes"):
        memory(graph(50_000, 1))
    with pytest.raises(UnsupportedOpError, match="the plan takes 3200000000 bytes"):
        memory(graph(40_000, 2))
    assert memory(graph(40_000, 1)).head_bytes == 1_600_000_000


@pytest.mark.parametrize(
    "op", [Op("RELU", (9,), (1,)), Op("RELU", (0,), (-1,)), Op("RELU", (-2,), (1,)), Op("MEAN", (0,), (1,))]
)
def test_indices_outside_the_graph_are_refused(op):
    tensors = (Tensor("x", (1, 2), "int8"), Tensor("y", (1, 2), "int8"))
    with pytest.raises(ModelError, match="op 0"):
        memory(Graph(tensors, (op,), (0,), (1,)))


def test_a_cycle_is_placed_in_the_order_of_the_file():
    tensors = tuple(Tensor(name, (1, 16), "int8") for name in "xyz")
    ops = (Op("ADD", (0, 2), (1,)), Op("RELU", (1,), (2,)))
    modelled = memory(Graph(tensors, ops, (0,), (1,)))
    spans = {placed.owner.tensor: (placed.first, placed.last) for placed in modelled.buffers}
    assert spans == {0: (0, 1), 1: (1, 2), 2: (2, 2)}


def long_chain(count: int, outputs: str) -> Graph:
    tensors = tuple(Tensor(f"t{i}", (1, 1 + i % 97), "int8") for i in range(count + 1))
    ops = tuple(Op("RELU", (i,), (i + 1,)) for i in range(count))
    return Graph(tensors, ops, (0,), (count,) if outputs == "one" else tuple(range(count + 1)))


@pytest.mark.parametrize("outputs", ["one", "all"])
def test_ten_thousand_operators_take_seconds(outputs):
    start = time.perf_counter()
    modelled = memory(long_chain(10_000, outputs))
    assert time.perf_counter() - start < 10
    sizes = sum(placed.size_bytes for placed in modelled.buffers)
    assert modelled.head_bytes == sizes if outputs == "all" else modelled.head_bytes < 300


def mobile_net(blocks: int = 17) -> Graph:
    """As MobileNetV2: expand, depthwise, project, add; 17 blocks make 68 operators and more."""
    b, scale = GraphBuilder(0), {"scale": 0.05}
    x = b.conv_2d(b.input((1, 48, 48, 3)), 8, (3, 3), stride=(2, 2), activation="RELU6", **scale)
    for i in range(blocks):
        channels = b.tensors[x].shape[3]
        y = b.conv_2d(x, 3 * channels, activation="RELU6", **scale)
        y = b.depthwise_conv_2d(y, activation="RELU6", **scale)
        y = b.conv_2d(y, channels if i % 3 else channels + 8, **scale)
        x = b.binary("ADD", x, y, **scale) if i % 3 else y
    x = b.mean(b.conv_2d(x, 256, **scale), [1, 2])
    return b.finish([b.softmax(b.fully_connected(x, 10, **scale))])


def test_a_mobile_net_takes_at_most_3_ms():
    graph = mobile_net(30)
    assert 100 <= len(graph.ops) <= 120

    def seconds() -> float:
        start = time.perf_counter()
        memory(graph)
        return time.perf_counter() - start

    assert any(seconds() <= 0.003 for _ in range(400)), "no run of 400, not even one that nothing disturbed"


@needs_tflm
def test_a_mobile_net_is_exact():
    graph = mobile_net()
    assert_equal(memory(graph), run(write(graph)).allocations)
