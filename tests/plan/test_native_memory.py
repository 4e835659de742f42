"""Native plans write over arrays that nobody reads any more, and over no others."""

import importlib.util

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.plan.numba.writing import InPlaceReuse
from flowgraph.plan.schedule import Buffer
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


def test_an_array_has_one_heir_and_none_that_is_larger():
    (old,), (one, other, wide) = product()[:1], [fg.Input(name, shape=(2,)) for name in ("one", "other", "wide")]
    reuse = InPlaceReuse()
    reuse.read(old, 3, 10, own=True)
    reuse.write(wide, 3, 9)
    reuse.write(one, 3, 11)
    reuse.write(other, 3, 12)
    buffers = {old: Buffer(64, 0, 3), wide: Buffer(64, 3, 9), one: Buffer(64, 3, 5), other: Buffer(64, 3, 5)}
    reuse.reuse_dying_buffers(buffers)
    assert buffers[one] is buffers[old]
    assert buffers[one].last == 5
    assert buffers[other] is not buffers[old]
    assert buffers[wide] is not buffers[old]  # it is written before the old one is read
    reuse.read(old, 3, 10, own=False)
    buffers = {old: Buffer(64, 0, 3), one: Buffer(64, 3, 5)}
    reuse.reuse_dying_buffers(buffers)
    assert buffers[one] is not buffers[old]
