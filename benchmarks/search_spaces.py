"""Reproduces stage 1 of TinyNAS: MCUNet's 108 spaces ranked under several budgets, with the plot of the paper.

Run with `.venv/bin/python benchmarks/search_spaces.py [--samples 1000] [--schedule layer] [--output build/spaces]`. The
paper (Lin et al. 2020, figures 3 and 5) finds that resolution and width of the winner grow with the SRAM, and that with
more flash and the same SRAM the width grows while the resolution falls.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from tflm_mcunet.targets import Target
from tflm_mcunet.tinynas.budget import Budget
from tflm_mcunet.tinynas.quick_fit import quick_fits
from tflm_mcunet.tinynas.space import mcunet_space
from tflm_mcunet.tinynas.space_ranking import SAMPLES, rank_spaces

#: (SRAM, flash) in thousands of bytes; the paper's devices are 256/1000, 320/1000 and 512/2000.
BUDGETS = ((192, 1000), (256, 1000), (320, 1000), (512, 1000), (512, 2000))


def main() -> None:
    """Print the best three spaces of each budget."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument("--schedule", default="layer", choices=("layer", "stream", "tflm"))
    parser.add_argument("--output", type=Path, default=Path("build/spaces"))
    parser.add_argument(
        "--budgets", nargs="*", default=[f"{s}/{f}" for s, f in BUDGETS], help="SRAM/flash in kB"
    )
    options = parser.parse_args()
    space = mcunet_space(1000)
    for sram, flash in (map(int, text.split("/")) for text in options.budgets):
        target = Target(f"{sram} kB, {flash} kB", sram=1000 * sram, flash=1000 * flash, core="cortex-m7")
        budget = Budget.of(target, schedule=options.schedule)
        start = time.process_time()
        folder = options.output / f"{sram}-{flash}-{options.schedule}"
        words = f"{sram} kB of SRAM, {flash} kB of flash, schedule {options.schedule}"
        ranking = rank_spaces(
            space, quick_fits(budget), samples=options.samples, constraints=words, directory=folder
        )
        ranking.save(folder)
        seconds = time.process_time() - start
        print(f"{words}: {len(ranking.scores) * options.samples / seconds:.0f} networks a second")
        for score in ranking.scores[:3]:
            print(
                f"  resolution {score.resolution:3}  width {score.width:.1f}  mean {score.mean_macs / 1e6:6.1f} M"
                f"  fit {100 * score.fit_rate:5.1f} %"
            )


if __name__ == "__main__":
    main()
