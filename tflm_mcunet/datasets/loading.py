"""`load`: one door to all data, by name or by path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tflm_mcunet.datasets.dataset import Dataset
from tflm_mcunet.datasets.files import from_images, from_npz
from tflm_mcunet.datasets.packaged import anomaly, digits, series
from tflm_mcunet.errors import UsageError

#: Name -> what loads it.
PACKAGED: dict[str, Callable[[], Dataset]] = {
    "digits": digits,
    "PickupGestureWiimoteZ": lambda: series(
        "PickupGestureWiimoteZ", "PickupGestureWiimoteZ", "PickupGestureWiimoteZ_eq"
    ),
    "BasicMotions": lambda: series("BasicMotions", "BasicMotions", "BasicMotions"),
    "JapaneseVowels": lambda: series("JapaneseVowels", "JapaneseVowels", "JapaneseVowels_eq"),
    "InternalBleeding16": anomaly,
}


def names() -> tuple[str, ...]:
    """The names that `load` knows."""
    return tuple(PACKAGED)


def load(
    source: str | Path,
    *,
    seed: int | None = None,
    image_size: tuple[int, int] | None = None,
    grayscale: bool = False,
) -> Dataset:
    """Load data by name or path; nothing is ever downloaded.

    Args:
        source: str or Path. A name of `names()` (case, `-` and `_` do not matter), an `.npz` with `x_train`,
            `y_train` (and `x_test`, `y_test`, `class_names`), or a folder with one folder of images a class.
        seed: int or None. None is the data's own split, which is deterministic; a seed splits all samples anew,
            stratified, into parts of the same size.
        image_size: (height, width) to scale images of a folder to.
        grayscale: bool. Images of a folder get one channel.

    Returns:
        Dataset.

    Raises:
        UsageError: an unknown name, or files that are not as expected.
        ToolError: the package that has the data is not installed; the hint says how to install it.

    Example:
        data = load("JapaneseVowels")
        data.x_train.shape  # (270, 25, 12)
    """
    plain = str(source).lower().replace("-", "").replace("_", "")
    loaders = {name.lower(): loader for name, loader in PACKAGED.items()}
    path = Path(source)
    if plain in loaders:
        data = loaders[plain]()
    elif path.is_dir():
        data = from_images(path, image_size=image_size, grayscale=grayscale)
    elif path.suffix == ".npz" and path.is_file():
        data = from_npz(path)
    else:
        known = ", ".join(PACKAGED)
        raise UsageError(
            f"expected data by name ({known}), an .npz file or a folder of images, got {str(source)!r}",
            "give one of these names, or the path of a file or folder that exists",
        )
    return data if seed is None else data.resplit(seed)
