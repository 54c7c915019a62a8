"""Lets these tests import `harness` (one folder up), their own drawn chains, and the kernels' drawn networks."""

import sys
from pathlib import Path

_TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_TESTS / "streams"), str(_TESTS / "kernels"), str(_TESTS)]
