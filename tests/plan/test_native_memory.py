"""Native plans write over arrays that nobody reads any more, and over no others."""

import importlib.util

import numpy as np
import pytest

import flowgraph as fg
from tests.plan.agreement import assert_agree

pytestmark = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="Numba is not installed")

SIDE = 32


def product():
    """A matrix that a product has left in an array of its own."""
    x, w = fg.Input("x", shape=(SIDE, SIDE)), fg.Input("w", shape=(SIDE, SIDE))
    rng = np.random.default_rng(0)
    return x @ w, {"x": rng.normal(size=(SIDE, SIDE)), "w": rng.normal(size=(SIDE, SIDE)) / SIDE}


@pytest.mark.parametrize(
    ("build", "arrays"),
    [
        (lambda t: [np.tanh(t + 1)], 1),
        (lambda t: [np.tanh(t) @ t.T], 3),
        (lambda t: [t + t.T], 2),
        (lambda t: [t[::-1] * 2], 2),
        (lambda t: [np.exp(t), np.exp(t) + t], 2),
        (lambda t: [np.exp(t), t * 2], 2),
        (lambda t: [t, np.exp(t)], 2),
        (lambda t: [np.sum(t, axis=0) + np.tanh(t)], 1),
        (lambda t: [np.tanh(np.tanh(t) @ t)], 3),
    ],
)
def test_an_array_is_written_over_when_it_is_read_for_the_last_time(interpreted, build, arrays):
    t, feeds = product()
    boxes = build(t)
    plan = fg.compile(boxes, backend="numba")
    for found, right in zip(plan(feeds), fg.Graph(*boxes).fprop(feeds).outputs, strict=True):
        assert_agree(found, right, plan.source, 10)
    assert plan.bytes // (SIDE * SIDE * 8) == arrays, plan.source


def test_hidden_layers_that_nobody_comes_back_to_need_two_arrays(interpreted):
    x, w = fg.Input("x", shape=(SIDE, SIDE)), fg.Input("w", shape=(SIDE, SIDE))
    h = x
    for _ in range(6):
        h = np.tanh(h @ w + 1)
    plan = fg.compile(h, backend="numba")
    plan(x=np.ones((SIDE, SIDE)), w=np.eye(SIDE))
    assert plan.bytes == 2 * SIDE * SIDE * 8, plan.source
