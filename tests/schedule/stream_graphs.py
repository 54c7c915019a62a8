"""Random int8 networks for the stage planner: strides, kernels, pads, dilation, residuals, joins, several outputs."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.graph import Graph, Op, Quantization, Tensor
from tflm_mcunet.ops import SAME, VALID


def random_network(seed: int, most_layers: int = 9) -> Graph:
    """A small random network that ends in a classifier, in maps, or in both."""
    rng = random.Random(seed)
    b = GraphBuilder(seed)
    height, width = rng.randint(3, 17), rng.randint(2, 9)
    x = b.input((1, height, width, rng.choice((1, 2, 3, 4))))
    outputs: list[int] = []
    for _ in range(rng.randint(1, most_layers)):
        x = _layer(rng, b, x, outputs)
    _, h, w, channels = b.tensors[x].shape
    tail = rng.random()
    if tail < 0.3:
        x = b.mean(x, (1, 2), keep_dims=rng.random() < 0.5, scale=b.tensors[x].scale)
    elif tail < 0.6:
        x = b.pool_2d("AVERAGE_POOL_2D", x, (h, w), padding=VALID)
    if tail < 0.6:
        if len(b.tensors[x].shape) == 4 and rng.random() < 0.8:
            x = b.reshape(x, (1, channels))
        if len(b.tensors[x].shape) == 2:
            x = b.fully_connected(x, rng.randint(1, 6))
            if rng.random() < 0.5:
                x = b.softmax(x)
    elif tail < 0.7:
        x = b.reshape(x, (1, h * w * channels))
    outputs.append(x)
    return b.finish(list(dict.fromkeys(outputs)))


def _conv(rng: random.Random, b: GraphBuilder, x: int, filters: int, strided: bool = True) -> int:
    _, h, w, channels = b.tensors[x].shape
    kernel = (rng.choice((1, 2, 3, 5, 7)), rng.choice((1, 2, 3, 5)))
    stride = (rng.choice((1, 1, 2, 3)), rng.choice((1, 1, 2))) if strided else (1, 1)
    dilation = rng.choice(((1, 1), (1, 1), (2, 1), (2, 2))) if stride == (1, 1) else (1, 1)
    padding = SAME if not strided else rng.choice((SAME, VALID))
    if strided and rng.random() < 0.3:
        pads = [(0, 0), *((rng.randint(0, 3), rng.randint(0, 3)) for _ in range(2)), (0, 0)]
        x = b.pad(x, pads)
        _, h, w, _ = b.tensors[x].shape
    if padding == VALID and ((kernel[0] - 1) * dilation[0] + 1 > h or (kernel[1] - 1) * dilation[1] + 1 > w):
        padding = SAME
    keywords = {
        "stride": stride,
        "dilation": dilation,
        "padding": padding,
        "activation": rng.choice(("NONE", "RELU")),
    }
    if rng.random() < 0.5:
        return b.depthwise_conv_2d(x, kernel, multiplier=1 if filters == channels else 2, **keywords)
    return b.conv_2d(x, filters, kernel, **keywords)


def _layer(rng: random.Random, b: GraphBuilder, x: int, outputs: list[int]) -> int:
    _, h, w, channels = b.tensors[x].shape
    kind = rng.choice(
        ("conv", "conv", "block", "block", "shortcut", "concat", "pool", "pad", "out", "relu", "twice")
    )
    if kind == "conv":
        return _conv(rng, b, x, rng.choice((channels, 2, 5, 8)))
    if kind == "block":
        y = b.conv_2d(x, channels * rng.choice((2, 3)), (1, 1), activation="RELU6")
        kernel = rng.choice((3, 5, 7))
        y = b.depthwise_conv_2d(y, (kernel, 3), activation="RELU6")
        y = b.conv_2d(y, channels, (1, 1))
        return b.binary("ADD", *rng.sample((x, y), 2))
    if kind == "shortcut":
        stride = rng.choice(((1, 1), (2, 2), (2, 1)))
        filters = rng.choice((4, 6))
        y = b.conv_2d(x, filters, (3, 3), stride=stride, activation="RELU")
        y = b.conv_2d(y, filters, (3, 3))
        z = b.conv_2d(x, filters, (1, 1), stride=stride)
        return b.binary(rng.choice(("ADD", "ADD", "SUB")), *rng.sample((y, z), 2))
    if kind == "concat":
        y = b.conv_2d(x, 3, (3, 3))
        z = b.conv_2d(
            y if rng.random() < 0.5 else x,
            2,
            (1, 1),
            scale=b.tensors[y].scale,
            zero_point=b.tensors[y].zero_point,
        )
        return b.concatenation([y, z])
    if kind == "pool" and h >= 2 and w >= 2:
        return b.pool_2d(
            rng.choice(("AVERAGE_POOL_2D", "MAX_POOL_2D")), x, (2, 2), padding=rng.choice((SAME, VALID))
        )
    if kind == "pad":
        return b.pad(x, [(0, 0), (rng.randint(0, 2), rng.randint(0, 2)), (rng.randint(0, 1), 0), (0, 0)])
    if kind == "out":
        outputs.append(x)
    if kind == "relu":
        return b.op("RELU", [x], {})
    if kind == "twice":
        return b.binary("ADD", x, x)
    return _conv(rng, b, x, channels, strided=False)


def image(graph: Graph, seed: int = 3) -> dict[int, np.ndarray]:
    """Random bytes for every graph input."""
    rng = np.random.default_rng(seed)
    return {t: rng.integers(-128, 128, graph.tensors[t].shape, dtype=np.int8) for t in graph.inputs}


def zoo_network(topologies: Path, name: str, same_padding: bool = False) -> Graph:
    """A network of `mcunet_zoo_topologies.json`, without weights; PADs as PyTorch's export has them, or SAME."""
    spec = json.loads(topologies.read_text())[name]
    tensors: list[Tensor] = []
    operators: list[Op] = []
    scale = Quantization((0.1,), (0,))

    def tensor(shape, data=None, dtype="int8") -> int:
        tensors.append(Tensor(f"t{len(tensors)}", tuple(shape), dtype, scale, data))
        return len(tensors) - 1

    made = {0: tensor(spec["input"])}
    for op in spec["ops"]:
        sources = [made[i] for i in op["inputs"]]
        shape = tensors[sources[0]].shape
        if op["op"] in ("CONV", "DW"):
            size, stride = op["kernel"][0], op["stride"] or 1
            if size > 1 and not same_padding:
                pads = np.array([[0, 0], [size // 2] * 2, [size // 2] * 2, [0, 0]], np.int32)
                amounts = tensor((4, 2), pads.tobytes(), "int32")
                padded = tensor((1, shape[1] + size // 2 * 2, shape[2] + size // 2 * 2, shape[3]))
                operators.append(Op("PAD", (sources[0], amounts), (padded,)))
                sources = [padded]
            depthwise = op["op"] == "DW"
            filters = (1, size, size, shape[3]) if depthwise else (op["out_shape"][3], size, size, shape[3])
            weights = tensor(filters, b"")
            options = {"padding": SAME if same_padding else VALID, "stride_h": stride, "stride_w": stride}
            kind, inputs = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D", (sources[0], weights)
        elif op["op"] == "ADD":
            kind, inputs, options = "ADD", tuple(sources), {}
        else:
            kind, inputs = "AVERAGE_POOL_2D", (sources[0],)
            options = {
                "padding": VALID,
                "stride_h": 1,
                "stride_w": 1,
                "filter_height": shape[1],
                "filter_width": shape[2],
            }
        made[op["output"]] = tensor(op["out_shape"])
        operators.append(Op(kind, inputs, (made[op["output"]],), options))
    return Graph(tuple(tensors), tuple(operators), (made[0],), (made[op["output"]],), name)
