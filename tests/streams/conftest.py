"""Lets these tests import their drawn chains and the zoo."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
