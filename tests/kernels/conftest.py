"""Lets the kernels' tests import `harness` (one folder up) and the drawn graphs beside them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))
