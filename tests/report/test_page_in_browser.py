"""The page in a real browser: it renders, a hostile name does not run, a phone need not scroll sideways."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from report_samples import HOSTILE, made_report

from tflm_mcunet.report import render_html

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")

#: Measures the layout; stands in for a person with a phone. Chromium's window is never narrower than 500
#: pixels, which the page takes for a phone; its body is squeezed to a phone's 360.
RULER = (
    "<script>document.body.style.width='360px';"
    "document.documentElement.dataset.overflow=document.body.scrollWidth-360;"
    "document.documentElement.dataset.rect=document.querySelector('.span').getBoundingClientRect().height;"
    "document.documentElement.dataset.width=innerWidth;"
    "document.querySelector('.span').dispatchEvent(new Event('click'));</script>"
)


def dom(page: str, folder, width: int = 1280) -> str:
    """The document after its scripts have run."""
    path = folder / "page.html"
    path.write_text(page, encoding="utf-8")
    command = [
        str(CHROMIUM),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        f"--user-data-dir={folder / 'profile'}",
        f"--window-size={width},900",
        "--dump-dom",
        path.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    return done.stdout.decode()


def test_the_page_renders_and_a_hostile_model_is_only_shown(tmp_path):
    report = made_report(name=HOSTILE, tensor=HOSTILE, op=HOSTILE)
    shown = dom(render_html(report), tmp_path)
    spans = len(report.before.spans) + len(report.after.spans)
    assert f'data-spans="{spans}"' in shown, "the page's own script did not run"
    assert 'data-owned="' not in shown.split(">")[1]
    assert "<img" not in shown
    assert "<title>1</title>" not in shown
    assert "&lt;script&gt;" in shown


def test_a_phone_scrolls_the_chart_and_not_the_page(tmp_path):
    report = made_report(ops=122)
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", render_html(report))
    shown = dom(page.replace("</body>", RULER + "</body>"), tmp_path, width=500)
    facts = dict(re.findall(r'data-(overflow|rect|width)="([-\d.]+)"', shown))
    assert facts["width"] == "500"
    assert facts["overflow"] == "0"
    assert float(facts["rect"]) > 20
    inspector = re.search(r'<div class="inspector"[^>]*>([^<]*)</div>', shown)
    assert inspector is not None
    assert "image" in inspector[1], "a tap on a rectangle must say what it is"
