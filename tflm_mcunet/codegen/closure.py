"""Which files of the C++ library a program needs: those that it names, and whatever these include."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

_INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)


def library_files(names: Iterable[str], root: Path) -> list[str]:
    """The files below `root` that these need, themselves among them.

    Args:
        names: iterable of str. Paths relative to `root`.
        root: Path. A folder of the library, absolute. What another project's headers are is left out.

    Returns:
        list of str. Sorted; an included header brings the `.cpp` file of its name along.
    """
    seen: set[str] = set()
    pending = list(names)
    while pending:
        path = pending.pop()
        if path in seen:
            continue
        seen.add(path)
        for include in _INCLUDE.findall((root / path).read_text()):
            found = (root / path).parent.joinpath(include).resolve()
            if not found.is_file():
                continue
            for file in (found, found.with_suffix(".cpp")):
                if file.is_file():
                    pending.append(file.relative_to(root).as_posix())
    return sorted(seen)
