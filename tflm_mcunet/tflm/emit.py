"""Writes a model as C++ that runs it in TFLite Micro: `model.h` as the interpreter-free program has it, the model as
an array, its op resolver and its arena, and of the C++ library what its kernels need.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tflm_mcunet.codegen.closure import library_files
from tflm_mcunet.codegen.header import invoke_declaration, model_header
from tflm_mcunet.cpp import cpp_sources
from tflm_mcunet.errors import UnsupportedOpError
from tflm_mcunet.graph import Graph
from tflm_mcunet.tflite import read
from tflm_mcunet.tflm.drop_in import DROP_INS, drop_in_memory, drop_in_types
from tflm_mcunet.tflm.drop_in_scratch import DSP_CORES
from tflm_mcunet.tflm.memory import memory
from tflm_mcunet.tflm.resolver import Registration, registrations
from tflm_mcunet.tflm.stage_registry import registry, registry_headers
from tflm_mcunet.tflm.subgraphs import all_subgraphs, resource_variable_count, state_bytes

#: Bytes of the model in a line of the array.
_LINE = 24


@dataclass(frozen=True)
class InterpreterProgram:
    """A model that TFLite Micro runs, in C++.

    Args:
        graph: Graph. The model.
        files: dict. Path relative to the program's directory -> text. Compile every `.cpp`, with that directory and
            those of TFLite Micro as include paths and with TFLite Micro's own flags.
        arena_bytes, host_arena_bytes: int. The smallest arena that is enough on the device, and with 64-bit pointers.
        operators: tuple of Registration. What the resolver holds.
    """

    graph: Graph
    files: dict[str, str] = field(repr=False)
    arena_bytes: int
    host_arena_bytes: int
    operators: tuple[Registration, ...]


def interpreter_program(model: bytes, core: str, macs: int, name: str = "model") -> InterpreterProgram:
    """The C++ of a `.tflite`.

    Args:
        model: bytes. As it shall run: with stages and an offline plan, where `convert` made some.
        core: str. The device's, as in a target's profile: on ARM, enums are short.
        macs: int. Of one inference.
        name: str. A C identifier: the prefix of the functions and the stem of the files.

    Raises:
        UnsupportedOpError: what an operator takes from the arena is not known.
        ModelError: the file is damaged.
    """
    graph = read(model)
    graphs = all_subgraphs(graph)
    drop_ins = drop_in_types(graphs)
    operators = registrations(graphs, drop_ins)
    enum_bytes = 1 if core.startswith("cortex") else 4
    arenas = [
        memory(graph, bits, enum_bytes=size, kernels=drop_in_memory(drop_ins, size, has_dsp)).arena_bytes
        for bits, size, has_dsp in ((32, enum_bytes, core in DSP_CORES), (64, 4, False))
    ]
    device, host = arenas
    if device is None or host is None:
        raise UnsupportedOpError("what an operator takes from TFLite Micro's arena is not known")
    variables = resource_variable_count(graphs)
    files = {
        f"{name}.h": _header(graph, name, device, host, len(operators), macs, state_bytes(graphs)),
        f"{name}.cpp": _source(name, operators, drop_ins, variables, graphs),
        f"{name}_data.h": _data_header(name, len(model)),
        f"{name}_data.cpp": _data_source(name, model),
    }
    root = cpp_sources()
    for path in library_files(_sources(graphs, drop_ins), root):
        files[f"tflm_mcunet/{path}"] = (root / path).read_text()
    return InterpreterProgram(graph, files, device, host, operators)


def _sources(graphs: Sequence[Graph], drop_ins: Sequence[str]) -> set[str]:
    """What of the library the program calls."""
    sources = {f"src/tflm/{DROP_INS[t].source}" for t in drop_ins}
    sources |= {"include/tflm_mcunet/tflm_device_kernels.h"} if drop_ins else set()
    headers = registry_headers(graphs)
    if headers:
        sources |= {"include/tflm_mcunet/tflm_ops.h", "src/tflm/stage_op.cpp", *headers}
        sources |= {header.replace(".h", ".cpp") for header in headers}
    return sources


def _header(graph: Graph, name: str, device: int, host: int, operators: int, macs: int, state: int) -> str:
    upper = name.upper()
    kept = f"#define {upper}_STATE_BYTES {state}\n" if state else ""
    macros = f"""#define {upper}_MACS {macs}
#define {upper}_OPERATORS {operators}
{kept}
// Arena that kernels want beyond what is known of them: those of esp-nn or CMSIS-NN, where you hand over to them.
#ifndef TFLM_MCUNET_EXTRA_ARENA_BYTES
#define TFLM_MCUNET_EXTRA_ARENA_BYTES 0
#endif
// What TFLite Micro needs for this model on the device, or on a machine with 64-bit pointers.
#if UINTPTR_MAX > 0xFFFFFFFFu
#define {upper}_ARENA_BYTES ({host} + TFLM_MCUNET_EXTRA_ARENA_BYTES)
#else
#define {upper}_ARENA_BYTES ({device} + TFLM_MCUNET_EXTRA_ARENA_BYTES)
#endif
"""
    how, includes = "an int8 network in TFLite Micro", "\n#include <stdint.h>\n"
    run = invoke_declaration(name)
    return model_header(graph, name, how=how, macros=macros, run=run, includes=includes, is_kept=state > 0)


def _data_header(name: str, size: int) -> str:
    return f"""// The model as TFLite Micro reads it; written by tflm_mcunet.
