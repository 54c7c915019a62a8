"""What the MVE family's lowerings share: how sums become outputs, and the zero point's part of the bias.

The kernels compute what `kernels/requantize.h` says, with the instructions that mean it: VQRDMULH is the rounding high
multiply (it saturates for one pair only, which cannot occur), VRSHL the rounding shift with halves upwards. Halves of
negative values need a fix, unless the lower clamp lies at the zero point or above, where they are not seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

#: `arm_mve::Finish`.
SATURATE, SIGN_FIX, GENERAL = 0, 1, 2

_INT8_MIN, _INT8_MAX = -128, 127


def finish_of(fields: Mapping[str, Any]) -> int | None:
    """The cheapest exact ending of a layer; None where a multiplier is 1 or more, which shifts to the left."""
    shift = fields["shift"].values
    if shift.max(initial=0) > 0:
        return None
    if (fields["output_min"], fields["output_max"]) != (_INT8_MIN, _INT8_MAX):
        return GENERAL
    if fields["output_zero_point"] <= fields["output_min"]:
        return SATURATE
    return SIGN_FIX if shift.max(initial=-1) < 0 else GENERAL


def folded_bias(fields: Mapping[str, Any], weights: np.ndarray) -> np.ndarray:
    """What is added to the products x·w of weights [channels, inputs]: sums wrap as the kernels' do."""
    bias = fields["bias"].values.astype(np.int64) if fields["bias"] else np.zeros(len(weights), np.int64)
    offset = bias - fields["input_zero_point"] * weights.astype(np.int64).sum(axis=1)
    return (offset & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
