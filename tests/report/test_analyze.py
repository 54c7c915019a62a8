"""`analyze` agrees with what can be counted by hand, with TFLite Micro's records, and takes a model in any form."""

from __future__ import annotations

import importlib.util
import json

import pytest

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.errors import ModelError, UsageError
from tflm_mcunet.graph import Graph
from tflm_mcunet.report import analyze, render_html, render_text
from tflm_mcunet.report.row_flow import row_flow
from tflm_mcunet.schedule.stages import plan_stages
from tflm_mcunet.targets import Target
from tflm_mcunet.tflite import read, write
from tflm_mcunet.transforms import canonical


def chain() -> Graph:
    """16×16×4 -> conv 16×16×8 -> PAD 18×18×8 -> depthwise 16×16×8 -> conv 16×16×2."""
    b = GraphBuilder(seed=3)
    x = b.input((1, 16, 16, 4), name="image")
    x = b.conv_2d(x, 8, (3, 3), activation="RELU6")
    x = b.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
    x = b.depthwise_conv_2d(x, (3, 3), padding=1)
    return b.finish([b.conv_2d(x, 2)], name="chain")


def test_the_figures_are_those_that_a_hand_counts():
    report = analyze(chain())
    assert [op.type for op in report.ops] == ["CONV_2D", "PAD", "DEPTHWISE_CONV_2D", "CONV_2D"]
    assert [op.macs for op in report.ops] == [16 * 16 * 8 * 36, 0, 16 * 16 * 8 * 9, 16 * 16 * 2 * 8]
    assert report.macs == sum(op.macs for op in report.ops)
    assert [op.live_bytes for op in report.ops] == [1024 + 2048, 2048 + 2592, 2592 + 2048, 2048 + 512]
    assert report.peak_ops == (1, 2)
    assert report.tflm.head == 2048 + 2592
    assert report.ops[0].weight_bytes == 8 * 36 + 8 * 4
    assert report.model_bytes is None


def test_folding_the_pad_and_sharing_bytes_lower_the_peak():
    peak = analyze(chain()).peak
    assert peak.layer == 2048 + 2048
    assert peak.layer_in_place is not None
    assert peak.layer_in_place <= peak.layer
    assert peak.stream is not None
    assert peak.stream < peak.layer_in_place
    assert peak.stream_rows_input is not None
    assert peak.stream_rows_input < peak.stream
    assert peak.best_resident == peak.stream


def test_the_timelines_hold_what_the_figures_say():
    report = analyze(chain())
    assert report.before.arena_bytes == report.tflm.head
    assert report.after.arena_bytes == report.peak.best_resident
    for timeline in (report.before, report.after):
        assert timeline.steps
        for span in timeline.spans:
            assert span.offset >= 0
            assert span.offset + span.size_bytes <= timeline.arena_bytes
            assert 0 <= span.first <= span.last < len(timeline.steps)
    assert list(report.before.steps) == [
        "0 CONV_2D",
        "1 PAD",
        "2 DEPTHWISE_CONV_2D",
        "3 CONV_2D",
    ]
    assert {span.label for span in report.before.spans} >= {"image"}
    assert list(report.before.peak_steps()) == [1, 2]


def test_two_buffers_of_stock_tflite_micro_never_share_bytes_at_one_step():
    spans = analyze(chain()).before.spans
    for i, a in enumerate(spans):
        for b in spans[i + 1 :]:
            meet = a.first <= b.last and b.first <= a.last
            overlap = a.offset < b.offset + b.size_bytes and b.offset < a.offset + a.size_bytes
            assert not (meet and overlap), (a, b)


