"""A small search as a program of its own, for tests that kill it: arguments are directory and number of trials."""

from __future__ import annotations

import sys

import numpy as np

import tflm_mcunet as mcu
from tflm_mcunet.tinynas.space import Space, Stage

SPACE = Space("small", (8, 8, 1), 2, (Stage(8, 2, (1, 2), (3, 5), (1, 2, 3)),), (), (0.5, 1.0), 16, 3, 1)


def data(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images that are bright in the one half or in the other."""
    random = np.random.default_rng(seed)
    y = np.arange(48) % 2
    x = random.normal(0, 0.3, (48, 8, 8, 1)).astype(np.float32)
    x[y == 1, :4] += 1
    x[y == 0, 4:] += 1
    return x, y


def search(directory: str, max_trials: int, **options) -> object:
    """The search, small enough to train a network in seconds."""
    settings = {
        "target_device": "STM32F411",
        "sram_constraint": 9_000,
        "train_data": data(0),
        "validation_data": data(1),
        "space": SPACE,
        "epochs": 2,
        "batch_size": 16,
        "with_tensorboard": False,
        "seed": 4,
    }
    return mcu.TinyNAS.search(**{**settings, **options}, max_trials=max_trials, directory=directory)


if __name__ == "__main__":
    search(
        sys.argv[1],
        int(sys.argv[2]),
        progress=lambda told: print(told, flush=True),
        lease_seconds=float(sys.argv[3]) if len(sys.argv) > 3 else 0.0,
    )
