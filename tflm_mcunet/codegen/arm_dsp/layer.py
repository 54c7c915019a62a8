"""The records of a layer from its parameters, for every kernel of the DSP family that has records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tflm_mcunet.codegen.arm_dsp.records import Records, records, records_at
from tflm_mcunet.codegen.layer_sums import layer_affine, sum_bounds, sum_offset


def layer_records(
    fields: Mapping[str, Any], weights: np.ndarray, bits: int = 8, *, is_shared: bool = True, grain: int = 1
) -> Records | None:
    """The records of a layer with `weights` [channels, inputs]; `bits` as for `layer_constants`, else `records`."""
    smallest, largest = sum_bounds(fields, weights)
    offset = sum_offset(fields, weights, bits)
    return records(layer_affine(fields), smallest, largest, offset, bits, is_shared=is_shared, grain=grain)


def layer_records_at(
    fields: Mapping[str, Any], weights: np.ndarray, *, shift: int, constant: int
) -> Records | None:
    """As `layer_records` at 8 bits, for kernels that know one shift."""
    smallest, largest = sum_bounds(fields, weights)
    offset = sum_offset(fields, weights, 8)
    return records_at(layer_affine(fields), smallest, largest, offset, shift=shift, constant=constant)
