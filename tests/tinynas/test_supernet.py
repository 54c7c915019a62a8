"""The supernet: every slice is a network of its own, one trace serves all, training survives a kill."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tflm_mcunet.backend.elastic import Slot
from tflm_mcunet.backend.elastic_training import values_of
from tflm_mcunet.datasets import load
from tflm_mcunet.errors import McuNetError, UsageError
from tflm_mcunet.tinynas.elastic_space import elastic_choice
from tflm_mcunet.tinynas.space import Space, Stage, image_space, series_space
from tflm_mcunet.tinynas.supernet import Supernet
from tflm_mcunet.tinynas.supernet_training import Training, train

#: Everything that may vary at once, on a map with odd sides: no expansion, squeeze-and-excite, widths of blocks.
RICH = Space(
    "rich",
    (9, 11, 2),
    3,
    (
        Stage(16, 1, (1,), (3,), (1,)),
        Stage(16, 2, (1, 2, 3), (3, 5, 7), (1, 2, 3), (False, True), (0.5, 1.0)),
        Stage(24, 2, (1, 2), (3, 5), (2, 3), (False,), (0.5, 0.75, 1.0)),
    ),
    widths=(0.5, 1.0),
    stem_channels=16,
    head_channels=32,
)
TINY = Space("tiny", (8, 8, 1), 10, (Stage(16, 2, (1, 2), (3, 5), (2, 3)),), stem_channels=8, stem_stride=1)


def randomised(supernet: Supernet, seed: int = 0) -> Supernet:
    """With normalisations that do something, and calibrated on noise."""
    random = np.random.default_rng(seed)
    for norm in supernet.network.norms.values():
        norm.gamma.assign(random.uniform(0.5, 1.5, norm.channels))
        norm.beta.assign(random.uniform(-0.5, 1.0, norm.channels))
    supernet.use_calibration(random.normal(0, 1, (64, *supernet.shape.input_shape)))
    return supernet


def near(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal but for the rounding of float32."""
    return bool(np.abs(a - b).max() <= 2e-5 * max(1.0, np.abs(b).max()))


@pytest.mark.parametrize("space", [RICH, series_space((29, 1, 12), 9)], ids=lambda s: s.name)
def test_a_subnet_computes_what_the_model_taken_out_of_the_supernet_computes(space: Space) -> None:
    supernet, random = randomised(Supernet(space, seed=1)), np.random.default_rng(2)
    x = random.normal(0, 1, (32, *space.input_shape)).astype(np.float32)
    draws = [space.extreme(largest) for largest in (False, True)] + [space.sample(random) for _ in range(6)]
    for draw in draws:
        logits, model = supernet.logits(draw, x), supernet.extract(draw)
        standalone = np.asarray(model(x, training=False))
        np.testing.assert_array_equal(
            np.asarray(supernet.network(x, elastic_choice(space, draw), "infer")), standalone, str(draw)
        )
        # TensorFlow fuses operators of a traced graph, which rounds differently.
        assert near(standalone, logits), draw
    assert supernet.evaluator._infer.experimental_get_tracing_count() == 1
    assert supernet.evaluator._calibrate.experimental_get_tracing_count() == 1


def test_the_statistics_of_a_subnet_are_those_that_its_own_model_would_see() -> None:
    supernet = randomised(Supernet(RICH, seed=3))
    draw = RICH.sample(np.random.default_rng(4))
    batch = supernet.calibration[0]
    assert len(supernet.calibration) == 1
    model = supernet.extract(draw)
    # With the statistics of one batch, inference on it is training mode on it.
    assert near(np.asarray(model(batch, training=True)), supernet.logits(draw, batch))


def test_the_statistics_over_several_batches_are_their_average() -> None:
    supernet, random = randomised(Supernet(TINY)), np.random.default_rng(5)
    batches = [random.normal(i, 1 + i, (32, 8, 8, 1)).astype(np.float32) for i in range(3)]
    choice = supernet.shape.largest()
    stem, means = supernet.network.norms["stem"], []
    for batch in batches:
        supernet.evaluator.calibrate(choice, [batch])
        means.append(np.asarray(stem.mean))
    supernet.evaluator.calibrate(choice, batches)
    np.testing.assert_allclose(np.asarray(stem.mean), np.mean(means, 0), rtol=1e-4, atol=1e-6)


def test_sorting_keeps_the_largest_network_and_puts_heavy_channels_first() -> None:
    supernet, random = randomised(Supernet(RICH, seed=6)), np.random.default_rng(7)
    x = random.normal(0, 1, (16, *RICH.input_shape)).astype(np.float32)
    before, weights = supernet.logits(supernet.largest, x), values_of(supernet.network)
    supernet.sort_channels()
    assert near(supernet.logits(supernet.largest, x), before)
    after = values_of(supernet.network)
    assert any((after[name] != weights[name]).any() for name in after)
    for number, slot in enumerate(supernet.shape.slots):
        if slot.expands:
            norms = np.abs(after[f"slot{number}_project"]).sum((0, 1, 3)).astype(np.float64)
            if slot.squeeze:
                norms += np.abs(after[f"slot{number}_reduce"]).sum((0, 1, 3))
            assert (np.diff(norms) <= 1e-5).all()


