"""The sums of a layer, as the kernel families need to know them: their bounds, and how they become outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tflm_mcunet.codegen.merged_requantize import Affine, Constants, constants


def layer_constants(fields: Mapping[str, Any], weights: np.ndarray, bits: int) -> Constants | None:
    """The requantisation of a layer with `weights` [channels, inputs] whose sums are scaled by 2^bits.

    At 8 bits the kernel's inputs are x * 256, and the bias takes the zero point's part off; at 7 they are
    (x - zero point) * 128.
    """
    smallest, largest = sum_bounds(fields, weights)
    offset = sum_offset(fields, weights, bits)
    return constants(layer_affine(fields), smallest, largest, offset, bits)


def sum_offset(fields: Mapping[str, Any], weights: np.ndarray, bits: int) -> np.ndarray:
    """What each channel adds to the sum of products: its bias, less the zero point's part where inputs hold that."""
    values = weights.astype(np.int64)
    bias = fields["bias"].values.astype(np.int64) if fields["bias"] else np.zeros(len(values), np.int64)
    return np.asarray(bias - fields["input_zero_point"] * values.sum(axis=1) if bits == 8 else bias)


def layer_affine(fields: Mapping[str, Any]) -> Affine:
    """How the sums of a layer become its outputs."""
    return Affine(
        fields["multiplier"].values,
        fields["shift"].values,
        fields["output_zero_point"],
        fields["output_min"],
        fields["output_max"],
    )


def sum_bounds(fields: Mapping[str, Any], weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The smallest and largest sum of each channel of a layer with `weights` [channels, inputs], bias included.

    A window that reaches over the edge leaves products out: the zero point itself is always within the bounds.
    """
    values = weights.astype(np.int64)
    zero_point = fields["input_zero_point"]
    bias = fields["bias"].values.astype(np.int64) if fields["bias"] else np.zeros(len(values), np.int64)
    low, high = values * (-128 - zero_point), values * (127 - zero_point)
    return np.minimum(low, high).sum(axis=1) + bias, np.maximum(low, high).sum(axis=1) + bias
