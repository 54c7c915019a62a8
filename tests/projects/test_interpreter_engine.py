"""Projects in which TFLite Micro runs the model: they compile against its headers, and compute its bytes."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml
from tflm_headers import WARNINGS, compiler, interpreter_headers, package_folder, run, standard_library

import tflm_mcunet as mcu
from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.cli import main
from tflm_mcunet.errors import ConstraintError, ToolError, UnsupportedOpError, UsageError
from tflm_mcunet.graph import Graph, Op, Tensor
from tflm_mcunet.projects.building import build_project, find_program
from tflm_mcunet.tflite import read, write
from tflm_mcunet.tflm import interpreter
from tflm_mcunet.tflm.emit import interpreter_program
from tflm_mcunet.tflm.stage_library import REGISTER, stage_library

HERE = Path(__file__).parent
#: The headers at hand have another namespace than TFLite Micro's own, and cannot be compiled for static memory only.
AS_OFFICIAL, AS_PACKAGED = "-Dtflite_micro=tflite", "-Dtflite=tflite_micro"
ARM = ("arm-none-eabi-g++", "-mthumb", "-mfloat-abi=hard")
RV32 = ("riscv64-unknown-elf-g++", "--specs=picolibc.specs", "-march=rv32imc", "-mabi=ilp32")
M4 = ("-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16")
XTENSA = ("xtensa-lx106-elf-g++", "-mlongcalls")
#: Project, target, models, compiler with its flags, version of C++. Debian's compiler for Xtensa is the ESP8266's.
COMPILERS = {
    "arduino": (
        "arduino",
        "Arduino Nano 33 BLE",
        ["stream"],
        (*ARM, "-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16"),
        "gnu++14",
    ),
    "stm32": ("stm32", "STM32F746", ["layer"], (*ARM, "-mcpu=cortex-m7", "-mfpu=fpv5-sp-d16"), "c++17"),
    "rv32": ("esp-idf", "ESP32-C3", ["layer", "stream"], RV32, "gnu++17"),
    "xtensa": ("esp-idf", "ESP32", ["layer", "stream"], XTENSA, "gnu++17"),
}
#: Runs the inputs that come in, and gives the outputs out.
DRIVER = """
#include <stdio.h>
#include "model.h"
int main() {
  const unsigned long inputs[] = MODEL_INPUT_BYTES, outputs[] = MODEL_OUTPUT_BYTES;
  if (model_init() != 0) return 3;
  for (;;) {
    for (int i = 0; i < MODEL_INPUT_COUNT; ++i) {
      if (fread(model_input(i), 1, inputs[i], stdin) != inputs[i]) return 0;
    }
    if (model_invoke() != 0) return 4;
    for (int i = 0; i < MODEL_OUTPUT_COUNT; ++i) fwrite(model_output(i), 1, outputs[i], stdout);
  }
}
"""


def layers() -> bytes:
    """A model with one of every operator that has a drop-in kernel, and one that has none."""
    b = GraphBuilder(4)
    x = b.input((1, 12, 12, 3), zero_point=-5)
    x = b.conv_2d(x, 8, (3, 3), stride=(2, 2), activation="RELU6")
    x = b.binary("ADD", b.depthwise_conv_2d(x, (3, 3), activation="RELU"), x)
    x = b.pool_2d("MAX_POOL_2D", b.binary("MUL", x, x), (2, 2))
    x = b.pool_2d("AVERAGE_POOL_2D", x, (2, 2))
    logits = b.fully_connected(b.mean(x, (1, 2)), 5)
    return write(b.finish([b.softmax(logits), logits]))


def streamed() -> bytes:
    """A model whose maps are much larger than its input and output."""
    b = GraphBuilder(7)
    x = b.conv_2d(b.input((1, 24, 24, 3)), 16, (3, 3), activation="RELU6")
    x = b.depthwise_conv_2d(x, (3, 3), activation="RELU6")
    x = b.pool_2d("AVERAGE_POOL_2D", b.conv_2d(x, 8, (1, 1)), (24, 24), padding=1)
    return write(b.finish([b.fully_connected(b.reshape(x, (1, 8)), 4)]))


def counting() -> bytes:
    """A model that adds its input to what it keeps from one inference to the next."""
    quantization = GraphBuilder(0)
    x = quantization.input((1, 8))
    y = quantization.binary("ADD", x, x)
    graph = quantization.finish([y])
    kept = len(graph.tensors)
    (add,) = graph.ops
    tensors = (
        *graph.tensors,
        Tensor("handle", (1,), "resource"),
        Tensor("kept", (1, 8), "int8", quantization=graph.tensors[y].quantization),
    )
    handle, value = kept, kept + 1
    options = {"container": "", "shared_name": "sum"}
    ops = (
        Op("VAR_HANDLE", (), (handle,), options),
        Op("READ_VARIABLE", (handle,), (value,)),
        Op("ADD", (x, value), (y,), add.options),
        Op("ASSIGN_VARIABLE", (handle, y), ()),
    )
    return write(Graph(tensors=tensors, ops=ops, inputs=graph.inputs, outputs=graph.outputs))


MODELS = {"layer": layers, "stream": streamed, "variables": counting}


def exported(kind: str, target: str, folder: Path, model: str = "stream", **options) -> mcu.Conversion:
    path = folder.parent / "net.tflite"
    path.write_bytes(MODELS[model]())
    if model != "stream":
        options.setdefault("schedule", "layer")
    return mcu.export_project(path, kind, target, folder, engine="tflm", **options)


@pytest.mark.parametrize("which", COMPILERS)
def test_every_source_compiles_against_the_public_headers(which: str, tmp_path: Path) -> None:
    kind, target, models, command, standard = COMPILERS[which]
    flags = [*command[1:], f"-std={standard}", "-O0", AS_OFFICIAL, *WARNINGS]
    flags += standard_library(with_c=command is XTENSA) if kind == "esp-idf" else ()
    flags += interpreter_headers()
    known: set[tuple[str, str]] = set()
    for model in models:
        project = tmp_path / model
        exported(kind, target, project, model)
        sources = sorted(project.rglob("*.cpp"))
        assert {"model.cpp", "model_data.cpp"} < {p.name for p in sources}
        texts = {p: (str(p.relative_to(project)), p.read_text()) for p in sources}
        new = [str(p) for p in sources if texts[p] not in known]
        known |= set(texts.values())
        run([compiler(command[0]), *flags, *include_paths(kind, project), "-c", *new], cwd=project)


def include_paths(kind: str, project: Path) -> list[str]:
    """What the build files of a project put on the include path, and what stands in for the ecosystem's headers."""
    if kind == "arduino":
        found_by_arduino(project)
        folders = [project / "src", project, HERE / "arduino_stand_in"]
    elif kind == "esp-idf":
        component = project / "components" / "net"
        listed = re.findall(r'"([^"]+\.cpp)"', (component / "CMakeLists.txt").read_text())
        assert sorted(listed) == sorted(str(p.relative_to(component)) for p in component.rglob("*.cpp"))
        folders = [component, component / "model", component / "common", HERE / "esp_idf_stand_in"]
    else:
        folders = [project, project / "model", project / "common"]
    return [flag for folder in folders for flag in ("-I", str(folder))]


