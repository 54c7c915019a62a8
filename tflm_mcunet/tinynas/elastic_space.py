"""From a search space to the supernet that holds all its networks, and from a draw to its slices."""

from __future__ import annotations

import numpy as np

from tflm_mcunet.backend.elastic import ElasticShape, Slot
from tflm_mcunet.errors import UsageError
from tflm_mcunet.tinynas.architecture import Architecture
from tflm_mcunet.tinynas.space import Choices, Space


def elastic_shape(space: Space) -> ElasticShape:
    """The largest network of a space of one resolution, with a slot for every block that a draw can have.

    Raises:
        UsageError: the space has several resolutions. The published search trains a supernet for the one that stage
            1 chose: `Space.restricted`.
    """
    if len(set(space.resolutions)) > 1:
        raise UsageError(
            f"a supernet is for one resolution, the space has {len(set(space.resolutions))}",
            "rank them with rank_spaces, and take space.restricted(resolution, width)",
        )
    largest = space.architecture(space.extreme(largest=True))
    slots, blocks = [], iter(largest.blocks)
    for stage in space.stages:
        for number in range(max(stage.depths)):
            block = next(blocks)
            slots.append(
                Slot(
                    block.channels,
                    block.expanded,
                    block.kernel,
                    block.stride,
                    block.squeeze,
                    block.expands,
                    optional=number >= min(stage.depths),
                )
            )
    return ElasticShape(
        largest.input_shape,
        largest.classes,
        largest.stem_channels,
        largest.stem_kernel,
        largest.stem_stride,
        tuple(slots),
        largest.head_channels,
        largest.axes,
    )


def elastic_choice(space: Space, choices: Choices) -> np.ndarray:
    """Which slices of the supernet make the network of a draw: int32[slots + 2, 5], 0 for a slot left out."""
    network: Architecture = space.architecture(choices)
    rows = [(network.stem_kernel, 0, network.stem_channels, 0, 0)]
    blocks = iter(network.blocks)
    for number, stage in enumerate(space.stages):
        depth = (
            choices.get(f"stage{number}_depth", stage.depths[0]) if len(stage.depths) > 1 else stage.depths[0]
        )
        for _ in range(depth):
            block = next(blocks)
            rows.append((block.kernel, block.expanded, block.channels, block.squeeze, int(block.expands)))
        rows += [(0, 0, 0, 0, 0)] * (max(stage.depths) - depth)
    rows.append((1, 0, network.head_channels, 0, 0))
    return np.array(rows, np.int32)
