"""Calls in a row, while the world changes between them, have the numbers that autograd has."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowgraph.functional import grad
from tests.functional.features import FEATURES, UNKNOWN_TO_AUTOGRAD, world

POINTS = np.array([[0.3, -0.7, 1.2], [-0.4, 0.9, 0.5]])

quiet = st.tuples(st.just(None), st.integers(0, 1), st.integers(0, 1))
lively = st.tuples(st.integers(0, 9), st.integers(0, 1), st.integers(0, 40))
steps = st.lists(st.one_of(quiet, quiet, quiet, lively), min_size=4, max_size=20)


def in_step(names, sequence, transform, other, np_of_other):
    """Two worlds of these features go through the same; the derivatives are the same after each step."""
    own, changes = world(names, np)
    peer, peers_changes = world(names, np_of_other)
    mine, theirs = transform(own), other(peer)
    for change, point, number in sequence:
        if change is not None:
            changes[change % len(changes)]()
        found = mine(POINTS[point], number)
        if change is not None:
            peers_changes[change % len(changes)]()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Output seems independent")
            needed = theirs(POINTS[point], number)
        np.testing.assert_allclose(found, needed, rtol=1e-12, atol=1e-12, err_msg=", ".join(names))


@pytest.mark.parametrize("name", sorted(FEATURES.keys() - UNKNOWN_TO_AUTOGRAD))
def test_each_way_to_read_the_world_is_seen(name):
    autograd = pytest.importorskip("autograd", reason="autograd is not installed")
    anp = pytest.importorskip("autograd.numpy", reason="autograd is not installed")
    in_step([name], 3 * ([(None, 0, 1)] * 4 + [(0, 0, 1)]) + 3 * [(0, 1, 1), (None, 1, 1)], grad, autograd.grad, anp)


@given(
    st.lists(st.sampled_from(sorted(FEATURES.keys() - UNKNOWN_TO_AUTOGRAD)), min_size=1, max_size=3, unique=True), steps
)
def test_calls_in_a_row_equal_those_of_autograd(names, sequence):
    autograd = pytest.importorskip("autograd", reason="autograd is not installed")
    anp = pytest.importorskip("autograd.numpy", reason="autograd is not installed")
    in_step(names, sequence, grad, autograd.grad, anp)
