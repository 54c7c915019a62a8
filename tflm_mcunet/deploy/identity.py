"""How a host and a board know that they speak of the same model."""

from __future__ import annotations

import zlib

from tflm_mcunet.graph import Graph


def fingerprint(graph: Graph) -> int:
    """A checksum of a model's constants and their shapes, 32 bits."""
    crc = 0
    for tensor in graph.tensors:
        if tensor.data is not None:
            crc = zlib.crc32(tensor.data, zlib.crc32(repr(tensor.shape).encode(), crc))
    return crc
