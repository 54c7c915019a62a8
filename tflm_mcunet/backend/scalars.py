"""Writes numbers where TensorBoard finds them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tflm_mcunet.backend.frameworks import load
from tflm_mcunet.backend.quiet import quiet
from tflm_mcunet.errors import McuNetError


def write_scalars(folder: str | Path, values: Mapping[str, float], step: int = 0) -> None:
    """Write an event file with one scalar for each value.

    Args:
        folder: str or Path. Of the run; made where it is missing.
        values: mapping of tag to number.
        step: int.

    Raises:
        McuNetError: the folder cannot be written.
    """
    summary = load("tensorflow", "nas").summary
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with quiet():
            writer = summary.create_file_writer(str(folder))
            with writer.as_default(step=step):
                for tag, value in values.items():
                    summary.scalar(tag, value)
            writer.close()
    except OSError as error:
        raise McuNetError(
            f"cannot write to {folder}: {error.strerror or error}", "choose another log_dir"
        ) from error
