"""The published search against random search on the same CPU time: digits, for a device of 16 kB SRAM and 64 kB flash.

Run with `.venv/bin/python benchmarks/supernet_digits.py [--seeds 1] [--output build/supernet_digits]`; minutes for each
seed. Both sides choose by validation accuracy; the test part is looked at once, at the end. Random search trains each
drawn network that fits from scratch until it has used as much CPU time as the supernet, its evolution and the final
training of the winner together.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from tflm_mcunet import datasets
from tflm_mcunet.backend.distillation import distilled_targets, fit_targets
from tflm_mcunet.targets import Target
from tflm_mcunet.tinynas.budget import Budget, MemoryOracle
from tflm_mcunet.tinynas.build import keras_model_of
from tflm_mcunet.tinynas.evolution import Settings
from tflm_mcunet.tinynas.final_training import FinalTraining, train_final
from tflm_mcunet.tinynas.space import image_space
from tflm_mcunet.tinynas.supernet_search import search_supernet
from tflm_mcunet.tinynas.supernet_training import Training

TARGET = Target("16 kB SRAM, 64 kB flash", sram=16_000, flash=64_000, core="cortex-m4")
SCHEDULES = ("layer", "stream")
FINALISTS = 2


def accuracy(model: Any, x: np.ndarray, y: np.ndarray) -> float:
    """Share of samples in the right class."""
    return float(np.mean(np.asarray(model(x, training=False)).argmax(1) == y))


def supernet(data: datasets.Dataset, seed: int, folder: Path) -> dict[str, float]:
    """Stage 1, supernet, evolution, the best few trained to the end; the one of best validation accuracy."""
    start = time.process_time()
    x, y, x_validation, y_validation = data.with_validation(0.2, seed=0)
    found = search_supernet(
        image_space((8, 8, 1), 10),
        Budget.of(TARGET),
        (x, y),
        (x_validation, y_validation),
        training=Training(largest_epochs=10, epochs=20),
        evolution=Settings(30, 8, 10, 10, iterations=5),
        schedules=SCHEDULES,
        samples=100,
        seed=seed,
        directory=folder,
    )
    searched = time.process_time() - start
    trained = []
    for rank, candidate in enumerate(found.candidates[:FINALISTS]):
        final = train_final(
            found.supernet,
            candidate.choices,
            x,
            y,
            FinalTraining(epochs=30, distillation=0.5),
            validation=(x_validation, y_validation),
            seed=seed,
        )
        trained.append((accuracy(final.model, x_validation, y_validation), -rank, final, candidate))
    validation, _, final, candidate = max(trained, key=lambda one: one[:2])
    return {
        "cpu_seconds": time.process_time() - start,
        "search_seconds": searched,
        "networks": len(found.candidates),
        "supernet": candidate.accuracy,
        "validation": validation,
        "kept_searched": float(final.kept == "searched"),
        "test": accuracy(final.model, data.x_test, data.y_test),
        "macs": candidate.architecture.macs,
        "parameters": candidate.architecture.parameters,
    }


def random_search(data: datasets.Dataset, seed: int, cpu_seconds: float) -> dict[str, float]:
    """Networks that fit, drawn and trained from scratch, until the time is used."""
    start = time.process_time()
    x, y, x_validation, y_validation = data.with_validation(0.2, seed=0)
    space, random = image_space((8, 8, 1), 10), np.random.default_rng(seed)
    oracles = [MemoryOracle(Budget.of(TARGET, schedule=name)) for name in SCHEDULES]
    targets = distilled_targets(y, np.zeros((len(y), 10), np.float32), share=0.0, label_smoothing=0.1)
    best: dict[str, float] = {"validation": -1.0}
    networks, longest = 0, 0.0
    while time.process_time() - start + longest < cpu_seconds:
        begun = time.process_time()
        network = space.architecture(space.sample(random))
        if not any(oracle.fits(network) for oracle in oracles):
            continue
        model = keras_model_of(network, seed=seed * 1000 + networks)
        fit_targets(model, x, targets, epochs=30, batch_size=32, learning_rate=3e-3, seed=seed)
        networks += 1
        longest = max(longest, time.process_time() - begun)
        validation = accuracy(model, x_validation, y_validation)
        if validation > best["validation"]:
            test = accuracy(model, data.x_test, data.y_test)
            best = {
                "validation": validation,
                "test": test,
                "macs": network.macs,
                "parameters": network.parameters,
            }
    return {**best, "networks": networks, "cpu_seconds": time.process_time() - start}


def main() -> None:
    """Print one line for each seed and side."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("build/supernet_digits"))
    options = parser.parse_args()
    data = datasets.load("digits")
    for seed in range(options.seeds):
        ours = supernet(data, seed, options.output / f"seed{seed}")
        print(f"seed {seed} supernet  " + "  ".join(f"{k} {v:.6g}" for k, v in ours.items()), flush=True)
        theirs = random_search(data, seed, ours["cpu_seconds"])
        print(f"seed {seed} random    " + "  ".join(f"{k} {v:.6g}" for k, v in theirs.items()), flush=True)


if __name__ == "__main__":
    main()
