"""Stages inside the real TFLite Micro: outputs byte for byte, the head that the Schedule planned, and every refusal."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from stage_graphs import exact_runs, head_slack, staged, stream_network
from tflm_graphs import drawn_graph, needs_tflm

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.codegen.family import FAMILIES
from tflm_mcunet.errors import McuNetError, ModelError, ToolError, UnsupportedOpError
from tflm_mcunet.graph import Graph
from tflm_mcunet.schedule.layer import plan_layer
from tflm_mcunet.schedule.stages import plan_stages, with_cheaper_streams
from tflm_mcunet.tflite import read, without_metadata, write
from tflm_mcunet.tflm import interpreter, stage_library
from tflm_mcunet.tflm.memory import memory
from tflm_mcunet.tflm.offline_plan import METADATA_NAME, offline_offsets, with_offline_plan
from tflm_mcunet.tflm.stage_check import require_apart
from tflm_mcunet.tflm.stage_graph import has_stages, stage_graph
from tflm_mcunet.tflm.stage_kernels import stage_routines
from tflm_mcunet.tflm.stage_op import (
    HEADER_WORDS,
    NONE,
    OP_WORDS,
    ROUTINE,
    STAGE,
    STAGE_WORDS,
    TENSOR_WORDS,
    WORDS_OF,
    sealed,
)
from tflm_mcunet.tflm.stage_reader import named, stage_family
from tflm_mcunet.transforms import canonical

needs_headers = pytest.mark.skipif(
    find_spec("xmos_ai_tools") is None, reason=f"pip install --no-deps {stage_library.PACKAGE}"
)
pytestmark = [needs_tflm, needs_headers]

#: Head of the stock model and the most that the staged one may take.
MODELS = {
    "mcunet-320kb-1mb_imagenet": (416_832, 110_000),
    "mcunet_vww_80": (161_472, 77_056),
    "mlperf_kws_ref_model": (16_000, 3_712),
    "mlperf_resnet_quant": (49_152, 10_400),
    "mlperf_vww_96_int8": (73_728, 28_096),
    "tflm_person_detect": (55_296, 12_400),
}


FAMILY_RUNS = [
    *((name, "portable") for name in MODELS),
    *((name, family) for name in list(MODELS)[1::2] for family in FAMILIES[1:]),
    ("tflm_person_detect", "arm_dsp"),
]


@pytest.mark.parametrize(("name", "family"), FAMILY_RUNS)
def test_real_models_equal_stock_tflm_in_a_fraction_of_its_head(shared_models, name, family):
    path = shared_models / f"{name}.tflite"
    if not path.exists():
        pytest.skip(f"no {path.name}")
    source = read(path.read_bytes())
    schedule = plan_stages(canonical(source)[0], kinds=("layer", "stream"))
    graph = stage_graph(schedule, family)
    stock, ran = exact_runs(source, graph, inferences=2)
    before, most = MODELS[name]
    assert stock.head_bytes == before
    assert ran.head_bytes == schedule.arena_bytes + head_slack(schedule, family)
    assert ran.head_bytes <= most if family == "portable" else ran.head_bytes < before / 2
    assert ran.tail_bytes < stock.tail_bytes
    assert stage_family(graph) == family


@pytest.mark.parametrize("family", FAMILIES[1:])
def test_packed_weights_take_the_place_of_plain_ones(shared_models, family):
    path = shared_models / "mcunet_vww_80.tflite"
    source = read(path.read_bytes())
    weights = {t.data for t in source.tensors if t.is_constant and t.size_bytes > 2000}
    graph = staged(source, family=family)
    assert len(weights) > 20
    assert not weights & {t.data for t in graph.tensors}
    assert len(write(graph)) < len(path.read_bytes())


def test_weights_are_the_models_own_tensors(shared_models):
    path = shared_models / "mlperf_resnet_quant.tflite"
    source = read(path.read_bytes())
    graph = staged(source)
    weights = {t.data for t in source.tensors if t.is_constant and t.size_bytes > 4}
    kept = [t.data for t in graph.tensors if t.data in weights]
    assert len(kept) == len(set(kept))
    new = [t for t in graph.tensors if t.is_constant and t.data not in weights and t.size_bytes > 4]
    assert [t.name for t in new] == ["tflm_mcunet/tables"]
    assert len(write(graph)) < 1.05 * path.stat().st_size


@pytest.mark.parametrize("first", range(0, 160, 20))
def test_generated_networks_equal_stock_tflm(first):
    with_stages = 0
    for seed in range(first, first + 20):
        source = stream_network(seed)
        graph = staged(source, family=FAMILIES[seed % len(FAMILIES)])
        exact_runs(source, graph, inferences=2, seed=seed)
        with_stages += has_stages(graph)
    assert with_stages >= 15


def test_patches_equal_stock_tflm():
    with_passes = 0
    for seed in range(12):
        source = stream_network(seed)
        kinds = ("layer", "stream", "patch")
        schedule = plan_stages(canonical(source)[0], kinds=kinds, max_mac_overhead=2.0, effort=500)
        if not any(stage.kind == "patch" for stage in schedule.stages):
            continue
        exact_runs(source, stage_graph(schedule, FAMILIES[seed % len(FAMILIES)]), inferences=2, seed=seed)
        with_passes += 1
    assert with_passes > 0


def test_graphs_of_every_operator_equal_stock_tflm_or_are_refused():
    refused = with_stages = 0
    for seed in range(80):
        source = drawn_graph(seed)
        try:
            graph = staged(source, family=FAMILIES[seed % len(FAMILIES)])
        except UnsupportedOpError:
            refused += 1
            continue
        exact_runs(source, graph, seed=seed)
        with_stages += has_stages(graph)
    assert refused <= 16
    assert with_stages >= 15


def test_other_names_of_a_map_stay_stock_operators_at_its_place():
    b = GraphBuilder(5)
    x = b.conv_2d(b.conv_2d(b.input((1, 12, 12, 3)), 8, (3, 3), activation="RELU6"), 4, (3, 3))
    x = b.pool_2d("AVERAGE_POOL_2D", x, (12, 12), padding=1)
    flat = b.reshape(x, (1, 4))
    source = b.finish([b.fully_connected(flat, 3), flat])
    graph = staged(source)
    exact_runs(source, graph, inferences=2)
    places = dict(enumerate(offline_offsets(graph)))
    for op in (op for op in graph.ops if op.type == "RESHAPE"):
        assert places[op.inputs[0]] == places[op.outputs[0]]


def layered() -> Graph:
    """A stream whose peak leaves its middle room for layers, which lie apart."""
    b = GraphBuilder(6)
    x = b.conv_2d(b.input((1, 32, 32, 3)), 16, (3, 3), activation="RELU6")
    x = b.depthwise_conv_2d(x, (3, 3), stride=(2, 2), activation="RELU6")
    for stride in (1, 2, 1):
        y = b.conv_2d(x, 24, activation="RELU6")
        x = b.conv_2d(b.depthwise_conv_2d(y, (3, 3), stride=(stride, stride)), 8)
    return b.finish([b.fully_connected(b.mean(x, (1, 2)), 5)])


@pytest.mark.parametrize("family", FAMILIES)
def test_stages_that_follow_each_other_are_one_operator(family):
    source = layered()
    plan = with_cheaper_streams(plan_stages(canonical(source)[0], kinds=("layer", "stream")), family=family)
    layers = [i for i, stage in enumerate(plan.stages) if stage.plan is None]
    streams = [i for i, stage in enumerate(plan.stages) if stage.plan is not None]
    assert len(streams) > 1 and min(streams) < min(layers)
    graph = stage_graph(plan, family)
    _, ran = exact_runs(source, graph, inferences=2)
    assert ran.head_bytes == plan.arena_bytes + head_slack(plan, family)
    stock = [op.type for op in graph.ops if op.custom_code != STAGE]
    if family == "portable":
        assert len(stock) > len(layers) / 2
    else:
        assert stock == ["MEAN", "FULLY_CONNECTED"]  # The mean of a whole map is no kernel of stages.
    maps = [t for op in graph.ops if op.custom_code == STAGE for t in op.outputs]
    assert len(maps) == len(set(maps))
    assert len(maps) <= 2 * (len(stock) + 1), "maps inside an operator are none of the model's"


@cache
def small(family: str = "portable") -> Graph:
    """Three convolutions and a pool over the map; the first operator of its stages is what the tests damage."""
    b = GraphBuilder(1)
    x = b.conv_2d(b.input((1, 14, 10, 2)), 6, (3, 3), stride=(2, 2), activation="RELU6")
    x = b.conv_2d(b.depthwise_conv_2d(x, (3, 3)), 4, (1, 1))
    source = b.finish([b.pool_2d("AVERAGE_POOL_2D", x, (7, 5), padding=1)])
    graph = staged(source, family=family)
    assert stage_family(graph) == family
    return graph


def stage_of(graph: Graph) -> int:
    return next(i for i, op in enumerate(graph.ops) if op.custom_code == STAGE)


def with_options(graph: Graph, options: bytes) -> bytes:
    """The model with other options of its stage."""
    at = stage_of(graph)
    ops = list(graph.ops)
    ops[at] = replace(ops[at], custom_options=options)
    return write(graph.with_ops(ops))


def failure(model: bytes) -> str:
    """What allocating a model fails with; "" where it does not."""
    try:
        interpreter.run(model)
    except ModelError as error:
        return error.message
    return ""


@pytest.mark.parametrize("family", ["portable", "arm_dsp"])
def test_every_damaged_word_is_refused_by_prepare(family):
    graph = small(family)
    words = np.frombuffer(graph.ops[stage_of(graph)].custom_options, "<u4")
    for position in range(len(words)):
        damaged = words.copy()
        damaged[position] ^= 1 << (position % 32)
        message = failure(with_options(graph, damaged.tobytes()))
        assert f"{STAGE}: its options are" in message, (position, message)
        assert "died" not in message


def test_options_that_are_cut_short_or_too_long_are_refused():
    graph = small()
    options = graph.ops[stage_of(graph)].custom_options
    lengths = [0, 1, 3, 4, 16, 4 * HEADER_WORDS - 4, 4 * HEADER_WORDS, len(options) - 4, len(options) - 1]
    for data in [*(options[:n] for n in lengths), options + bytes(4), options[4:]]:
        message = failure(with_options(graph, data))
        assert f"{STAGE}: its options are" in message, message
        assert "died" not in message


def test_tables_that_point_outside_are_refused_although_their_checksum_is_right():
    """What is left of a deliberate change: never an address outside, but where the model's numbers themselves lie."""
    graph = small()
    options = graph.ops[stage_of(graph)].custom_options
    words = np.frombuffer(options, "<u4")
    inputs, outputs, tensors, stages, ops, operands, offsets, pointers = words[[5, 6, 9, 10, 11, 12, 13, 14]]
    maps = HEADER_WORDS
    first_tensor = maps + 2 * (inputs + outputs) + STAGE_WORDS * stages
    first_op = first_tensor + TENSOR_WORDS * tensors
    first_operand = first_op + OP_WORDS * ops
    first_pointer = first_operand + (operands + 1) // 2 + offsets
    huge = 0x7FFF_FFF0
    changes = {
        "map offset": (maps, huge),
        "map size": (maps + 1, 1),
        "stage of other operators": (first_tensor - STAGE_WORDS, 0x0063_0000),
        "stage that begins later": (first_tensor - STAGE_WORDS, words[first_tensor - STAGE_WORDS] + 1),
        "empty stage": (first_tensor - STAGE_WORDS, 0),
        "stage of images": (first_tensor - STAGE_WORDS + 1, 0xFFFF_0002),
        "fed stage": (first_tensor - STAGE_WORDS + 1, 0x0000_0001),
        "tensor offset": (first_tensor, huge),
        "row bytes": (first_tensor + 2, huge),
        "height": (first_tensor + 3, 0),
        "phase": (first_tensor + 4, 0xFFFF_0001),
        "base": (first_tensor + 5, 77),
        "row offsets": (first_tensor + 6, huge),
        "kernel": (first_op, 999),
        "kernel of more words": (first_op, words[first_op] + (1 << 24)),
        "kernel that sums": (first_op, words[first_op] ^ (1 << 23)),
        "kernel of fewer pointers": (first_op, words[first_op] - (1 << 16)),
        "operand count": (first_op + 1, 0x0000_01FF),
        "no outputs": (first_op + 1, 1),
        "scratch": (first_op + 7, huge),
        "hold": (first_op + 8, 0x7777_0000),
        "pointers": (first_op + 9, huge),
        "words": (first_op + 10, huge),
        "shifts": (first_op + 11, huge),
        "operand": (first_operand, 0x7777_7777),
        "constant": (first_pointer, 77),
        "constant offset": (first_pointer + 1, huge),
        "constant bytes": (first_pointer + 2, huge),
        "workspace": (4, 16),
        "constants": (7, 0),
        "bases": (8, 77),
        "tensors": (9, 1),
        "no operators": (11, 0),
    }
    assert pointers
    for name, (position, value) in changes.items():
        damaged = words.copy()
        damaged[position] = value
        message = failure(with_options(graph, sealed(damaged[4:].tobytes())))
        assert STAGE in message, name
        assert "died" not in message, name


