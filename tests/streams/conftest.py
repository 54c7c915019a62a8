"""Lets these tests import their drawn chains and the zoo, and the graphs that the memory model is tested on."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "tflm")]
