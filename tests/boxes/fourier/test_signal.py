"""Signals: every mode at every pair of sizes, the kernel that is longer, every batch, refusals; jumps of angles."""

from functools import partial
from itertools import product

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import ShapeError, UsageError
from tests.boxes.numpy_calls import assert_as_numpy, assert_every_batch, assert_multilinear_as_numpy

RNG = np.random.default_rng(0)
KERNEL = np.array([1.0, -2.0, 0.5])
ANGLES = 6 * RNG.normal(size=(3, 8))


@pytest.mark.parametrize("function", [np.convolve, np.correlate])
@pytest.mark.parametrize("mode", ["full", "same", "valid", 1])
def test_every_mode_at_every_pair_of_sizes(function, mode):
    for n, m in product(range(1, 6), repeat=2):
        a, v = RNG.normal(size=n), RNG.normal(size=m)
        assert_multilinear_as_numpy(lambda a, v: function(a, v, mode), a, v)
    assert_as_numpy(lambda a: function(a, a[:2]), a[::-1])
    assert_as_numpy(lambda a: function([1, 2], a, mode), np.array([1, 2, 3]))
    assert_as_numpy(lambda a: function(a, [2.0], mode=mode), a)


@pytest.mark.parametrize("function", [np.convolve, np.correlate])
@pytest.mark.parametrize(("mode", "shape"), [("full", ("N+2",)), ("same", ("N",)), ("valid", ("N-2",))])
def test_every_batch(function, mode, shape):
    assert assert_every_batch(lambda x: function(x, KERNEL, mode), ("N",), batches=(3, 7)) == [shape]
    assert assert_every_batch(lambda x: function(KERNEL, x, mode), ("N",), batches=(3, 7)) == [shape]


def test_two_signals_that_follow_the_batch():
    assert assert_every_batch(np.convolve, ("N",), ("M",), batches=(1, 7)) == [("M+N-1",)]
    assert assert_every_batch(lambda x: np.correlate(x, x), ("N",), batches=(1, 7)) == [(1,)]
    x, y = fg.Input("x", shape=("N",)), fg.Input("y", shape=("M",))
    for call in (partial(np.convolve, mode="valid"), np.correlate):
        with pytest.raises(UsageError, match=r"signals of . and . elements, and which one is longer is not known"):
            call(x, y)
    with pytest.raises(UsageError, match="mode='same' for N elements"):
        np.convolve(x, x, "same")
    with pytest.raises(ShapeError, match="found 3 elements of v and 2 of a, needs v no longer"):
        fg.Graph(np.convolve(x, KERNEL, "valid")).fprop(x=[1.0, 2.0])


@pytest.mark.parametrize(
    ("build", "error", "text"),
    [
        (lambda x: np.convolve(x, KERNEL, "wide"), UsageError, "mode='wide', needs one of valid, same, full"),
        (lambda x: np.convolve(x, np.ones((2, 2))), ShapeError, "needs two one-dimensional arrays that are not empty"),
        (lambda x: np.convolve(x, []), ShapeError, "needs two one-dimensional arrays that are not empty"),
        (lambda x: fg.Correlate(x, np.ones(5)), ShapeError, "found 5 elements of v and 3 of a, needs v no longer"),
        (lambda x: np.unwrap(x, axis=1), ShapeError, "axis"),
        (lambda x: np.unwrap(x, period=0), UsageError, "period=0"),
        (
            lambda x: np.unwrap(x, period=fg.Input("t")),
            UsageError,
            "period=<Input .*, needs a number, such as",
        ),
    ],
)
def test_what_does_not_fit_is_refused_where_it_is_written(build, error, text):
    with pytest.raises(error, match=text):
        build(fg.Parameter(KERNEL, name="x"))


@pytest.mark.parametrize("settings", [{}, {"axis": 0}, {"period": 3.0}, {"discont": 4.0}, {"period": 5, "axis": -2}])
def test_angles_are_unwrapped(settings):
    for a in (ANGLES, ANGLES[::-1, ::-1], ANGLES.astype(int), ANGLES[:, :1], ANGLES[:0]):
        assert_as_numpy(lambda p: np.unwrap(p, **settings), a)
    assert_as_numpy(lambda p: np.unwrap(p, **settings), ANGLES.astype("float32"), rtol=1e-5)
    assert assert_every_batch(lambda x: np.unwrap(x, **settings), ("N", 3)) == [("N", 3)]
