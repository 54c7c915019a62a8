"""Which of a parent's layers stands where a child's does: blocks are matched by stage and place, not by number."""

from __future__ import annotations

from tflm_mcunet.tinynas.space import Choices, Space


def matching_layers(space: Space, child: Choices, parent: Choices) -> dict[str, str]:
    """Child's layer -> parent's layer; layers that stand in no block of the parent are left out.

    Example:
        >>> from tflm_mcunet.tinynas.space import image_space
        >>> space = image_space((8, 8, 1), 10)
        >>> small = space.extreme(False)
        >>> deeper = {**small, "stage0_depth": 2}
        >>> names = matching_layers(space, deeper, small)
        >>> names["block2_project"], "block1_project" in names
        ('block1_project', False)
    """
    ours, theirs = _numbers(space, child), _numbers(space, parent)
    parts = ("expand", "depthwise", "project", "reduce", "gate")
    names = {name: name for name in ("stem", "stem_norm", "head", "head_norm", "logits")}
    for place, number in ours.items():
        if place not in theirs:
            continue
        for part in parts:
            own, its = f"block{number}_{part}", f"block{theirs[place]}_{part}"
            names |= {own: its, f"{own}_norm": f"{its}_norm"}
    return names


def _numbers(space: Space, choices: Choices) -> dict[tuple[int, int], int]:
    """(stage, place in it) -> number of the block in the network."""
    numbers: dict[tuple[int, int], int] = {}
    for s, stage in enumerate(space.stages):
        for b in range(choices.get(f"stage{s}_depth", stage.depths[0])):
            numbers[s, b] = len(numbers)
    return numbers
