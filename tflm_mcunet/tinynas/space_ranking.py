"""Stage 1 of TinyNAS: which resolution and width to search in, by the MACs of the networks that fit (Lin et al. 2020).

Under one memory budget, a space whose fitting networks compute more is the better one: they have more capacity, and
accuracy follows it. So each subspace of one resolution and one width is sampled, what does not fit is dropped, and
subspaces are ranked by the mean MACs of the rest. No training is needed.
"""

from __future__ import annotations

import bisect
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tflm_mcunet.errors import ConstraintError, UsageError
from tflm_mcunet.tinynas.architecture import Architecture
from tflm_mcunet.tinynas.space import Space
from tflm_mcunet.tinynas.state_files import append_line, read_lines, save_json

#: Networks drawn from each subspace, as published.
SAMPLES = 1000


@dataclass(frozen=True)
class SpaceScore:
    """What the sample of one subspace has shown.

    Args:
        resolution: int. Height of the input.
        width: float. Factor of all channels.
        samples: int. Networks drawn.
        macs: tuple of int. Of those that fit, ascending.
    """

    resolution: int
    width: float
    samples: int
    macs: tuple[int, ...]

    @property
    def mean_macs(self) -> float:
        """Mean MACs of the networks that fit; 0 where none does."""
        return float(np.mean(self.macs)) if self.macs else 0.0

    @property
    def fit_rate(self) -> float:
        """Share of the sample that fits."""
        return len(self.macs) / self.samples

    def cdf(self, macs: float) -> float:
        """Share of the fitting networks that have at most so many MACs; 1 where none fits."""
        return bisect.bisect_right(self.macs, macs) / len(self.macs) if self.macs else 1.0

    def quantile(self, share: float) -> int:
        """The fewest MACs that this share of the fitting networks does not exceed; 0 where none fits."""
        at = min(len(self.macs) - 1, int(np.ceil(share * len(self.macs))) - 1)
        return self.macs[max(0, at)] if self.macs else 0


@dataclass(frozen=True)
class SpaceRanking:
    """All subspaces of a space, the best first.

    Args:
        space: Space.
        scores: tuple of SpaceScore. Those with too few fitting networks come last.
        least_fit_rate: float. What is too few.
        seed: int.
        constraints: str. What "fits" means, in words.
    """

    space: Space
    scores: tuple[SpaceScore, ...]
    least_fit_rate: float
    seed: int
    constraints: str = ""

    @property
    def best(self) -> SpaceScore:
        """The winner.

        Raises:
            ConstraintError: nothing fits in any subspace.
        """
        if not self.scores[0].macs:
            raise ConstraintError(
                f"none of {sum(s.samples for s in self.scores):,} networks drawn from space {self.space.name!r} "
                f"fits{': ' if self.constraints else ''}{self.constraints}",
                "add lower resolutions or widths to the space, or take a larger budget",
            )
        return self.scores[0]

    def winner(self) -> Space:
        """The subspace of the winner: what to search in."""
        return self.space.restricted(self.best.resolution, self.best.width)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: every subspace with its whole distribution."""
        return {
            "space": self.space.name,
            "constraints": self.constraints,
            "seed": self.seed,
            "least_fit_rate": self.least_fit_rate,
            "scores": [
                {
                    "resolution": s.resolution,
                    "width": s.width,
                    "samples": s.samples,
                    "fit_rate": s.fit_rate,
                    "mean_macs": s.mean_macs,
                    "macs": list(s.macs),
                }
                for s in self.scores
            ],
        }

    def save(self, directory: Path | str) -> None:
        """Write `spaces.json` and `spaces.html`, the page with the plot of the distributions."""
        from tflm_mcunet.tinynas.space_page import render_ranking
        from tflm_mcunet.tinynas.state_files import write_bytes

        save_json(Path(directory) / "spaces.json", self.to_dict())
        write_bytes(Path(directory) / "spaces.html", render_ranking(self).encode())


def rank_spaces(
    space: Space,
    fits_in: Callable[[Space], Callable[[Architecture], bool]],
    *,
    samples: int = SAMPLES,
    seed: int = 0,
    least_fit_rate: float = 0.01,
    constraints: str = "",
    directory: Path | str | None = None,
    on_space: Callable[[int, int, SpaceScore], None] | None = None,
) -> SpaceRanking:
    """Sample every subspace of one resolution and one width, and rank them.

    Args:
        space: Space. Its resolutions × widths are the subspaces; of an own space as well as MCUNet's 108.
        fits_in: callable. Subspace -> what says whether an Architecture of it fits: `quick_fits(budget)`, or
            `lambda subspace: oracle.fits` for an exact and slow answer. Deterministic.
        samples: int. Networks drawn from each subspace.
        seed: int. Subspaces are drawn from independently, so a subset of them gives the same scores.
        least_fit_rate: float. Subspaces in which fewer fit rank last: the mean of two lucky draws says nothing.
        constraints: str. What "fits" means: for the report, and to tell one run's files from another's.
        directory: path or None. Finished subspaces are kept there, and an interrupted run continues.
        on_space: callable or None. Told (how many are done, of how many, the score) after each subspace.

    Returns:
        SpaceRanking.

    Raises:
        UsageError: no sample was asked for.
    """
    if samples < 1:
        raise UsageError(f"Expected samples to be at least 1, got {samples}.")
    subspaces = [(r, w) for r in space.resolutions or (space.input_shape[0],) for w in space.widths]
    log = Path(directory) / "spaces.jsonl" if directory else None
    text = f"{space.to_json()}|{samples}|{seed}|{constraints}"
    run = hashlib.sha256(text.encode()).hexdigest()[:16]
    known = {}
    for line in read_lines(log) if log else ():
        if line.get("run") == run:
            known[line["resolution"], line["width"]] = tuple(line["macs"])
    scores = []
    for number, (resolution, width) in enumerate(subspaces):
        macs = known.get((resolution, width))
        if macs is None:
            macs = _sampled(space.restricted(resolution, width), fits_in, samples, seed)
            if log:
                data = {"run": run, "resolution": resolution, "width": width, "macs": macs}
                append_line(log, data)
        scores.append(SpaceScore(resolution, width, samples, macs))
        if on_space:
            on_space(number + 1, len(subspaces), scores[-1])
    return SpaceRanking(space, ranked(scores, least_fit_rate), least_fit_rate, seed, constraints)


def ranked(scores: Sequence[SpaceScore], least_fit_rate: float) -> tuple[SpaceScore, ...]:
    """Scores by mean MACs, the highest first; those with too few fitting networks behind all others."""
    return tuple(sorted(scores, key=lambda s: (s.fit_rate < least_fit_rate, -s.mean_macs)))


def _sampled(
    subspace: Space, fits_in: Callable[[Space], Callable[[Architecture], bool]], samples: int, seed: int
) -> tuple[int, ...]:
    """MACs of the drawn networks that fit, ascending."""
    name = f"{subspace.resolutions}|{subspace.widths}"
    digest = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    random = np.random.default_rng((seed, digest))
    fits = fits_in(subspace)
    drawn = (subspace.architecture(subspace.sample(random)) for _ in range(samples))
    return tuple(sorted(network.macs for network in drawn if fits(network)))
