"""What the MVE family's lowerings share: a layer's sums and how they become outputs.

The kernels compute what `kernels/requantize.h` says, with the instructions that mean it: VQRDMULH is the rounding high
multiply (it saturates for one pair only, which cannot occur), VRSHL the rounding shift with halves upwards. Halves of
negative values need a fix, unless the lower clamp lies at the zero point or above, where they are not seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

#: `arm_mve::Finish`.
SATURATE, SIGN_FIX, GENERAL = 0, 1, 2

_INT8_MIN, _INT8_MAX = -128, 127


@dataclass(frozen=True)
class LayerSums:
    """A layer for the kernels: an output is made of bias + Σ x·w, the zero point being part of the bias.

    Args:
        weights: int8 array [channels, inputs].
        bias, multiplier, shift: int32 array [channels]; no shift is to the left.
        finish: int. `arm_mve::Finish`, the cheapest that is exact.
    """

    weights: np.ndarray
    bias: np.ndarray
    multiplier: np.ndarray
    shift: np.ndarray
    finish: int


def layer_sums(fields: Mapping[str, Any], weights: np.ndarray) -> LayerSums | None:
    """The sums of a layer with `weights` [channels, inputs], or None where a multiplier is too large.

    A shift to the left comes before everything else, so weights that leave room for it take it in.
    """
    shift, multiplier = fields["shift"].values.astype(np.int64), fields["multiplier"].values
    left = np.maximum(shift, 0)
    scaled = weights.astype(np.int64) << left[:, None]
    if scaled.max(initial=0) > _INT8_MAX or scaled.min(initial=0) < _INT8_MIN:
        return None
    bias = fields["bias"].values.astype(np.int64) if fields["bias"] else np.zeros(len(weights), np.int64)
    offset = (bias << left) - fields["input_zero_point"] * scaled.sum(axis=1)
    # A multiplier of 0 gives 0 whatever the shift.
    shift = np.where(multiplier == 0, np.minimum(shift, -1), np.minimum(shift, 0))
    return LayerSums(
        scaled.astype(np.int8),
        (offset & 0xFFFFFFFF).astype(np.uint32).view(np.int32),
        multiplier.astype(np.int32),
        shift.astype(np.int32),
        _finish(fields, shift),
    )


def _finish(fields: Mapping[str, Any], shift: np.ndarray) -> int:
    if (fields["output_min"], fields["output_max"]) != (_INT8_MIN, _INT8_MAX):
        return GENERAL
    if fields["output_zero_point"] <= fields["output_min"]:
        return SATURATE
    return SIGN_FIX if shift.max(initial=-1) < 0 else GENERAL
