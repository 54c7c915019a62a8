"""A graph as a program for an emulated core in which the drop-in kernels prepare and invoke themselves.

The program plays TFLite Micro's interpreter as far as a kernel sees it: `model_init` calls every Prepare and
`model_invoke` every Invoke, so that the board counts both. Every tensor has memory of its own.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tflm_mcunet.codegen.closure import library_files
from tflm_mcunet.cpp import cpp_sources
from tflm_mcunet.graph import Graph, Op
from tflm_mcunet.ops import total_macs

_TYPES = {"int8": "kTfLiteInt8", "int16": "kTfLiteInt16", "int32": "kTfLiteInt32"}
_ACTIVATION, _STRIDES = "fused_activation_function", ("stride_w", "stride_h")
_DILATIONS = ("dilation_w_factor", "dilation_h_factor")

#: The options of an operator as the fields of TFLite's structure, in its order.
_OPTIONS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "ADD": ("TfLiteAddParams", (_ACTIVATION,)),
    "AVERAGE_POOL_2D": ("TfLitePoolParams", ("padding", *_STRIDES, "filter_width", "filter_height", _ACTIVATION)),
    "CONV_2D": ("TfLiteConvParams", ("padding", *_STRIDES, _ACTIVATION, *_DILATIONS)),
    "DEPTHWISE_CONV_2D": (
        "TfLiteDepthwiseConvParams", ("padding", *_STRIDES, "depth_multiplier", _ACTIVATION, *_DILATIONS),
    ),
    "FULLY_CONNECTED": ("TfLiteFullyConnectedParams", (_ACTIVATION,)),
    "MAX_POOL_2D": ("TfLitePoolParams", ("padding", *_STRIDES, "filter_width", "filter_height", _ACTIVATION)),
    "MEAN": ("TfLiteReducerParams", ("keep_dims",)),
    "MUL": ("TfLiteMulParams", (_ACTIVATION,)),
    "SOFTMAX": ("TfLiteSoftmaxParams", ("beta",)),
    "SUB": ("TfLiteSubParams", (_ACTIVATION,)),
}  # fmt: skip

_RUNTIME = """
struct Tensor {{
  TfLiteType type;
  int* shape;
  void* scale;
  int* zero_points;
  float first_scale;
  int first_zero_point;
  void* data;
  bool is_constant;
}};
{tables}
TfLiteEvalTensor eval_tensors[{tensors}];
alignas(16) uint8_t kept[{kept}];
alignas(16) uint8_t scratch[{scratch}];
size_t kept_bytes;
int failures;

class Context : public HostContext {{
 public:
  void* AllocatePersistentBuffer(size_t bytes) override {{
    void* const memory = kept + kept_bytes;
    kept_bytes += (bytes + 15) & ~static_cast<size_t>(15);
    return kept_bytes <= sizeof(kept) ? memory : nullptr;
  }}
  TfLiteStatus RequestScratchBufferInArena(size_t bytes, int* index) override {{
    *index = 0;
    return bytes <= sizeof(scratch) ? kTfLiteOk : kTfLiteError;
  }}
  void* GetScratchBuffer(int) override {{ return scratch; }}
  MicroTensor* AllocateTempTfLiteTensor(int index) override {{
    const Tensor& from = kTensors[index];
    affine = {{static_cast<TfLiteFloatArray*>(from.scale), reinterpret_cast<TfLiteIntArray*>(from.zero_points), 0}};
    lent = {{{{from.scale == nullptr ? kTfLiteNoQuantization : kTfLiteAffineQuantization, &affine}},
            {{from.first_scale, from.first_zero_point}}, {{}}, reinterpret_cast<TfLiteIntArray*>(from.shape), 0,
            from.type}};
    lent.data.data = from.is_constant ? from.data : nullptr;
    ++lent_tensors;
    return &lent;
  }}
  void DeallocateTempTfLiteTensor(MicroTensor*) override {{ --lent_tensors; }}
  TfLiteAffineQuantization affine;
  MicroTensor lent;
  int lent_tensors;
}};
Context host;
TfLiteContext context;

void* keep(TfLiteContext*, size_t bytes) {{ return host.AllocatePersistentBuffer(bytes); }}
TfLiteStatus request(TfLiteContext*, size_t bytes, int* index) {{
  return host.RequestScratchBufferInArena(bytes, index);
}}
void* lend(TfLiteContext*, int index) {{ return host.GetScratchBuffer(index); }}
TfLiteEvalTensor* get(const TfLiteContext*, int index) {{ return &eval_tensors[index]; }}
void report(TfLiteContext*, const char*, ...) {{ ++failures; }}

