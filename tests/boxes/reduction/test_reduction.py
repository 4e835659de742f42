"""Reductions: shapes before a run, constant rows, infinities, nothing to reduce; products and running sums."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.errors import UsageError
from flowgraph.functional import grad


def value(box, **feeds):
    return fg.Graph(box).fprop(**feeds)[box]


def test_the_mean_of_nothing_is_nan_and_its_gradient_is_empty():
    w = fg.Parameter([2.0], name="w")
    x = fg.Input("x", shape=("N",))
    loss = fg.mean(x * w)
    with np.errstate(invalid="ignore"):
        run = fg.Graph(loss).fprop(x=np.ones(0))
    assert math.isnan(run[loss])
    assert run.bprop()[w] == 0


def test_the_largest_of_nothing_is_refused_as_in_numpy():
    x = fg.Input("x", shape=("N",))
    with pytest.raises(ValueError, match="zero-size array"):
        fg.Graph(np.max(x)).fprop(x=np.ones(0))


class TestLogSumExp:
    def test_far_out(self):
        assert fg.logsumexp([1000.0, 1000.0]) == pytest.approx(1000 + math.log(2), rel=1e-15)
        assert fg.logsumexp([-1000.0, -1000.0]) == pytest.approx(-1000 + math.log(2), rel=1e-15)
        assert fg.logsumexp(np.array([1000, -1000], "float32")) == np.float32(1000)

    def test_infinities(self):
        assert fg.logsumexp([-np.inf, 1.0]) == 1
        assert fg.logsumexp([-np.inf, -np.inf]) == -np.inf
        assert fg.logsumexp([np.inf, 1.0]) == np.inf
        assert fg.logsumexp([]) == -np.inf
        assert math.isnan(fg.logsumexp([np.nan, 1.0]))

    def test_the_gradient_is_the_softmax(self):
        x = fg.Parameter([[1000.0, 999.0], [-np.inf, 3.0], [-np.inf, -np.inf]], name="x")
        grad = fg.Graph(fg.sum(fg.logsumexp(x, axis=1))).fprop().bprop(unused="zeros")[x]
        np.testing.assert_allclose(grad, [[1 / (1 + math.exp(-1)), 1 / (1 + math.e)], [0, 1], [0, 0]], rtol=1e-14)

    def test_whole_numbers(self):
        assert fg.logsumexp([0, 0]) == pytest.approx(math.log(2))
        assert fg.LogSumExp(fg.Input("x", shape=(3,), dtype=int)).dtype == np.float64


def test_functions_of_boxes_arrays_and_numbers():
    assert fg.sum([1.0, 2.0]) == 3
    assert fg.mean(np.ones((2, 3)), axis=0).shape == (3,)
    assert fg.sum(4.0) == 4
    assert isinstance(fg.mean(fg.Input("x", shape=("N",))), fg.Mean)


def test_an_axis_that_is_not_there_is_refused_where_the_box_is_built():
    x = fg.Input("x", shape=("N", 3))
    with pytest.raises(fg.ShapeError, match=r"axis = 2 does not fit: axis 2 is out of bounds"):
        np.sum(x, axis=2)
    with pytest.raises(fg.ShapeError, match="repeated axis"):
        np.mean(x, axis=(0, -2))
    with pytest.raises(fg.ShapeError, match="axis = 1 does not fit"):
        fg.sum(fg.Input("s"), axis=1)
    with pytest.raises(fg.ShapeError, match="axis = 0 does not fit"):
        fg.mean(fg.Input("s"), axis=0)


SMALL = st.lists(st.sampled_from([0.0, 0.5, -2.0, 3.0]), min_size=1, max_size=5).map(np.array)


@given(SMALL)
def test_each_element_of_a_product_gets_the_product_of_the_others(a):
    x = fg.Parameter(a, name="x")
    grad = fg.Graph(np.prod(x)).fprop().bprop()[x]
    np.testing.assert_array_equal(grad, [np.prod(np.delete(a, i)) for i in range(len(a))])


@given(SMALL)
def test_second_derivatives_with_zeros(a):
    x = fg.Input("x", shape=("N",))
    (dx,) = fg.gradient(np.prod(x), [x])
    w = np.arange(1.0, len(a) + 1)
    (ddx,) = fg.gradient(fg.sum(dx * fg.Input("w", shape=("N",))), [x])
    needed = [
        sum(w[j] * np.prod(np.delete(a, [i, j])) for j in range(len(a)) if j != i) for i in range(len(a))
    ]  # fmt: skip
    run = fg.Graph(ddx).fprop(x=a, w=w)
    np.testing.assert_allclose(run[ddx], needed, rtol=1e-12)


@given(SMALL, st.integers(0, 9))
def test_running_products_with_zeros(a, seed):
    g = np.random.default_rng(seed).normal(size=len(a))
    x = fg.Parameter(a, name="x")
    grad = fg.Graph(np.cumprod(x)).fprop().bprop(grad=g)[x]
    needed = [
        sum(g[i] * np.prod(np.delete(a[: i + 1], k)) for i in range(k, len(a))) for k in range(len(a))
    ]  # fmt: skip
    np.testing.assert_allclose(grad, needed, rtol=1e-12, atol=1e-14)


def test_a_product_that_underflows_keeps_its_gradient():
    x = fg.Parameter([1e-200, 1e-200, 3.0], name="x")
    np.testing.assert_allclose(fg.Graph(np.prod(x)).fprop().bprop()[x], [3e-200, 3e-200, 0], rtol=1e-12)


def test_a_running_product_that_underflows_keeps_its_gradient_and_long_ones_take_little_memory():
    x = fg.Parameter([1e-200, 1e-200, 3.0], name="x")
    np.testing.assert_allclose(fg.Graph(np.sum(np.cumprod(x))).fprop().bprop()[x], [1 + 4e-200, 4e-200, 0], rtol=1e-12)
    n = 20_000  # n by n numbers would be 3 GB
    y = fg.Parameter(np.full(n, 0.999), name="y")
    grad = fg.Graph(np.cumprod(y)[-1]).fprop().bprop()[y]
    np.testing.assert_allclose(grad, 0.999 ** (n - 1), rtol=1e-9)


@pytest.mark.parametrize("times", [2, 1, 0, [3, 3, 3, 3], [1, 0, 2, 3]])
@pytest.mark.parametrize("axis", [1, -1, None])
def test_what_is_repeated_sends_back_the_sum_of_its_copies(times, axis):
    x = fg.Input("x", shape=(3, 4))
    times = times if axis is not None or np.ndim(times) == 0 else np.resize(times, 12)
    values, weights = np.arange(12.0).reshape(3, 4), np.random.default_rng(0).normal(size=36)
    repeated = np.repeat(x, times, axis=axis)
    factors = np.resize(weights, repeated.shape)
    run = fg.Graph(np.sum(repeated * factors)).fprop(x=values)
    np.testing.assert_array_equal(fg.Graph(repeated).fprop(x=values).outputs[0], np.repeat(values, times, axis=axis))
    numbers = np.repeat(np.arange(12).reshape(3, 4), times, axis=axis)
    needed = np.bincount(numbers.ravel(), factors.ravel(), minlength=12).reshape(3, 4)
    np.testing.assert_allclose(run.bprop(wrt=[x])[x], needed, atol=1e-12)


def test_wrong_axes_are_refused():
    x = fg.Input("x", shape=("N", 3))
    with pytest.raises(fg.ShapeError, match="axis=2 does not fit: the child has 2 axes"):
        np.cumsum(x, axis=2)
    with pytest.raises(fg.FlowgraphError, match="axis=-1, needs a whole number from 0"):
        fg.boxes.Others(x, axis=-1)


@pytest.mark.parametrize("by", [0, 1, (0, 1)])
@pytest.mark.parametrize(("weights", "axis"), [([1.0, -1.0], None), ([[1.0, 2.0], [-1.0, 1.0]], 0), ([2.0, -2.0], 1)])
def test_weights_whose_sum_is_0_are_refused_wherever_it_is_known(weights, axis, by):
    """As NumPy refuses them, of an array and of a box in a call."""
    a = np.array([1.0, 2.0]) if axis is None else np.array([[1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(ZeroDivisionError):
        np.average(a, axis, weights=np.array(weights))
    with pytest.raises(UsageError, match=r"np\.average: found weights whose sum is 0"):
        grad(lambda a, w: np.sum(np.average(a, axis, weights=w)), by)(a, np.array(weights))
    box = np.average(fg.Input("a", shape=a.shape), axis, weights=fg.Input("w", shape=np.shape(weights)))
    assert box.ndim == (0 if axis is None else 1)
    with pytest.raises(UsageError, match=r"np\.average: found weights whose sum is 0"):
        np.average(fg.Input("a", shape=a.shape), axis, weights=np.array(weights))
