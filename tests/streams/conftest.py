"""Lets these tests import their drawn chains and the zoo, and the graphs of the tests of memory and planner."""

import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(Path(__file__).parent), str(TESTS / "tflm"), str(TESTS / "schedule")]
