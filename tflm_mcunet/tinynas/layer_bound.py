"""What no layer-by-layer plan of a network can go below, from its description alone: most draws need no Graph."""

from __future__ import annotations

import math

from tflm_mcunet.schedule.in_place import own_kernels
from tflm_mcunet.schedule.schedule import aligned
from tflm_mcunet.tinynas.architecture import Architecture

#: Layer kinds whose kernel may write over an operand, by the operator that they become.
_OPERATORS = {"add": "ADD", "multiply": "MUL", "sigmoid": "LOGISTIC"}


def layer_bound_bytes(network: Architecture) -> int:
    """The most bytes that live at once when a network runs layer by layer, outputs over operands where that is exact.

    The layers of these networks have one order only: each needs the one before it. So this bounds every plan of
    `schedule.layer` from below, and is nearly always the arena itself, in a thirtieth of the time.

    Args:
        network: Architecture.

    Example:
        >>> from tflm_mcunet.tinynas.architecture import Block
        >>> layer_bound_bytes(Architecture((8, 8, 1), 10, 8, 3, 1, (Block(16, 24, stride=2),)))
        2048
    """
    layers = list(network.shapes())
    made = {layer.name: aligned(math.prod(shape)) for layer, _, shape in layers}
    last = {name: number for number, (layer, _, _) in enumerate(layers) for name in layer.inputs}
    last[layers[-1][0].name] = len(layers)
    overwrites = own_kernels()
    live = peak = 0
    for number, (layer, _, _) in enumerate(layers):
        size = made[layer.name]
        dying = [name for name in dict.fromkeys(layer.inputs) if last[name] == number]
        positions = overwrites.get(_OPERATORS.get(layer.kind, ""), ())
        shared = any(
            made[name] == size and name != "input" and layer.inputs.index(name) in positions for name in dying
        )
        live += 0 if shared else size
        peak = max(peak, live)
        live -= sum(made[name] for name in dying)
        live += size if shared else 0
    return peak
