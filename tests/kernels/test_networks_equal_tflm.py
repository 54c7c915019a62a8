"""Whole networks compute TFLite Micro's bytes, with every tensor where the plan puts it."""

from drawn_networks import networks
from hypothesis import given
from kernel_check import assert_equal_to_tflm, batches, in_batches


@in_batches
@given(batches(networks, size=40))
def test_networks_equal_tflite_micro(batch):
    assert_equal_to_tflm(batch.graphs)