@pytest.mark.parametrize("family", FAMILIES)
def test_any_change_of_the_tables_under_a_right_checksum_never_ends_the_runtime(family):
    graph = small(family)
    words = np.frombuffer(graph.ops[stage_of(graph)].custom_options, "<u4")
    random = np.random.default_rng(0)
    for _ in range(100):
        damaged = words.copy()
        damaged[random.integers(4, len(words))] = random.integers(0, 1 << 32, dtype=np.uint64)
        assert "died" not in failure(with_options(graph, sealed(damaged[4:].tobytes())))


def test_a_routine_that_is_none_of_its_kernels_is_refused_although_the_checksum_is_right():
    graph = small("arm_dsp")
    options = graph.ops[stage_of(graph)].custom_options
    words = np.frombuffer(options, "<u4")
    routines = stage_routines()
    own = next(r.number for r in named(graph.ops[stage_of(graph)])[1] if "kDot" in r.expression)
    at = next(i for i in range(HEADER_WORDS, len(words) - 5) if tuple(words[i : i + 2]) == (ROUTINE, own))
    stream = words[at + 3 : at + 6]
    assert stream[0] < words[7]
    other = routines["arm_dsp::units_saturate"].number
    unknown = routines["&arm_dsp::kDotSaturate"].number + 63
    cases = {
        "another kernel's": (at + 1, [other], "not registered"),
        "of no list": (at + 1, [unknown], "not registered"),
        "huge": (at + 1, [0xFFFF_FFFF], "not registered"),
        "a constant": (at, stream, "no routine"),
        "none": (at, [NONE], "no routine"),
        "words": (at, [WORDS_OF, 0, 1], "no routine"),
        "in place of weights": (at + 3, [ROUTINE, own, 0], "no constant"),
        "words outside": (at + 3, [WORDS_OF, 0x7FFF_FFFF, 9], "parameters are missing"),
        "scratch": (_first_op(words) + 7, [words[_first_op(words) + 7] + 2], "scratch"),
    }
    for name, (position, values, said) in cases.items():
        damaged = words.copy()
        damaged[position : position + len(values)] = values
        message = failure(with_options(graph, sealed(damaged[4:].tobytes())))
        assert STAGE in message and said in message, (name, message)


