"""A directory with a generated C++ program: what model.h declares, the sources, what each includes."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tflm_mcunet.errors import UsageError

_INCLUDE = re.compile(rb"^[ \t]*#[ \t]*(?:include|include_next|import)\b[ \t]*([^\r\n]*)", re.MULTILINE)
_NAMED = re.compile(rb"([<\"])([^>\"]+)[>\"]")


@dataclass(frozen=True)
class ProgramFacts:
    """What model.h declares. Sizes are bytes, one for each tensor; a program fed by rows holds no input.

    `fed_passes` is how often it is fed the whole input.
    """

    input_bytes: tuple[int, ...]
    output_bytes: tuple[int, ...]
    arena_bytes: int
    macs: int
    fed_passes: int = 1
    is_fed: bool = False

    @property
    def resident_input_bytes(self) -> int:
        """Bytes of the inputs that lie in the arena."""
        return 0 if self.is_fed else sum(self.input_bytes)


def read_facts(directory: Path) -> ProgramFacts:
    """The numbers that model.h defines as MODEL_INPUT_COUNT, MODEL_INPUT_BYTES and so on.

    Raises:
        UsageError: no model.h there, or a number is missing or contradicts another.
    """
    header = directory / "model.h"
    if not header.is_file():
        raise UsageError(f"expected a generated program in {directory}, but it holds no model.h")
    text = header.read_text(encoding="utf-8", errors="replace")
    is_fed = "#define MODEL_FED_ROWS " in text
    facts = ProgramFacts(
        input_bytes=_numbers(text, "MODEL_INPUT_BYTES"),
        output_bytes=_numbers(text, "MODEL_OUTPUT_BYTES"),
        arena_bytes=_number(text, "MODEL_ARENA_BYTES"),
        macs=_number(text, "MODEL_MACS"),
        fed_passes=_number(text, "MODEL_FED_PASSES") if is_fed else 1,
        is_fed=is_fed,
    )
    for macro, sizes in (("MODEL_INPUT", facts.input_bytes), ("MODEL_OUTPUT", facts.output_bytes)):
        count = _number(text, f"{macro}_COUNT")
        if count != len(sizes):
            raise UsageError(f"model.h: {macro}_COUNT is {count}, but {macro}_BYTES has {len(sizes)} entries")
    return facts


def program_sources(directory: Path) -> list[PurePosixPath]:
    """Every .cpp file below the directory, relative to it, sorted.

    Raises:
        UsageError: there is none.
    """
    found = sorted(PurePosixPath(path.relative_to(directory).as_posix()) for path in directory.rglob("*.cpp"))
    if not found:
        raise UsageError(f"expected a generated program in {directory}, but it holds no .cpp file")
    return found


class SourceTree:
    """The files below one directory, read once each, with the includes that stay inside the directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._digests: dict[PurePosixPath, str] = {}
        self._includes: dict[PurePosixPath, frozenset[PurePosixPath]] = {}

    def fingerprint(self, source: PurePosixPath) -> list[tuple[str, str]]:
        """(path, SHA-256) of the source and of every file of the directory that it includes, however deep.

        Conditions around an `#include` are ignored, so the list may be too long, which costs a rebuild, but
        not too short. An include whose name is not plain text, and `__has_include`, stand for every header.
        """
        pending, seen = [source], {source}
        while pending:
            for include in self._read(pending.pop()):
                if include not in seen:
                    seen.add(include)
                    pending.append(include)
        return [(str(path), self._digests[path]) for path in sorted(seen)]

    def _read(self, path: PurePosixPath) -> frozenset[PurePosixPath]:
        if path not in self._includes:
            content = (self.directory / path).read_bytes()
            self._digests[path] = hashlib.sha256(content).hexdigest()
            self._includes[path] = self._included(path, content)
        return self._includes[path]

    def _included(self, path: PurePosixPath, content: bytes) -> frozenset[PurePosixPath]:
        found: set[PurePosixPath] = set()
        everything = b"__has_include" in content
        for line in _INCLUDE.findall(content):
            named = _NAMED.match(line)
            if named is None:
                everything = True
                continue
            name = PurePosixPath(named[2].decode("utf-8", "replace"))
            folders = [path.parent, PurePosixPath()] if named[1] == b'"' else [PurePosixPath()]
            for folder in folders:
                inside = _normal(folder / name)
                if inside is not None and (self.directory / inside).is_file():
                    found.add(inside)
        if everything:
            for pattern in ("*.h", "*.inc"):
                found.update(
                    PurePosixPath(p.relative_to(self.directory)) for p in self.directory.rglob(pattern)
                )
        return frozenset(found)


def _normal(path: PurePosixPath) -> PurePosixPath | None:
    """The path without `..`; None when it leaves the directory."""
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part == "/":
            return None
        else:
            parts.append(part)
    return PurePosixPath(*parts)


def _definition(text: str, macro: str) -> str:
    found = re.search(rf"^[ \t]*#[ \t]*define[ \t]+{macro}[ \t]+(.*)$", text, re.MULTILINE)
    if found is None:
        raise UsageError(f"model.h does not define {macro}")
    return found[1]


def _numbers(text: str, macro: str) -> tuple[int, ...]:
    definition = _definition(text, macro)
    braces = re.match(r"\{([^}]*)\}", definition.strip())
    if braces is None:
        raise UsageError(f"model.h: expected {macro} to be numbers in braces, got {definition.strip()!r}")
    return tuple(_integer(item, macro) for item in braces[1].split(",") if item.strip())


def _number(text: str, macro: str) -> int:
    return _integer(_definition(text, macro).split("//")[0].split("/*")[0], macro)


def _integer(text: str, macro: str) -> int:
    plain = re.fullmatch(r"\(?\s*(\d+)[uUlL]*\s*\)?", text.strip())
    if plain is None:
        raise UsageError(f"model.h: expected a number in {macro}, got {text.strip()!r}")
    return int(plain[1])
