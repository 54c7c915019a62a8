"""Runs many generated programs in one sanitised host executable, so that a thousand graphs cost few compilations.

Library objects are kept below `build/tests/` by the content of the library; the programs of one call are joined into
few translation units, each program in its own namespace. Before every inference the whole arena is filled with a
byte pattern: what reads a byte that nothing wrote differs from TFLite Micro.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from tflm_mcunet.codegen.emit import emit, write
from tflm_mcunet.codegen.program import build_program
from tflm_mcunet.cpp import cpp_sources
from tflm_mcunet.graph import Graph
from tflm_mcunet.schedule.in_place import own_kernels
from tflm_mcunet.schedule.layer import plan_layer
from tflm_mcunet.schedule.schedule import Schedule

COMPILER = os.environ.get("CXX", "g++")
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
FLAGS = ("-std=c++14", "-O1", "-g1", "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra", "-Werror", *SANITIZE)

#: Programs of one translation unit: enough to spread the compiler's start, few enough to bound its memory.
PROGRAMS_PER_FILE = 64

Arrays = Sequence[np.ndarray]

_INCLUDE = re.compile(r"^#include .*$", re.MULTILINE)
_OBJECTS = Path(__file__).resolve().parents[1] / "build" / "tests"

_MAIN = """
struct Case {{
  int (*invoke)();
  void* (*input)(int);
  void* (*output)(int);
  void (*poison)(int);
  const unsigned* input_bytes;
  const unsigned* output_bytes;
  int inputs;
  int outputs;
  int inferences;
}};

{sizes}
const Case kCases[] = {{
{cases}
}};

int main(int, char** argv) {{
  FILE* in = fopen(argv[1], "rb");
  FILE* out = fopen(argv[2], "wb");
  for (const Case& c : kCases) {{
    for (int inference = 0; inference < c.inferences; ++inference) {{
      c.poison(0xA5 + 0x33 * inference);
      for (int i = 0; i < c.inputs; ++i) {{
        if (fread(c.input(i), 1, c.input_bytes[i], in) != c.input_bytes[i]) return 2;
      }}
      if (c.invoke() != 0) return 3;
      for (int i = 0; i < c.outputs; ++i) {{
        if (fwrite(c.output(i), 1, c.output_bytes[i], out) != c.output_bytes[i]) return 4;
      }}
    }}
  }}
  return fclose(out);
}}
"""


def run_graphs(graphs: Sequence[Graph], inputs: Sequence[Sequence[Arrays]]) -> list[list[list[np.ndarray]]]:
    """Plan graphs layer by layer, with everything in place that our kernels allow, and run them.

    Args:
        graphs: sequence of Graph.
        inputs: for each graph a sequence of inferences, each one array per graph input.

    Returns:
        For each graph and inference, one array per graph output.
    """
    return run_schedules([plan_layer(g, in_place=own_kernels(), reorder=False) for g in graphs], inputs)


def run_schedules(
    schedules: Sequence[Schedule], inputs: Sequence[Sequence[Arrays]]
) -> list[list[list[np.ndarray]]]:
    """As `run_graphs`, for Schedules."""
    programs = [emit(build_program(s), name=f"case{i}") for i, s in enumerate(schedules)]
    graphs = [s.graph for s in schedules]
    with tempfile.TemporaryDirectory(prefix="tflm_mcunet_tests_") as name:
        folder = Path(name)
        executable = _build(folder, programs, graphs, [len(i) for i in inputs])
        raw = b"".join(
            np.ascontiguousarray(a).tobytes() for case in inputs for arrays in case for a in arrays
        )
        (folder / "inputs").write_bytes(raw)
        _run([str(executable), str(folder / "inputs"), str(folder / "outputs")])
        return _outputs(graphs, [len(i) for i in inputs], (folder / "outputs").read_bytes())


def _outputs(graphs: Sequence[Graph], inferences: Sequence[int], raw: bytes) -> list[list[list[np.ndarray]]]:
    at, results = 0, []
    for graph, count in zip(graphs, inferences, strict=True):
        case = []
        for _ in range(count):
            arrays = []
            for tensor in (graph.tensors[i] for i in graph.outputs):
                values = np.frombuffer(raw, tensor.dtype, tensor.elements, at)
                arrays.append(values.reshape(tensor.shape))
                at += tensor.size_bytes
            case.append(arrays)
        results.append(case)
    assert at == len(raw)
    return results


def _build(
    folder: Path, programs: Sequence[dict[str, str]], graphs: Sequence[Graph], inferences: Sequence[int]
) -> Path:
    """Compile the programs and link them with the library; the executable."""
    for files in programs:
        write({p: text for p, text in files.items() if p.startswith("tflm_mcunet/")}, folder)
    units = []
    for first in range(0, len(programs), PROGRAMS_PER_FILE):
        unit = folder / f"unit{first}.cpp"
        chunk = range(first, min(first + PROGRAMS_PER_FILE, len(programs)))
        unit.write_text(_joined([(i, programs[i]) for i in chunk]))
        units.append(unit)
    main = folder / "main.cpp"
    fed = [f"#define CASE{i}_FED_ROWS" in files[f"case{i}.h"] for i, files in enumerate(programs)]
    main.write_text(_main(graphs, fed, inferences))
    executable = folder / "cases"
    sources = sorted(
        {p for files in programs for p in files if p.startswith("tflm_mcunet/") and p.endswith(".cpp")}
    )
    objects = [str(_library_object(source.removeprefix("tflm_mcunet/"))) for source in sources]
    _run([COMPILER, *FLAGS, f"-I{folder}", *map(str, [main, *units]), *objects, "-o", str(executable)])
    return executable


def _joined(programs: Sequence[tuple[int, dict[str, str]]]) -> str:
    """Programs as one translation unit: every include once, every program in its own namespace."""
    includes: dict[str, None] = {"#include <string.h>": None}
    bodies = []
    for number, files in programs:
        header, source = files[f"case{number}.h"], files[f"case{number}.cpp"]
        own = f'#include "case{number}.h"'
        includes.update(dict.fromkeys(line for line in _INCLUDE.findall(source) if line != own))
        body = header + _INCLUDE.sub("", source)
        poison = f'extern "C" void case{number}_poison(int byte) {{ memset(arena, byte, sizeof(arena)); }}'
        fed = _fed(number) if f"#define CASE{number}_FED_ROWS" in header else ""
        bodies.append(f"namespace case{number} {{\n{body}\n{poison}\n{fed}\n}}  // namespace case{number}\n")
    return "\n".join([*includes, *bodies])


def _fed(number: int) -> str:
    """Lets a program that is fed by rows be called like one that holds its input: rows singly and in pairs."""
    rows, row_bytes = f"CASE{number}_FED_ROWS", f"CASE{number}_FED_ROW_BYTES"
    return f"""
