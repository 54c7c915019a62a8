"""What the memory oracle says is what runs measure, or more: on emulated cores and in stock TFLite Micro."""

from __future__ import annotations

import numpy as np
import pytest

import tflm_mcunet as mcu
from tflm_mcunet.errors import UsageError
from tflm_mcunet.tflite import write
from tflm_mcunet.tflm import interpreter
from tflm_mcunet.tflm.memory import memory
from tflm_mcunet.tinynas.budget import Budget, MemoryOracle, quick_arena_bytes, quick_bounds, tflite_bytes
from tflm_mcunet.tinynas.build import graph_of, keras_model_of
from tflm_mcunet.tinynas.space import image_space, mcunet_space, series_space

SPACES = (
    image_space((8, 8, 1), 10),
    series_space((29, 1, 12), 9),
    mcunet_space(10, resolutions=(48,), widths=(0.2,), squeeze=True, depths=(1, 2)),
)
CORES = {"qemu:cortex-m4": "STM32F411", "qemu:cortex-m7": "STM32F746", "qemu:rv32": "ESP32-C3"}
LARGE = mcu.Target("a large one", 4_000_000, 8_000_000, core="cortex-m55")


@pytest.mark.parametrize("core", [*CORES, "qemu:cortex-m55"])
@pytest.mark.parametrize("schedule", ["layer", "stream"])
def test_no_run_takes_more_sram_or_flash_than_foretold(core: str, schedule: str) -> None:
    target = mcu.Target.load(CORES[core]) if core in CORES else LARGE
    oracle = MemoryOracle(Budget.of(target, schedule=schedule))
    for number, space in enumerate(SPACES):
        architecture = space.architecture(space.sample(np.random.default_rng(number)))
        need = oracle.need(architecture)
        graph = graph_of(architecture, seed=number)
        zeros = np.zeros((1, *architecture.input_shape), np.int8)
        run = mcu.run(mcu.convert(graph, schedule=schedule), zeros, on=core)
        assert run.sram.total <= need.sram_bytes <= run.sram.total + 2048
        assert run.flash.total <= need.flash_bytes <= 1.1 * run.flash.total + 32 * 1024
        assert run.macs == need.macs
        assert oracle.why_not(architecture) == ()


def test_stock_tflite_micro_takes_what_was_foretold() -> None:
    oracle = MemoryOracle(Budget.of(LARGE, schedule="tflm"))
    for number, space in enumerate(SPACES):
        architecture = space.architecture(space.sample(np.random.default_rng(number)))
        graph = graph_of(architecture, seed=number)
        zeros = np.zeros((1, *architecture.input_shape), np.int8)
        ran = interpreter.run(write(graph), [[zeros]])
        assert ran.allocations is not None
        assert ran.allocations.total_bytes == memory(graph, 64).total_bytes
        assert oracle.need(architecture).arena_bytes == memory(graph, 32).head_bytes
        assert oracle.need(architecture).sram_bytes <= ran.allocations.total_bytes + 64


def test_a_converted_model_is_no_larger_than_foretold() -> None:
    space = SPACES[0]
    architecture = space.architecture(space.sample(np.random.default_rng(4)))
    int8 = mcu.quantize(keras_model_of(architecture), np.zeros((4, 8, 8, 1), np.float32))
    assert len(int8) <= tflite_bytes(graph_of(architecture)) <= 1.5 * len(int8) + 16_384


@pytest.mark.parametrize("schedule", ["layer", "stream", "tflm"])
def test_quick_bounds_never_reject_what_fits(schedule: str) -> None:
    oracle = MemoryOracle(Budget.of(LARGE, schedule=schedule))
    for number, space in enumerate(SPACES[:2]):
        architecture = space.architecture(space.sample(np.random.default_rng(number)))
        need = oracle.need(architecture)
        exact = MemoryOracle(Budget(LARGE, need.sram_bytes, need.flash_bytes, need.macs, schedule=schedule))
        assert exact.fits(architecture)
        assert exact.is_plausible(architecture)
        assert quick_bounds(architecture).flash_bytes <= need.flash_bytes
        assert quick_arena_bytes(graph_of(architecture), schedule) <= need.sram_bytes
        for less in ({"sram_bytes": need.sram_bytes - 1}, {"flash_bytes": need.flash_bytes - 1}):
            given = {"sram_bytes": need.sram_bytes, "flash_bytes": need.flash_bytes, **less}
            assert not MemoryOracle(Budget(LARGE, **given, schedule=schedule)).fits(architecture)
        assert (exact.asked, exact.kept) == (1, 1)


def test_a_latency_budget_is_a_modelled_one_and_says_so() -> None:
    space = SPACES[0]
    architecture = space.architecture(space.extreme(True))
    (why,) = MemoryOracle(Budget.of("STM32F411", max_latency_ms=0.01)).why_not(architecture)
    assert "modelled" in why


@pytest.mark.parametrize(
    "wrong",
    [
        {"target": "no such device"},
        {"target": None},
        {"schedule": "fast"},
        {"sram_bytes": 0},
        {"sram_bytes": 10**9},
        {"flash_bytes": 10**9},
        {"max_macs": True},
        {"target": mcu.Target("bare", 64_000, 256_000), "max_latency_ms": 5},
    ],
)
def test_a_wrong_budget_is_refused(wrong: dict) -> None:
    with pytest.raises(UsageError):
        Budget.of(**{"target": "STM32F746", **wrong})
