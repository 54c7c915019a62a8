"""A wake word: a trained streaming network that keeps its state from call to call, on an emulated Cortex-M4.

    .venv/bin/python examples/wake_word/wake_word.py

The package pymicro-wakeword brings networks trained by their author. Each call takes 30 ms of sound and returns the
probability of the word. Their memory is in resource variables, which the C++ program keeps in its arena from call to
call. eSpeak NG speaks the test: the word and other sentences, in voices that no network was trained for.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from speech import SAMPLE_RATE, Speaker, spectrogram

import tflm_mcunet as mcu
from tflm_mcunet.execute import quantized
from tflm_mcunet.tflm import interpreter

BOARD = "ESP32-S3"
VOICES = ("en", "en-us", "en+f2", "en-us+m3", "en-us+f3")
#: Words a minute.
RATES = (130, 165)
#: Spoken by each voice at each rate; none may wake the device.
OTHERS = ("what is the weather today in london", "turn on the light in the kitchen please")


@dataclass(frozen=True)
class Word:
    """A trained network and how its author uses it: it wakes where the mean of `window` calls exceeds `cutoff`."""

    text: str
    model: bytes
    cutoff: float
    window: int


def word(name: str) -> Word:
    """A network of pymicro-wakeword, which is not imported: only its files are used."""
    found = importlib.util.find_spec("pymicro_wakeword")
    if found is None or not found.submodule_search_locations:
        raise mcu.ToolError(
            "pymicro-wakeword is not installed", "pip install -c constraints.txt -e '.[speech]'"
        )
    folder = Path(found.submodule_search_locations[0]) / "models"
    if not (folder / f"{name}.json").exists():
        known = ", ".join(sorted(p.stem for p in folder.glob("*.json")))
        raise mcu.UsageError(f"no wake word {name!r}", f"use one of {known}")
    said = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    micro = said["micro"]
    model = (folder / said["model"]).read_bytes()
    return Word(said["wake_word"], model, micro["probability_cutoff"], micro["sliding_window_size"])


def spoken(text: str) -> tuple[list[np.ndarray], list[bool]]:
    """Spectrograms of the word and of other sentences in all voices, and which of them are the word."""
    speaker, random = Speaker(), np.random.default_rng(0)
    features, labels = [], []
    for sentence in (text, *OTHERS):
        for voice in VOICES:
            for rate in RATES:
                # A second of faint noise on each side: a room is never silent.
                noise = random.normal(0, 20, (2, SAMPLE_RATE)).astype(np.int16)
                said = speaker.say(sentence, voice, rate)
                features.append(spectrogram(np.concatenate([noise[0], said, noise[1]])))
                labels.append(sentence == text)
    return features, labels


def recognised(
    outputs: np.ndarray, lengths: Sequence[int], labels: Sequence[bool], chosen: Word
) -> list[bool]:
    """For each sentence, whether the device woke where it should, and only there."""
    right, at = [], 0
    for length, label in zip(lengths, labels, strict=True):
        probabilities = outputs[at : at + length].reshape(-1) / 256
        at += length
        means = np.convolve(probabilities, np.ones(chosen.window) / chosen.window, "valid")
        right.append(bool(means.max() > chosen.cutoff) == label)
    return right


def main() -> int:
    """Everything, in order; 1 where board and desk disagree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--word", default="alexa", help="alexa, hey_jarvis, hey_mycroft or okay_nabu")
    parser.add_argument("--output", type=Path, default=Path("build/wake_word"))
    options = parser.parse_args()
    chosen = word(options.word)
    conversion = mcu.convert(chosen.model, BOARD)
    mcu.export_project(conversion, "esp-idf", BOARD, options.output, name=options.word)

    features, labels = spoken(chosen.text)
    (given,) = (conversion.graph.tensors[i] for i in conversion.graph.model_inputs)
    steps = given.shape[1]
    sentences = []
    for rows in features:
        count = len(rows) // steps
        sentences.append(quantized(rows[: count * steps].reshape(count, 1, steps, -1), given))
    lengths = [len(s) for s in sentences]
    print(f"{chosen.text!r}: {len(labels)} sentences, {sum(lengths)} calls of {10 * steps} ms")

    # The network as its author made it: TFLite Micro keeps the variables. Every run begins with fresh ones.
    stateful = [interpreter.run(chosen.model, [[x] for x in calls]) for calls in sentences]
    expected = np.array([o[0].item() for r in stateful for o in r.outputs])
    outputs = {"tflm": expected}
    for engine in ("host", "qemu:cortex-m4"):
        results = [mcu.run(conversion, calls, on=engine) for calls in sentences]
        outputs[engine] = np.concatenate([r.outputs[0].reshape(-1) for r in results])
    result = results[-1]
    for engine, values in outputs.items():
        right = recognised(values, lengths, labels, chosen)
        print(f"{engine:16s} {np.mean(right):.4f}")
    kept = sum(len(value) for value in conversion.graph.state)
    print(
        f"SRAM {result.sram.total:,} bytes, {kept:,} of them the state, flash {result.flash.total:,}, "
        f"{result.instructions:,} instructions a call; "
        f"TFLite Micro's arena {stateful[0].allocations.total_bytes:,} bytes"
    )
    print(f"ESP-IDF project: {options.output}")
    return int(not all((o == expected).all() for o in outputs.values()))


if __name__ == "__main__":
    sys.exit(main())
