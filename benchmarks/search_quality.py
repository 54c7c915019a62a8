"""TinyNAS against Keras Tuner's own searches under the same constraint, on real data, with equal time.

    nice .venv/bin/python benchmarks/search_quality.py --output build/search_quality.json
    .venv/bin/python benchmarks/search_quality.py --output build/search_quality.json --only-table

Every method searches the same space under the same SRAM and flash, trains by the same recipe, and has the same CPU
time (--seconds), proposals included and testing not. RandomSearch, Hyperband and BayesianOptimization are Keras
Tuner's oracles inside `constrained`. A search begins no trial when its time is up, and a trial that ends later does
not count. Each network is chosen by validation accuracy, of equals by validation loss, and scored on test data that
no search has seen; the table has the median of the seeds. "equal epochs" is the best that each method had after as
many epochs as the method of that dataset and seed that did fewest; "mean" is that of every trial in the time.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from tflm_mcunet.backend.training import BestEpoch, load_weights
from tflm_mcunet.datasets import load
from tflm_mcunet.targets import Target
from tflm_mcunet.tinynas.budget import Budget, MemoryOracle
from tflm_mcunet.tinynas.constrain import constrained
from tflm_mcunet.tinynas.data import SearchData, as_input, check_data
from tflm_mcunet.tinynas.hosting import keras_tuner
from tflm_mcunet.tinynas.oracle import PARENT, TinyNASOracle
from tflm_mcunet.tinynas.search import as_space, augment_of
from tflm_mcunet.tinynas.space import Space
from tflm_mcunet.tinynas.strategies import EvolutionStrategy
from tflm_mcunet.tinynas.tuner import TinyNASHyperModel, TinyNASTuner, Training

METHODS = ("TinyNAS", "RandomSearch", "Hyperband", "BayesianOptimization")
DATA = ("digits", "PickupGestureWiimoteZ", "JapaneseVowels", "BasicMotions")
#: Of Hyperband: a whole training has as many, so its first bracket is 9 trials for a ninth, 3 for a third, 1 whole.
HYPERBAND_EPOCHS = 9
#: Trials that no search reaches in its time; Bayesian optimisation begins with a third of those it does reach.
MANY, FIRST = 1_000, 3
DEVICE = Target("16 kB / 96 kB", 16_000, 96_000, core="cortex-m4")


class _Caught(BestEpoch):
    """Gives the model of a trial away, so that it need not be built and traced again to be tested."""

    def __init__(self) -> None:
        super().__init__("val_accuracy", True)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Nothing to keep."""

    def __deepcopy__(self, memo: Any) -> _Caught:
        return self


