"""What the tests of the benchmark share: the hand-written programs of the deployment tests."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "deploy"), str(ROOT / "benchmarks")]
