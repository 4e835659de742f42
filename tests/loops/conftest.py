"""JAX as the tests of loops compare with it."""

import pytest


@pytest.fixture
def jax():
    found = pytest.importorskip("jax", reason="jax is not installed")
    before = found.config.jax_enable_x64
    found.config.update("jax_enable_x64", True)
    yield found
    found.config.update("jax_enable_x64", before)