class Recorder(TinyNASTuner):
    """Trains, tests and times every trial; begins none when its CPU time is up."""

    def __init__(
        self, oracle: Any, data: SearchData, test: tuple, epochs: int, seconds: float, **options: Any
    ):
        self.data, self.test, self.epochs, self.seconds = data, test, epochs, seconds
        self.trials: list[dict[str, float]] = []
        self.begun = time.process_time()
        super().__init__(oracle, **options)

    def run_trial(self, trial: Any, *arguments: Any, **options: Any) -> Any:
        """Train for what the oracle asks."""
        values = trial.hyperparameters.values
        epochs = self.epochs
        if "tuner/epochs" in values:  # Hyperband counts in parts of a whole training
            rounds = values["tuner/epochs"] - values["tuner/initial_epoch"]
            epochs = -(-rounds * epochs // HYPERBAND_EPOCHS)
        if "tuner/trial_id" in values:
            values[PARENT] = values["tuner/trial_id"]
        batch = self.hypermodel.training.batch_size
        self.hypermodel.steps = epochs * -(-len(self.data.x_train) // batch)
        augment = augment_of("auto", self.data)
        fit = self.data.fit_arguments(batch, seed=self.trial_seed(trial), augment=augment)
        caught = _Caught()
        fit["callbacks"] = [caught]
        metrics = super().run_trial(trial, *arguments, **fit, epochs=epochs, verbose=0)
        spent = time.process_time() - self.begun
        load_weights(caught.model, self.checkpoint(trial.trial_id))
        size = fit["validation_batch_size"]
        _, accuracy = caught.model.evaluate(*self.test, batch_size=size, verbose=0)
        self.begun += time.process_time() - self.begun - spent  # testing is no part of the search
        self.trials.append(
            {
                "validation": metrics["val_accuracy"],
                "loss": metrics["val_loss"],
                "test": float(accuracy),
                "seconds": spent,
                "epochs": epochs,
            }
        )
        return metrics

    def on_trial_end(self, trial: Any) -> None:
        """Stop the oracle when no time is left."""
        super().on_trial_end(trial)
        if self.trials and self.trials[-1]["seconds"] >= self.seconds:
            self.oracle.max_trials = len(self.oracle.trials)


def oracle_of(method: str, space: Space, budget: Budget, seed: int) -> Any:
    """The method's oracle, under the budget."""
    if method == "TinyNAS":
        return TinyNASOracle(
            space, budget, strategy=EvolutionStrategy(warm_trials=FIRST), max_trials=MANY, seed=seed
        )
    hyperparameters = keras_tuner.HyperParameters()
    for name, values in space.choices().items():
        hyperparameters.Choice(name, list(values))
    shared = {"objective": "val_accuracy", "seed": seed, "hyperparameters": hyperparameters}
    oracles = keras_tuner.oracles
    if method == "RandomSearch":
        oracle = oracles.RandomSearchOracle(max_trials=MANY, **shared)
    elif method == "Hyperband":
        oracle = oracles.HyperbandOracle(
            max_epochs=HYPERBAND_EPOCHS, factor=3, hyperband_iterations=MANY, **shared
        )
    else:
        oracle = oracles.BayesianOptimizationOracle(max_trials=MANY, num_initial_points=FIRST, **shared)
    memory = MemoryOracle(budget)
    oracle.verbose = 0
    return constrained(oracle, lambda values: memory.fits(space.architecture(values)))


def small_space(data: SearchData) -> Space:
    """The space that a search makes for the data, with at most two blocks a stage."""
    space = as_space(None, data)
    return replace(space, stages=tuple(replace(stage, depths=(1, 2)) for stage in space.stages))


def measure(name: str, method: str, seconds: float, seed: int, folder: Path) -> list[dict[str, float]]:
    """Every trial of one search."""
    source = load(name)
    x, y, x_validation, y_validation = source.with_validation(0.3, seed=seed)
    data = check_data((x, y), (x_validation, y_validation))
    test = as_input(source.x_test, data.is_series), source.y_test
    space = small_space(data)
    epochs = data.epochs(data.batch_size())
    oracle = oracle_of(method, space, Budget.of(DEVICE), seed)
    shutil.rmtree(folder, ignore_errors=True)
    hypermodel = TinyNASHyperModel(space, Training(epochs, data.batch_size()), 1)
    tuner = Recorder(
        oracle,
        data,
        test,
        epochs,
        seconds,
        hypermodel=hypermodel,
        seed=seed,
        directory=str(folder),
        project_name="trials",
    )
    tuner.search()
    return tuner.trials


def within(trials: list[dict[str, float]], limit: float, unit: str) -> list[dict[str, float]]:
    """The trials that were done within so many seconds or epochs; the first one at least."""
    done, spent = [], 0.0
    for trial in trials:
        spent = trial["seconds"] if unit == "seconds" else spent + trial["epochs"]
        if spent <= limit:
            done.append(trial)
    return done or trials[:1]


def best_test(trials: list[dict[str, float]]) -> float:
    """The test accuracy of the network that validation chooses."""
    return max(trials, key=lambda trial: (trial["validation"], -trial["loss"]))["test"]


def mean_test(trials: list[dict[str, float]]) -> float:
    """The mean test accuracy of all networks: what was tried, without the luck of a small validation set."""
    return statistics.mean(trial["test"] for trial in trials)


def show(results: dict[str, list[dict[str, float]]], seconds: float) -> None:
    """The tables."""
    runs: dict[tuple[str, int], dict[str, list]] = {}
    for key, trials in results.items():
        name, method, seed = key.split("|")
        runs.setdefault((name, int(seed)), {})[method] = trials
    complete = {key: found for key, found in runs.items() if len(found) == len(METHODS)}
    for title, score, unit in (
        ("best, equal time", best_test, "seconds"),
        ("best, equal epochs", best_test, "epochs"),
        ("mean of the trials, equal time", mean_test, "seconds"),
    ):
        print(f"\n| test accuracy: {title} | " + " | ".join(METHODS) + " |")
        print("|---" * (1 + len(METHODS)) + "|")
        for name in sorted({name for name, _ in complete}, key=DATA.index):
            cells = []
            for method in METHODS:
                scores = []
                for (other, _), found in complete.items():
                    if other == name:
                        fewest = min(sum(trial["epochs"] for trial in found[m]) for m in METHODS)
                        limit = seconds if unit == "seconds" else fewest
                        scores.append(score(within(found[method], limit, unit)))
                cells.append(f"{statistics.median(scores):.3f} ({', '.join(f'{s:.3f}' for s in scores)})")
            print(f"| {name} | " + " | ".join(cells) + " |")


def main() -> None:
    """Measure what is not in the file yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="+", default=list(DATA))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--seconds", type=float, default=90.0, help="CPU time of one search")
    parser.add_argument("--output", type=Path, default=Path("build/search_quality.json"))
    parser.add_argument("--only-table", action="store_true")
    options = parser.parse_args()
    results = json.loads(options.output.read_text()) if options.output.exists() else {}
    for seed in [] if options.only_table else options.seeds:
        for name in options.data:
            for method in METHODS:
                key = f"{name}|{method}|{seed}"
                if key not in results:
                    folder = options.output.parent / "search_quality"
                    results[key] = measure(name, method, options.seconds, seed, folder)
                    options.output.parent.mkdir(parents=True, exist_ok=True)
                    options.output.write_text(json.dumps(results, indent=1))
                    last = results[key][-1]
                    print(
                        key,
                        len(results[key]),
                        f"{best_test(within(results[key], options.seconds, 'seconds')):.4f}",
                        f"{last['seconds']:.0f} s",
                        flush=True,
                    )
    show(results, options.seconds)


if __name__ == "__main__":
    main()
