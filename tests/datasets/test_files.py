"""The user's own arrays and images: read as they are, and refused with what was expected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tflm_mcunet.datasets import load
from tflm_mcunet.errors import ToolError, UsageError

X = np.arange(10 * 6, dtype=np.float64).reshape(10, 3, 2)
Y = np.arange(10) % 2


def test_an_npz_keeps_its_own_test_part(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "mine.npz", x_train=X[:6], y_train=Y[:6, None], x_test=X[6:], y_test=Y[6:].astype(float)
    )
    data = load(tmp_path / "mine.npz")
    assert data.name == "mine"
    assert np.array_equal(data.x_train, X[:6])
    assert data.x_train.dtype == np.float32
    assert data.y_train.tolist() == Y[:6].tolist()
    assert data.y_test.tolist() == Y[6:].tolist()
    assert data.class_names == ("0", "1")


def test_an_npz_without_a_test_part_gets_one_of_a_fifth(tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", x_train=X, y_train=Y, class_names=np.array(["up", "down"]))
    data = load(str(tmp_path / "mine.npz"))
    assert (len(data.x_train), len(data.x_test)) == (8, 2)
    assert sorted(data.y_test.tolist()) == [0, 1]
    assert data.class_names == ("up", "down")
    assert np.array_equal(load(tmp_path / "mine.npz").x_test, data.x_test)
    chosen = {load(tmp_path / "mine.npz", seed=seed).x_test.tobytes() for seed in range(6)}
    assert len(chosen) > 1


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"x": X}, r"expected x_train and y_train.*got \['x'\]"),
        ({"x_train": X, "y_train": Y, "x_test": X}, "x_test with y_test or neither"),
        ({"x_train": X, "y_train": Y[:5]}, r"y_train to have the shape \(10,\)"),
        ({"x_train": X, "y_train": np.eye(10)}, r"y_train to have the shape \(10,\)"),
        ({"x_train": X, "y_train": Y - 1}, "class indices from 0, got -1"),
        ({"x_train": X, "y_train": Y + 0.5}, "class indices, got float64"),
        ({"x_train": X[:0], "y_train": Y[:0]}, r"numbers \(n, ...\)"),
        ({"x_train": X.astype(str), "y_train": Y}, r"numbers \(n, ...\)"),
        ({"x_train": np.full_like(X, np.nan), "y_train": Y}, "NaN or infinity"),
        ({"x_train": X, "y_train": Y, "x_test": X[:, :2], "y_test": Y}, r"\(3, 2\), x_test \(2, 2\)"),
        ({"x_train": X, "y_train": Y, "class_names": np.array(["up"])}, "1 class_names for labels up to 1"),
        ({"x_train": X.astype(object), "y_train": Y}, "cannot read"),
        ({"x_train": X, "y_train": np.arange(10)}, "has 1 sample, which cannot be in two parts"),
    ],
)
def test_an_npz_that_cannot_be_used_is_told(arrays: dict[str, Any], says: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", **arrays)
    with pytest.raises(UsageError, match=says):
        load(tmp_path / "mine.npz")


def test_what_is_no_npz_or_nothing_at_all_is_told(tmp_path: Path) -> None:
    (tmp_path / "mine.npz").write_bytes(b"PK\x03\x04 but no more")
    with pytest.raises(UsageError, match="cannot read"):
        load(tmp_path / "mine.npz")
    with pytest.raises(UsageError, match=r"BasicMotions.*got 'mnist'"):
        load("mnist")


def paint(folder: Path, count: int, colour: tuple[int, int, int], size: tuple[int, int] = (4, 5)) -> None:
    image = pytest.importorskip("PIL.Image")
    folder.mkdir(parents=True)
    for i in range(count):
        image.new("RGB", (size[1], size[0]), colour).save(folder / f"{i}.png")


def test_a_folder_of_images_gives_a_class_a_folder(tmp_path: Path) -> None:
    paint(tmp_path / "red", 5, (255, 0, 0))
    paint(tmp_path / "blue", 10, (0, 0, 255))
    data = load(tmp_path)
    assert data.class_names == ("blue", "red")
    assert data.shape == (4, 5, 3)
    assert np.bincount(data.y_test).tolist() == [2, 1]
    for x, y in zip(data.x_train, data.y_train):
        assert x[0, 0].tolist() == ([1, 0, 0] if y else [0, 0, 1])
    small = load(tmp_path, image_size=(2, 3), grayscale=True)
    assert small.shape == (2, 3, 1)
    np.testing.assert_allclose(np.unique(small.x_train), [29 / 255, 76 / 255])


def test_a_folder_with_train_and_test_is_taken_so(tmp_path: Path) -> None:
    for part, count in (("train", 3), ("test", 2)):
        paint(tmp_path / part / "red", count, (255, 0, 0))
        paint(tmp_path / part / "blue", count, (0, 0, 255))
    data = load(tmp_path)
    assert (len(data.x_train), len(data.x_test)) == (6, 4)
    paint(tmp_path / "test" / "green", 1, (0, 255, 0))
    with pytest.raises(UsageError, match="lacks: green"):
        load(tmp_path)


def test_images_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least 2 classes, got 0"):
        load(tmp_path)
    paint(tmp_path / "red", 2, (255, 0, 0))
    (tmp_path / "blue").mkdir()
    with pytest.raises(UsageError, match="blue holds no image"):
        load(tmp_path)
    (tmp_path / "blue" / "0.png").write_bytes(b"no png")
    with pytest.raises(UsageError, match=r"0\.png is no image"):
        load(tmp_path)
    (tmp_path / "blue" / "0.png").unlink()
    (tmp_path / "blue").rmdir()
    paint(tmp_path / "blue", 2, (0, 0, 255), (6, 6))
    with pytest.raises(UsageError, match="pixels") as caught:
        load(tmp_path)
    assert "image_size" in caught.value.hint
    assert load(tmp_path, image_size=(4, 4)).shape == (4, 4, 3)


def test_without_pillow_images_are_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint(tmp_path / "red", 2, (255, 0, 0))
    paint(tmp_path / "blue", 2, (0, 0, 255))
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(ToolError) as caught:
        load(tmp_path)
    assert "pillow" in caught.value.hint
