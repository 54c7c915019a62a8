"""Every operator of the generated programs computes TFLite Micro's bytes, whatever its shapes and scales."""

import drawn_ops
import pytest
from hypothesis import given
from kernel_check import assert_equal_to_tflm, batches, in_batches


@pytest.mark.parametrize(
    "name",
    [
        "binary",
        "concatenation",
        "conv_2d",
        "depthwise_conv_2d",
        "fully_connected",
        "grouped_conv_2d",
        "mean",
        "pad",
        "pool_2d",
        "quantize",
        "reshape",
        "resize_nearest_neighbor",
        "softmax",
        "split",
        "strided_slice",
        "transpose",
        "unary",
    ],
)
def test_op_equals_tflite_micro(name):
    @in_batches
    @given(batches(getattr(drawn_ops, name)()))
    def check(batch):
        assert_equal_to_tflm(batch.graphs)

    check()
