"""Where the sources of the C++ library lie: beside the package in a checkout, inside it in an installed wheel."""

from __future__ import annotations

from pathlib import Path

from tflm_mcunet.errors import ToolError


def cpp_sources() -> Path:
    """The folder that holds `include/`, `src/` and `ports/` of the C++ library.

    Returns:
        Path. Absolute. Pass `cpp_sources() / "src"` to a compiler as an include directory.

    Raises:
        ToolError: the installation lacks the sources.

    >>> (cpp_sources() / "src" / "kernels").is_dir()
    True
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "_cpp", package.parent / "tflm_mcunet_cpp"):
        if (folder / "src" / "kernels").is_dir():
            return folder
    raise ToolError(
        f"the C++ sources are missing: expected them in {package / '_cpp'}",
        "reinstall tflm-mcunet from a wheel, or work from a complete checkout",
    )
