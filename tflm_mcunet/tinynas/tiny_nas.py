"""`mcu.TinyNAS`: the door to the search; what it needs of Keras Tuner and TensorFlow is loaded when it is called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tflm_mcunet.backend.batches import Augment
from tflm_mcunet.targets import Target
from tflm_mcunet.tinynas.space import Space
from tflm_mcunet.tinynas.strategies import Strategy

if TYPE_CHECKING:
    from tflm_mcunet.tinynas.result import SearchResult


class TinyNAS:
    """Architecture search under a microcontroller's memory (Lin et al., 2020), hosted in Keras Tuner."""

    @staticmethod
    def search(
        target_device: Target | str | Path,
        sram_constraint: int | None = None,
        flash_constraint: int | None = None,
        train_data: Any = None,
        validation_data: Any = None,
        max_trials: int = 20,
        directory: str | Path = "tinynas",
        seed: int = 1,
        *,
        space: Space | str | None = None,
        strategy: str | Strategy = "evolution",
        schedule: str | Sequence[str] = "layer",
        max_macs: int | None = None,
        max_latency_ms: float | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float = 3e-3,
        dropout: float = 0.0,
        inherit: bool = True,
        objective: str = "val_accuracy",
        classes: int | None = None,
        augment: str | Augment = "auto",
        overwrite: bool = False,
        with_tensorboard: bool = True,
        lease_seconds: float = 300.0,
        distribution_strategy: Any = None,
        progress: Callable[[Any], None] | None = None,
    ) -> SearchResult:
        """Search the network of highest accuracy that fits a device.

        Every candidate's memory is planned before it is trained: what does not fit costs a millisecond and no trial.
        The same call on the same directory goes on with a search that was interrupted, at any moment.

        Args:
            target_device: Target, the name of a device, or the path of a target's TOML file.
            sram_constraint, flash_constraint: int or None. Bytes; None for all that the device has.
            train_data, validation_data: (x, y) of arrays, or a finite tf.data.Dataset of batches. x is
                (n, height, width, channels) for images, (n, steps, channels) for series; y holds class indices or
                one-hot labels.
            max_trials: int. Networks to train. A finished search goes on when it is raised.
            directory: str or Path. Of everything that is kept.
            seed: int. One seed gives one search.
            space: Space, the path of a space's JSON file, "mcunet", or None for a small space made for the data.
            strategy: str or Strategy. "evolution", "random", "bayesian", "zero-cost" (evolution that begins with the
                best of many untrained networks) or "supernet" (MCUNet's search: trials are its best networks).
            schedule: str or sequence of str. How the network will run: "layer", "stream" (less SRAM) or "tflm" (stock
                TFLite Micro). With ("layer", "stream") the schedule is searched together with the network, and the
                result's `best_schedule` says which the best one has.
            max_macs, max_latency_ms: further limits; the latency is a modelled one.
            epochs, batch_size: int or None. Of every trial. None for 20 and 32, or what little data needs: smaller
                batches, and at least 400 of them.
            learning_rate, dropout: float. Of every trial.
            inherit: bool. Whether a bred network begins with its parent's weights.
            objective: str. "val_accuracy" or "val_loss".
            classes: int or None. None counts the labels.
            augment: str or callable. How training samples are changed at random, each time they are seen: "auto" moves
                and stretches series in time and leaves images alone, "none" changes nothing; or (float32[n, height,
                width, channels], numpy Generator) -> another such array. The supernet trains on the same.
            overwrite: bool. Whether a search that is in the directory is thrown away.
            with_tensorboard: bool. Whether to log to `directory/tensorboard`.
            lease_seconds: float. With several workers, after how long the trial of a silent one goes to another.
            distribution_strategy: tf.distribute.Strategy or None. For training inside a worker.
            progress: callable or None. Told after each trial.

        Returns:
            SearchResult.

        Raises:
            UsageError: an argument or the data is not as expected, or the directory holds another search.
            ConstraintError: no network of the space fits.
            McuNetError: too many trials in a row failed, or the disk is full; the search can go on.

        Example:
            result = mcu.TinyNAS.search("STM32F746", train_data=(x, y), validation_data=(x2, y2), max_trials=30)
            int8 = mcu.quantize(result.best_model, result.prepare(x[:200]))
        """
        from tflm_mcunet.tinynas.search import search

        return search(
            target_device,
            sram_constraint,
            flash_constraint,
            train_data,
            validation_data,
            max_trials,
            directory,
            seed,
            space=space,
            strategy=strategy,
            schedule=schedule,
            max_macs=max_macs,
            max_latency_ms=max_latency_ms,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            dropout=dropout,
            inherit=inherit,
            objective=objective,
            classes=classes,
            augment=augment,
            overwrite=overwrite,
            with_tensorboard=with_tensorboard,
            lease_seconds=lease_seconds,
            distribution_strategy=distribution_strategy,
            progress=progress,
        )
