"""`tflm-mcunet bench`: tables, JSON, a chart, and the peers' figures beside ours."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

from tflm_mcunet.bench import peers, suite
from tflm_mcunet.bench.models import BUILT
from tflm_mcunet.bench.suite import chosen_models
from tflm_mcunet.cli import main
from tflm_mcunet.errors import ToolError
from tflm_mcunet.ops import total_macs
from tflm_mcunet.tflite import read


def test_bench_prints_json_and_writes_a_chart(tmp_path: Path, capsys) -> None:
    svg, html = tmp_path / "chart.svg", tmp_path / "page.html"
    arguments = [
        "built_dense",
        "--on",
        "qemu:cortex-m4",
        "--on",
        "qemu:rv32",
        "--svg",
        str(svg),
        "--html",
        str(html),
    ]
    assert main(["bench", *arguments, "--json", "-"]) == 0
    printed = capsys.readouterr()
    payload = json.loads(printed.out)
    first, second = payload["results"]
    assert (first["on"], second["on"]) == ("qemu:cortex-m4", "qemu:rv32")
    assert first["instructions"] == first["engine_instructions"] + sum(
        op["instructions"] for op in first["ops"]
    )
    assert first["macs"] == total_macs(BUILT["built_dense"]())
    assert first["instructions_per_mac"] == round(first["instructions"] / first["macs"], 4)
    assert first["sram"]["total"] > first["sram"]["arena"] > 0
    assert first["flash"]["total"] == first["flash"]["code"] + first["flash"]["constants"]
    assert {c["class"] for c in first["classes"]} == {op["op_class"] for op in first["ops"]}
    assert (first["exact"], second["exact"]) == (True, True)
    assert first["modelled_cycles"] > first["instructions"]
    assert second["modelled_cycles"] is None
    assert [m["models"] for m in payload["geometric_means"]] == [["built_dense"], ["built_dense"]]
    assert "CMSIS-NN" in payload["peers"]["source"]
    assert ET.fromstring(svg.read_text()).tag.endswith("svg")
    page = html.read_text()
    assert "built_dense" in page
    assert page.count("<table>") == 5  # models, classes and, where there is a model, the mix
    assert page.count("<svg") == 1
    assert "wrote" in printed.err


def test_a_table_is_printed_by_default(capsys) -> None:
    assert main(["bench", "built_dense"]) == 0
    out = capsys.readouterr().out
    assert "op 0" not in out
    assert "built_dense" in out
    assert "geometric mean of 1" in out
    assert "cycles are modelled" in out


def test_every_operator_is_listed_with_its_kernel_on_request(capsys) -> None:
    assert main(["bench", "built_dense", "--on", "qemu:rv32", "--all-ops"]) == 0
    listed = [line for line in capsys.readouterr().out.splitlines() if line.strip().startswith("op ")]
    assert len(listed) == len(BUILT["built_dense"]().ops)
    assert all("fully_connected" in line for line in listed)


def test_outputs_that_are_not_tflite_micros_are_an_error(monkeypatch, capsys) -> None:
    monkeypatch.setattr(suite, "tflm_outputs", lambda model: (b"other",))
    assert main(["bench", "built_dense"]) == 1
    printed = capsys.readouterr()
    assert "NO" in printed.out
    assert "outputs differ from TFLite Micro's: built_dense on qemu:cortex-m4" in printed.err


def test_without_the_package_nothing_is_said_of_exactness(monkeypatch, capsys) -> None:
    def missing() -> str:
        raise ToolError("the package tflite-micro is not there")

    monkeypatch.setattr(suite.interpreter, "runtime_version", missing)
    assert main(["bench", "built_dense", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["results"][0]["exact"] is None


def test_an_unknown_core_is_bad_usage(capsys) -> None:
    assert main(["bench", "built_dense", "--on", "qemu:z80"]) == 2
    assert "qemu:cortex-m4" in capsys.readouterr().err


def test_without_models_the_reference_folder_or_the_built_networks_are_measured(
    monkeypatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TFLM_MCUNET_MODELS", str(tmp_path))
    assert [name for name, _ in chosen_models([])] == list(BUILT)
    (tmp_path / "net.tflite").write_bytes(b"")
    assert chosen_models([]) == [("net", str(tmp_path / "net.tflite"))]


def test_the_peers_measured_the_models_that_we_measure(shared_models: Path) -> None:
    named = [path for path in shared_models.glob("*.tflite") if peers.model_figures(path.stem)]
    assert len(named) == 7
    for path in named:
        macs = total_macs(read(path))
        assert abs(peers.model_figures(path.stem)["macs"] / macs - 1) < 0.01, path.stem
