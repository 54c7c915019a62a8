"""Any Keras Tuner oracle under a microcontroller's memory: what does not fit is never proposed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tflm_mcunet.backend import to_shape_model
from tflm_mcunet.errors import ConstraintError, UnsupportedOpError, UsageError
from tflm_mcunet.tflite import read
from tflm_mcunet.tinynas.budget import MemoryOracle
from tflm_mcunet.tinynas.durable import RUNNING, STOPPED, Durable
from tflm_mcunet.tinynas.hosting import keras_tuner

#: Proposals of a model-based oracle that may be rejected in a row before a random one that fits is taken: the model
#: is not refitted between them, so it soon proposes the same again.
_MODEL_TRIES = 3

Fits = Callable[[Mapping[str, Any]], bool]


class Constrained(Durable):
    """A mixin in front of a Keras Tuner oracle whose proposals have to fit; made by `constrained`."""

    fits: Fits
    most_rejected: int
    asked = 0
    rejected = 0

    def populate_space(self: Any, trial_id: str) -> dict[str, Any]:
        """The oracle's proposal; others until one fits."""
        for _ in range(_MODEL_TRIES):
            response: dict[str, Any] = super().populate_space(trial_id)  # type: ignore[misc]
            if response["status"] != RUNNING or self._accepts(response["values"]):
                return response
            if isinstance(self, keras_tuner.oracles.GridSearchOracle):
                values = self._get_next_combination(response["values"])
                if values is None and not self.trials:
                    raise self._nothing_fits()
                return {"status": RUNNING if values else STOPPED, "values": values}
        values = self._random_values()
        return {"status": STOPPED if values is None else RUNNING, "values": values}

    def _random_values(self: Any) -> dict[str, Any] | None:
        """Random values that fit: what Keras Tuner's random, Bayesian and Hyperband oracles draw from."""
        for _ in range(self.most_rejected):
            values: dict[str, Any] | None = super()._random_values()  # type: ignore[misc]
            if values is None:
                if not self.trials:
                    break
                return None
            if self._accepts(values):
                return values
            self._tried_so_far.add(self._compute_values_hash(values))
        raise self._nothing_fits()

    def _nothing_fits(self) -> ConstraintError:
        return ConstraintError(
            f"none of {self.rejected:,} candidates fits the budget",
            "widen the search space towards smaller networks, or take a larger budget",
        )

    def _get_next_combination(self: Any, values: dict[str, Any]) -> dict[str, Any] | None:
        """The next point of a grid that fits."""
        following: dict[str, Any] | None = super()._get_next_combination(values)  # type: ignore[misc]
        while following is not None and not self._accepts(following):
            following = super()._get_next_combination(following)  # type: ignore[misc]
        return following

    def _accepts(self: Any, values: Mapping[str, Any]) -> bool:
        known = self.__dict__.setdefault("_verdicts", {})
        key = self._compute_values_hash(dict(values))
        if key not in known:
            known[key] = bool(self.fits({k: v for k, v in values.items() if not k.startswith("tuner/")}))
            self.asked += 1
            self.rejected += not known[key]
        return bool(known[key])


def constrained(oracle: Any, fits: Fits, *, most_rejected: int = 20_000) -> Any:
    """Put a constraint on a Keras Tuner oracle, in place: candidates that do not fit never become trials.

    Works with every oracle that draws through Keras Tuner's own means (random, Bayesian, Hyperband, grid), and with
    others that propose anew when asked again. State and trials are then written atomically, too.

    Args:
        oracle: keras_tuner.Oracle.
        fits: callable. Hyperparameter values by name -> bool; see `hypermodel_fits`.
        most_rejected: int. Candidates that may be rejected for one trial before the search ends with an error.

    Returns:
        The same oracle, now of a class that says so.

    Raises:
        UsageError: it is no oracle.
        ConstraintError: from the search, where no candidate fits.

    Example:
        oracle = keras_tuner.oracles.HyperbandOracle("val_accuracy", max_epochs=9)
        tuner = keras_tuner.Tuner(constrained(oracle, hypermodel_fits(build, budget)), build)
    """
    if not isinstance(oracle, keras_tuner.Oracle):
        raise UsageError(f"expected a keras_tuner.Oracle, got {type(oracle).__name__}")
    kind = type(oracle)
    if not issubclass(kind, Constrained):
        oracle.__class__ = type(f"Constrained{kind.__name__}", (Constrained, kind), {})
    oracle.fits, oracle.most_rejected = fits, most_rejected
    return oracle


def hypermodel_fits(hypermodel: Any, oracle: MemoryOracle) -> Fits:
    """Whether the model that a user's own HyperModel builds fits: built, converted to INT8, planned.

    A conversion takes a second or more, so models whose weights alone exceed the flash are rejected before it.

    Args:
        hypermodel: keras_tuner.HyperModel, or a function from HyperParameters to a Keras model.
        oracle: MemoryOracle.

    Returns:
        callable. Values by name -> bool. A model with an operator that cannot be deployed does not fit.
    """
    build = getattr(hypermodel, "build", hypermodel)

    def fits(values: Mapping[str, Any]) -> bool:
        hyperparameters = keras_tuner.HyperParameters()
        hyperparameters.values = dict(values)
        model = build(hyperparameters)
        flash = oracle.budget.flash_bytes
        if flash is not None and sum(weights.size for weights in model.get_weights()) > 2 * flash:
            return False  # normalisation vanishes on conversion; nothing halves a model
        try:
            return oracle.fits(read(to_shape_model(model)))
        except UnsupportedOpError:
            return False

    return fits