def _first_op(words: np.ndarray) -> int:
    inputs, outputs, tensors, stages = (int(n) for n in words[[5, 6, 9, 10]])
    return HEADER_WORDS + 2 * (inputs + outputs) + STAGE_WORDS * stages + TENSOR_WORDS * tensors


def test_a_model_without_its_offline_plan_says_so():
    graph = without_metadata(small(), METADATA_NAME)
    x = np.zeros(graph.tensors[graph.inputs[0]].shape, np.int8)
    with pytest.raises(ModelError, match="offline plan was not honoured"):
        interpreter.run(write(graph), [[x]])


def test_a_model_whose_plan_moved_a_map_says_so():
    graph = small()
    offsets = {t: o for t, o in enumerate(offline_offsets(graph)) if o >= 0}
    offsets[graph.inputs[0]] += 16
    x = np.zeros(graph.tensors[graph.inputs[0]].shape, np.int8)
    with pytest.raises(ModelError, match="offline plan was not honoured"):
        interpreter.run(write(with_offline_plan(graph, offsets)), [[x]])


def test_what_has_no_form_in_tflite_micro_is_refused_with_the_reason():
    b = GraphBuilder(2)
    source = b.finish([b.conv_2d(b.conv_2d(b.input((1, 16, 16, 3)), 8, (3, 3)), 4, (3, 3))])
    with pytest.raises(UnsupportedOpError, match="rows cannot be fed"):
        stage_graph(plan_stages(source, kinds=("layer", "stream"), input="rows"))


