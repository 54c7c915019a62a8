"""Lets the report's tests import their samples (`report_samples`) beside them."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from report_samples import made_report

from tflm_mcunet.report.memory_report import MemoryReport
from tflm_mcunet.targets import Target


@pytest.fixture
def report() -> MemoryReport:
    return made_report()


@pytest.fixture
def on_board(report) -> MemoryReport:
    return replace(report, target=Target.load("STM32F103"))
