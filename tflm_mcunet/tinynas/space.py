"""Search spaces as plain data: what may vary in a network, how to draw from it, and how to change a draw."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from tflm_mcunet.errors import UsageError
from tflm_mcunet.tinynas.architecture import Architecture, Block

#: A draw from a space: the value of every choice by its name. What a depth leaves unused is there, and ignored.
Choices = Mapping[str, Any]


@dataclass(frozen=True)
class Stage:
    """A run of blocks between two changes of resolution.

    Args:
        channels: int. At width 1, before rounding.
        stride: int. Of the first block.
        depths: tuple of int. How many blocks.
        kernels: tuple of int. Of each block's depthwise convolution.
        expansions: tuple of int. Of each block, as a factor of its input's channels; 1 for no expansion.
        squeezes: tuple of bool. Whether a block has a squeeze-and-excite.
        widths: tuple of float. Of each block, besides that of the space (Lin et al., 2021: 0.5, 0.75, 1).
    """

    channels: int
    stride: int = 1
    depths: tuple[int, ...] = (2, 3, 4)
    kernels: tuple[int, ...] = (3, 5, 7)
    expansions: tuple[int, ...] = (3, 4, 6)
    squeezes: tuple[bool, ...] = (False,)
    widths: tuple[float, ...] = (1.0,)


@dataclass(frozen=True)
class Space:
    """A space of architectures.

    Args:
        name: str.
        input_shape: tuple of int. (height, width, channels) at the largest resolution.
        classes: int.
        stages: tuple of Stage.
        resolutions: tuple of int. Heights; the width follows in proportion. Empty: only that of `input_shape`.
        widths: tuple of float. Factors of all channels.
        stem_channels, stem_kernel, stem_stride: int. The first convolution.
        head_channels: int. Of a 1x1 convolution before the pool, at width 1; 0 for none.
        divisor: int. Channels are rounded to multiples of it.
        axes: int. 2 for images, 1 for series of shape (steps, 1, channels).

    Example:
        >>> space = mcunet_space(classes=2, resolutions=(64, 80))
        >>> choices = space.sample(np.random.default_rng(0))
        >>> space.architecture(choices).input_shape
        (80, 80, 3)
    """

    name: str
    input_shape: tuple[int, int, int]
    classes: int
    stages: tuple[Stage, ...]
    resolutions: tuple[int, ...] = ()
    widths: tuple[float, ...] = (1.0,)
    stem_channels: int = 32
    stem_kernel: int = 3
    stem_stride: int = 2
    head_channels: int = 0
    divisor: int = 8
    axes: int = 2

    def __post_init__(self) -> None:
        options = {f"stage {i} {n}": v for i, s in enumerate(self.stages) for n, v in _options(s).items()}
        empty = [name for name, values in {"widths": self.widths, **options}.items() if not values]
        if empty or not self.stages:
            raise UsageError(f"space {self.name!r}: nothing to choose from in {', '.join(empty) or 'stages'}")
        numbers = [v for values in (self.widths, self.resolutions) for v in values]
        numbers += [v for name, values in options.items() if "squeezes" not in name for v in values]
        if any(isinstance(v, bool) or not v > 0 for v in numbers):
            raise UsageError(f"space {self.name!r}: expected positive numbers, got {numbers}")

    def choices(self) -> dict[str, tuple[Any, ...]]:
        """Name -> values of everything that may vary, in a fixed order; what has one value is no choice."""
        every: dict[str, tuple[Any, ...]] = {"resolution": self.resolutions, "width": self.widths}
        for s, stage in enumerate(self.stages):
            every[f"stage{s}_depth"] = stage.depths
            for b in range(max(stage.depths)):
                for option, values in _block_options(stage).items():
                    every[f"stage{s}_block{b}_{option}"] = values
        return {name: values for name, values in every.items() if len(values) > 1}

    def size(self) -> int:
        """How many draws there are, those that differ only in unused blocks counted once."""
        total = max(1, len(self.resolutions)) * len(self.widths)
        for stage in self.stages:
            block = math.prod(len(values) for values in _block_options(stage).values())
            total *= sum(block**depth for depth in stage.depths)
        return total

    def sample(self, random: np.random.Generator, fixed: Choices | None = None) -> dict[str, Any]:
        """Draw every choice uniformly, but for those in `fixed`."""
        fixed = fixed or {}
        return {
            name: fixed[name] if name in fixed else values[int(random.integers(len(values)))]
            for name, values in self.choices().items()
        }

    def extreme(self, largest: bool, fixed: Choices | None = None) -> dict[str, Any]:
        """The draw with the largest (or smallest) value of every choice."""
        pick = max if largest else min
        return {**{name: pick(values) for name, values in self.choices().items()}, **(fixed or {})}

    def mutated(self, choices: Choices, random: np.random.Generator, rate: float = 0.1) -> dict[str, Any]:
        """A copy in which each choice was drawn anew with probability `rate`, at least one of them."""
        options = self.choices()
        names = [name for name in options if random.random() < rate]
        names = names or [list(options)[int(random.integers(len(options)))]] if options else []
        changed = dict(choices)
        for name in names:
            others = [value for value in options[name] if value != choices[name]]
            changed[name] = others[int(random.integers(len(others)))]
        return changed

    def crossed(self, first: Choices, second: Choices, random: np.random.Generator) -> dict[str, Any]:
        """A child that has each choice of the one parent or of the other."""
        return {name: (first if random.random() < 0.5 else second)[name] for name in self.choices()}

    def architecture(self, choices: Choices) -> Architecture:
        """The network of a draw.

        Args:
            choices: mapping. A value for every name of `choices()`; other names are not looked at.

        Raises:
            UsageError: a choice is missing, or has a value that is none of its options.
        """
        options = self.choices()
        for name, values in options.items():
            if choices.get(name) not in values:
                raise UsageError(f"choice {name!r}: expected one of {values}, got {choices.get(name)!r}")

        def of(name: str, values: Sequence[Any]) -> Any:
            return choices[name] if name in options else values[0]

        height, width, channels = self.input_shape
        resolution = of("resolution", self.resolutions or (height,))
        scale = of("width", self.widths)
        shape = resolution, max(1, round(width * resolution / height)), channels
        stem = source = round_channels(self.stem_channels * scale, self.divisor)
        blocks = []
        for s, stage in enumerate(self.stages):
            for b in range(of(f"stage{s}_depth", stage.depths)):
                drawn = {n: of(f"stage{s}_block{b}_{n}", v) for n, v in _block_options(stage).items()}
                expanded = source * drawn["expansion"]
                target = round_channels(stage.channels * scale * drawn["width"], self.divisor)
                squeeze = round_channels(expanded / 4, self.divisor) if drawn["squeeze"] else 0
                stride = stage.stride if b == 0 else 1
                blocks.append(
                    Block(target, expanded, drawn["kernel"], stride, squeeze, drawn["expansion"] > 1)
                )
                source = target
        head = round_channels(self.head_channels * scale, self.divisor) if self.head_channels else 0
        stem_stride = self.stem_stride
        return Architecture(
            shape, self.classes, stem, self.stem_kernel, stem_stride, tuple(blocks), head, self.axes
        )

    def restricted(self, resolution: int, width: float) -> Space:
        """The subspace of one resolution and one width: one of the spaces that stage 1 of TinyNAS compares."""
        return replace(self, resolutions=(resolution,), widths=(width,))

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)

    def to_json(self) -> str:
        """One line of JSON with sorted keys."""
        return json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Space:
        """The inverse of `to_dict`; also what a user's own JSON file holds. UsageError where a field is wrong."""
        try:
            fields: dict[str, Any] = {k: _tuples(v) for k, v in data.items() if k != "stages"}
            stages = tuple(Stage(**{k: _tuples(v) for k, v in stage.items()}) for stage in data["stages"])
            return cls(**fields, stages=stages)
        except (KeyError, TypeError, AttributeError) as error:
            raise UsageError(f"expected the data of a search space: {error}") from error

    @classmethod
    def from_json(cls, text: str) -> Space:
        """The inverse of `to_json`."""
        try:
            return cls.from_dict(json.loads(text))
        except json.JSONDecodeError as error:
            raise UsageError(f"expected the JSON of a search space: {error}") from error


