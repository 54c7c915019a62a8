"""The report as text, JSON and markup: the figures stand in it, text of the model file does no harm."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from report_samples import HOSTILE, made_report

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.report import analyze, render_html, render_text
from tflm_mcunet.report.memory_report import Arena, FrontierPoint, Peak, Timeline, printable
from tflm_mcunet.report.stage_rows import Held, StageRow
from tflm_mcunet.report.timeline_svg import byte_ticks
from tflm_mcunet.targets import Target


class Tags(HTMLParser):
    """Counts tags, and collects attributes that could load or run something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.count: dict[str, int] = {}
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.count[tag] = self.count.get(tag, 0) + 1
        for name, value in attrs:
            if name in ("src", "href", "action", "data", "srcset", "xlink:href"):
                self.links.append(value or "")
            if name.startswith("on"):
                self.handlers.append(name)


def test_the_text_holds_every_figure(on_board):
    text = render_text(on_board)
    peak = on_board.peak
    for size in (
        peak.layer,
        peak.stream,
        peak.stream_rows_input,
        on_board.tflm.total,
        on_board.tflm_host.total,
    ):
        assert f"{size:,}" in text
    assert "<- peak" in text
    assert "fold it" in text
    assert "stack and code" in text
    assert "fits, 16,640 left" in text
    assert "STM32F103: 20,480 bytes of SRAM" in text
    assert not any(line != line.rstrip() for line in text.splitlines())


def test_the_columns_of_the_text_are_aligned(report):
    rows = re.findall(r"^ +\d+  CONV_2D.*$", render_text(report, all_ops=True), re.MULTILINE)
    assert len(rows) == 4
    assert len({row.index("1×32") for row in rows}) == 1
    assert len({re.search(r"[\d,]+(?=$|  <-)", row).end() for row in rows}) == 1


def test_only_the_fullest_operators_are_listed_unless_all_are_asked_for():
    report = made_report(ops=30)
    listed = re.compile(r"^ +\d+  CONV_2D", re.MULTILINE)
    assert len(listed.findall(render_text(report))) == 10
    assert len(listed.findall(render_text(report, all_ops=True))) == 30


def test_what_is_not_known_is_a_dash_and_not_a_zero(report):
    unknown = replace(
        report,
        tflm=Arena(None, None, 32, "unknown"),
        tflm_host=Arena(None, None, 64),
        peak=Peak(9, None, None, None),
    )
    assert unknown.tflm.total is None
    assert re.search(r"streamed +–", render_text(unknown))
    assert "None" not in render_text(unknown)
    assert "None" not in render_html(unknown)
    assert unknown.to_dict()["tflm"]["total"] is None


def test_terminal_escapes_in_names_do_not_reach_the_terminal():
    text = render_text(made_report(name="a\x1b[2Jb\u202e.tflite", op="EVIL\x07\r\n"), all_ops=True)
    assert not set("\x1b\x07\r\u202e") & set(text)
    assert printable("x" * 100, 10) == "x" * 9 + "…"


def test_the_json_has_the_promised_keys(on_board):
    data = json.loads(json.dumps(on_board.to_dict(), allow_nan=False))
    assert set(data) >= {"macs", "ops", "peak", "tflm", "flash", "fits"}
    assert set(data["ops"][0]) >= {"index", "type", "macs", "live_bytes"}
    assert set(data["peak"]) == {"layer", "layer_in_place", "stream", "stream_rows_input"}
    assert set(data["tflm"]) >= {"head", "tail", "total", "pointer_bits"}
    assert data["tflm"]["total"] == data["tflm"]["head"] + data["tflm"]["tail"]
    assert data["flash"]["model"] == 9_000


def test_fits_asks_for_contiguous_bytes_and_for_flash(report):
    assert report.fits is None
    assert report.fits_tflm is None
    for sram, flash, fits, stock in (
        (20_000, 9_000, True, True),
        (20_000, 8_999, False, False),
        (3_840, None, True, False),
        (3_839, None, False, False),
    ):
        placed = replace(report, target=Target(name="t", sram=sram, flash=flash))
        assert (placed.fits, placed.fits_tflm) == (fits, stock)
    split = Target(name="t", sram=7_000, banks=(("a", 3_500, 0), ("b", 3_500, 100_000)))
    assert replace(report, target=split).fits is False


