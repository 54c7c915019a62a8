"""The models that are measured where none is named: the reference models of a folder, or networks built here."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.graph import Graph

#: Names the folder of reference models.
FOLDER_VARIABLE = "TFLM_MCUNET_MODELS"


def reference_paths() -> list[Path]:
    """The `.tflite` files of the folder that TFLM_MCUNET_MODELS names; none where it is not set."""
    folder = os.environ.get(FOLDER_VARIABLE)
    return sorted(Path(folder).glob("*.tflite")) if folder else []


def _bottlenecks() -> Graph:
    """Inverted bottlenecks with 3x3, 5x5 and 7x7 kernels at both strides, as MCUNet has them."""
    b = GraphBuilder(6)
    x = b.conv_2d(b.input((1, 32, 32, 3)), 16, (3, 3), stride=(2, 2), activation="RELU6")
    x = b.conv_2d(b.depthwise_conv_2d(x, activation="RELU6"), 8)
    for kernel, stride, channels in ((3, 1, 8), (7, 2, 16), (5, 1, 16), (3, 2, 24), (7, 1, 24), (5, 2, 32)):
        y = b.conv_2d(x, 3 * b.tensors[x].shape[3], activation="RELU6")
        y = b.depthwise_conv_2d(y, (kernel, kernel), stride=(stride, stride), activation="RELU6")
        y = b.conv_2d(y, channels)
        x = b.binary("ADD", x, y) if stride == 1 else y
    x = b.conv_2d(x, 96, activation="RELU6")
    return b.finish([b.softmax(b.fully_connected(b.mean(x, (1, 2)), 10))])


def _residual() -> Graph:
    """Plain convolutions with a residual sum, as MLPerf Tiny's image classifier."""
    b = GraphBuilder(7)
    x = b.conv_2d(b.input((1, 16, 16, 3)), 16, (3, 3), activation="RELU")
    y = b.conv_2d(b.conv_2d(x, 16, (3, 3), activation="RELU"), 16, (3, 3))
    x = b.binary("ADD", x, y, activation="RELU")
    x = b.conv_2d(x, 32, (3, 3), stride=(2, 2), activation="RELU")
    x = b.pool_2d("AVERAGE_POOL_2D", x, (8, 8))
    return b.finish([b.softmax(b.fully_connected(b.reshape(x, (1, 32)), 10))])


def _dense() -> Graph:
    """Fully connected layers, as MLPerf Tiny's anomaly detector."""
    b = GraphBuilder(8)
    x = b.input((1, 640))
    for units in (128, 128, 8, 128):
        x = b.fully_connected(x, units, activation="RELU")
    return b.finish([b.fully_connected(x, 640)])


#: Networks that need no file: small, and with every class of operator.
BUILT: Mapping[str, Callable[[], Graph]] = {
    "built_bottlenecks": _bottlenecks,
    "built_residual": _residual,
    "built_dense": _dense,
}
