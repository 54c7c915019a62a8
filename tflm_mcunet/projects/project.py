"""What every kind of project shares: the model's program, the board-independent sources, and their facts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tflm_mcunet.codegen.emit import emit
from tflm_mcunet.codegen.family import PORTABLE, family_of
from tflm_mcunet.codegen.literals import braces
from tflm_mcunet.codegen.program import Program, build_program
from tflm_mcunet.convert import Conversion
from tflm_mcunet.cpp import cpp_sources
from tflm_mcunet.deploy.identity import fingerprint
from tflm_mcunet.targets import Target

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
        program: Program.
    """

    name: str
    conversion: Conversion
    target: Target
    program: Program


def prepare(conversion: Conversion, target: Target, name: str) -> Model:
    """The model's program in the kernels of the target's core.

    Raises:
        UnsupportedOpError: an operator has no C++ kernel.
    """
    family = family_of(target.core) if target.core else PORTABLE
    return Model(plain_name(name), conversion, target, build_program(conversion.schedule, family))


def plain_name(name: str) -> str:
    """A name in letters, digits and underscores that begins with a letter, of at most 40 characters."""
    plain = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "model"
    return (plain if plain[0].isalpha() else f"model_{plain}")[:40]


def model_files(model: Model) -> dict[str, str]:
    """`model.h`, `model.cpp` and the library files that they need."""
    return emit(model.program)


def port_files(port: str, names: Iterable[str]) -> dict[str, str]:
    """Files of `ports/` as they are, by name."""
    folder = cpp_sources() / "ports" / port
    return {name: (folder / name).read_text(encoding="utf-8") for name in names}


def common_files(*others: str) -> dict[str, str]:
    """The board-independent sources, by file name; `others` may be "main.cpp" and "sample.cpp"."""
    return port_files("common", (*_COMMON, *others))


def project_header(model: Model) -> str:
    """`project.h`: what the common sources must know of the model."""
    graph = model.program.graph

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
