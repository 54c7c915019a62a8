"""The search's memory oracle: how fast it is, and whether what it accepts ever exceeds a budget when it is measured.

    .venv/bin/python benchmarks/search_oracle.py speed
    .venv/bin/python benchmarks/search_oracle.py exact --accepted 200 --programs 10
    .venv/bin/python benchmarks/search_oracle.py instructions

`exact` draws networks of MCUNet's space until so many are accepted for each device and schedule. Stock TFLite Micro
runs every network that was accepted for it, and records its arena; of those accepted for the interpreter-free program
every one is lowered with random weights (arena, scratch and constants are then what the program has), and `--programs`
of them are also linked and run on the emulated core. CPU time of one core.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from scipy.optimize import nnls

import tflm_mcunet as mcu
from tflm_mcunet import ops
from tflm_mcunet.codegen.family import family_of
from tflm_mcunet.codegen.program import build_program
from tflm_mcunet.ops import total_macs
from tflm_mcunet.schedule.schedule import aligned
from tflm_mcunet.tflite import write
from tflm_mcunet.tflm import interpreter
from tflm_mcunet.tflm.memory import memory
from tflm_mcunet.tinynas.architecture import Architecture
from tflm_mcunet.tinynas.budget import Budget, MemoryOracle, exact_schedule
from tflm_mcunet.tinynas.build import graph_of
from tflm_mcunet.tinynas.flash import constant_bytes
from tflm_mcunet.tinynas.instructions import instructions_estimate
from tflm_mcunet.tinynas.space import Space, image_space, mcunet_space, series_space
from tflm_mcunet.transforms import canonical

SMALL = mcu.Target("64 kB / 256 kB", 64_000, 256_000, core="cortex-m4", emulator="qemu:cortex-m4")
DEVICES = (
    ("STM32F746", {"sram_bytes": 320_000, "flash_bytes": 1_000_000}),
    ("STM32F411", {"sram_bytes": 128_000}),
    ("ESP32-S3", {}),
    (SMALL, {}),
)
SPEED_SPACES = {
    "MCUNet, 48 to 224 pixels": mcunet_space(2),
    "images of 32 pixels": image_space((32, 32, 3), 10),
    "series of 128 steps": series_space((128, 1, 6), 6),
}


def speed(seconds: float) -> None:
    """Candidates a second, drawn and judged, for every space, device and schedule."""
    print("space | device | schedule | candidates/s | fit | the exact test of one that fits")
    for name, space in SPEED_SPACES.items():
        for device, limits in (DEVICES[0], DEVICES[3]):
            for schedule in ("layer", "stream", "tflm"):
                oracle = MemoryOracle(Budget.of(device, schedule=schedule, **limits))
                random = np.random.default_rng(0)
                accepted: list[Architecture] = []
                count, start = 0, time.process_time()
                while time.process_time() - start < seconds:
                    network = space.architecture(space.sample(random))
                    if oracle.is_plausible(network):
                        accepted.append(network)
                    count += 1
                rate = count / (time.process_time() - start)
                start = time.process_time()
                for network in accepted[:5]:
                    oracle.why_not(network)
                each = 1000 * (time.process_time() - start) / max(1, min(5, len(accepted)))
                share = len(accepted) / count
                print(
                    f"{name} | {oracle.budget.target.name} | {schedule} | {rate:.0f} | {share:.0%} | {each:.0f} ms"
                )


def exact(accepted: int, programs: int, schedules: list[str], devices: list[int]) -> None:
    """Accepted networks against what they measure."""
    print(
        "device | schedule | accepted of drawn | over budget | measured/foretold: SRAM, flash | linked and run"
    )
    for device, limits in (DEVICES[number] for number in devices):
        for schedule in schedules:
            budget = Budget.of(device, schedule=schedule, **limits)
            oracle, space = MemoryOracle(budget), _space_for(budget)
            random = np.random.default_rng(7)
            over, run, drawn, kept = 0, 0, 0, 0
            closest = [0.0, 0.0]
            while kept < accepted:
                drawn += 1
                network = space.architecture(space.sample(random))
                if not oracle.is_plausible(network):
                    continue
                need = oracle.need(network)
                if oracle.exceeded(need):
                    continue
                kept += 1
                if schedule == "tflm":
                    sram, flash = _in_tflm(network, kept)
                else:
                    emulated = budget.target.emulator if run < programs else None
                    sram, flash = _as_program(network, budget, kept, emulated)
                    run += emulated is not None
                over += sram > budget.sram_bytes or (
                    budget.flash_bytes is not None and flash > budget.flash_bytes
                )
                assert sram <= need.sram_bytes and flash <= need.flash_bytes, (network, sram, flash, need)
                closest = [max(closest[0], sram / need.sram_bytes), max(closest[1], flash / need.flash_bytes)]
            where = "TFLite Micro, all" if schedule == "tflm" else f"{run} of {kept}"
            print(
                f"{budget.target.name} | {schedule} | {kept} of {drawn} | {over} | "
                f"{closest[0]:.3f}, {closest[1]:.3f} | {where}",
                flush=True,
            )


def instructions(networks: int) -> None:
    """Counted instructions over modelled ones, and the costs that would fit these counts best."""
    print("core | counted over modelled, least to most | fitted: a dense MAC, a depthwise MAC, a value")
    for core in ("cortex-m4", "cortex-m55", "rv32imc"):
        facts, ratios = [], []
        for number in range(networks):
            space = list(SPEED_SPACES.values())[1 + number % 2]
            drawn = space.sample(np.random.default_rng(number))
            graph = graph_of(space.architecture(drawn), seed=number)
            engine = "qemu:rv32" if core.startswith("rv32") else f"qemu:{core}"
            zeros = np.zeros(graph.tensors[graph.inputs[0]].shape, np.int8)
            counted = mcu.run(mcu.convert(graph, schedule="layer"), zeros, on=engine).instructions
            assert counted is not None
            depthwise = sum(ops.macs(graph, op) for op in graph.ops if op.type == "DEPTHWISE_CONV_2D")
            values = sum(graph.tensors[op.outputs[0]].elements for op in graph.ops)
            facts.append([(total_macs(graph) - depthwise) / counted, depthwise / counted, values / counted])
            ratios.append(counted / instructions_estimate(graph, family_of(core)))
        costs, _ = nnls(np.array(facts), np.ones(networks))
        fitted = ", ".join(f"{cost:.1f}" for cost in costs)
        print(f"{core} | {min(ratios):.2f} to {max(ratios):.2f} | {fitted}")


def _space_for(budget: Budget) -> Space:
    """MCUNet's space at resolutions and widths of which a fair share fits."""
    widths = (0.2, 0.3) if budget.sram_bytes < 100_000 else (0.2, 0.3, 0.4, 0.5)
    most = 96 if budget.sram_bytes < 100_000 else 176
    sizes = list(range(48, most + 1, 16))
    return mcunet_space(10, resolutions=sizes, widths=widths)


