"""Builds are cached by content: what did not change is not built again, what changed always is."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath

import numpy as np
import pytest
from deploy_programs import write_program

from tflm_mcunet.deploy import cache, compiling
from tflm_mcunet.deploy.boards import find_board
from tflm_mcunet.deploy.build import build_program
from tflm_mcunet.deploy.program import SourceTree
from tflm_mcunet.deploy.run import run_program
from tflm_mcunet.errors import ToolError

BOARD = "qemu:cortex-m4"
KERNEL = {
    "tflm_mcunet/kernels/add.h": '#include <stdint.h>\n#include "../step.h"\n'
    "void Add(uint8_t* from, uint8_t* to);\n",
    "tflm_mcunet/kernels/add.cpp": '#include "add.h"\n'
    "void Add(uint8_t* from, uint8_t* to) { for (int i = 0; i < 16; ++i) to[i] = from[i] + kStep; }\n",
    "tflm_mcunet/step.h": "enum { kStep = 1 };\n",
    "tflm_mcunet/unrelated.h": "#error nobody includes this\n",
}
CALLS_KERNEL = "int model_invoke(void) { Add(arena, arena + 32); return 0; }\n"
BEFORE = '#include "tflm_mcunet/kernels/add.h"\n'


def with_kernel(directory, **options):
    return write_program(directory, CALLS_KERNEL, before=BEFORE, files=KERNEL, **options)


@pytest.fixture
def compiled(monkeypatch, tmp_path):
    """An empty cache, and the list of what gets compiled or linked."""
    monkeypatch.setenv("TFLM_MCUNET_CACHE", str(tmp_path / "own cache"))
    calls = []
    original = compiling.run_tool

    def spy(command, folder, what):
        calls.append(what.removeprefix("cannot compile ").removeprefix("cannot "))
        original(command, folder, what)

    monkeypatch.setattr(compiling, "run_tool", spy)
    return calls


def test_a_kernel_is_compiled_once_for_all_programs(tmp_path, compiled):
    board = find_board(BOARD)
    first = build_program(with_kernel(tmp_path / "one"), board)
    assert sorted(compiled) == [
        "harness.cpp",
        "libc_glue.cpp",
        "model.cpp",
        "port_board.cpp",
        "start_cortex_m.S",
        "tflm_mcunet/kernels/add.cpp",
    ]
    compiled.clear()
    second = build_program(with_kernel(tmp_path / "two", arena_bytes=256), board)
    assert sorted(compiled) == ["harness.cpp", "model.cpp"]  # both read model.h, which differs
    assert second.executable != first.executable
    compiled.clear()
    assert build_program(with_kernel(tmp_path / "three"), board) == first
    assert compiled == []


def test_a_change_in_an_included_header_is_seen(tmp_path, compiled):
    program = with_kernel(tmp_path / "program")
    x = np.zeros(16, np.int8)
    assert run_program(program, [[x]], on=BOARD).outputs == [[(x + 1).tobytes()]]
    compiled.clear()
    (program / "tflm_mcunet/step.h").write_text("enum { kStep = 9 };\n")
    assert run_program(program, [[x]], on=BOARD).outputs == [[(x + 9).tobytes()]]
    assert "tflm_mcunet/kernels/add.cpp" in compiled
    compiled.clear()
    (program / "tflm_mcunet/unrelated.h").write_text("#error still nobody\n")
    run_program(program, [[x]], on=BOARD)
    assert compiled == []


def test_the_fingerprint_follows_includes(tmp_path):
    files = {
        "a/x.cpp": '#include "y.h"\n#include <b/z.h>\n# include "gone.h"\n#include <string.h>\n',
        "a/y.h": '#include "../b/w.h"\n#include "../../outside.h"\n#include "/etc/hostname"\n',
        "b/z.h": '#if 0\n#include "u.h"\n#endif\n#include "z.h"\n',
        "b/w.h": "",
        "b/u.h": "",
        "u.h": "",
        "y.h": "",
        "other.h": "",
        "macro.cpp": "#define NAME <b/w.h>\n#include NAME\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    tree = SourceTree(tmp_path)
    named = [path for path, _ in tree.fingerprint(PurePosixPath("a/x.cpp"))]
    assert named == ["a/x.cpp", "a/y.h", "b/u.h", "b/w.h", "b/z.h", "u.h", "y.h"]
    everything = [path for path, _ in tree.fingerprint(PurePosixPath("macro.cpp"))]
    assert everything == sorted(["macro.cpp", *(name for name in files if name.endswith(".h"))])


def test_builders_that_race_agree(tmp_path, compiled):
    program = with_kernel(tmp_path / "program")
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: build_program(program, find_board("host")), range(4)))
    assert len(set(results)) == 1
    left = [path.name for path in cache.cache_directory().rglob(".new-*")]
    assert left == []


def test_pruning_removes_what_was_unused_for_longest(tmp_path, compiled):
    long_ago = time.time() - 10 * 24 * 3600
    old = cache.store("aa" * 32, ".o", bytes(1000))
    older = cache.store("bb" * 32, ".o", bytes(1000))
    used = cache.store("cc" * 32, ".o", bytes(1000))
    os.utime(old, (long_ago, long_ago))
    os.utime(older, (long_ago - 1, long_ago - 1))
    os.utime(used, (long_ago - 2, long_ago - 2))
    assert cache.lookup("cc" * 32, ".o") == used  # using it makes it young
    assert cache.prune(limit_bytes=2500) == 1000
    assert (older.exists(), old.exists(), used.exists()) == (False, True, True)
    assert cache.prune(limit_bytes=0) == 1000
    assert used.exists(), "what was used today stays"


def test_a_cache_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("TFLM_MCUNET_CACHE", str(blocked))
    with pytest.raises(ToolError, match="cannot write to the build cache") as raised:
        build_program(with_kernel(tmp_path / "program"), find_board("host"))
    assert "TFLM_MCUNET_CACHE" in raised.value.hint
