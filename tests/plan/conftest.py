"""What tests of native plans share."""

import pytest

from flowgraph.plan.numba import bind
from tests.plan.native_in_python import in_python


@pytest.fixture
def interpreted(monkeypatch):
    """Python runs the source of native plans, so that a test does not wait for Numba."""
    monkeypatch.setattr(bind, "compiled", in_python)