def test_the_peak_steps_are_those_that_hold_the_highest_byte(report):
    assert report.before.peak_steps() == [0]
    assert report.after.peak_steps() == [0, 1, 2, 3]
    assert Timeline("none", (), (), 0).peak_steps() == []


def test_the_page_is_one_file_that_loads_nothing(on_board):
    page = render_html(on_board)
    tags = Tags(page)
    assert tags.links == ["data:,"]
    assert tags.handlers == []
    assert tags.count["script"] == 1
    assert "default-src &#x27;none&#x27;" in page
    assert "@import" not in page
    assert "url(" not in page
    assert tags.count["svg"] == 4
    spans = len(on_board.before.spans) + len(on_board.after.spans)
    assert len(re.findall(r'<(?:rect|path) class="span ', page)) == spans


@pytest.mark.parametrize("where", ["name", "tensor", "op"])
def test_markup_in_the_model_file_stays_text(where):
    tags = Tags(render_html(made_report(**{where: HOSTILE})))
    assert tags.count["script"] == 1
    assert "img" not in tags.count
    assert tags.handlers == []


def test_a_page_without_operators_can_be_made(report):
    empty = Timeline("Stock TFLite Micro", (), (), 0)
    page = render_html(replace(report, ops=(), before=empty, after=empty, peak=Peak(0, 0, 0, 0), peak_ops=()))
    assert Tags(page).count["svg"] == 4


def test_ticks_are_round_and_few():
    for limit in (1, 15, 16, 1000, 5000, 20_480, 161_472, 416_832, 3_000_000, 2**31):
        ticks = byte_ticks(limit)
        assert ticks[0] == 0
        assert ticks[-1] <= limit
        assert len(ticks) <= 7


def test_the_stages_and_the_frontier_stand_in_every_view(report):
    held = Held(HOSTILE, "1×32×32×8 int8", "inner", 3, 1_536)
    stages = (
        StageRow("patch", ("0 PAD", "1 CONV_2D"), 3_840, 1_250, 1_000, 2, (held,)),
        StageRow("layer", ("2 SOFTMAX",), 64, 0, 0, 1, ()),
    )
    points = (FrontierPoint("rows", 1.0, 9_876), FrontierPoint("rows", 1.25, 4_321))
    full = replace(
        report, stages=stages, left_out=(("2 SOFTMAX", "it reads the whole map"),), frontier=points
    )
    data = json.loads(json.dumps(full.to_dict(), allow_nan=False))
    assert data["stages"][0]["held"][0]["rows"] == 3 and data["stages"][0]["macs_once"] == 1_000
    assert data["left_out"] == [{"op": "2 SOFTMAX", "why": "it reads the whole map"}]
    assert [p["arena_bytes"] for p in data["frontier"]] == [9_876, 4_321]
    text, page = render_text(full), render_html(full)
    for part in ("patch, 2 strips", "1,536", "it reads the whole map", "4,321"):
        assert part in text and part in page
    assert Tags(page).count["circle"] == 2 and Tags(page).count["script"] == 1
    assert "SRAM against MACs" not in render_html(report)


def test_the_stages_of_a_model_hold_what_its_plan_says():
    b = GraphBuilder(2)
    x = b.conv_2d(b.input((1, 40, 10, 3)), 16, (3, 3))
    x = b.conv_2d(b.depthwise_conv_2d(x, (3, 3)), 2, (1, 1))
    t = b.op("TRANSPOSE", [x, b.constant([0, 3, 1, 2])])
    report = analyze(b.finish([b.mean(t, (3,))]), with_frontier=True)
    stage = report.stages[0]
    assert stage.kind == "stream" and sum(s.macs for s in report.stages) == report.macs
    assert {h.role for h in stage.held} >= {"input", "inner", "output"}
    inner = [h for h in stage.held if h.role == "inner"]
    assert all(h.rows < 40 for h in inner) and sum(h.size_bytes for h in inner) < stage.peak_bytes
    assert any("TRANSPOSE" in op and "every input row" in why for op, why in report.left_out)
    sizes = [p.arena_bytes for p in report.frontier if p.input == "resident"]
    assert sizes[0] == report.peak.stream and sizes == sorted(sizes, reverse=True)
