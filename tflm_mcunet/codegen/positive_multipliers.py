"""Channels with a negative weight scale, as some converters write them: the same channel with its signs turned.

A sum and its multiplier are only ever multiplied with each other, so both may change their sign. A kernel family can
then take it that outputs grow with sums.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tflm_mcunet.codegen.call import Call, Constant, Params

#: Kernel -> the axis of its weights that counts output channels.
_CHANNEL_AXIS = {"conv_2d_row": 0, "fully_connected_row": 0, "depthwise_conv_2d_row": -1}
_INT8_MIN, _INT32_MIN = -128, -(1 << 31)


def with_positive_multipliers(call: Call) -> Call | None:
    """The call with no negative multiplier, `call` itself where there is none.

    Returns:
        Call, or None where a weight or bias has no opposite in its type: then no family may take the call.
    """
    axis = _CHANNEL_AXIS.get(call.kernel)
    if axis is None:
        return call
    fields = dict(call.params.fields)
    multiplier = fields["multiplier"].values
    is_negative = multiplier < 0
    if not is_negative.any():
        return call
    weights = fields["weights"].values
    bias = fields["bias"].values if fields["bias"] else np.zeros(len(multiplier), np.int32)
    by_channel = np.moveaxis(weights, axis, -1)
    has_opposite = (by_channel[..., is_negative] > _INT8_MIN).all() and (bias[is_negative] > _INT32_MIN).all()
    if not has_opposite or (multiplier == _INT32_MIN).any():
        return None
    sign = np.where(is_negative, -1, 1)
    fields |= {
        "weights": Constant(np.moveaxis(by_channel * sign, -1, axis).astype(np.int8)),
        "bias": Constant((bias * sign).astype(np.int32)),
        "multiplier": Constant((multiplier * sign).astype(np.int32)),
    }
    return replace(call, params=Params(call.params.struct, fields))
