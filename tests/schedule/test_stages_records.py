"""What the planned arenas reach on real networks, without recomputation, input image included where it is resident."""

from __future__ import annotations

import pytest
from stream_graphs import zoo_network

from tflm_mcunet.schedule.stages import plan_stages
from tflm_mcunet.tflite import read

#: Arena bytes to reach: (resident, rows). Kernel scratch comes on top.
ZOO = {
    "mcunet-vww0": (17152, 14272),
    "mcunet-vww1": (20800, 13500),
    "mcunet-vww2": (66960, 43344),
    "mcunet-in0": (17232, 12624),
    "mcunet-in1": (30816, 18528),
    "mcunet-in2": (82080, 55680),
    "mcunet-in3": (97200, 55700),
    "mbv2-w0.35": (64600, 23800),
    "proxyless-w0.3": (98736, 39600),
}
FILES = {
    "mlperf_vww_96_int8": (28100, 10300),
    "mlperf_resnet_quant": (10400, 9300),
    "mlperf_kws_ref_model": (4000, 3600),
}


@pytest.mark.parametrize("source", ["resident", "rows"])
@pytest.mark.parametrize("name", ZOO)
def test_the_zoo_fits(shared_models, name: str, source: str) -> None:
    # The simulation of mbv2 took TFLite's SAME padding (0, 1); PyTorch's (1, 1) needs 344 bytes more, resident.
    graph = zoo_network(shared_models / "mcunet_zoo_topologies.json", name, same_padding=name == "mbv2-w0.35")
    schedule = plan_stages(graph, input=source)
    assert schedule.arena_bytes <= ZOO[name][source == "rows"]


@pytest.mark.parametrize("source", ["resident", "rows"])
@pytest.mark.parametrize("name", FILES)
def test_the_files_fit(shared_models, name: str, source: str) -> None:
    schedule = plan_stages(read(shared_models / f"{name}.tflite"), input=source)
    assert schedule.arena_bytes <= FILES[name][source == "rows"]
