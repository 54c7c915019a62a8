"""Keras Tuner's chief and two workers on loopback: one is killed in mid-trial, the other finishes its trial."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("search_script.py")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def state(folder: Path) -> dict:
    path = folder / "trials" / "oracle.json"
    return json.loads(path.read_text()) if path.exists() else {"ongoing_trials": {}, "end_order": []}


@pytest.mark.slow
def test_the_trial_of_a_killed_worker_is_finished_by_the_other(tmp_path: Path) -> None:
    port = str(free_port())

    def start(name: str) -> subprocess.Popen:
        environment = {
            **os.environ,
            "KERASTUNER_TUNER_ID": name,
            "KERASTUNER_ORACLE_IP": "127.0.0.1",
            "KERASTUNER_ORACLE_PORT": port,
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        command = [sys.executable, str(SCRIPT), str(tmp_path), "3", "6"]
        with (tmp_path / f"{name}.log").open("w") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, env=environment)

    chief = start("chief")
    workers = {name: start(name) for name in ("worker1", "worker2")}
    try:
        deadline = time.monotonic() + 240
        while "worker1" not in (ongoing := state(tmp_path)["ongoing_trials"]):
            assert time.monotonic() < deadline and chief.poll() is None, logs(tmp_path)
            time.sleep(0.1)
        lost = ongoing["worker1"]
        workers["worker1"].send_signal(signal.SIGKILL)
        assert workers["worker2"].wait(300) == 0, logs(tmp_path)
        assert chief.wait(120) == 0, logs(tmp_path)
    finally:
        for process in (chief, *workers.values()):
            process.kill()
            process.wait()
    final = state(tmp_path)
    assert sorted(final["end_order"]) == ["0", "1", "2"]
    assert final["ongoing_trials"] == {}
    trial = json.loads((tmp_path / "trials" / f"trial_{lost}" / "trial.json").read_text())
    assert trial["status"] == "COMPLETED"
    assert "worker1 is lost" in (tmp_path / "chief.log").read_text()
    assert (tmp_path / "leaderboard.html").exists()


def logs(folder: Path) -> str:
    return "\n".join(f"{log.name}:\n{log.read_text()[-2000:]}" for log in sorted(folder.glob("*.log")))


def test_a_worker_may_train_on_several_devices(tmp_path: Path) -> None:
    """Two devices of one process, each with half of every batch; the network learns as on one."""
    script = """
import sys
import tensorflow
cpu = tensorflow.config.list_physical_devices("CPU")[0]
tensorflow.config.set_logical_device_configuration(cpu, [tensorflow.config.LogicalDeviceConfiguration()] * 2)
import search_script
strategy = tensorflow.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
result = search_script.search(sys.argv[1], 1, epochs=20, distribution_strategy=strategy)
print(strategy.num_replicas_in_sync, result.best_score)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=SCRIPT.parent,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    replicas, score = done.stdout.split()[-2:]
    assert replicas == "2" and float(score) >= 0.9
