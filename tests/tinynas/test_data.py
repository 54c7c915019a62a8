"""What a search takes from the size of its data."""

from __future__ import annotations

import numpy as np
import pytest

from tflm_mcunet.tinynas.data import check_data


@pytest.mark.parametrize(
    ("samples", "batch", "epochs"), [(28, 4, 58), (189, 23, 45), (880, 32, 20), (50_000, 32, 20)]
)
def test_little_data_is_seen_in_more_and_smaller_batches(samples: int, batch: int, epochs: int) -> None:
    labels = np.arange(samples) % 3
    data = check_data((np.zeros((samples, 5, 2)), labels), (np.zeros((3, 5, 2)), np.arange(3)))
    assert data.batch_size() == batch
    assert data.epochs(batch) == epochs
    assert data.epochs(batch) * -(-samples // batch) >= 400
