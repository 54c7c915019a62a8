"""The website's pages are made from the code as it is, and every command that they name is one."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import xml.dom.minidom
from pathlib import Path

import pytest

import tflm_mcunet as mcu
from tflm_mcunet.cli import build_parser
from tflm_mcunet.codegen.lower import LOWER

ROOT = Path(__file__).resolve().parents[1]
WRITTEN = sorted(p for p in (ROOT / "docs").rglob("*.md"))
COMMAND = re.compile(r"(?:^|`)(tflm-mcunet [^`\n#]+)", re.MULTILINE)


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "pages"
    shutil.copytree(ROOT / "docs", folder)
    subprocess.run([sys.executable, ROOT / "scripts" / "docs_pages.py", folder], check=True)
    return folder


def test_operators_and_public_names_are_all_there(pages):
    operators = (pages / "operators.md").read_text()
    assert all(f"| `{name}` |" in operators for name in LOWER)
    named = re.findall(r"^::: (\S+)$", (pages / "api.md").read_text(), re.MULTILINE)
    assert {path.rsplit(".", 1)[1] for path in named} == set(mcu.__all__)


def test_the_pictures_are_drawn_and_the_plans_get_smaller(pages):
    text = (pages / "memory_plan.md").read_text()
    pictures = re.findall(r"\]\((pictures/\S+)\)", text)
    assert len(pictures) == 4
    for picture in pictures:
        assert xml.dom.minidom.parse(str(pages / picture)).getElementsByTagName("rect")
    sizes = [int(n.replace(",", "")) for n in re.findall(r"^\|[^|]+\| ([\d,]+) \|", text, re.MULTILINE)]
    assert len(sizes) == 4
    assert sizes == sorted(set(sizes), reverse=True)


@pytest.mark.parametrize("page", WRITTEN, ids=lambda p: p.relative_to(ROOT / "docs").as_posix())
def test_every_link_leads_to_a_page(pages, page):
    place = pages / page.relative_to(ROOT / "docs")
    for target in re.findall(r"\]\(([^)#]+)", place.read_text()):
        assert "://" in target or (place.parent / target).exists(), target


def test_every_command_is_accepted():
    found = {m.strip() for page in WRITTEN for m in COMMAND.findall(page.read_text())}
    assert len(found) >= 8
    for command in sorted(found):
        words = shlex.split(command)[1:]
        # In a sentence a command may stand without what it works on.
        if len(words) == 1 or words[-1] == "--html":
            continue
        build_parser().parse_args(words)


def test_a_broken_link_of_the_site_is_found(tmp_path):
    (tmp_path / "index.html").write_text('<a href="other.html#here">x</a><img src="none.svg">')
    (tmp_path / "other.html").write_text('<p id="there"></p><a href="index.html">x</a>')
    check = [sys.executable, ROOT / "scripts" / "docs_links.py", tmp_path]
    said = subprocess.run(check, capture_output=True, text=True)
    assert said.returncode == 1
    assert said.stderr.splitlines() == [
        "broken link: index.html: other.html#here",
        "broken link: index.html: none.svg",
    ]