def round_channels(channels: float, divisor: int = 8) -> int:
    """The nearest multiple of `divisor`, at least one, and not less than 90 % of `channels` (MobileNetV2's rule).

    >>> round_channels(14.4), round_channels(19.2), round_channels(115.2)
    (16, 24, 112)
    """
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


#: Channels of the stages of MCUNet's space at width 1, and the stride of each one's first block.
_MCUNET_STAGES = ((24, 2), (40, 2), (80, 2), (96, 1), (192, 2))

#: The 108 spaces that stage 1 of TinyNAS compares: 12 resolutions and 9 widths.
MCUNET_RESOLUTIONS = tuple(range(48, 225, 16))
MCUNET_WIDTHS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def mcunet_space(
    classes: int,
    *,
    channels: int = 3,
    resolutions: Sequence[int] = MCUNET_RESOLUTIONS,
    widths: Sequence[float] = MCUNET_WIDTHS,
    squeeze: bool = False,
    block_widths: bool = False,
    depths: Sequence[int] = (2, 3, 4),
) -> Space:
    """MCUNet's space of MobileNet-like networks (Lin et al., 2020, section 3.1 and 4.1).

    Args:
        classes: int.
        channels: int. Of the image.
        resolutions, widths: sequences. What stage 1 of the search chooses from.
        squeeze: bool. Whether blocks may have a squeeze-and-excite.
        block_widths: bool. Whether each block's width may be 0.5, 0.75 or 1 of its stage's, as in MCUNetV2.
        depths: sequence of int. Blocks of a stage.
    """
    squeezes = (False, True) if squeeze else (False,)
    per_block = (0.5, 0.75, 1.0) if block_widths else (1.0,)
    first = Stage(16, 1, (1,), (3,), (1,))
    middle = [Stage(c, s, tuple(depths), squeezes=squeezes, widths=per_block) for c, s in _MCUNET_STAGES]
    last = Stage(320, 1, (1,), squeezes=squeezes)
    largest = max(resolutions)
    return Space(
        "mcunet",
        (largest, largest, channels),
        classes,
        (first, *middle, last),
        tuple(resolutions),
        tuple(widths),
    )


