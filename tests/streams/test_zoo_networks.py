"""MCUNet's networks, streamed: TFLite Micro's bytes in no more SRAM than the records that were set."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import run_schedules
from kernel_check import inputs
from zoo import zoo_network

from tflm_mcunet import tflite
from tflm_mcunet.ops import total_macs
from tflm_mcunet.schedule.stages import plan_stages
from tflm_mcunet.tflm import interpreter

#: Network -> arena bytes to reach, input image resident and fed by rows; no MAC is computed twice.
RECORDS = {
    "mcunet-vww0": (17_152, 14_272),
    "mcunet-vww1": (20_800, 13_500),
    "mcunet-vww2": (66_960, 43_344),
    "mcunet-in0": (17_232, 12_624),
    "mcunet-in1": (30_816, 18_528),
    "mcunet-in2": (82_080, 55_680),
    "mcunet-in3": (97_200, 55_700),
    "mbv2-w0.35": (64_600, 23_800),
    "proxyless-w0.3": (98_736, 39_600),
}


@pytest.mark.parametrize("name", RECORDS)
def test_a_network_streams_exactly_within_the_record(name: str, shared_models: Path) -> None:
    topologies = shared_models / "mcunet_zoo_topologies.json"
    if not topologies.is_file():
        pytest.skip(f"no {topologies}")
    graph = zoo_network(topologies, name, same_padding=name == "mbv2-w0.35")
    plans = [plan_stages(graph, kinds=("layer", "stream"), input=source) for source in ("resident", "rows")]
    assert [p.arena_bytes <= most for p, most in zip(plans, RECORDS[name], strict=True)] == [True, True]
    feed = inputs(graph, 1)
    truth = interpreter.run(tflite.write(graph), feed).outputs
    for outputs in run_schedules(plans, [feed, feed]):
        assert [a.tobytes() for a in outputs[0]] == [a.tobytes() for a in truth[0]]


#: Network, MACs as a factor of its own -> arena bytes to reach with the image fed by rows, as often as is wanted.
STRIPS = {("mcunet-in3", 1.02): 49_000, ("mcunet-in3", 1.1): 45_000, ("mbv2-w0.35", 1.02): 16_000}


@pytest.mark.parametrize(("name", "factor"), STRIPS)
def test_a_network_in_strips_is_exact_within_its_macs(name: str, factor: float, shared_models: Path) -> None:
    topologies = shared_models / "mcunet_zoo_topologies.json"
    if not topologies.is_file():
        pytest.skip(f"no {topologies}")
    graph = zoo_network(topologies, name, same_padding=name == "mbv2-w0.35")
    plan = plan_stages(graph, input="rows", max_mac_overhead=factor, spread_maps=True)
    assert plan.arena_bytes <= STRIPS[name, factor]
    assert sum(stage.macs for stage in plan.stages) <= factor * total_macs(graph)
    feed = inputs(graph, 1)
    truth = interpreter.run(tflite.write(graph), feed).outputs
    outputs = run_schedules([plan], [feed])[0]
    assert [a.tobytes() for a in outputs[0]] == [a.tobytes() for a in truth[0]]
