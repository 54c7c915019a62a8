"""MCUNet's published networks with seeded weights, from their topologies."""

from __future__ import annotations

import json
from pathlib import Path

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.graph import Graph
from tflm_mcunet.ops import SAME, VALID


def zoo_network(topologies: Path, name: str, same_padding: bool) -> Graph:
    """One network of `mcunet_zoo_topologies.json`; PADs as PyTorch's export has them, or TFLite's SAME."""
    spec = json.loads(topologies.read_text())[name]
    b = GraphBuilder(seed=1)
    made = {0: b.input(spec["input"])}
    for op in spec["ops"]:
        x = made[op["inputs"][0]]
        kernel, stride = tuple(op["kernel"]), (op["stride"] or 1,) * 2
        if op["op"] in ("CONV", "DW"):
            padding = SAME if same_padding or kernel == (1, 1) else VALID
            if padding == VALID:
                x = b.pad(x, [(0, 0), (kernel[0] // 2,) * 2, (kernel[1] // 2,) * 2, (0, 0)])
            if op["op"] == "CONV":
                y = b.conv_2d(
                    x, op["out_shape"][3], kernel, stride=stride, padding=padding, activation="RELU6"
                )
            else:
                y = b.depthwise_conv_2d(x, kernel, stride=stride, padding=padding, activation="RELU6")
        elif op["op"] == "ADD":
            y = b.binary("ADD", *(made[i] for i in op["inputs"]))
        else:
            y = b.pool_2d("AVERAGE_POOL_2D", x, b.tensors[x].shape[1:3], padding=VALID)
        assert b.tensors[y].shape == tuple(op["out_shape"]), (op, b.tensors[y].shape)
        made[op["output"]] = y
    return b.finish([y])
