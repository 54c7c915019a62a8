"""Lets the rewrites' tests import what they share (`transform_runs`) beside them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
