"""The house stands as it was drawn: floors, frameworks, C++ includes, pins, and a light front door."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "tflm_mcunet"
CPP = ROOT / "tflm_mcunet_cpp"

#: From the ground up: a room imports from rooms of earlier lines only (and within itself). This refines the floors
#: of the design where one floor holds rooms that build on each other; rooms of one line do not see each other.
FLOORS = (
    ("errors",),
    ("cpp", "datasets", "targets"),
    ("graph",),
    ("ops",),
    ("builder", "tflite"),
    ("transforms",),
    ("schedule",),
    ("codegen",),
    ("tflm",),
    ("backend",),
    ("load", "quantize"),
    ("report",),
    ("convert",),
    ("deploy",),
    ("execute", "export", "callbacks", "tinynas", "bench", "projects"),
    ("flash",),
    ("cli_output",),
    ("cli_model",),
    ("cli_bench", "cli_board", "cli_quantize", "cli_search"),
    ("cli_commands",),
    ("cli",),
    ("__main__",),
    ("__init__",),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

#: Which rooms may import a framework at all (inside functions; see `test_importing_...`).
FRAMEWORKS = {
    "tensorflow": {"backend", "quantize"},
    "keras": {"backend", "quantize"},
    "tf_keras": {"backend", "quantize"},
    "tensorflow_model_optimization": {"backend", "quantize"},
    "keras_tuner": {"tinynas"},
    "tflite_micro": {"tflm"},
}

#: Folder of the C++ house -> the folders of ours that it may include from, besides itself.
CPP_MAY_INCLUDE = {
    "include": set(),
    "src/kernels": set(),
    "src/engine": {"src/kernels"},
    "src/tflm": {"include", "src/engine", "src/kernels"},
    "ports": {"include"},
    "tests": {"include", "src/kernels", "src/engine", "src/tflm", "ports"},
}
#: The C headers that every microcontroller toolchain has; C++'s own headers are missing on some (rv32, Arduino AVR).
C_HEADERS = {"stdint.h", "stddef.h", "stdbool.h", "string.h", "math.h", "limits.h", "float.h", "assert.h"}
#: Headers that come with a compiler for one architecture, allowed in the folder for it.
ARCHITECTURE_HEADERS = {"arm_acle.h": "src/kernels/arm_dsp", "arm_mve.h": "src/kernels/arm_mve"}


def python_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported_modules(path: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted module) of every import in a file, wherever it stands, `from package import name` resolved."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = path.relative_to(ROOT).with_suffix("").parts[: -node.level]
                base = ".".join([*parents, *([base] if base else [])])
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}" if base == "tflm_mcunet" else base
        elif (
            isinstance(node, ast.Call)
            and ast.unparse(node.func) in ("importlib.import_module", "import_module", "load", "__import__")
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            yield node.lineno, str(node.args[0].value)


@pytest.mark.parametrize("path", python_files(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_only_from_floors_below(path: Path) -> None:
    room = room_of(path)
    assert room in FLOOR, (
        f"{room} has no floor: add it to FLOORS in this test, and to the picture of the house"
    )
    for line, module in imported_modules(path):
        parts = module.split(".")
        if parts[0] == "tests":
            pytest.fail(f"{path.name}:{line}: the package imports its tests")
        if parts[0] != "tflm_mcunet" or len(parts) == 1 or parts[1] == "__version__":
            continue
        other = parts[1]
        assert other in FLOOR, f"{path.name}:{line}: {module} is not a room of the house"
        assert other == room or FLOOR[other] < FLOOR[room], (
            f"{path.name}:{line}: {room} reaches up to {other}"
        )


@pytest.mark.parametrize("path", python_files(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_frameworks_are_imported_only_where_the_design_says(path: Path) -> None:
    for line, module in imported_modules(path):
        rooms = FRAMEWORKS.get(module.split(".")[0])
        assert rooms is None or room_of(path) in rooms, f"{path.name}:{line} imports {module}"


def test_every_folder_of_the_package_is_a_package_that_a_wheel_gets() -> None:
    folders = {".".join(f.parent.relative_to(ROOT).parts) for f in python_files()}
    declared = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    assert folders <= declared, f"missing in pyproject.toml: {sorted(folders - declared)}"
    bare = [f for f in folders if not (ROOT / f.replace(".", "/") / "__init__.py").is_file()]
    assert not bare, f"folders without __init__.py: {bare}"


@pytest.mark.parametrize("path", python_files(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_file_says_its_purpose_and_is_a_room_not_a_hall(path: Path) -> None:
    text = path.read_text()
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), f"{path.name} does not say what it is for"
    assert len(text.splitlines()) <= 500, f"{path.name} has grown past 500 lines: split it"


def test_importing_the_package_is_fast_and_loads_no_framework() -> None:
    program = (
        "import sys, time; start = time.perf_counter(); import tflm_mcunet; "
        "print(time.perf_counter() - start); print(' '.join(sys.modules))"
    )
    seconds = []
    for _ in range(3):  # the machine may be busy: the best of three
        shown = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        time_text, modules = shown.splitlines()
        seconds.append(float(time_text))
        loaded = set(modules.split())
        for heavy in (
            "tensorflow",
            "keras",
            "tf_keras",
            "keras_tuner",
            "ai_edge_litert.interpreter",
            "tflite_micro",
        ):
            assert heavy not in loaded, f"import tflm_mcunet loads {heavy}"
    assert min(seconds) < 0.3


def test_every_public_name_loads_without_a_framework() -> None:
    program = (
        "import sys, tflm_mcunet as m; [getattr(m, n) for n in m.__all__]; "
        "assert not {'tensorflow', 'keras', 'tf_keras'} & set(sys.modules), 'a framework was loaded'; "
        "import importlib; [importlib.import_module(v) for v in m._PUBLIC.values()]; "
        "wrong = [n for n in m.__all__ if type(getattr(m, n)).__name__ in ('module', '_Package')]; "
        "assert not wrong, wrong; assert set(m.__all__) <= set(dir(m))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def cpp_files() -> list[Path]:
    return sorted(f for f in CPP.rglob("*") if f.suffix in (".h", ".cpp"))


def cpp_folder(path: Path) -> str:
    relative = path.relative_to(CPP)
    return "/".join(relative.parts[:2]) if relative.parts[0] == "src" else relative.parts[0]


@pytest.mark.parametrize("path", cpp_files(), ids=lambda p: str(p.relative_to(CPP)))
def test_cpp_files_include_only_what_their_folder_may(path: Path) -> None:
    folder = cpp_folder(path)
    assert folder in CPP_MAY_INCLUDE, f"{folder} is not a folder of the C++ house"
    assert path.suffix in (".h", ".cpp")
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if not found:
            continue
        name, where = found.group(2), f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        local = resolve_include(path, name)
        if local is not None:
            other = cpp_folder(local)
            assert other == folder or other in CPP_MAY_INCLUDE[folder], (
                f"{where}: {folder} may not see {other}"
            )
        elif name in ARCHITECTURE_HEADERS:
            assert path.relative_to(CPP).as_posix().startswith(ARCHITECTURE_HEADERS[name]), where
        elif name.startswith(("tensorflow/", "tflite/")):
            assert folder in ("src/tflm", "tests"), where
        elif folder in ("ports", "tests"):
            assert "." in name, f"{where}: a C++ standard header, which not every toolchain has"
        else:
            assert name in C_HEADERS, f"{where}: not one of {sorted(C_HEADERS)}"


def resolve_include(path: Path, name: str) -> Path | None:
    """The file of ours that an include means, or None for a header of the system or of another project."""
    for base in (path.parent, CPP, CPP / "include", CPP / "src", ROOT):
        if (base / name).is_file():
            return (base / name).resolve()
    return None


@pytest.mark.parametrize(
    "path",
    [f for f in cpp_files() if cpp_folder(f) in ("include", "src/kernels", "src/engine", "src/tflm")],
    ids=lambda p: str(p.relative_to(CPP)),
)
def test_cpp_code_takes_no_heap_and_throws_nothing(path: Path) -> None:
    code = re.sub(r"//.*|/\*.*?\*/|\"(\\.|[^\"\\])*\"", "", path.read_text())
    banned = r"\b(malloc|calloc|realloc|free|throw|try|catch|dynamic_cast|typeid|std::(?!nullptr_t)\w+)\b|\bnew\s+\w"
    found = [m.group(0) for m in re.finditer(banned, code)]
    assert not found, f"{path.relative_to(ROOT)} uses {sorted(set(found))}"


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pairs}


def test_every_dependency_is_pinned_exactly_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(r for extra in project["optional-dependencies"].values() for r in extra),
    ]
    assert wanted
    pinned = pins()
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line]
    assert len(lines) == len(pinned), "constraints.txt names a package twice"
    for requirement in wanted:
        name, exact = re.match(r"([\w.-]+)(?:\[.*\])?(?:==(.+))?", requirement).groups()  # type: ignore[union-attr]
        key = re.sub(r"[-_.]+", "-", name).lower()
        assert key in pinned, f"{requirement} has no pin in constraints.txt"
        assert exact is None or exact == pinned[key], f"{requirement} contradicts constraints.txt"


def test_the_scripts_are_executable_and_ci_runs_the_tests() -> None:
    for script in ("scripts/setup", "scripts/demo", "scripts/test", ".ci/run"):
        assert (ROOT / script).stat().st_mode & 0o111, f"{script} is not executable"
    assert "./scripts/test" in (ROOT / ".ci/run").read_text()
