"""Views of a model's memory: the report as data, as text and as one self-contained HTML page."""

from tflm_mcunet.report.analyze import analyze
from tflm_mcunet.report.html import render_html
from tflm_mcunet.report.memory_report import MemoryReport
from tflm_mcunet.report.text import render_text

__all__ = ["MemoryReport", "analyze", "render_html", "render_text"]
