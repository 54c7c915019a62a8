"""For the deployment tests: a build cache of their own, and `deploy_programs` importable beside them."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def build_cache(tmp_path_factory):
    """One empty cache for the session, so that no result of an earlier run hides a broken build."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _use_build_cache(build_cache, monkeypatch):
    monkeypatch.setenv("TFLM_MCUNET_CACHE", str(build_cache))