def found_by_arduino(folder: Path) -> None:
    """The header by which Arduino finds TFLite Micro's library: it declares nothing."""
    (folder / "Chirale_TensorFlowLite.h").write_text("")


def library() -> tuple[str, ...]:
    """The flags to link with a TFLite Micro that is there as a library."""
    path = package_folder("xmos_ai_tools", "xinterpreters", "libs", "linux", "xtflm_python.so")
    return (str(path), f"-Wl,-rpath,{path.parent}")


def common_flags(include: Path) -> list[str]:
    flags = [compiler("g++"), "-std=c++17", "-O1", "-ffp-contract=off", AS_PACKAGED, *WARNINGS]
    return [*flags, *interpreter_headers(), "-I", str(include)]


@pytest.fixture(scope="module")
def on_host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a project of the layers, and all of it compiled for this machine but `model.cpp`."""
    folder = tmp_path_factory.mktemp("on_host")
    exported("stm32", "STM32F405", folder / "project", "layer")
    model = folder / "project" / "model"
    (folder / "driver.cpp").write_text(DRIVER)
    sources = [p for p in model.rglob("*.cpp") if p.name != "model.cpp"]
    run([*common_flags(model), "-c", *map(str, sources), str(folder / "driver.cpp")], cwd=folder)
    return folder


def ran(folder: Path, inputs: bytes, *changes: tuple[str, str]) -> tuple[int, bytes]:
    """Exit code and outputs of the program, after changes of its text (of header and source)."""
    model, changed = folder / "project" / "model", folder / "changed"
    shutil.rmtree(changed, ignore_errors=True)
    shutil.copytree(model, changed)
    for before, after in changes:
        texts = {path: path.read_text() for path in (changed / "model.h", changed / "model.cpp")}
        assert any(before in text for text in texts.values())
        for path, text in texts.items():
            path.write_text(text.replace(before, after))
    objects = sorted(map(str, folder.glob("*.o")))
    run(
        [
            *common_flags(changed),
            str(changed / "model.cpp"),
            *objects,
            *library(),
            "-o",
            str(folder / "program"),
        ]
    )
    done = subprocess.run(
        [str(folder / "program")], input=inputs, capture_output=True, timeout=60, check=False
    )
    return done.returncode, done.stdout


def drawn(graph: Graph, count: int) -> list[list[np.ndarray]]:
    random = np.random.default_rng(3)
    shapes = [graph.tensors[i].shape for i in graph.inputs]
    return [[random.integers(-128, 128, shape, np.int8) for shape in shapes] for _ in range(count)]


def test_layers_compute_tflite_micros_bytes_on_the_host(on_host: Path) -> None:
    model = layers()
    feed = drawn(read(model), 5)
    expected = interpreter.run(model, feed).outputs
    given = b"".join(a.tobytes() for arrays in feed for a in arrays)
    assert ran(on_host, given) == (0, b"".join(a.tobytes() for arrays in expected for a in arrays))


def test_the_resolver_holds_exactly_the_operators(on_host: Path) -> None:
    model = on_host / "project" / "model"
    types = {op.type for op in read((on_host / "project" / "model.tflite").read_bytes()).ops}
    assert f"#define MODEL_OPERATORS {len(types)}\n" in (model / "model.h").read_text()
    assert (model / "model.cpp").read_text().count("resolver.Add") == len(types)
    # Without one of them the model does not start, and with one place fewer they have no room.
    assert ran(on_host, b"", ("resolver.AddMean() == kTfLiteOk", "true"))[0] != 0
    assert ran(on_host, b"", (f"OPERATORS {len(types)}", f"OPERATORS {len(types) - 1}"))[0] == 3


def test_the_sketch_answers_a_host_from_tflite_micro(tmp_path: Path) -> None:
    """A streamed model; the loop, the serial line and the checksums are those of the other engine."""
    conversion = exported("arduino", "Arduino Nano 33 BLE", tmp_path / "project")
    source = (tmp_path / "project" / "src" / "net" / "model.cpp").read_text()
    assert "AddStageOp" in source and "conv_2d_dsp_row" in source
    found_by_arduino(tmp_path)
    sketch = tmp_path / "project" / "examples" / "NetSerial" / "NetSerial.ino"
    sources = [*(tmp_path / "project" / "src").rglob("*.cpp"), HERE / "arduino_stand_in" / "desk.cpp"]
    command = [*common_flags(tmp_path / "project" / "src"), "-isystem", str(tmp_path)]
    command += [
        "-I",
        str(HERE / "arduino_stand_in"),
        "-include",
        "Arduino.h",
        *map(str, sources),
        "-x",
        "c++",
    ]
    run([*command, str(sketch), "-x", "none", *library(), "-o", str(tmp_path / "desk")])
    ours, theirs = pty.openpty()
    device = subprocess.Popen([str(tmp_path / "desk")], stdin=ours, stdout=ours)
    try:
        ((x,), (again,)) = drawn(conversion.source, 2)
        feed = np.concatenate([x, again])
        there = mcu.run(tmp_path / "net.tflite", feed, on=f"serial:{os.ttyname(theirs)}").outputs[0]
    finally:
        device.kill()
        device.wait()
        os.close(ours)
        os.close(theirs)
    stock = interpreter.run(streamed(), [[x], [again]]).outputs
    assert there.tobytes() == b"".join(arrays[0].tobytes() for arrays in stock)


@pytest.mark.parametrize(("model", "target"), [*((m, None) for m in MODELS), ("stream", "STM32F405")])
def test_the_arena_is_the_smallest_that_is_enough(model: str, target: str | None) -> None:
    """In the package tflite-micro, whose pointers have 64 bits."""
    schedule = "auto" if model == "stream" else "layer"
    conversion = mcu.convert(MODELS[model](), target, schedule=schedule)
    program = interpreter_program(conversion.tflite, "cortex-m4", 1)
    assert program.arena_bytes < program.host_arena_bytes
    if model == "layer":
        kernels = [(stage_library(), "RegisterTflmMcunetKernels")]
        graph = read(conversion.tflite)
        assert {o.call.count("device") for o in program.operators if o.type != "MEAN"} == {1}
        # That function replaces MEAN, too, whose drop-in kernel takes other memory than the stock one.
        conversion = mcu.convert(write(without_mean(graph)), schedule="layer")
        program = interpreter_program(conversion.tflite, "cortex-m4", 1)
    else:
        kernels = [(stage_library(), name) for name in (REGISTER, "RegisterTflmMcunetKernels")]
    run_in = lambda size: interpreter.run(conversion.tflite, custom_ops=kernels, arena_bytes=size)  # noqa: E731
    run_in(program.host_arena_bytes)
    with pytest.raises(ConstraintError):
        run_in(program.host_arena_bytes - 16)


def without_mean(graph: Graph) -> Graph:
    b = GraphBuilder(4)
    x = b.conv_2d(b.input((1, 12, 12, 3)), 8, (3, 3), stride=(2, 2), activation="RELU6")
    x = b.binary("ADD", b.depthwise_conv_2d(x, (3, 3), activation="RELU"), x)
    x = b.pool_2d("AVERAGE_POOL_2D", b.binary("MUL", x, x), (2, 2))
    return b.finish([b.softmax(b.fully_connected(x, 5))])


def test_manifests_name_tflite_micro(tmp_path: Path) -> None:
    exported("arduino", "Arduino Nano 33 BLE", tmp_path / "nano")
    exported("arduino", "ESP32-S3", tmp_path / "s3")
    nano, s3 = ((tmp_path / n / "library.properties").read_text().splitlines() for n in ("nano", "s3"))
    assert "depends=Chirale_TensorFLowLite" in nano
    assert not any(line.startswith("depends") for line in s3)  # the core brings it
    assert "#include <Chirale_TensorFlowLite.h>" in (tmp_path / "nano" / "src" / "Net.h").read_text()
    exported("esp-idf", "ESP32-S3", tmp_path / "idf")
    component = tmp_path / "idf" / "components" / "net"
    manifest = yaml.safe_load((component / "idf_component.yml").read_text())
    assert re.fullmatch(r">=\d+\.\d+\.\d+", manifest["dependencies"]["espressif/esp-tflite-micro"])
    options = set(re.findall(r"CONFIG_(TFLM_\w+)", (component / "CMakeLists.txt").read_text()))
    assert options and options <= set(re.findall(r"config (\w+)", (component / "Kconfig").read_text()))
    exported("platformio", "ESP32-S3", tmp_path / "pio")
    assert "\nlib_deps = https://" in (tmp_path / "pio" / "platformio.ini").read_text()
    for folder in ("nano", "s3", "idf", "pio"):
        assert "## TFLite Micro" in (tmp_path / folder / "README.md").read_text()


def test_a_build_without_tflite_micro_says_where_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TFLM_DIR", raising=False)
    compiler("arm-none-eabi-g++")
    exported("stm32", "STM32F405", tmp_path / "project")
    with pytest.raises(ToolError, match="TFLM_DIR does not say where they are") as caught:
        build_project(tmp_path / "project", "stm32", "net")
    assert "README.md says how" in caught.value.hint
    command = [find_program("cmake", ""), "-B", "build", "-DTFLM_DIR=/nowhere"]
    done = subprocess.run(command, cwd=tmp_path / "project", capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "No TFLite Micro in TFLM_DIR='/nowhere'" in done.stderr


def test_what_cannot_be_is_refused(
    model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError, match="TFLite Micro holds the whole input"):
        exported("stm32", "STM32F405", tmp_path / "project", schedule="stream", input="rows")
    b = GraphBuilder(1)
    graph = b.finish([b.conv_2d(b.input((1, 8, 8, 3)), 4)])
    odd = Graph(
        tensors=(*graph.tensors, graph.tensors[graph.outputs[0]]),
        ops=(*graph.ops, Op("CUSTOM", graph.outputs, (len(graph.tensors),), custom_code="Odd")),
        inputs=graph.inputs,
        outputs=(len(graph.tensors),),
    )
    with pytest.raises(UnsupportedOpError, match="what Odd takes from TFLite Micro's arena is not known"):
        mcu.export_project(odd, "stm32", "STM32F405", tmp_path / "odd", engine="tflm")
    command = ["export", str(model_file), "--project", "stm32", "--target", "STM32F405"]
    command += ["-o", str(tmp_path / "project")]
    assert main([*command, "--engine", "tf"]) == 2
    assert "one of mcunet, tflm" in capsys.readouterr().err
    assert main([*command, "--engine", "tflm"]) == 0
    assert main(command) == 2
    assert "holds a project with the engine 'tflm'" in capsys.readouterr().err


def test_the_command_line_tells_engine_and_arena(
    model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["export", str(model_file), "--project", "stm32", "--target", "STM32F405"]
    command += ["-o", str(tmp_path / "project"), "--engine", "tflm"]
    assert main([*command, "--json", "-"]) == 0
    told = json.loads(capsys.readouterr().out)
    program = interpreter_program(mcu.convert(model_file, "STM32F405").tflite, "cortex-m4", 1)
    assert (told["engine"], told["arena"]) == ("tflm", program.arena_bytes)
