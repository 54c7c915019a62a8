"""The zoo's networks are the published ones: MACs, parameters, and the shape of every tensor."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from tflm_mcunet.errors import UsageError
from tflm_mcunet.ops import total_macs
from tflm_mcunet.tinynas.build import graph_of
from tflm_mcunet.tinynas.zoo import ZOO, zoo

#: (millions of MACs as published, parameters with folded normalisation).
PUBLISHED = {
    "mbv2-w0.35": (23.5, 744072),
    "proxyless-w0.3": (38.3, 748480),
    "mcunet-vww0": (6.0, 363858),
    "mcunet-vww1": (11.6, 426634),
    "mcunet-vww2": (55.8, 630146),
    "mcunet-in0": (6.4, 743008),
    "mcunet-in1": (12.8, 630224),
    "mcunet-in2": (67.3, 721648),
    "mcunet-in3": (81.8, 729720),
    "mcunet-in4": (125.9, 1721936),
}

#: The files of in4 and the others' configurations are called by their constraints.
CONFIGURATIONS = {
    "mcunet-in0": "mcunet-10fps_imagenet",
    "mcunet-in1": "mcunet-5fps_imagenet",
    "mcunet-in2": "mcunet-256kb-1mb_imagenet",
    "mcunet-in3": "mcunet-320kb-1mb_imagenet",
    "mcunet-in4": "mcunet-512kb-2mb_imagenet",
    "mbv2-w0.35": "mbv2-w0.35-r144_imagenet",
    "proxyless-w0.3": "proxyless-w0.3-r176_imagenet",
}


@pytest.mark.parametrize("name", ZOO)
def test_macs_and_parameters_are_as_published(name: str) -> None:
    network = zoo(name)
    assert round(network.macs / 1e6, 1) == PUBLISHED[name][0]
    assert network.parameters == PUBLISHED[name][1]
    assert total_macs(graph_of(network)) == network.macs


def shared(folder: Path, path: str) -> Any:
    file = folder / path
    if not file.exists():
        pytest.skip(f"no {file}")
    return json.loads(file.read_text())


@pytest.mark.parametrize("name", [name for name in ZOO if name != "mcunet-in4"])
def test_every_tensor_has_the_published_shape(name: str, shared_models: Path) -> None:
    topology = shared(shared_models, "mcunet_zoo_topologies.json")[name]
    graph = graph_of(zoo(name))
    assert list(graph.tensors[graph.inputs[0]].shape) == topology["input"]
    types = {"CONV": "CONV_2D", "DW": "DEPTHWISE_CONV_2D", "ADD": "ADD", "AVGPOOL": "MEAN"}
    ops = topology["ops"]
    assert [op.type for op in graph.ops] == [*(types[op["op"]] for op in ops[:-1]), "FULLY_CONNECTED"]
    macs = parameters = 0
    shapes = {0: topology["input"]}
    for ours, theirs in zip(graph.ops, ops, strict=True):
        shape = shapes[theirs["output"]] = theirs["out_shape"]
        made = list(graph.tensors[ours.outputs[0]].shape)
        assert [n for n in made if n > 1] == [n for n in shape if n > 1]
        if theirs["op"] in ("CONV", "DW"):
            depth = 1 if theirs["op"] == "DW" else shapes[theirs["inputs"][0]][-1]
            window = math.prod(theirs["kernel"]) * depth
            macs += math.prod(shape) * window
            parameters += shape[-1] * (window + 1)
    assert (macs, parameters) == (zoo(name).macs, zoo(name).parameters)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_blocks_are_those_of_the_published_configuration(name: str, shared_models: Path) -> None:
    published = shared(shared_models, f"configs/{CONFIGURATIONS[name]}.json")
    convolutions = [block["mobile_inverted_conv"] for block in published["blocks"]]
    network = zoo(name)
    kept = [c for c in convolutions if c["name"] != "ZeroLayer"]
    assert [(b.channels, b.kernel, b.stride) for b in network.blocks] == [
        (c["out_channels"], c["kernel_size"], c["stride"]) for c in kept
    ]
    assert [b.expanded for b in network.blocks] == [
        c["mid_channels"] or round(c["in_channels"] * c["expand_ratio"]) for c in kept
    ]
    assert network.stem_channels == published["first_conv"]["out_channels"]
    assert network.input_shape[0] == published["resolution"]


def test_other_classes_and_no_such_network() -> None:
    assert zoo("mcunet-vww0", classes=7).classes == 7
    with pytest.raises(UsageError, match="mcunet-in3"):
        zoo("mcunet-in9")
