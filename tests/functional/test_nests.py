"""Transforms inside of transforms have the gradients of JAX: closures, copies, threads, loops, jit, checkpoints."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.functional.nests import are_close, differences

pytest.importorskip("jax", reason="JAX is not installed")


@settings(max_examples=max(4, settings().max_examples // 5))
@given(st.integers(0, 1 << 30))
def test_a_nest_of_transforms_has_the_gradient_of_jax(seed):
    found, needed = differences(seed)
    assert are_close(found, needed)
