"""The errors that users see, each with a hint of what to do and the exit code of the command line."""

from __future__ import annotations


class McuNetError(Exception):
    """Something that the caller can act on.

    Args:
        message: str. What was expected and what was found.
        hint: str. What to do about it; may be empty.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(McuNetError):
    """An argument is outside what the function or command accepts."""

    exit_code = 2


class ModelError(McuNetError):
    """The bytes are no valid TFLite model, or contradict themselves."""

    exit_code = 2


class UnsupportedOpError(McuNetError):
    """A valid model holds an operator, type or shape that the chosen engine cannot compute exactly."""

    exit_code = 2


class ConstraintError(McuNetError):
    """The model is valid and runs, but exceeds the target's SRAM, flash or another named budget."""

    exit_code = 3


class ToolError(McuNetError):
    """A compiler, emulator, flash tool or optional Python package is missing or has failed."""

    exit_code = 1
