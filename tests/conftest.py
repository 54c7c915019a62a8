"""What every suite uses."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

# `harness` lies here, and the drawn graphs of the kernels' suite serve several others.
sys.path[:0] = [str(Path(__file__).parent / "kernels"), str(Path(__file__).parent)]


@pytest.fixture(scope="session")
def shared_models() -> Path:
    """The folder of real `.tflite` models; tests that need it are skipped where it is missing."""
    default = Path(__file__).resolve().parents[2] / "shared" / "models"
    folder = Path(os.environ.get("TFLM_MCUNET_MODELS", default))
    if not any(folder.glob("*.tflite")):
        pytest.skip(f"no .tflite models in {folder}; set TFLM_MCUNET_MODELS to a folder that has some")
    return folder
