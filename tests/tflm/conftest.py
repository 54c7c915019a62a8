"""Lets the tests of TFLite Micro's memory import their graph maker (`tflm_graphs`) beside them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