def image_space(input_shape: tuple[int, int, int], classes: int) -> Space:
    """A small space for images of one given size: the map is halved until it has about four rows.

    >>> len(image_space((8, 8, 1), 10).stages), len(image_space((96, 96, 3), 2).stages)
    (2, 4)
    """
    side = min(input_shape[:2])
    if side >= 64:
        return replace(_small(input_shape, classes, side // 2), name="image", stem_stride=2)
    return replace(_small(input_shape, classes, side), name="image")


def series_space(input_shape: tuple[int, int, int], classes: int) -> Space:
    """A small space for sensor and audio series of shape (steps, 1, channels), with kernels along the time.

    >>> series_space((64, 1, 6), 4).stages[0].kernels
    (3, 5, 7, 9)
    """
    steps, one, _ = input_shape
    if one != 1:
        raise UsageError(
            f"Expected a series of shape (steps, 1, channels), got {input_shape}",
            "reshape it: x[:, :, None, :]",
        )
    space = _small(input_shape, classes, steps)
    stages = tuple(replace(stage, kernels=(3, 5, 7, 9)) for stage in space.stages)
    return replace(space, name="series", stages=stages, stem_kernel=5, axes=1)


def _small(input_shape: tuple[int, int, int], classes: int, side: int) -> Space:
    """Stages that halve a map of this side until about four rows are left, one more at the end."""
    halvings = min(4, max(1, int(math.log2(max(2, side))) - 1)) if side >= 4 else 0
    channels = (24, 32, 48, 64, 96)
    stages = tuple(Stage(channels[i], 2 if i < halvings else 1, (1, 2, 3)) for i in range(max(2, halvings)))
    return Space("small", input_shape, classes, stages, (), (0.35, 0.5, 0.75, 1.0), 16, 3, 1)


def _options(stage: Stage) -> dict[str, tuple[Any, ...]]:
    return {"depths": stage.depths, **{f"{n}s": v for n, v in _block_options(stage).items()}}


def _block_options(stage: Stage) -> dict[str, tuple[Any, ...]]:
    return {
        "kernel": stage.kernels,
        "expansion": stage.expansions,
        "squeeze": stage.squeezes,
        "width": stage.widths,
    }


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
