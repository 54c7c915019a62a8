"""Layers that may write over their own input whatever the family: the rule for 1x1 convolutions."""

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