#ifndef TFLM_MCUNET_GENERATED_{name.upper()}_DATA_H_
#define TFLM_MCUNET_GENERATED_{name.upper()}_DATA_H_

extern const unsigned char {name}_data[{size}];

#endif  // TFLM_MCUNET_GENERATED_{name.upper()}_DATA_H_
"""


def _data_source(name: str, model: bytes) -> str:
    lines = "\n".join(
        f"    {', '.join(map(str, model[i : i + _LINE]))}," for i in range(0, len(model), _LINE)
    )
    return f"""// The bytes of a .tflite file; written by tflm_mcunet.
#include "{name}_data.h"

// TFLite Micro reads weights where they lie, and wants them aligned as in the file.
alignas(16) const unsigned char {name}_data[{len(model)}] = {{
{lines}
}};
"""


def _source(
    name: str,
    operators: Sequence[Registration],
    drop_ins: Sequence[str],
    variables: int,
    graphs: Sequence[Graph],
) -> str:
    upper = name.upper()
    ours = [f'#include "{name}_data.h"']
    if drop_ins:
        ours.append('#include "tflm_mcunet/include/tflm_mcunet/tflm_device_kernels.h"')
    headers = registry_headers(graphs)
    if headers:
        ours.append('#include "tflm_mcunet/include/tflm_mcunet/tflm_ops.h"')
        ours += [f'#include "tflm_mcunet/{header}"' for header in headers]
    theirs = ["micro/micro_interpreter.h", "micro/micro_mutable_op_resolver.h", "schema/schema_generated.h"]
    if variables:
        theirs += ["micro/micro_allocator.h", "micro/micro_resource_variable.h"]
    includes = "\n".join([*ours, *(f'#include "tensorflow/lite/{path}"' for path in sorted(theirs))])
    calls = " &&\n         ".join(f"{o.call} == kTfLiteOk" for o in operators) or "true"
    return f"""// Generated by tflm_mcunet: TFLite Micro's interpreter with the operators of the network, and its arena.
#include "{name}.h"

#include <stddef.h>
#include <stdint.h>

#include <new>

{includes}

{registry(graphs)}namespace {{

using Resolver = tflite::MicroMutableOpResolver<{upper}_OPERATORS>;
using Interpreter = tflite::MicroInterpreter;

alignas(16) uint8_t arena[{upper}_ARENA_BYTES];

// Both are made in {name}_init, and anew in every call of it; they hold nothing that would have to be given back.
alignas(Resolver) uint8_t resolver_memory[sizeof(Resolver)];
alignas(Interpreter) uint8_t interpreter_memory[sizeof(Interpreter)];
Interpreter* interpreter = nullptr;

// Every operator of the model, and no other.
bool add_operators(Resolver& resolver) {{
  return {calls};
}}

{_maker(name, variables)}
}}  // namespace

extern "C" int {name}_init(void) {{
  interpreter = nullptr;
  Resolver* resolver = new (resolver_memory) Resolver;
  if (!add_operators(*resolver)) {{
    return 1;
  }}
  Interpreter* made = make_interpreter(*resolver);
  if (made == nullptr || made->AllocateTensors() != kTfLiteOk) {{
    return 2;
  }}
  interpreter = made;
  return 0;
}}

extern "C" int {name}_invoke(void) {{
  return interpreter != nullptr && interpreter->Invoke() == kTfLiteOk ? 0 : 1;
}}

extern "C" void* {name}_input(int index) {{
  const bool is_one = interpreter != nullptr && index >= 0 && index < {upper}_INPUT_COUNT;
  return is_one ? interpreter->input(static_cast<size_t>(index))->data.data : nullptr;
}}

extern "C" void* {name}_output(int index) {{
  const bool is_one = interpreter != nullptr && index >= 0 && index < {upper}_OUTPUT_COUNT;
  return is_one ? interpreter->output(static_cast<size_t>(index))->data.data : nullptr;
}}
"""


def _maker(name: str, variables: int) -> str:
    """The function that makes the interpreter, in `interpreter_memory`."""
    model = f"tflite::GetModel({name}_data)"
    if not variables:
        return f"""Interpreter* make_interpreter(const Resolver& resolver) {{
  return new (interpreter_memory) Interpreter({model}, resolver, arena, sizeof(arena));
}}
"""
    return f"""// What the network keeps from one inference to the next lies in the arena, too.
Interpreter* make_interpreter(const Resolver& resolver) {{
  tflite::MicroAllocator* allocator = tflite::MicroAllocator::Create(arena, sizeof(arena));
  if (allocator == nullptr) {{
    return nullptr;
  }}
  tflite::MicroResourceVariables* variables = tflite::MicroResourceVariables::Create(allocator, {variables});
  return new (interpreter_memory) Interpreter({model}, resolver, allocator, variables);
}}
"""
