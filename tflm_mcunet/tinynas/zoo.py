"""Published networks as architecture data: MCUNet's zoo, and the two networks that it is compared with."""

from __future__ import annotations

from collections.abc import Mapping

from tflm_mcunet.errors import UsageError
from tflm_mcunet.tinynas.architecture import Architecture, Block

#: name -> (resolution, classes, stem channels, head channels, blocks). A block is written
#: channels/expanded/kernel/stride; expanded 0 is a block without expansion. Facts from the networks' published
#: configurations (Lin et al., 2020: in0 to in4, vww0 to vww2; Sandler et al., 2018; Cai et al., 2019).
_NETWORKS: Mapping[str, tuple[int, int, int, int, str]] = {
    "mbv2-w0.35": (
        144,
        1000,
        16,
        448,
        "8/0/3/1 8/48/3/2 8/48/3/1 16/48/3/2 16/96/3/1 16/96/3/1 24/96/3/2 24/144/3/1 24/144/3/1 24/144/3/1 "
        "32/144/3/1 32/192/3/1 32/192/3/1 56/192/3/2 56/336/3/1 56/336/3/1 112/336/3/1",
    ),
    "proxyless-w0.3": (
        176,
        1000,
        16,
        384,
        "8/0/3/1 16/24/5/2 16/48/3/1 16/48/7/2 16/48/3/1 16/48/5/1 16/48/5/1 24/96/7/2 24/72/5/1 24/72/5/1 "
        "24/72/5/1 32/144/5/1 32/96/5/1 32/96/5/1 32/96/5/1 64/192/7/2 64/384/7/1 64/192/7/1 64/192/7/1 "
        "96/384/7/1",
    ),
    "mcunet-vww0": (
        64,
        2,
        16,
        0,
        "8/0/3/1 16/48/5/2 16/64/3/1 24/80/3/2 24/96/3/1 24/96/3/1 40/120/3/2 40/160/3/1 40/120/7/1 "
        "48/120/3/1 48/192/3/1 96/240/7/2 96/480/5/1 160/384/7/1",
    ),
    "mcunet-vww1": (
        80,
        2,
        16,
        0,
        "8/0/3/1 16/48/3/2 16/48/3/1 16/48/3/1 24/48/7/2 24/144/3/1 24/120/5/1 40/144/7/2 40/240/7/1 "
        "48/240/3/1 48/192/3/1 96/240/5/2 96/480/3/1 96/384/3/1 160/288/7/1",
    ),
    "mcunet-vww2": (
        144,
        2,
        16,
        0,
        "8/0/3/1 16/24/3/2 16/80/3/1 16/96/5/1 16/48/3/1 24/80/7/2 24/96/5/1 24/96/3/1 24/144/7/1 40/144/3/2 "
        "40/240/7/1 40/160/5/1 40/200/3/1 48/200/5/1 48/144/5/1 48/192/3/1 48/144/5/1 96/192/3/2 96/480/5/1 "
        "96/384/5/1 96/384/3/1 160/480/3/1",
    ),
    "mcunet-in0": (
        48,
        1000,
        24,
        0,
        "16/0/3/1 16/64/5/2 16/48/3/1 16/64/3/1 24/80/7/2 24/96/5/1 24/120/5/1 48/120/7/2 48/192/5/1 "
        "56/240/3/1 56/224/5/1 56/280/3/1 112/336/3/2 112/448/5/1 192/672/3/1",
    ),
    "mcunet-in1": (
        96,
        1000,
        16,
        0,
        "8/0/3/1 16/32/3/2 16/48/3/1 24/48/7/2 24/120/3/1 40/120/3/2 40/160/7/1 48/160/5/1 48/144/3/1 "
        "48/192/3/1 96/240/7/2 96/384/5/1 96/384/5/1 160/576/3/1",
    ),
    "mcunet-in2": (
        160,
        1000,
        16,
        0,
        "8/0/3/1 16/24/5/2 16/96/7/1 16/80/3/1 16/80/5/1 24/80/3/2 24/144/7/1 24/144/5/1 40/96/7/2 40/200/5/1 "
        "48/200/3/1 48/240/5/1 48/192/3/1 96/288/5/2 96/384/5/1 96/288/5/1 96/384/3/1 160/480/5/1",
    ),
    "mcunet-in3": (
        176,
        1000,
        16,
        0,
        "8/0/3/1 16/24/7/2 16/80/3/1 16/80/7/1 16/64/5/1 24/80/5/2 24/120/5/1 24/120/5/1 40/120/3/2 "
        "40/240/7/1 40/160/5/1 48/200/5/1 48/240/7/1 48/240/3/1 96/288/3/2 96/480/7/1 96/384/3/1 160/480/7/1",
    ),
    "mcunet-in4": (
        160,
        1000,
        32,
        0,
        "16/0/3/1 24/48/7/2 24/120/3/1 24/96/5/1 40/120/7/2 40/160/3/1 40/160/7/1 80/120/7/2 80/240/3/1 "
        "80/240/7/1 96/320/3/1 96/288/5/1 96/288/5/1 192/384/7/2 192/576/7/1 192/576/5/1 320/768/5/1",
    ),
}

#: The names that `zoo` knows.
ZOO = tuple(_NETWORKS)


def zoo(name: str, *, classes: int | None = None) -> Architecture:
    """A published network.

    Args:
        name: str. One of `ZOO`.
        classes: int or None. For other data than the network's own.

    Raises:
        UsageError: no such network.

    Example:
        >>> zoo("mcunet-vww1").macs, zoo("mcunet-in3").input_shape
        (11578816, (176, 176, 3))
    """
    if name not in _NETWORKS:
        raise UsageError(f"expected one of {', '.join(ZOO)}, got {name!r}")
    resolution, own_classes, stem, head, text = _NETWORKS[name]
    channels, blocks = stem, []
    for word in text.split():
        out, expanded, kernel, stride = (int(number) for number in word.split("/"))
        blocks.append(Block(out, expanded or channels, kernel, stride, expands=expanded > 0))
        channels = out
    shape = (resolution, resolution, 3)
    return Architecture(shape, classes or own_classes, stem, 3, 2, tuple(blocks), head)
