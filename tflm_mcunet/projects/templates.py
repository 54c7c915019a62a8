"""The build files and manifests of projects, which are text with @NAMES@ to fill in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources

_NAME = re.compile(r"@([A-Z][A-Z_0-9]*)@")


def filled(path: str, values: Mapping[str, str]) -> str:
    """The template at `path` below `templates/`, every @NAME@ replaced.

    Raises:
        KeyError: the template names what there is no value for.
    """
    folder = resources.files("tflm_mcunet.projects") / "templates"
    text = folder.joinpath(*path.split("/")).read_text(encoding="utf-8")
    return _NAME.sub(lambda found: values[found.group(1)], text)
