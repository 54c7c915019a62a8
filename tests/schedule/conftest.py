"""Lets the planners' tests import their graph makers (`schedule_graphs`, `schedule_cells`) beside them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
