"""Every reference model gives TFLite Micro's bytes on every engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tflm_mcunet as mcu
from tflm_mcunet.errors import ToolError
from tflm_mcunet.graph import Tensor
from tflm_mcunet.tflite import read

MODELS = (
    "mlperf_ad01_int8",
    "mlperf_kws_ref_model",
    "mlperf_resnet_quant",
    "mlperf_vww_96_int8",
    "tflm_person_detect",
    "mcunet_vww_80",
    "mcunet-320kb-1mb_imagenet",
)
ENGINES = ("host", "qemu:cortex-m4", "qemu:cortex-m7", "qemu:cortex-m55", "qemu:rv32", "qemu:lx106")
#: The LX106's compiler brings no float arithmetic, which a model's float input and output need.
ENGINES_WITH_FLOATS = tuple(engine for engine in ENGINES if engine != "qemu:lx106")
INFERENCES = 3


def drawn(tensor: Tensor) -> np.ndarray:
    """[INFERENCES, ...] values for an input of batch 1."""
    random = np.random.default_rng(7)
    shape = (INFERENCES, *tensor.shape[1:])
    if tensor.dtype == "int8":
        return random.integers(-128, 128, shape, dtype=np.int8)
    return random.normal(0, 1, shape).astype(np.float32)


@pytest.mark.parametrize("name", MODELS)
def test_every_engine_gives_the_bytes_of_tflite_micro(name: str, shared_models: Path) -> None:
    path = shared_models / f"{name}.tflite"
    graph = read(path)
    x = drawn(graph.tensors[graph.inputs[0]])
    truth = mcu.run(path, x, on="tflm").outputs
    is_int8 = graph.tensors[graph.inputs[0]].dtype == "int8"
    for on in ENGINES if is_int8 else ENGINES_WITH_FLOATS:
        outputs = mcu.run(path, x, on=on).outputs
        assert [o.tobytes() for o in outputs] == [o.tobytes() for o in truth], on


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("source", ["resident", "rows"])
def test_streamed_programs_give_the_same_bytes_in_the_arena_that_was_planned(
    name: str, source: str, shared_models: Path
) -> None:
    path = shared_models / f"{name}.tflite"
    graph = read(path)
    x = drawn(graph.tensors[graph.inputs[0]])
    truth = mcu.run(path, x, on="tflm").outputs
    conversion = mcu.convert(path, schedule="stream", input=source)
    for on in ("host", "qemu:cortex-m4"):
        result = mcu.run(conversion, x, on=on)
        assert [o.tobytes() for o in result.outputs] == [o.tobytes() for o in truth], on
        assert result.sram.arena == conversion.schedule.arena_bytes
    layered = mcu.convert(path, schedule="layer")
    assert conversion.schedule.arena_bytes <= layered.schedule.arena_bytes


def test_float_inputs_are_refused_where_the_compiler_has_no_floats(shared_models: Path) -> None:
    path = shared_models / "mcunet_vww_80.tflite"
    x = drawn(read(path).tensors[read(path).inputs[0]])
    with pytest.raises(ToolError) as refused:
        mcu.run(path, x, on="qemu:lx106")
    assert "io='int8'" in refused.value.hint