def test_rows_that_flow_meet_in_one_byte_only_where_one_takes_the_place_of_the_other():
    report = analyze(chain())
    flowing = [(span.label, piece) for span in report.after.spans for piece in span.pieces]
    assert len(flowing) == 4 * 16
    row_step = min(end - start for _, (start, end, _, _) in flowing)
    for i, (name, (start, end, offset, size)) in enumerate(flowing):
        assert report.after.stages
        assert 0 <= start < end <= len(report.after.steps)
        assert 0 <= offset < offset + size <= report.after.arena_bytes
        for other, (other_start, other_end, other_offset, other_size) in flowing[i + 1 :]:
            if offset < other_offset + other_size and other_offset < offset + size:
                together = min(end, other_end) - max(start, other_start)
                assert together < 1.001 * row_step, (name, other)


def test_a_real_stage_takes_as_many_row_steps_as_its_plan_says(shared_models):
    graph, _ = canonical(read(shared_models / "mlperf_resnet_quant.tflite"))
    stages = [s.plan for s in plan_stages(graph, kinds=("layer", "stream")).stages if s.plan is not None]
    assert stages
    for plan in stages:
        assert row_flow(plan, ()).steps == plan.steps


def test_the_advice_names_the_pad_and_what_takes_it():
    advice = analyze(chain()).advice
    assert "op 1 PAD copies 4,640 bytes (2,048 into 2,592); fold it into op 2 DEPTHWISE_CONV_2D" in advice
    assert any("streaming rows takes the arena" in line for line in advice)


def test_a_pad_that_cannot_be_folded_is_said_so():
    b = GraphBuilder()
    x = b.pad(b.input((1, 8, 8, 4)), [(0, 0), (1, 1), (1, 1), (0, 0)])
    advice = analyze(b.finish([b.op("RELU", [x])])).advice
    assert any(line.startswith("op 0 PAD") and "cannot be folded" in line for line in advice)
    assert not any("fold it into" in line for line in advice)


def test_a_float_model_is_told_to_be_quantised():
    b = GraphBuilder()
    x = b.input((1, 8, 8, 3), "float32")
    w = b.constant([[[[0.5] * 3]]], "float32")
    options = {"padding": 0, "stride_w": 1, "stride_h": 1, "fused_activation_function": 0}
    graph = b.finish([b.op("CONV_2D", [x, w], options)])
    report = analyze(graph)
    assert "floating point" in report.advice[0]
    assert report.ops[0].live_bytes == 4 * 8 * 8 * 4


def test_a_float_edge_is_told_to_be_int8():
    b = GraphBuilder()
    x = b.op("QUANTIZE", [b.input((1, 16, 16, 3), "float32")], dtype="int8", scale=0.1)
    advice = analyze(b.finish([b.conv_2d(x, 4)])).advice
    assert any("float input takes 3,072 bytes" in line and "makes 768" in line for line in advice)


def test_a_model_comes_as_graph_bytes_or_path(tmp_path):
    data = write(chain())
    path = tmp_path / "chain.tflite"
    path.write_bytes(data)
    from_path, from_bytes, from_graph = analyze(path), analyze(data), analyze(read(data))
    assert from_path.name == "chain.tflite"
    assert from_path.model_bytes == from_bytes.model_bytes == len(data)
    assert analyze(str(path)).to_dict() == from_path.to_dict()
    for other in (from_bytes, from_graph):
        assert other.peak == from_path.peak
        assert other.ops == from_path.ops
        assert other.tflm == from_path.tflm


def test_the_target_decides_what_fits(tmp_path):
    report = analyze(chain(), Target(name="t", sram=4096, flash=1_000_000))
    assert report.fits is True
    assert report.fits_tflm is False
    assert analyze(chain(), Target(name="t", sram=100)).fits is False
    assert analyze(chain(), "stm32f746").target == Target.load("STM32F746")


def test_pointers_change_the_tail_and_not_the_head():
    narrow, wide = analyze(chain()), analyze(chain(), pointer_bits=64)
    assert narrow.tflm.head == wide.tflm.head
    assert narrow.tflm.tail is not None
    assert wide.tflm.tail is not None
    assert narrow.tflm.tail < wide.tflm.tail
    assert narrow.tflm_host == wide.tflm
    assert (narrow.tflm.pointer_bits, wide.tflm.pointer_bits) == (32, 64)