def test_a_plan_that_writes_over_what_is_needed_is_refused():
    b = GraphBuilder(3)
    x = b.op("RELU", [b.input((1, 4, 4, 4))])
    graph = b.finish([b.op("TANH", [x], scale=1 / 128, zero_point=0), x])
    offsets = {0: 0, 1: 64, 2: 0}
    require_apart(graph, offsets, frozenset())
    with pytest.raises(UnsupportedOpError, match=r"op 1 TANH.*would lie over.*still needed"):
        require_apart(graph, {**offsets, 2: 64}, frozenset())
    with pytest.raises(UnsupportedOpError, match="op 0 RELU"):
        require_apart(replace(graph, outputs=(0, 2, 1)), {0: 0, 1: 48, 2: 128}, frozenset())


def test_a_schedule_of_layers_needs_no_operator_of_ours():
    b = GraphBuilder(4)
    source = b.finish([b.conv_2d(b.conv_2d(b.input((1, 8, 8, 3)), 8, (3, 3)), 4, (3, 3))])
    graph = stage_graph(plan_layer(source, in_place={}))
    assert not has_stages(graph)
    exact_runs(source, graph)


def test_damaged_options_have_no_memory():
    graph = small()
    at = stage_of(graph)
    for options in (b"", graph.ops[at].custom_options[:-4]):
        op = replace(graph.ops[at], custom_options=options)
        with pytest.raises(ModelError, match=STAGE):
            memory(graph.with_ops([*graph.ops[:at], op, *graph.ops[at + 1 :]]))


