"""What tests of native plans share."""

import pytest

from flowgraph.plan.numba import compiling, emitter
from tests.plan.native_in_python import in_python, kernel_in_python


@pytest.fixture
def interpreted(monkeypatch):
    """Python runs the source of native plans, so that a test does not wait for Numba."""
    monkeypatch.setattr(emitter, "compiled", in_python)
    monkeypatch.setattr(compiling, "compiled_kernel", kernel_in_python)
