"""The user's own data: an `.npz` file, or a folder of images with one folder a class."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from tflm_mcunet.datasets.dataset import Dataset, stratified
from tflm_mcunet.errors import ToolError, UsageError

#: Of each class, for the test where the data comes without one.
TEST_SHARE = 0.2
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".webp")


def from_npz(path: Path) -> Dataset:
    """Arrays `x_train` and `y_train`, and, where they are there, `x_test`, `y_test` and `class_names`.

    Without a test part a fifth of each class, drawn by seed 0, becomes it.

    Raises:
        UsageError: no such arrays, of unequal length, not numbers or not finite.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise UsageError(
            f"cannot read {path} as .npz: {error}",
            "write it with numpy.savez(path, x_train=..., y_train=..., x_test=..., y_test=...)",
        ) from error
    missing = [name for name in ("x_train", "y_train") if name not in arrays]
    if missing or ("x_test" in arrays) != ("y_test" in arrays):
        raise UsageError(
            f"{path}: expected x_train and y_train, and x_test with y_test or neither; got {sorted(arrays)}"
        )
    names = tuple(str(name) for name in arrays.get("class_names", np.array([])).reshape(-1))
    x, y = _checked(path, "train", arrays["x_train"], arrays["y_train"])
    if "x_test" in arrays:
        x_test, y_test = _checked(path, "test", arrays["x_test"], arrays["y_test"])
        if x_test.shape[1:] != x.shape[1:]:
            raise UsageError(f"{path}: x_train has samples {x.shape[1:]}, x_test {x_test.shape[1:]}")
    else:
        train, test = stratified(y, TEST_SHARE, seed=0)
        x, y, x_test, y_test = x[train], y[train], x[test], y[test]
    classes = int(max(y.max(), y_test.max())) + 1
    if names and len(names) < classes:
        raise UsageError(f"{path}: {len(names)} class_names for labels up to {classes - 1}")
    return Dataset(
        path.stem, x, y, x_test, y_test, names or tuple(str(i) for i in range(classes)), source=str(path)
    )


def _checked(path: Path, part: str, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if x.dtype.kind not in "fiub" or x.ndim < 2 or not len(x):
        raise UsageError(f"{path}: expected x_{part} to be numbers (n, ...), got {x.dtype} {x.shape}")
    if y.shape != (len(x),):
        raise UsageError(
            f"{path}: expected y_{part} to have the shape ({len(x)},), as x_{part} has samples, got {y.shape}",
            "labels are class indices; of one-hot labels take y.argmax(axis=1)",
        )
    if y.dtype.kind not in "iu" and not (y.dtype.kind == "f" and np.array_equal(y, np.round(y))):
        raise UsageError(f"{path}: expected y_{part} to be class indices, got {y.dtype}")
    if y.min() < 0:
        raise UsageError(f"{path}: expected y_{part} to be class indices from 0, got {int(y.min())}")
    x = x.astype(np.float32)
    if not np.isfinite(x).all():
        raise UsageError(f"{path}: x_{part} holds NaN or infinity")
    return x, y.astype(np.int64)


def from_images(folder: Path, image_size: tuple[int, int] | None = None, grayscale: bool = False) -> Dataset:
    """A folder with one folder of images a class, or with `train/` and `test/` that hold these.

    Pixels become float32 in [0, 1]. Without `test/` a fifth of each class, drawn by seed 0, becomes the test.

    Args:
        folder: Path.
        image_size: (height, width) to scale to, or None where all images have one size.
        grayscale: bool. One channel instead of three.

    Raises:
        UsageError: no classes, an empty one, a file that is no image, images of different size.
        ToolError: Pillow is not installed.
    """
    split = [folder / part for part in ("train", "test")]
    has_split = all(part.is_dir() for part in split)
    names = _class_folders(split[0] if has_split else folder)
    if has_split and (extra := set(_class_folders(split[1])) - set(names)):
        raise UsageError(f"{split[1]} has classes that {split[0]} lacks: {', '.join(sorted(extra))}")
    x, y = _images(split[0] if has_split else folder, names, image_size, grayscale)
    if has_split:
        size = image_size or (int(x.shape[1]), int(x.shape[2]))
        present = [name for name in names if (split[1] / name).is_dir()]
        x_test, labels = _images(split[1], present, image_size, grayscale)
        if x_test.shape[1:3] != size:
            raise UsageError(f"images of {size} to train with, of {x_test.shape[1:3]} to test with", _SIZE)
        y_test = np.array([names.index(present[label]) for label in labels], np.int64)
        return Dataset(folder.name, x, y, x_test, y_test, tuple(names), source=str(folder))
    train, test = stratified(y, TEST_SHARE, seed=0)
    return Dataset(folder.name, x[train], y[train], x[test], y[test], tuple(names), source=str(folder))


_SIZE = "give image_size=(height, width) to scale them"


def _class_folders(folder: Path) -> list[str]:
    names = sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    if len(names) < 2:
        raise UsageError(
            f"expected {folder} to hold a folder of images for each of at least 2 classes, got {len(names)}"
        )
    return names


def _images(
    folder: Path, names: list[str], image_size: tuple[int, int] | None, grayscale: bool
) -> tuple[np.ndarray, np.ndarray]:
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise ToolError(
            "images are read with Pillow, which is not installed", "pip install pillow"
        ) from error

    def read(path: Path) -> np.ndarray:
        try:
            with Image.open(path) as image:
                picture = image.convert("L" if grayscale else "RGB")
                if image_size is not None:
                    picture = picture.resize((image_size[1], image_size[0]), Image.Resampling.BILINEAR)
                return np.asarray(picture, np.uint8)
        except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError) as error:
            raise UsageError(f"{path} is no image that Pillow can read: {error}") from error

    pixels: list[np.ndarray] = []
    labels: list[int] = []
    for label, name in enumerate(names):
        files = sorted(p for p in (folder / name).rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
        if not files:
            raise UsageError(f"{folder / name} holds no image", f"of {', '.join(IMAGE_SUFFIXES)}")
        for path in files:
            array = read(path)
            if pixels and array.shape != pixels[0].shape:
                raise UsageError(
                    f"{path} is {array.shape[:2]} pixels, the first image {pixels[0].shape[:2]}", _SIZE
                )
            pixels.append(array)
            labels.append(label)
    x = np.stack(pixels).astype(np.float32) / 255
    return (x[..., None] if grayscale else x), np.array(labels, np.int64)
