"""What tests of native plans share."""

import pytest

from flowgraph.plan.native import bind
from tests.plan.native_in_python import in_python


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path_factory):
    """One folder for what these tests compile."""
    monkeypatch.setenv("FLOWGRAPH_CACHE", str(tmp_path_factory.getbasetemp() / "native"))


@pytest.fixture
def interpreted(monkeypatch):
    """Python runs the source of native plans, so that a test does not wait for Numba."""
    monkeypatch.setattr(bind, "compiled", in_python)
