"""The lists of kernels that stages can name: complete, each number once, and what exports take of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.codegen.call import Call, Constant, Params, Symbol, View
from tflm_mcunet.codegen.family import FAMILIES, PORTABLE
from tflm_mcunet.cpp import cpp_sources
from tflm_mcunet.errors import UnsupportedOpError
from tflm_mcunet.schedule.stages import plan_stages
from tflm_mcunet.tflite import write
from tflm_mcunet.tflm.emit import interpreter_program
from tflm_mcunet.tflm.stage_graph import stage_graph
from tflm_mcunet.tflm.stage_kernels import params_parts, stage_kernels, stage_routines

#: Row kernels that no lowering gives as a step of a stage.
_NOT_OF_STAGES = {"resize_nearest_neighbor_row", "move_row"}

_ROW = re.compile(r"^void (\w+)\(const void\* params, const void\* const\* rows, void\* out,", re.MULTILINE)
_SUM = re.compile(r"^extern const SumKernels (\w+);", re.MULTILINE)
_ROUTINE = re.compile(
    r"^(?:extern const (?:DotKernels|Core3x3|MapCore|PackedCore) (\w+);"
    r"|void (\w+)\(const (?:UnitsJob\*|DepthwiseJob\*|DotJob&|DepthwiseJob&) job\);|WidenMap (\w+);)",
    re.MULTILINE,
)


def headers(family: str) -> Iterator[Path]:
    folder = cpp_sources() / "src" / "kernels" / ("" if family == PORTABLE else family)
    return (path for path in sorted(folder.glob("*.h")) if not path.name.startswith("unpacked"))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_row_and_sum_kernel_can_be_named(family):
    declared = {n for path in headers(family) for p in (_ROW, _SUM) for n in p.findall(path.read_text())}
    listed = {name for name, kernel in stage_kernels().items() if kernel.family == family}
    assert declared - _NOT_OF_STAGES <= listed <= declared


@pytest.mark.parametrize("family", FAMILIES)
def test_every_routine_can_be_named(family):
    found = [m for path in headers(family) for m in _ROUTINE.findall(path.read_text())]
    declared = {f"&{family}::{f[0]}" if f[0] else f"{family}::{f[1] or f[2]}" for f in found}
    assert declared <= set(stage_routines())
    assert declared or family in (PORTABLE, "riscv")


def test_each_number_stands_for_one_thing():
    kernels = [k.number for k in stage_kernels().values()]
    routines = [r.number for r in stage_routines().values()]
    numbers = [*kernels, *routines]
    assert len(numbers) == len(set(numbers))
    assert kernels == sorted(kernels)
    assert routines == sorted(routines)
    # Models hold these: they must never change.
    assert stage_kernels()["conv_2d_row"].number == 1
    assert stage_kernels()["pointwise_dsp_row"].number == 64
    assert stage_kernels()["pointwise_mve_row"].number == 1024
    assert stage_kernels()["conv_2d_rv_row"].number == 2048
    assert stage_routines()["&arm_dsp::kDotShift10"].number == 132
    assert stage_routines()["arm_mve::depthwise_to_64_taps"].number == 1161


def test_structures_lie_in_words_as_in_memory():
    names = ("constant", "words", "row_words", "input_width", "input_channels", "output_channels", "kernel_h")
    fields = {name: i for i, name in enumerate((*names, "kernel_w", "stride_w"), 1)}
    fields |= {"pad_left": -1, "segment_pixels": 10, "input_zero_point": -2, "has_last": 1, "shift": 12}
    fields |= {"output_min": -128, "output_max": 127, "stream": Constant(None)}
    fields["dot"] = Symbol("&arm_dsp::kDotShift9")
    params = Params("ConvDsp2D", fields)
    view = View(0, 1, 1)
    call = Call("pointwise_dsp_row", "kernels/arm_dsp/conv_2d", params, (view,), (view,))
    pointers, words = params_parts(call)
    assert pointers == [stage_routines()["&arm_dsp::kDotShift9"], None]
    assert words.hex(" ", 4) == "01000000 02000300 04000500 06000700 08000900 ffff0a00 fe010c80 7f000000"
    fields["dot"] = Symbol("&arm_dsp::kNoSuchCore")
    with pytest.raises(UnsupportedOpError, match="no routine &arm_dsp::kNoSuchCore"):
        params_parts(call)


def test_an_export_holds_the_kernels_that_its_model_names_and_no_others():
    b = GraphBuilder(1)
    x = b.conv_2d(b.input((1, 16, 16, 8)), 16, activation="RELU6")
    source = b.finish([b.conv_2d(b.depthwise_conv_2d(x, (5, 5), activation="RELU6"), 4)])
    graph = stage_graph(plan_stages(source, kinds=("layer", "stream")), "arm_dsp")
    files = interpreter_program(write(graph), "cortex-m4", 1).files
    text = files["model.cpp"]
    assert "AddStageOp<tflm_mcunet::kModelStageKernels>(resolver)" in text
    listed = set(re.findall(r"\(\d+, &?(\w+)\),", text))
    assert listed == {"pointwise_dsp_row", "depthwise_conv_2d_dsp_row"}
    assert text.count("    routine<") == len({*re.findall(r"routine<[^>]+>", text)}) <= 3
    kernels = {p.rsplit("/", 1)[1] for p in files if "/kernels/" in p and p.endswith(".cpp")}
    assert kernels == {
        "conv_2d.cpp", "depthwise_conv_2d.cpp", "depthwise_core.cpp", "depthwise_widen.cpp", "dot_core.cpp",
    }  # fmt: skip
    assert not any(path.endswith("/stage_kernels.cpp") for path in files)
