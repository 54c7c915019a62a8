"""Layers that may write over their own input whatever the family: 1x1 convolutions, depthwise ones in bands of rows."""

from __future__ import annotations

from tflm_mcunet.codegen.call import Call


def is_pointwise_in_place(call: Call, ahead_bytes: int) -> bool:
    """Whether a portable call is a 1x1 convolution that can compute a whole map, pixel by pixel, over its input.

    Every pixel is read before it is written, in ascending order. So the output of the first n pixels must end before
    the input of the pixel behind them begins, for each n short of all pixels: n times what a pixel grows by, at
    most the bytes that the output is ahead.

    Args:
        call: Call. Of the portable family, with one input and one output that are whole maps.
        ahead_bytes: int. How far the output begins before the input.
    """
    if call.kernel != "conv_2d_row" or call.batch != 1:
        return False
    fields, window = call.params.fields, call.window
    kernel = (window.kernel_h, fields["kernel_w"], window.stride_h, fields["stride_w"])
    shape = (call.outputs[0].height, call.width)
    is_dense = (call.inputs[0].height, fields["input_width"]) == shape
    if kernel != (1, 1, 1, 1) or window.pad_top or fields["pad_left"] or not is_dense:
        return False
    growth = fields["output_channels"] - fields["input_channels"]
    return ahead_bytes >= max(0, (shape[0] * shape[1] - 1) * growth)


def are_bands_in_place(call: Call, rows: int, ahead_bytes: int) -> bool:
    """Whether a portable depthwise call can compute a map over its input in bands of `rows` output rows.

    A band is computed channel by channel, each of which is read before it is written; whole pixels lie over whole
    pixels, so that no channel touches another. What a band writes must end before the rows that the next one reads.

    Args:
        call: Call. Of the portable family, with one input and one output that are whole maps.
        rows: int. A divisor of the output's height.
        ahead_bytes: int. How far the output begins before the input.
    """
    if (
        call.kernel != "depthwise_conv_2d_row"
        or call.batch != 1
        or call.params.fields["depth_multiplier"] != 1
    ):
        return False
    if ahead_bytes < 0 or ahead_bytes % call.params.fields["input_channels"]:
        return False
    source, target, window = call.inputs[0], call.outputs[0], call.window
    return all(
        written * target.row_bytes
        <= ahead_bytes + max(0, written * window.stride_h - window.pad_top) * source.row_bytes
        for written in range(rows, target.height, rows)
    )