def test_missing_headers_and_compilers_are_named(monkeypatch, tmp_path):
    build = stage_library.stage_library.__wrapped__
    monkeypatch.setenv("TFLM_MCUNET_CACHE", str(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(stage_library.importlib.util, "find_spec", lambda name: None)
        with pytest.raises(ToolError, match="xmos-ai-tools") as caught:
            build()
        assert caught.value.hint == "pip install --no-deps xmos-ai-tools==1.4.2"
    with monkeypatch.context() as patch:
        patch.setattr(stage_library.shutil, "which", lambda name: None)
        with pytest.raises(ToolError, match=r"C\+\+ compiler"):
            build()
    with monkeypatch.context() as patch:
        patch.setattr(stage_library, "_FLAGS", ("-std=c++14", "-fsyntax-only", "--no-such-flag"))
        with pytest.raises(ToolError, match="does not compile"):
            build()
    assert not list(tmp_path.rglob("*.so"))


def test_the_library_is_built_once():
    first = stage_library.stage_library.__wrapped__()
    changed = first.stat().st_mtime_ns
    assert stage_library.stage_library.__wrapped__() == first
    assert Path(first).stat().st_mtime_ns == changed
    with pytest.raises(McuNetError):
        interpreter.run(write(small()), custom_ops=[(first, "NoSuchFunction")])
