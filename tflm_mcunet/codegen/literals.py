"""Python values as C++ literals."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

_INT32_MIN = -(2**31)


def number(value: int | float) -> str:
    """An integer, or a float as a float32 literal that reads back to the same bits."""
    if isinstance(value, int | np.integer):
        # The literal 2147483648 has no type int, so the smallest int has to be written as a difference.
        return f"({_INT32_MIN + 1} - 1)" if int(value) == _INT32_MIN else str(int(value))
    if not math.isfinite(value):
        # C++14 has no literal for these; GCC and Clang have these constants.
        return '__builtin_nanf("")' if math.isnan(value) else f"{'-' if value < 0 else ''}__builtin_inff()"
    text = f"{float(np.float32(value)):.9g}"
    return f"{text}f" if any(c in text for c in ".en") else f"{text}.0f"


def array_body(values: np.ndarray, width: int = 108) -> str:
    """The elements of an array, wrapped to lines that a diff can show."""
    items = [number(v) for v in values.reshape(-1).tolist()]
    lines, line = [], "   "
    for item in items:
        if len(line) + len(item) + 2 > width:
            lines.append(line)
            line = "   "
        line += f" {item},"
    return "\n".join([*lines, line]) if items else "   "


def c_comment(text: str) -> str:
    """Text from a model file, made safe inside a `//` comment."""
    return "".join(c if 32 <= ord(c) < 127 and c != "\\" else "?" for c in text)


def braces(items: Iterable[object]) -> str:
    """`{a, b, c}`."""
    return "{" + ", ".join(str(i) for i in items) + "}"
