"""The frame of every page: one file, style and script inside, no request leaves it."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from html import escape
from importlib import resources


@lru_cache(maxsize=2)
def _asset(name: str) -> str:
    return resources.files("tflm_mcunet.report").joinpath(name).read_text(encoding="utf-8")


def page(title: str, body: str) -> str:
    """A whole page.

    The content security policy allows this page's own script by its hash and nothing else: even markup that
    slipped through the escaping would not run.

    Args:
        title: str. Plain text.
        body: str. HTML, everything in it escaped.
    """
    style, script = _asset("page.css"), _asset("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">\n'
        f'<title>{escape(title)}</title>\n<link rel="icon" href="data:,">\n'
        f"<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        f"{body}\n</main>\n<script>{script}</script>\n</body>\n</html>\n"
    )
