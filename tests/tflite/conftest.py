"""Lets the tests of reading and writing import their models (`tflite_trees`) beside them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
