"""What every kind of project shares: the model's program, the board-independent sources, and their facts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tflm_mcunet.codegen.emit import emit
from tflm_mcunet.codegen.family import PORTABLE, family_of
from tflm_mcunet.codegen.literals import braces
from tflm_mcunet.codegen.program import build_program
from tflm_mcunet.convert import Conversion
from tflm_mcunet.cpp import cpp_sources
from tflm_mcunet.deploy.identity import fingerprint
from tflm_mcunet.errors import UsageError
from tflm_mcunet.graph import Graph
from tflm_mcunet.ops import total_macs
from tflm_mcunet.targets import Target
from tflm_mcunet.tflm.emit import interpreter_program
from tflm_mcunet.tflm.stage_graph import is_fed

#: What runs the model: a program without interpreter, or TFLite Micro with our operators.
MCUNET, TFLM = "mcunet", "tflm"
ENGINES = (MCUNET, TFLM)

#: The sources of `ports/common` that every project has, besides `main.cpp` and `sample.cpp`, which some replace.
_COMMON = (
    "board.h", "checksum.h", "host_link.cpp", "host_link.h", "inference.cpp", "inference.h", "loop.cpp", "loop.h",
    "pattern.cpp", "pattern.h", "sample.h", "text.cpp", "text.h",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Model:
    """A model on its way to a board.

    Args:
        name: str. What the board answers when it is asked.
        conversion: Conversion.
        target: Target.
        engine: str. One of `ENGINES`.
        graph: Graph. What runs: its inputs and outputs are those of `model.h`.
        arena_bytes: int. The memory that `model.cpp` sets aside, on the device.
        operators: int. What TFLite Micro's resolver holds; 0 without it.
        files: dict. `model.h`, `model.cpp` and the library files that they need: path -> text.
    """

    name: str
    conversion: Conversion
    target: Target
    engine: str
    graph: Graph
    arena_bytes: int
    operators: int
    files: dict[str, str]


def prepare(conversion: Conversion, target: Target, name: str, engine: str) -> Model:
    """The model's program: in the kernels of the target's core, or with TFLite Micro's interpreter.

    Raises:
        UnsupportedOpError: an operator has no C++ kernel, or, for TFLite Micro, an unknown need of memory.
        UsageError: TFLite Micro shall be fed by rows.
    """
    name = plain_name(name)
    if engine == MCUNET:
        program = build_program(conversion.schedule, family_of(target.core) if target.core else PORTABLE)
        return Model(name, conversion, target, engine, program.graph, program.arena_bytes, 0, emit(program))
    if is_fed(conversion.schedule):
        raise UsageError(
            "TFLite Micro holds the whole input, so it cannot be fed by rows",
            f"Use --engine {MCUNET}, or leave out --input rows.",
        )
    interpreter = interpreter_program(conversion.tflite, target.core or "", total_macs(conversion.graph))
    return Model(
        name,
        conversion,
        target,
        engine,
        interpreter.graph,
        interpreter.arena_bytes,
        len(interpreter.operators),
        interpreter.files,
    )


def plain_name(name: str) -> str:
    """A name in letters, digits and underscores that begins with a letter, of at most 40 characters."""
    plain = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "model"
    return (plain if plain[0].isalpha() else f"model_{plain}")[:40]


def port_files(port: str, names: Iterable[str]) -> dict[str, str]:
    """Files of `ports/` as they are, by name."""
    folder = cpp_sources() / "ports" / port
    return {name: (folder / name).read_text(encoding="utf-8") for name in names}


def common_files(*others: str) -> dict[str, str]:
    """The board-independent sources, by file name; `others` may be "main.cpp" and "sample.cpp"."""
    return port_files("common", (*_COMMON, *others))


def project_header(model: Model) -> str:
    """`project.h`: what the common sources must know of the model."""
    graph = model.graph

    def floats(indices: tuple[int, ...]) -> str:
        return braces(int(graph.tensors[i].dtype == "float32") for i in indices)

    return f"""// What this project is made of; written by tflm_mcunet.
#ifndef PROJECT_H_
#define PROJECT_H_

#define PROJECT_NAME "{model.name}"
#define PROJECT_TARGET "{model.target.name}"
#define PROJECT_FINGERPRINT {fingerprint(model.conversion.source):#010x}u
#define PROJECT_INPUT_IS_FLOAT {floats(graph.model_inputs)}
#define PROJECT_OUTPUT_IS_FLOAT {floats(graph.model_outputs)}

#endif  // PROJECT_H_
"""


def placed(folder: str, files: Mapping[str, str]) -> dict[str, str]:
    """The files below a folder."""
    return {f"{folder}/{path}": text for path, text in files.items()}
