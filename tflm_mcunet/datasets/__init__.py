"""Data as plain arrays: real sets that lie inside PyPI packages, and the user's own files. Nothing is downloaded.

>>> from tflm_mcunet.datasets import names
>>> names()
('digits', 'PickupGestureWiimoteZ', 'BasicMotions', 'JapaneseVowels', 'InternalBleeding16')
"""

from __future__ import annotations

from tflm_mcunet.datasets.dataset import Dataset
from tflm_mcunet.datasets.loading import load, names

__all__ = ["Dataset", "load", "names"]
