"""A graph of stages as a program for an emulated core, in which the operator prepares and invokes itself.

As `kernel_program`, the program plays TFLite Micro's interpreter as far as the operator sees it: `model_init` is every
Prepare, `model_invoke` every Invoke, and tensors lie in an arena where the model's offline plan says.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from kernel_program import HEADER, copy_headers

from tflm_mcunet.codegen.closure import library_files
from tflm_mcunet.cpp import cpp_sources
from tflm_mcunet.graph import Graph
from tflm_mcunet.tflm.memory import memory
from tflm_mcunet.tflm.offline_plan import offline_offsets
from tflm_mcunet.tflm.stage_op import STAGE
from tflm_mcunet.tflm.stage_registry import registry, registry_headers

_TYPES = {
    "int8": "kTfLiteInt8", "uint8": "kTfLiteUInt8", "int16": "kTfLiteInt16", "int32": "kTfLiteInt32",
    "float32": "kTfLiteFloat32",
}  # fmt: skip

_SOURCE = """#define TFLM_MCUNET_HOST_PACKAGE
#include "model.h"
#include "include/tflm_mcunet/tflm_ops.h"
#include "src/tflm/compatibility.h"
{includes}
using namespace tflm_mcunet;
{registry}namespace {{
alignas(16) uint8_t arena[{head}];
alignas(16) uint8_t kept[{kept}];
size_t kept_bytes;
int failures;
{tables}
struct Tensor {{
  TfLiteType type;
  int* shape;
  const void* data;
}};
const Tensor kTensors[] = {{
{tensors}
}};
TfLiteEvalTensor eval_tensors[{count}];
TfLiteContext context;
void* keep(TfLiteContext*, size_t bytes) {{
  void* const memory = kept + kept_bytes;
  kept_bytes += (bytes + 15) & ~static_cast<size_t>(15);
  return kept_bytes <= sizeof(kept) ? memory : nullptr;
}}
TfLiteEvalTensor* get(const TfLiteContext*, int index) {{ return &eval_tensors[index]; }}
void report(TfLiteContext*, const char*, ...) {{ ++failures; }}
struct Call {{
  HostNode node;
  const void* options;
  size_t bytes;
}};
Call calls[] = {{
{calls}
}};
TFLMRegistration registration;
}}  // namespace

extern "C" int model_init(void) {{
  kept_bytes = 0;
  context.AllocatePersistentBuffer = keep;
  context.GetEvalTensor = get;
  context.ReportError = report;
  for (int i = 0; i < {count}; ++i) {{
    eval_tensors[i].data.data = const_cast<void*>(kTensors[i].data);
    eval_tensors[i].dims = reinterpret_cast<TfLiteIntArray*>(kTensors[i].shape);
    eval_tensors[i].type = kTensors[i].type;
  }}
  set_registration(init_stage_with<kModelStageKernels>, &registration);
  for (Call& call : calls) {{
    call.node.user_data = registration.init(&context, static_cast<const char*>(call.options), call.bytes);
    if (registration.prepare(&context, reinterpret_cast<TfLiteNode*>(&call.node)) != kTfLiteOk) return 1;
  }}
  return failures;
}}
extern "C" int model_invoke(void) {{
  for (Call& call : calls) {{
    if (registration.invoke(&context, reinterpret_cast<TfLiteNode*>(&call.node)) != kTfLiteOk) return 1;
  }}
  return 0;
}}
extern "C" void* model_input(int) {{ return const_cast<void*>(kTensors[{input}].data); }}
extern "C" void* model_output(int) {{ return const_cast<void*>(kTensors[{output}].data); }}
"""

#: What TFLite Micro's headers use of the C++ library.
_UTILITY = """#pragma once
namespace std {
template <typename T> struct bare { using type = T; };
template <typename T> struct bare<T&> { using type = T; };
template <typename T> T&& forward(typename bare<T>::type& value) { return static_cast<T&&>(value); }
}
"""


def write_stage_program(graph: Graph, headers: Path, folder: Path, has_library: bool = True) -> None:
    """Write the program of a graph with one input and one output, all of whose operators are stages.

    Args:
        graph: Graph. As `stage_graph` makes it.
        headers: Path. Those of TFLite Micro.
        folder: Path. Of the program; it is made.
        has_library: bool. Whether the core's compiler has a C++ library, which Debian's for RISC-V has not.
    """
    assert {op.name for op in graph.ops} == {STAGE}
    root, declared = cpp_sources(), registry_headers([graph])
    sources = {"include/tflm_mcunet/tflm_ops.h", "src/tflm/stage_op.cpp", *declared}
    sources |= {header.replace(".h", ".cpp") for header in declared}
    for path in library_files(sources, root):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        first = "#define TFLM_MCUNET_HOST_PACKAGE\n" if path.startswith("src/tflm/") else ""
        target.write_text((first if path.endswith(".cpp") else "") + (root / path).read_text())
    copy_headers(headers, folder)
    if not has_library:
        (folder / "utility").write_text(_UTILITY)
    head = memory(graph).head_bytes
    assert head is not None
    tables, tensors, calls = [], [], []
    for i, (tensor, offset) in enumerate(zip(graph.tensors, offline_offsets(graph), strict=True)):
        tables.append(f"int shape{i}[] = {{{_list([len(tensor.shape), *tensor.shape])}}};")
        if tensor.is_constant:
            assert tensor.data is not None
            tables.append(f"alignas(16) const uint8_t data{i}[] = {{{_list(tensor.data)}}};")
        place = f"data{i}" if tensor.is_constant else f"arena + {offset}"
        tensors.append(f"    {{{_TYPES[tensor.dtype]}, shape{i}, {place}}},")
    for i, op in enumerate(graph.ops):
        words = np.frombuffer(op.custom_options, "<u4")
        tables.append(f"const uint32_t options{i}[] = {{{_list(words)}}};")
        tables.append(f"int inputs{i}[] = {{{_list([len(op.inputs), *op.inputs])}}};")
        tables.append(f"int outputs{i}[] = {{{_list([len(op.outputs), *op.outputs])}}};")
        arrays = ", ".join(f"reinterpret_cast<TfLiteIntArray*>({side}{i})" for side in ("inputs", "outputs"))
        calls.append(f"    {{{{{arrays}, nullptr, nullptr, nullptr}}, options{i}, sizeof(options{i})}},")
    (folder / "model.cpp").write_text(
        _SOURCE.format(
            includes="\n".join(f'#include "{header}"' for header in declared),
            registry=registry([graph]),
            head=head,
            kept=1 << 15,
            tables="\n".join(tables),
            tensors="\n".join(tensors),
            calls="\n".join(calls),
            count=len(graph.tensors),
            input=graph.inputs[0],
            output=graph.outputs[0],
        )
    )
    ends = {"input_bytes": graph.inputs[0], "output_bytes": graph.outputs[0]}
    bytes_of = {name: graph.tensors[t].size_bytes for name, t in ends.items()}
    (folder / "model.h").write_text(HEADER.format(arena=head, macs=1, **bytes_of))


def _list(values: object) -> str:
    return ", ".join(str(int(v)) for v in values)
