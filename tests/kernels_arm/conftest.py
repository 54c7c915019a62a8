"""For the tests of the DSP kernels: `drawn_dsp` importable beside them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
