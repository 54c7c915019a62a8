"""The kernels' own requantisation, compiled, against the portable one: twenty million drawn sums, or as many as asked.

TFLM_MCUNET_PROOF_SUMS=400000000 compares that many sums; a core takes about three seconds for that.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from affines import drawn_affine

from tflm_mcunet.codegen.arm_dsp.records import records
from tflm_mcunet.codegen.merged_requantize import Affine
from tflm_mcunet.cpp import cpp_sources
from tflm_mcunet.deploy.toolchain import find_compiler

#: Sums that are compared unless the environment asks for more.
SUMS = int(os.environ.get("TFLM_MCUNET_PROOF_SUMS", "20000000"))
LAYERS = 60


@pytest.fixture(scope="module")
def proof(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("proof") / "proof"
    compiler = find_compiler("g++", ())
    source = Path(__file__).with_name("proof.cpp")
    command = [
        compiler.path,
        "-std=c++14",
        "-O2",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-I",
        str(cpp_sources() / "src"),
    ]
    subprocess.run([*command, str(source), "-o", str(program)], check=True)
    return program


def drawn_channels(random: np.random.Generator, channels: int) -> np.ndarray:
    """[channels, 12] the records that the program reads, for one drawn layer; empty where it has none."""
    affine = drawn_affine(random, channels)
    if random.random() < 0.5:
        # Channels within two octaves can share a shift.
        affine = Affine(affine.multiplier, -8 - random.integers(0, 3, channels), -128, -128, 127)
    reach = 1 << random.integers(8, 24, channels)
    middle = random.integers(-reach // 4, reach // 4 + 1)
    smallest, largest = middle - reach // 2, middle + reach // 2
    found = records(affine, smallest, largest, np.zeros(channels, np.int64))
    if found is None:
        return np.zeros((0, 12), np.int32)
    kernel_shift = np.full(channels, found.shift) if found.shifts is None else found.shifts
    ends = np.full((3, channels), [[affine.zero_point], [affine.low], [affine.high]])
    columns = [
        affine.multiplier, affine.shift, *ends, smallest, largest, found.bias, found.multiplier,
        np.full(channels, found.constant), kernel_shift, np.full(channels, found.finish),
    ]  # fmt: skip
    # A constant channel's products are left out, so its sum is not scaled: the bias alone is the sum.
    return np.stack(columns, axis=1)[~found.is_constant].astype(np.int32)


def test_drawn_sums_are_requantised_as_the_portable_kernels_do(proof: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(11)
    channels = np.concatenate([drawn_channels(random, int(random.integers(1, 9))) for _ in range(LAYERS)])
    assert len(set(channels[:, 11])) == 3, "every finish is drawn"
    (tmp_path / "channels.bin").write_bytes(channels.astype("<i4").tobytes())
    command = [str(proof), str(tmp_path / "channels.bin"), str(SUMS // len(channels))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= SUMS - len(channels)


def test_a_wrong_record_is_found(proof: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(12)
    channels = next(c for c in (drawn_channels(random, 4) for _ in range(100)) if len(c))
    channels[0, 9] += 1 << int(channels[0, 10])
    (tmp_path / "channels.bin").write_bytes(channels.astype("<i4").tobytes())
    command = [str(proof), str(tmp_path / "channels.bin"), "1000"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "gives" in done.stderr
