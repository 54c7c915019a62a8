"""The reader of a stage's options under the sanitisers: changed tables are refused or stay inside their memory."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from stage_graphs import staged, stream_network
from test_kernels_compiled import HERE, PRELOADED, SANITIZE
from tflm_headers import compiler, headers, run

from tflm_mcunet.codegen.family import FAMILIES
from tflm_mcunet.cpp import cpp_sources
from tflm_mcunet.tflm.stage_op import STAGE, sealed

#: Reads cases from stdin: sizes of the constants, options, and whether all kernels are registered or the portable ones;
#: every array is allocated at its very size. Prints what is wrong with each, or "ok".
HARNESS = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tflm/stage_options.h"
namespace tflm_mcunet { extern const StageKernels kPortableStageKernels, kEveryStageKernels; }
using namespace tflm_mcunet;
struct Constants { unsigned count; unsigned* bytes; unsigned char** data; };
static bool get(const void* runtime, uint32_t number, StageConstant* constant) {
  const Constants* all = static_cast<const Constants*>(runtime);
  if (number >= all->count) return false;
  *constant = {all->data[number], all->bytes[number]};
  return true;
}
static unsigned word() {
  unsigned value = 0;
  return fread(&value, 4, 1, stdin) == 1 ? value : ~0u;
}
int main() {
  for (unsigned count = word(); count != ~0u; count = word()) {
    Constants all = {count, new unsigned[count], new unsigned char*[count]};
    for (unsigned i = 0; i < count; ++i) {
      all.bytes[i] = word();
      all.data[i] = static_cast<unsigned char*>(calloc(1, all.bytes[i]));
    }
    const unsigned bytes = word();
    void* data = malloc(bytes);
    if (fread(data, 1, bytes, stdin) != bytes) return 1;
    StageOptions options;
    const StageConstants constants = {get, &all};
    const StageKernels& registered = word() == 0 ? kPortableStageKernels : kEveryStageKernels;
    const char* wrong = read_options(data, bytes, &options);
    if (wrong == nullptr) wrong = check_options(options, constants, registered);
    if (wrong == nullptr) {
      unsigned char* memory = static_cast<unsigned char*>(malloc(stage_bytes(options)));
      BuiltStage built;
      build_stage(options, constants, registered, memory, &built);
      const Program& program = built.program;
      for (int i = 0; i < program.op_count; ++i) {
        const StageOp& op = program.ops[i];
        for (int k = 0; k <= op.inputs; ++k) {
          const Rows& rows = program.tensors[op.tensors[k]];
          for (int y = 0; rows.rows != nullptr && y < rows.height; ++y) {
            if (rows.rows[y] > options.header[kWorkspaceBytes]) return 2;
          }
        }
      }
      free(memory);
    }
    puts(wrong == nullptr ? "ok" : wrong);
    free(data);
    for (unsigned i = 0; i < count; ++i) free(all.data[i]);
    delete[] all.data;
    delete[] all.bytes;
  }
  return 0;
}
"""


def cases() -> list[tuple[list[int], bytes]]:
    """(sizes of the constants, options) of some stages."""
    found = []
    for seed in range(12):
        graph = staged(stream_network(300 + seed), family=FAMILIES[seed % len(FAMILIES)])
        for op in (op for op in graph.ops if op.custom_code == STAGE):
            constants = [graph.tensors[t].size_bytes for t in op.inputs if graph.tensors[t].is_constant]
            found.append((constants, op.custom_options))
    return found


def changed(options: bytes, random: np.random.Generator) -> bytes:
    """Options with one to three other words, under a right checksum."""
    words = np.frombuffer(options, "<u4").copy()
    for _ in range(int(random.integers(1, 4))):
        at = int(random.integers(4, len(words)))
        near = int(words[at]) + int(random.integers(-4, 5))
        far = int(random.integers(0, 1 << 32, dtype=np.uint64))
        halves = int(words[at]) ^ 1 << int(random.integers(32))
        words[at] = (near, far, halves)[int(random.integers(3))] % (1 << 32)
    return sealed(words[4:].tobytes())


