"""For the tests of the RISC-V kernels: `drawn_dsp` of the DSP kernels' tests draws and runs for both families."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "kernels_arm"))
