"""A wake word: a trained streaming network that keeps its state from call to call, on an emulated Cortex-M4.

    .venv/bin/python examples/wake_word/wake_word.py

The package pymicro-wakeword brings networks trained by their author. Each call takes 30 ms of sound and returns the
probability of the word. Their memory is in resource variables; `explicit_state` makes these inputs and outputs, so
that our planners and the C++ program can run them. eSpeak NG speaks the test: the word and other sentences, in voices
that no network was trained for.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from speech import SAMPLE_RATE, Speaker, spectrogram

import tflm_mcunet as mcu
from tflm_mcunet.codegen.emit import write as write_files
from tflm_mcunet.codegen.stream_state import stream_files
from tflm_mcunet.execute import quantized
from tflm_mcunet.tflite import read, write
from tflm_mcunet.tflm import interpreter
from tflm_mcunet.transforms import ExplicitState, explicit_state

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


def fed_back(state: ExplicitState, calls: np.ndarray) -> list[tuple[np.ndarray, ...]]:
    """TFLite Micro call by call, each call's new state given to the next: (inputs, outputs) of every call."""
    model, values = write(state.graph), list(state.initial)
    fed = []
    for x in calls:
        outputs = interpreter.run(model, [[x, *values]]).outputs[0]
        fed.append((x, *values, *outputs))
        values = list(outputs[1:])
    return fed


def left_alone(program: Path, sentences: Sequence[np.ndarray]) -> np.ndarray:
    """The C++ program compiled for this machine, fed inputs only: the outputs of all calls."""
    sources = [Path(__file__).with_name("feed.cpp"), *sorted(program.rglob("*.cpp"))]
    executable = program / "feed"
    command = ["g++", "-std=c++14", "-O2", "-ffp-contract=off", "-I", str(program), "-o", str(executable)]
    subprocess.run([*command, *map(str, sources)], check=True)
    runs = [
        subprocess.run([executable], input=s.tobytes(), capture_output=True, check=True) for s in sentences
    ]
    return np.frombuffer(b"".join(r.stdout for r in runs), np.uint8)


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
    graph = read(chosen.model)
    state = explicit_state(graph)
    conversion = mcu.convert(state.graph, BOARD)
    mcu.export_project(conversion, "esp-idf", BOARD, options.output, name=options.word)
    program = options.output / "program"
    mcu.export_tinyengine(state.graph, program.with_suffix(".tflite"))
    write_files(stream_files(state), program)

    features, labels = spoken(chosen.text)
    steps = graph.tensors[graph.inputs[0]].shape[1]
    sentences = []
    for rows in features:
        count = len(rows) // steps
        sentences.append(
            quantized(rows[: count * steps].reshape(count, 1, steps, -1), graph.tensors[graph.inputs[0]])
        )
    lengths = [len(s) for s in sentences]
    print(f"{chosen.text!r}: {len(labels)} sentences, {sum(lengths)} calls of {10 * steps} ms")

    # The network as its author made it: TFLite Micro keeps the variables. A new run begins with fresh ones.
    stateful = [interpreter.run(chosen.model, [[x] for x in calls]) for calls in sentences]
    expected = np.array([o[0].item() for r in stateful for o in r.outputs])
    outputs = {"tflm, variables": expected}
    calls = [call for s in sentences for call in fed_back(state, s)]
    columns = [np.stack([call[i] for call in calls]) for i in range(len(calls[0]))]
    given = len(state.names) + 1
    outputs["tflm, state fed"] = columns[given].reshape(-1)
    outputs["host, own state"] = left_alone(program, sentences)
    # What leaves a call is what enters the next one. So an engine that gives the same output and the same new state
    # for the state of every call gives the same sequence when it is left alone.
    is_equal = True
    for engine in ("host", "qemu:cortex-m4"):
        result = mcu.run(conversion, columns[:given], on=engine)
        outputs[engine] = result.outputs[0].reshape(-1)
        pairs = zip(result.outputs, columns[given:], strict=True)
        is_equal &= all(got.tobytes() == wanted.tobytes() for got, wanted in pairs)
    for engine, values in outputs.items():
        right = recognised(values, lengths, labels, chosen)
        print(f"{engine:16s} {np.mean(right):.4f}")
    kept = sum(v.nbytes for v in state.initial)
    print(
        f"SRAM {result.sram.total:,} bytes and {kept:,} for the state between calls, "
        f"flash {result.flash.total:,}, {result.instructions:,} instructions a call; "
        f"TFLite Micro's arena {stateful[0].allocations.total_bytes:,} bytes"
    )
    print(f"ESP-IDF project: {options.output}; the program with its state: {program}")
    return int(not (is_equal and all((o == expected).all() for o in outputs.values())))


if __name__ == "__main__":
    sys.exit(main())