struct Call {{
  TFLMRegistration (*make)();
  HostNode node;
  TFLMRegistration registration;
}};
Call calls[] = {{
{calls}
}};
"""

_MODEL = """
extern "C" void __cxa_pure_virtual() {{
  for (;;) {{
  }}
}}
extern "C" int __aeabi_atexit(void*, void (*)(void*), void*) {{ return 0; }}
extern "C" void* __dso_handle;
void* __dso_handle = nullptr;
void operator delete(void*) noexcept {{}}
void operator delete(void*, decltype(sizeof(0))) noexcept {{}}

extern "C" int model_init(void) {{
  context.impl_ = &host;
  context.AllocatePersistentBuffer = keep;
  context.RequestScratchBufferInArena = request;
  context.GetScratchBuffer = lend;
  context.GetEvalTensor = get;
  context.ReportError = report;
  for (int i = 0; i < {tensors}; ++i) {{
    eval_tensors[i].data.data = kTensors[i].data;
    eval_tensors[i].dims = reinterpret_cast<TfLiteIntArray*>(kTensors[i].shape);
    eval_tensors[i].type = kTensors[i].type;
  }}
  for (Call& call : calls) {{
    call.registration = call.make();
    call.node.user_data = call.registration.init(&context, nullptr, 0);
    if (call.registration.prepare(&context, reinterpret_cast<TfLiteNode*>(&call.node)) != kTfLiteOk) return 1;
  }}
  return failures + host.lent_tensors;
}}

extern "C" int model_invoke(void) {{
  for (Call& call : calls) {{
    if (call.registration.invoke(&context, reinterpret_cast<TfLiteNode*>(&call.node)) != kTfLiteOk) return 1;
  }}
  return 0;
}}
extern "C" void* model_input(int index) {{ return index == 0 ? kTensors[{input}].data : nullptr; }}
extern "C" void* model_output(int index) {{ return index == 0 ? kTensors[{output}].data : nullptr; }}
"""

HEADER = """#define MODEL_INPUT_COUNT 1
#define MODEL_OUTPUT_COUNT 1
#define MODEL_INPUT_BYTES {{{input_bytes}}}
#define MODEL_OUTPUT_BYTES {{{output_bytes}}}
#define MODEL_ARENA_BYTES {arena}
#define MODEL_MACS {macs}
extern "C" {{
int model_init(void);
int model_invoke(void);
void* model_input(int index);
void* model_output(int index);
}}
"""


def write_kernel_program(
    graph: Graph,
    headers: Path,
    folder: Path,
    kept_bytes: int = 1 << 16,
    scratch_bytes: int = 1 << 14,
    has_dsp: bool = True,
) -> None:
    """Write the program of a graph with one input and one output.

    Args:
        graph: Graph. Of operators that have drop-in kernels.
        headers: Path. Those of TFLite Micro.
        folder: Path. Of the program; it is made.
        kept_bytes: int. Memory that the kernels may keep.
        scratch_bytes: int. Memory that an operator's kernel may ask for as long as it runs.
        has_dsp: bool. Whether kernels may use the core's DSP extension.
    """
    _copy_library(headers, folder, has_dsp)
    tables, sizes = [], 0
    rows = []
    for i, tensor in enumerate(graph.tensors):
        quantization = tensor.quantization
        scales = list(quantization.scale) if quantization else []
        zero_points = list(quantization.zero_point) if quantization else []
        tables.append(f"int shape{i}[] = {{{_list([len(tensor.shape), *tensor.shape])}}};")
        if scales:
            values = ", ".join(_float(s) for s in scales)
            struct = f"struct {{ int size; float data[{len(scales)}]; }}"
            tables.append(f"{struct} scale{i} = {{{len(scales)}, {{{values}}}}};")
            tables.append(f"int zero{i}[] = {{{_list([len(zero_points), *zero_points])}}};")
        if tensor.is_constant:
            kind = {"int8": "int8_t", "int32": "int32_t"}[tensor.dtype]
            values = _list(tensor.array().reshape(-1).tolist())
            tables.append(f"alignas(4) const {kind} data{i}[] = {{{values}}};")
        else:
            tables.append(f"alignas(16) uint8_t data{i}[{tensor.size_bytes}];")
            sizes += tensor.size_bytes
        quantized = f"&scale{i}, zero{i}" if scales else "nullptr, nullptr"
        first = _float(tensor.scale)
        data = f"const_cast<void*>(static_cast<const void*>(data{i}))"
        constant = "true" if tensor.is_constant else "false"
        rows.append(
            f"  {{{_TYPES[tensor.dtype]}, shape{i}, {quantized}, {first}, {tensor.zero_point}, {data}, {constant}}},"
        )
    tables.append("Tensor kTensors[] = {\n" + "\n".join(rows) + "\n};")
    calls = []
    for i, op in enumerate(graph.ops):
        tables.append(_options(op, i))
        tables.append(f"int inputs{i}[] = {{{_list([len(op.inputs), *op.inputs])}}};")
        tables.append(f"int outputs{i}[] = {{1, {op.outputs[0]}}};")
        arrays = ", ".join(f"reinterpret_cast<TfLiteIntArray*>({side}{i})" for side in ("inputs", "outputs"))
        calls.append(f"    {{Register_{op.type}, {{{arrays}, nullptr, nullptr, &options{i}}}, {{}}}},")
    places = {"tensors": len(graph.tensors), "input": graph.inputs[0], "output": graph.outputs[0]}
    source = (
        '#define TFLM_MCUNET_HOST_PACKAGE\n#include "model.h"\n'
        '#include "include/tflm_mcunet/tflm_kernels.h"\n#include "src/tflm/micro_tensor.h"\n'
        '#include "tensorflow/lite/c/builtin_op_data.h"\nusing namespace tflm_mcunet;\nnamespace {\n'
        + _RUNTIME.format(
            tables="\n".join(tables), calls="\n".join(calls), kept=kept_bytes, scratch=scratch_bytes, **places
        )
        + "}  // namespace\n"
        + _MODEL.format(**places)
    )
    (folder / "model.cpp").write_text(source)
    ends = {"input_bytes": graph.inputs[0], "output_bytes": graph.outputs[0]}
    bytes_of = {name: graph.tensors[t].size_bytes for name, t in ends.items()}
    (folder / "model.h").write_text(HEADER.format(arena=sizes, macs=total_macs(graph), **bytes_of))


def _float(value: float) -> str:
    return f"{float(np.float32(value))!r}f"


def _list(values: list[int]) -> str:
    return ", ".join(map(str, values))


def _options(op: Op, index: int) -> str:
    struct, names = _OPTIONS[op.type]

    def value(name: str) -> str:
        given: Any = op.options.get(name, 1 if name in _DILATIONS else 0)
        if name == "padding":  # The schema counts from SAME = 0, TFLite's structure from 1.
            return f"static_cast<TfLitePadding>({given + 1})"
        if name == _ACTIVATION:
            return f"static_cast<TfLiteFusedActivation>({given})"
        return _float(given) if isinstance(given, float) else str(int(given))

    fields = ", ".join(value(name) for name in names)
    rest = ", kTfLiteFullyConnectedWeightsFormatDefault, false, false" if op.type == "FULLY_CONNECTED" else ""
    sets = f"{struct} make_options{index}() {{\n  {struct} options = {{}};\n"
    if struct == "TfLitePoolParams" or rest or len(names) > 1 or names[0] == _ACTIVATION:
        members = {_ACTIVATION: "activation", "stride_w": "stride_width", "stride_h": "stride_height"}
        members |= {
            "dilation_w_factor": "dilation_width_factor",
            "dilation_h_factor": "dilation_height_factor",
        }
        sets += "".join(f"  options.{members.get(n, n)} = {value(n)};\n" for n in names)
    else:
        sets += f"  options.{names[0]} = {fields};\n"
    return sets + f"  return options;\n}}\n{struct} options{index} = make_options{index}();"


def dsp_files(root: Path) -> list[Path]:
    """What of the DSP extension's family the drop-in kernels use, below the folder of the C++ sources."""
    files = library_files(["src/tflm/kernel_choice.h"], root)
    return [root / f for f in files if f.startswith("src/kernels/arm_dsp/")]


