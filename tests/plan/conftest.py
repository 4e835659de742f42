"""What tests of native plans share."""

import pytest

from flowgraph.plan.numba import compiling
from tests.plan.native_in_python import kernel_in_python


@pytest.fixture
def interpreted(request, monkeypatch):
    """Python runs the source of native plans, so that a test does not wait for Numba."""
    backend = request.node.callspec.params.get("backend") if hasattr(request.node, "callspec") else None
    if backend in ("numba", "jax"):
        pytest.importorskip(backend, reason=f"{backend} is not installed")
    monkeypatch.setattr(compiling, "compiled_kernel", kernel_in_python)
