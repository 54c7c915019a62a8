"""The real interpreter in its own process: results, recorded memory, and every way in which it can fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from tflm_graphs import drawn_graph, needs_tflm

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.errors import (
    ConstraintError,
    McuNetError,
    ModelError,
    ToolError,
    UnsupportedOpError,
    UsageError,
)
from tflm_mcunet.graph import Graph, Op, Tensor
from tflm_mcunet.tflite import write
from tflm_mcunet.tflm import interpreter
from tflm_mcunet.tflm.interpreter import run
from tflm_mcunet.tflm.kernel_memory import KernelMemory
from tflm_mcunet.tflm.memory import memory

pytestmark = needs_tflm


def adder(dtype="int8", scale=1.0):
    """x + y with scales of one: the bytes are what integers say."""
    b = GraphBuilder()
    x, y = (b.input((1, 2, 2, 1), dtype, scale=1.0, zero_point=0) for _ in range(2))
    return b.finish([b.binary("ADD", x, y, scale=scale, zero_point=0)])


def four(values, dtype=np.int8):
    return np.array(values, dtype).reshape(1, 2, 2, 1)


def test_two_inputs_are_added_for_every_inference():
    pairs = [[four([1, 2, 3, 4]), four([10, 20, -30, 127])], [four([-128] * 4), four([1, 0, -1, 5])]]
    result = run(write(adder()), pairs)
    assert [o[0].reshape(-1).tolist() for o in result.outputs] == [
        [11, 22, -27, 127],
        [-127, -128, -128, -123],
    ]
    assert result.outputs[0][0].dtype == np.int8
    assert result.outputs[0][0].shape == (1, 2, 2, 1)
    assert result.runtime.startswith("tflite-micro ")


def test_float_models_take_and_give_floats():
    x, y = four([0.5, -1, 2, 3], np.float32), four([0.25, 1, 1e6, -3], np.float32)
    (output,) = run(write(adder("float32")), [[x, y]]).outputs[0]
    assert output.dtype == np.float32
    np.testing.assert_array_equal(output, x + y)


def test_several_outputs_come_in_their_order():
    b = GraphBuilder()
    x = b.input((1, 4), scale=1.0, zero_point=0)
    first = b.op("SPLIT", [b.constant([1]), x], {"num_splits": 2}, outputs=2)
    result = run(write(b.finish([first + 1, first])), [[np.array([[1, 2, 3, 4]], np.int8)]])
    assert [o.tolist() for o in result.outputs[0]] == [[[3, 4]], [[1, 2]]]


def counter() -> Graph:
    """A resource variable that grows by the input at each inference; the output is its value before."""
    tensors = (
        Tensor("x", (1, 2), "float32"),
        Tensor("handle", (1,), "resource"),
        Tensor("before", (1, 2), "float32"),
        Tensor("after", (1, 2), "float32"),
    )
    ops = (
        Op("VAR_HANDLE", (), (1,), {"container": "", "shared_name": "count"}),
        Op("READ_VARIABLE", (1,), (2,)),
        Op("ADD", (0, 2), (3,), {"fused_activation_function": 0, "pot_scale_int16": True}),
        Op("ASSIGN_VARIABLE", (1, 3), ()),
    )
    return Graph(tensors, ops, (0,), (2,))


def test_state_is_kept_from_inference_to_inference_and_not_from_run_to_run():
    one = np.ones((1, 2), np.float32)
    for _ in range(2):
        outputs = run(write(counter()), [[one], [one], [one * 0.5]]).outputs
        assert [float(o[0][0, 0]) for o in outputs] == [0.0, 1.0, 2.0]


def test_without_inputs_the_model_is_only_allocated():
    result = run(write(adder()))
    assert result.outputs == ()
    recorded = result.allocations
    assert recorded.total_bytes == recorded.head_bytes + recorded.tail_bytes
    assert recorded.head_bytes == 48
    assert recorded.parts["TfLiteEvalTensor data"] == 3 * 24


@pytest.mark.parametrize(
    "inputs, expected",
    [
        ([[four([1] * 4)]], "expected 2 input arrays, got 1"),
        ([[four([1] * 4), np.zeros((2, 2), np.int8)]], r"input 1: expected int8 of shape \(1, 2, 2, 1\)"),
        ([[four([1] * 4), four([1] * 4, np.float32)]], "input 1: expected int8 .* got float32"),
    ],
)
def test_wrong_inputs_are_named(inputs, expected):
    with pytest.raises(UsageError, match=expected):
        run(write(adder()), inputs)


def test_an_arena_is_taken_as_given():
    model = write(adder())
    enough = run(model).allocations.total_bytes + 4096
    assert run(model, arena_bytes=enough // 16 * 16).allocations == run(model).allocations
    for too_small in (16, 512):
        with pytest.raises(ConstraintError, match=f"an arena of {too_small} bytes is too small: Failed to"):
            run(model, arena_bytes=too_small)
    with pytest.raises(UsageError, match="arena_bytes"):
        run(model, arena_bytes=0)


def test_a_large_model_finds_its_arena():
    b = GraphBuilder()
    x = b.input((1, 3000, 3000, 4))
    graph = b.finish([b.op("RELU", [x])])
    assert run(write(graph)).allocations.head_bytes == 2 * 36_000_000


def test_a_crash_is_an_error_and_the_next_model_runs():
    good = write(adder())
    before = run(good)
    for bad in (b"", good[:60], good[: len(good) // 2], b"\xff" * 400):
        with pytest.raises(ModelError, match="TFLite Micro"):
            run(bad)
        assert run(good).allocations == before.allocations


def test_damaged_models_give_results_or_errors():
    good = bytearray(write(drawn_graph(3)))
    r = np.random.default_rng(0)
    crashes = 0
    for _ in range(25):
        bad = bytearray(good)
        for position in r.integers(0, len(bad), 4):
            bad[position] ^= 1 << int(r.integers(0, 8))
        try:
            run(bytes(bad), timeout_seconds=20)
        except McuNetError:
            crashes += 1
    assert 0 < crashes <= 25


def test_an_operator_without_a_kernel_is_named():
    tensors = (Tensor("x", (1, 4), "float32"), Tensor("y", (1, 4), "float32"))
    graph = Graph(tensors, (Op("ATAN2", (0, 0), (1,)),), (0,), (1,))
    with pytest.raises(UnsupportedOpError, match="ATAN2"):
        run(write(graph))


def test_what_does_not_end_is_ended():
    b = GraphBuilder()
    slow = b.finish([b.conv_2d(b.input((1, 64, 64, 128)), 128, (5, 5))])
    with pytest.raises(ToolError, match=r"did not finish within 0\.1 s"):
        run(write(slow), [[np.zeros((1, 64, 64, 128), np.int8)]], timeout_seconds=0.1)
    run(write(adder()))


def test_a_worker_that_died_between_models_is_replaced():
    model = write(adder())
    before = run(model)
    interpreter._HOST._process.kill()
    interpreter._HOST._process.wait()
    assert run(model).allocations == before.allocations


def test_threads_share_the_process():
    model = write(adder())
    seen: list[int] = []

    def work(value: int) -> None:
        result = run(model, [[four([value] * 4), four([1] * 4)]])
        seen.append(int(result.outputs[0][0][0, 0, 0, 0]))

    threads = [threading.Thread(target=work, args=(v,)) for v in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(1, 13))


def test_a_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setattr(interpreter, "_HOST", None)
    monkeypatch.setattr(interpreter.importlib.util, "find_spec", lambda name: None)
    interpreter._extension.cache_clear()
    try:
        with pytest.raises(ToolError, match="tflite-micro is not installed") as caught:
            run(write(adder()))
        assert caught.value.hint == "pip install tflite-micro==0.dev20260203175027"
    finally:
        interpreter._extension.cache_clear()


def test_a_package_that_does_not_load_says_so(monkeypatch, tmp_path):
    broken = tmp_path / "_runtime.so"
    broken.write_bytes(b"no library")
    monkeypatch.setattr(interpreter, "_HOST", None)
    monkeypatch.setattr(interpreter, "_extension", lambda: str(broken))
    with pytest.raises(ToolError, match="does not load"):
        run(write(adder()))


def test_neither_tensorflow_nor_the_package_is_loaded_and_the_worker_ends_with_us(tmp_path):
    model = tmp_path / "model.tflite"
    model.write_bytes(write(adder()))
    program = (
        "import sys\n"
        "from tflm_mcunet.tflm import interpreter\n"
        "interpreter.run(open(sys.argv[1], 'rb').read())\n"
        "assert not {'tensorflow', 'tflite_micro', 'keras'} & set(sys.modules)\n"
        "sys.stdout.write(str(interpreter._HOST._process.pid))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(model)], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == ""
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)


#: Adds one to every byte, by way of a scratch buffer. The node's fields are those of TF_LITE_STATIC_MEMORY, with which
#: the package is built; the headers at hand cannot be compiled with it.
CUSTOM_OP = """
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
using namespace tflite_micro;
void MicroPrintf(const char*, ...) {}
struct Node { TfLiteIntArray *inputs, *outputs, *intermediates; int* user_data; };
static Node* view(TfLiteNode* node) { return reinterpret_cast<Node*>(node); }
static void* init(TfLiteContext* c, const char*, size_t) { return c->AllocatePersistentBuffer(c, 24); }
static TfLiteStatus prepare(TfLiteContext* c, TfLiteNode* node) {
  return c->RequestScratchBufferInArena(c, 1000, view(node)->user_data);
}
static TfLiteStatus invoke(TfLiteContext* c, TfLiteNode* node) {
  auto* scratch = static_cast<int8_t*>(c->GetScratchBuffer(c, *view(node)->user_data));
  const int8_t* in = c->GetEvalTensor(c, node->inputs->data[0])->data.int8;
  int8_t* out = c->GetEvalTensor(c, node->outputs->data[0])->data.int8;
  for (int i = 0; i < 256; ++i) scratch[i] = in[i];
  for (int i = 0; i < 256; ++i) out[i] = scratch[i] + 1;
  return kTfLiteOk;
}
extern "C" bool RegisterPlusOne(void* resolver) {
  static TFLMRegistration r = {init, nullptr, prepare, invoke, nullptr, 32, "PlusOne"};
  return static_cast<MicroMutableOpResolver<200>*>(resolver)->AddCustom("PlusOne", &r) == kTfLiteOk;
}
"""


def headers() -> list[Path]:
    """Where the headers of TFLite Micro and of gemmlowp lie; skips the test without them or without a compiler."""
    wanted = (("xmos_ai_tools", "runtime/include"), ("tensorflow", "include/external/gemmlowp"))
    found = []
    for package, folder in wanted:
        spec = find_spec(package)
        places = [Path(p, folder) for p in (spec and spec.submodule_search_locations) or ()]
        found += [path for path in places if path.is_dir()][:1]
    if shutil.which("g++") is None or len(found) < 2:
        pytest.skip("needs g++, and headers: pip install xmos-ai-tools==1.4.2 tensorflow")
    return found


def test_a_custom_operator_is_loaded_and_its_memory_is_as_its_model_says(tmp_path):
    library = tmp_path / "libplusone.so"
    (tmp_path / "op.cc").write_text(CUSTOM_OP)
    flags = ["-std=c++17", "-fPIC", "-shared", *(f"-I{path}" for path in headers())]
    command = [shutil.which("g++"), *flags, str(tmp_path / "op.cc"), "-o", str(library)]
    subprocess.run(command, check=True, timeout=120)

    b = GraphBuilder()
    graph = b.finish([b.op("RELU", [b.input((1, 8, 8, 4))])])
    custom = replace(graph.ops[0], type="CUSTOM", custom_code="PlusOne")
    graph = replace(graph, ops=(custom,))
    x = np.arange(256, dtype=np.uint8).astype(np.int8).reshape(1, 8, 8, 4)
    result = run(write(graph), [[x]], custom_ops=[(library, "RegisterPlusOne")])
    np.testing.assert_array_equal(result.outputs[0][0], x + np.int8(1))
    modelled = memory(graph, kernels={"PlusOne": lambda *_: KernelMemory(init=(24,), scratch=(1000,))})
    assert modelled.head_bytes == result.allocations.head_bytes == 1520
    assert modelled.tail_bytes == result.allocations.tail_bytes
    run(write(adder()))
    with pytest.raises(ModelError, match="could not register custom op"):
        run(write(graph), custom_ops=[(library, "Absent")])


def test_a_library_that_does_not_load_is_named(tmp_path):
    library = tmp_path / "lib.so"
    library.write_bytes(b"no library")
    with pytest.raises(UsageError, match="does not load"):
        run(write(adder()), custom_ops=[(library, "Register")])


def test_a_missing_library_is_named():
    with pytest.raises(UsageError, match="no such shared library"):
        run(write(adder()), custom_ops=[("/nowhere/lib.so", "Register")])