def _copy_library(headers: Path, folder: Path, has_dsp: bool) -> None:
    """Kernels as they are; the adapters behind a file that says which layout of TFLite Micro's structures is meant."""
    root = cpp_sources()
    for part in ("src/kernels", "src/tflm", "include/tflm_mcunet"):
        (folder / part).mkdir(parents=True)
        for path in (root / part).glob("*.h"):
            shutil.copy(path, folder / part)
    for path in (root / "src" / "kernels").glob("*.cpp"):
        shutil.copy(path, folder / "src" / "kernels")
    (folder / "src" / "kernels" / "arm_dsp").mkdir()
    for path in dsp_files(root):
        shutil.copy(path, folder / path.relative_to(root))
    chosen = "" if has_dsp else "#define TFLM_MCUNET_PORTABLE_KERNELS\n"
    for path in (root / "src" / "tflm").glob("kernel_*.cpp"):
        text = "#define TFLM_MCUNET_HOST_PACKAGE\n" + chosen + path.read_text()
        (folder / "src" / "tflm" / path.name).write_text(text)
    copy_headers(headers, folder)


def copy_headers(headers: Path, folder: Path) -> None:
    """Copy what of TFLite Micro's headers the adapters include."""
    wanted = ("tensorflow/lite/micro/micro_common.h", "tensorflow/lite/c/builtin_op_data.h")
    asked = ["g++", "-MM", "-x", "c++", "-I", str(headers), "-"]
    code = "".join(f'#include "{name}"\n' for name in wanted)
    listed = subprocess.run(asked, input=code, capture_output=True, text=True, check=True).stdout
    for word in listed.replace("\\\n", " ").split():
        if word.startswith(str(headers)):
            target = folder / Path(word).relative_to(headers)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(word, target)
