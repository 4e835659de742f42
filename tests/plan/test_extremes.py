"""Maxima and minima of two: long arrays limited by a number, and where the extremum was taken from."""

import numpy as np
import pytest

import flowgraph as fg

SPECIAL = [-np.inf, -1.5, -1e-300, -0.0, 0.0, 1e-300, 0.5, np.inf, np.nan]
LONG = 5000


def values(dtype, size=LONG):
    rng = np.random.default_rng(0)
    with np.errstate(under="ignore"):
        return np.concatenate([SPECIAL, rng.normal(size=size - len(SPECIAL))]).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("limit", [0.0, -1.0, 0.5, np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("ufunc", [np.maximum, np.minimum])
def test_a_long_array_is_limited_as_numpy_does_it(ufunc, limit, dtype):
    x, a = fg.Input("x", shape=("N",), dtype=dtype), values(dtype)
    plan = fg.compile([ufunc(x, dtype(limit)), ufunc(dtype(limit), x * 2), ufunc(x[::2], dtype(limit)) + 1])
    with np.errstate(all="raise", over="ignore"):
        found = plan(x=a)
    right = [ufunc(a, dtype(limit)), ufunc(dtype(limit), a * 2), ufunc(a[::2], dtype(limit)) + 1]
    for one, other in zip(found, right, strict=True):
        np.testing.assert_array_equal(one, other)
    assert ("clip" in plan.source) == (dtype != np.float16 and not np.isnan(limit))


def test_short_arrays_and_rows_are_not_clipped():
    x, row = fg.Input("x", shape=("N",)), fg.Input("row", shape=(LONG,))
    plan = fg.compile([np.maximum(x, 0.0), np.maximum(row, np.ones((2, 1)))])
    plan.prepare(x=np.ones(20), row=np.ones(LONG))
    assert "clip" not in plan.source


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("ufunc", [np.maximum, np.minimum])
def test_where_an_extremum_was_taken_from(ufunc, dtype):
    whole = dtype == np.int64
    a = np.array([-2, 0, 1, 1, 3]) if whole else values(dtype, 400)
    b = np.resize(a[::-1], a.shape).astype(dtype)
    x, y = fg.Input("x", shape=("N",), dtype=dtype), fg.Input("y", shape=("N",), dtype=dtype)
    h = ufunc(x, y)
    outputs = [h == x, y == h, h == x + y, ufunc(x, dtype(0)) == x]
    plan = fg.compile(outputs)
    for one, other in zip(plan(x=a, y=b), fg.Graph(*outputs).fprop(x=a, y=b).outputs, strict=True):
        np.testing.assert_array_equal(one, other)
    assert plan.source.count("equal(") - plan.source.count("_equal(") == 1


@pytest.mark.parametrize("size", [7, LONG])
def test_the_slope_of_a_rectifier_with_ties(size):
    x = fg.Input("x", shape=("N",))
    a = np.resize([-1.0, 0.0, 2.0, -0.0, np.nan, np.inf], size)
    outputs = fg.gradient(fg.sum(np.maximum(x, 0) * 3.0), [x]) + fg.gradient(fg.sum(fg.relu(x) * 3.0), [x])
    for one, other in zip(fg.compile(outputs)(x=a), fg.Graph(*outputs).fprop(x=a).outputs, strict=True):
        np.testing.assert_array_equal(one, other)