def test_changed_tables_are_refused_or_stay_inside(tmp_path: Path) -> None:
    compiler = shutil.which(os.environ.get("CXX", "g++"))
    if compiler is None:
        pytest.skip("needs g++")
    source, program = tmp_path / "harness.cpp", tmp_path / "harness"
    source.write_text(HARNESS)
    root = cpp_sources() / "src"
    files = [*sorted((root / "tflm").rglob("stage_*.cpp")), *sorted((root / "kernels").rglob("*.cpp"))]
    files.append(root / "engine" / "engine.cpp")
    flags = ("-std=c++14", "-O1", "-g1", "-Wall", "-Wextra", "-Werror", f"-I{root}", *headers())
    flags = (*flags, "-DTFLM_MCUNET_HOST_PACKAGE")
    sanitize = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    command = [compiler, *flags, *sanitize, *map(str, [source, *files]), "-o", str(program)]
    built = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert built.returncode == 0, built.stderr[-3000:]

    random = np.random.default_rng(1)
    whole = cases()
    drawn = [whole[int(random.integers(len(whole)))] for _ in range(3000)]
    given = [*whole, *((sizes, changed(options, random)) for sizes, options in drawn)]
    given += [(sizes, options[: int(random.integers(len(options)))]) for sizes, options in drawn[:200]]
    packed = [struct.pack(f"<{len(s) + 2}I", len(s), *s, len(options)) + options for s, options in given]
    raw = b"".join(p + struct.pack("<I", 1) for p in packed)
    raw += b"".join(p + struct.pack("<I", 0) for p in packed[: len(whole)])
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    done = subprocess.run(
        [str(program)], input=raw, capture_output=True, env=environment, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    said = done.stdout.decode().splitlines()
    said, portable = said[: len(given)], said[len(given) :]
    assert said[: len(whole)] == ["ok"] * len(whole)
    assert len(portable) == len(whole)
    assert {line for line in portable if line != "ok"} == {
        "it names a kernel that is not registered: name its family to AddStageOp, or update the library"
    }
    assert 0 < portable.count("ok") < len(whole)
    assert all(line != "ok" for line in said[-200:])
    assert len(set(said)) > 15, sorted(set(said))


#: Runs in a process of its own, into which the address sanitiser is loaded first.
RUNS = """
import sys
from stage_graphs import inputs_of, staged, stream_network
from tflm_mcunet import tflite
from tflm_mcunet.codegen.family import FAMILIES
from tflm_mcunet.tflm import interpreter
from tflm_mcunet.tflm.stage_library import REGISTER
for seed in range(500, 524):
    source = stream_network(seed)
    graph, feed = staged(source, family=FAMILIES[seed % len(FAMILIES)]), inputs_of(source, 2, seed)
    stock = interpreter.run(tflite.write(source), feed).outputs
    ours = interpreter.run(tflite.write(graph), feed, custom_ops=[(sys.argv[1], REGISTER)]).outputs
    assert all(a.tobytes() == b.tobytes() for x, y in zip(stock, ours) for a, b in zip(x, y)), seed
print("sanitised")
"""


def test_stages_of_every_family_stay_inside_their_memory(tmp_path: Path) -> None:
    root, library = cpp_sources() / "src", tmp_path / "stages.so"
    sources = [*(root / "tflm").rglob("stage_*.cpp"), *(root / "engine").glob("*.cpp")]
    sources += (root / "kernels").rglob("*.cpp")
    flags = ("-std=c++14", "-O1", "-fPIC", "-shared", "-ffp-contract=off", "-DTFLM_MCUNET_HOST_PACKAGE")
    run([compiler("g++"), *flags, *SANITIZE, *headers(), *map(str, sources), "-o", str(library)])
    path = os.pathsep.join([str(HERE), str(HERE.parent / "kernels"), str(HERE.parent)])
    loaded = " ".join(run([compiler("g++"), f"-print-file-name={name}"]).strip() for name in PRELOADED)
    environment = {**os.environ, "PYTHONPATH": path, "LD_PRELOAD": loaded, "ASAN_OPTIONS": "detect_leaks=0"}
    assert "sanitised" in run([sys.executable, "-c", RUNS, str(library)], env=environment)