@pytest.mark.parametrize(
    "model, error", [(b"", ModelError), (b"TFL3" * 9, ModelError), (3, UsageError), ("no.tflite", UsageError)]
)
def test_what_is_no_model_is_refused(model, error):
    with pytest.raises(error):
        analyze(model)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="needs the extra `nas`")
def test_a_keras_model_is_quantised_for_its_sizes(tmp_path):
    import keras

    layers = [keras.layers.Input((16, 16, 3)), keras.layers.Conv2D(8, 3, padding="same", activation="relu")]
    model = keras.Sequential(
        [*layers, keras.layers.Conv2D(4, 1), keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    report = analyze(model, "nRF52840")
    assert report.macs == 16 * 16 * (8 * 27 + 4 * 8) + 16 * 16 * 4 * 2
    assert report.peak.layer == 16 * 16 * (8 + 4)
    assert report.model_bytes is not None
    assert any("random samples" in line for line in report.notes)
    model.save(tmp_path / "m.keras")
    saved = analyze(tmp_path / "m.keras")
    assert (saved.name, saved.peak) == ("m.keras", report.peak)


def test_ten_thousand_operators_get_an_answer():
    b = GraphBuilder()
    x = b.input((1, 8, 8, 4), scale=1.0)
    for _ in range(5_000):
        x = b.op("RELU", [b.op("HARD_SWISH", [x])])
    report = analyze(b.finish([x]))
    assert report.peak.layer == 2 * 256
    assert report.peak.stream is None
    assert any("10000" in line for line in report.notes)


def test_wrong_arguments_are_refused():
    with pytest.raises(UsageError, match="pointer_bits"):
        analyze(chain(), pointer_bits=16)
    with pytest.raises(UsageError, match="STM32F999"):
        analyze(chain(), "STM32F999")


def test_several_inputs_and_outputs_and_no_operators():
    b = GraphBuilder()
    x, y = b.input((1, 8, 8, 4)), b.input((1, 8, 8, 4))
    both = b.binary("ADD", x, y)
    report = analyze(b.finish([both, b.op("RELU", [both])]))
    assert report.peak.layer == 3 * 256
    assert render_text(report)
    b = GraphBuilder()
    x = b.input((1, 8))
    empty = analyze(b.finish([x]))
    assert (empty.macs, empty.ops, empty.peak_ops) == (0, (), ())
    assert render_text(empty)
    assert "<svg" in render_html(empty)


#: Model -> (stock head, upper bounds of layer, stream and rows: DESIGN's peers' table).
STATED = {
    "mcunet_vww_80.tflite": (161_472, 96_000, 80_000, 14_480),
    "mlperf_vww_96_int8.tflite": (73_728, 55_296, 28_800, 12_768),
    "mlperf_kws_ref_model.tflite": (16_000, 16_000, 4_526, 4_196),
    "mlperf_resnet_quant.tflite": (49_152, 49_152, 14_784, 13_344),
}


@pytest.mark.parametrize("name", STATED)
def test_real_models_reach_what_was_promised(shared_models, name):
    head, layer, stream, rows = STATED[name]
    report = analyze(shared_models / name, "STM32F746")
    peak = report.peak
    assert report.tflm.head == report.tflm_host.head == head
    assert peak.layer is not None
    assert peak.layer <= layer
    assert peak.stream is not None
    assert peak.stream <= stream
    assert peak.stream_rows_input is not None
    assert peak.stream_rows_input <= rows
    assert report.planned_head is not None
    assert report.planned_head <= {"mlperf_vww_96_int8.tflite": 55_296}.get(name, head)
    assert report.fits is True
    assert json.loads(json.dumps(report.to_dict()))["fits"] is True
    assert render_html(report).count("<svg") == 4
