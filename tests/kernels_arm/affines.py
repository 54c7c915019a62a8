"""Draws requantisations of layers."""

from __future__ import annotations

import numpy as np

from tflm_mcunet.codegen.merged_requantize import Affine


def drawn_affine(random: np.random.Generator, channels: int) -> Affine:
    """Layers with halves in plenty (multipliers of one bit), tiny and huge shifts, and every kind of clamp."""
    multiplier = random.integers(1 << 30, (1 << 31) - 1, channels)
    plain = random.random(channels) < 0.3
    multiplier[plain] = random.choice([1 << 30, 3 << 29, 5 << 28], int(plain.sum()))
    shift = random.integers(-random.choice([12, 12, 28]), random.choice([0, 1, 3]), channels)
    zero_point = int(random.choice([-128, -128, 127, 0, random.integers(-128, 128)]))
    low, high = (-128, 127) if random.random() < 0.6 else (max(zero_point, -128), min(zero_point + 90, 127))
    return Affine(multiplier, shift, zero_point, low, high)