def test_a_slot_is_as_large_as_the_largest_block_and_may_be_left_out_past_the_least_depth() -> None:
    shape = Supernet(TINY).shape
    assert shape.slots == (Slot(16, 24, 5, 2), Slot(16, 48, 5, 1, optional=True))


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, ...]:
    return load("digits").with_validation(0.2, seed=0)


def test_training_raises_every_subnet_from_one_trace(digits: tuple[np.ndarray, ...]) -> None:
    x, y, x_validation, y_validation = digits
    space = replace(image_space((8, 8, 1), 10), widths=(0.5,))
    supernet, losses = Supernet(space, seed=0), []
    train(
        supernet,
        x,
        y,
        Training(largest_epochs=3, epochs=3, learning_rate=5e-3),
        on_epoch=lambda position, loss: losses.append((position.phase, loss)),
    )
    assert [phase for phase, _ in losses] == ["largest"] * 3 + ["subnets"] * 3
    assert losses[2][1] < losses[0][1] and losses[5][1] < losses[3][1]
    accuracies = [
        supernet.accuracy(draw, x_validation, y_validation)
        for draw in (space.extreme(True), space.extreme(False), space.sample(np.random.default_rng(0)))
    ]
    assert min(accuracies) > 0.6 and accuracies[0] > 0.9


def test_training_that_was_interrupted_ends_like_one_that_was_not(
    digits: tuple[np.ndarray, ...], tmp_path: Path
) -> None:
    x, y = digits[0][:200], digits[1][:200]
    plan = Training(largest_epochs=2, epochs=2, subnets=2, save_seconds=0)

    class Killed(BaseException):
        pass

    def run(stop: int, directory: Path | None) -> Supernet:
        supernet, calls = Supernet(TINY, seed=1), 0

        def augment(batch: np.ndarray, random: np.random.Generator) -> np.ndarray:
            nonlocal calls
            calls += 1
            if calls == stop:
                raise Killed
            return batch + random.normal(0, 0.01, batch.shape)

        train(supernet, x, y, plan, directory=directory, augment=augment)
        return supernet

    whole = values_of(run(0, None).network)
    with pytest.raises(Killed):
        run(3, tmp_path)  # in the largest network's first epoch
    with pytest.raises(Killed):
        run(11, tmp_path)  # in the subnets' second
    again = run(0, tmp_path)
    for name, values in values_of(again.network).items():
        np.testing.assert_allclose(values, whole[name], rtol=1e-3, atol=1e-4, err_msg=name)
    finished = Supernet(TINY, seed=1)
    train(finished, x, y, plan, directory=tmp_path, on_epoch=lambda *_: pytest.fail("it was finished"))
    assert finished.teacher is not None and finished.teacher.shape == (200, 10)
    with pytest.raises(UsageError, match="another space, data, seed or training"):
        train(Supernet(TINY, seed=2), x, y, plan, directory=tmp_path)


def test_distillation_alone_does_not_look_at_labels(digits: tuple[np.ndarray, ...]) -> None:
    x, y = digits[0][:64], digits[1][:64]
    results = []
    for labels, share in ((y, 1.0), ((y + 1) % 10, 1.0), ((y + 1) % 10, 0.0)):
        supernet = Supernet(TINY, seed=1)
        train(supernet, x, labels, Training(0, 1, 1, distillation=share))
        results.append(values_of(supernet.network)["logits_bias"])
    np.testing.assert_array_equal(results[0], results[1])
    assert np.abs(results[0] - results[2]).max() > 1e-4


def test_bad_data_is_refused_before_training() -> None:
    supernet = Supernet(TINY)
    x, y = np.zeros((4, 8, 8, 1), np.float32), np.zeros(4, np.int64)
    bad: list[tuple[Any, Any]] = [(x[:, :7], y), (x, y[:3]), (x, np.eye(10)[y]), (x, y + 10), (x[:0], y[:0])]
    for samples, labels in bad:
        with pytest.raises(UsageError):
            train(supernet, samples, labels)
    with pytest.raises(UsageError, match="statistics need samples"):
        supernet.logits(supernet.largest, x)
    with pytest.raises(UsageError, match="one resolution"):
        Supernet(replace(TINY, resolutions=(8, 16)))


def test_a_loss_that_is_no_number_stops_training_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    x, y = np.zeros((4, 8, 8, 1), np.float32), np.zeros(4, np.int64)
    x[0] = np.nan
    with pytest.raises(McuNetError, match="loss is nan in phase 'largest', epoch 0"):
        train(Supernet(TINY), x, y, Training(1, 1), directory=tmp_path)
    assert not list(tmp_path.iterdir()), "no weights of after the accident"