def _in_tflm(network: Architecture, seed: int) -> tuple[int, int]:
    """The arena that stock TFLite Micro records, less what 64-bit structures add; and the file."""
    graph = graph_of(network, seed=seed)
    model = write(graph)
    ran = interpreter.run(model, [])  # memory is allocated, and recorded, before the first inference
    assert ran.allocations is not None
    assert ran.allocations.total_bytes == memory(graph, 64).total_bytes
    here, there = memory(graph, 64), memory(graph, 32, enum_bytes=4)
    assert here.head_bytes == there.head_bytes
    return ran.allocations.total_bytes - (here.tail_bytes or 0) + (there.tail_bytes or 0), len(model)


def _as_program(network: Architecture, budget: Budget, seed: int, emulated: str | None) -> tuple[int, int]:
    """SRAM and flash: measured on the emulated core, or as the lowered program has them without code and stack."""
    graph = graph_of(network, seed=seed)
    plan = exact_schedule(canonical(graph)[0], budget.schedule)
    program = build_program(plan, budget.family)
    if emulated is None:
        return aligned(plan.arena_bytes) + program.scratch_bytes, constant_bytes(program)
    conversion = mcu.convert(graph, budget.target, schedule=budget.schedule)
    ran = mcu.run(conversion, np.zeros((1, *network.input_shape), np.int8), on=emulated)
    return ran.sram.total, ran.flash.total


def main() -> None:
    """Run one of the three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("speed", "exact", "instructions"))
    parser.add_argument("--seconds", type=float, default=4.0, help="of CPU time for each line of `speed`")
    parser.add_argument("--accepted", type=int, default=200)
    parser.add_argument("--programs", type=int, default=10, help="of each line of `exact`, linked and run")
    parser.add_argument("--schedules", nargs="+", default=["layer", "stream", "tflm"])
    parser.add_argument(
        "--devices",
        nargs="+",
        type=int,
        choices=range(len(DEVICES)),
        default=list(range(len(DEVICES))),
        help="of `exact`, by number: STM32F746, STM32F411, ESP32-S3, 64 kB / 256 kB",
    )
    parser.add_argument("--networks", type=int, default=8, help="for `instructions`")
    options = parser.parse_args()
    if options.what == "speed":
        speed(options.seconds)
    elif options.what == "instructions":
        instructions(options.networks)
    else:
        exact(options.accepted, options.programs, options.schedules, options.devices)


if __name__ == "__main__":
    main()