unsigned char image[{rows} * {row_bytes}];
extern "C" void* case{number}_image(int) {{ return image; }}
extern "C" int case{number}_invoke() {{
  const int total = {rows} * CASE{number}_FED_PASSES;
  int missing = total;
  for (int y = 0; missing > 0; y = (total - missing) % {rows}) {{
    missing = case{number}_feed_rows(image + y * {row_bytes}, y + 1 < {rows} ? 1 + y % 2 : 1);
  }}
  return missing;
}}
"""


def _main(graphs: Sequence[Graph], fed: Sequence[bool], inferences: Sequence[int]) -> str:
    declarations, sizes, cases = ["#include <stdio.h>", ""], [], []
    for i, (graph, is_fed, count) in enumerate(zip(graphs, fed, inferences, strict=True)):
        name, source = f"case{i}", "image" if is_fed else "input"
        declarations += [
            f'extern "C" int {name}_invoke();',
            f'extern "C" void* {name}_{source}(int);',
            f'extern "C" void* {name}_output(int);',
            f'extern "C" void {name}_poison(int);',
        ]
        for end, tensors in (("input", graph.inputs), ("output", graph.outputs)):
            values = ", ".join(str(graph.tensors[t].size_bytes) for t in tensors)
            sizes.append(f"const unsigned k{name}_{end}[] = {{{values or 0}}};")
        functions = ", ".join(f"{name}_{f}" for f in ("invoke", source, "output", "poison"))
        tables = f"k{name}_input, k{name}_output, {len(graph.inputs)}, {len(graph.outputs)}, {count}"
        cases.append(f"    {{{functions}, {tables}}},")
    return "\n".join(declarations) + _MAIN.format(sizes="\n".join(sizes), cases="\n".join(cases))


@cache
def _library_key() -> str:
    digest = hashlib.sha256(" ".join((COMPILER, *FLAGS)).encode())
    digest.update(subprocess.run([COMPILER, "--version"], capture_output=True, check=True).stdout)
    root = cpp_sources() / "src"
    for path in sorted(root.rglob("*.h")):
        digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return digest.hexdigest()


@cache
def _library_object(source: str) -> Path:
    """The object of one library file, compiled unless it was before from the same text."""
    path = cpp_sources() / "src" / source
    key = hashlib.sha256(_library_key().encode() + path.read_bytes()).hexdigest()[:20]
    target = _OBJECTS / f"{path.stem}-{key}.o"
    if not target.exists():
        _OBJECTS.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_suffix(f".{os.getpid()}")
        _run([COMPILER, *FLAGS, "-c", str(path), "-o", str(unfinished)])
        unfinished.replace(target)
    return target


def _run(command: Sequence[str]) -> None:
    # Leaks are no question for programs without a heap, and the leak checker needs ptrace.
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, f"{command[0]} failed ({done.returncode}):\n{done.stderr[-4000:]}"
