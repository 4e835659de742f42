"""Products and running sums: right with zeros, in every order of derivative, at every length."""

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg

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


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_running_sums_are_autograds(axis):
    a, g = np.random.default_rng(0).normal(size=(2, 3, 4))
    g = g.ravel() if axis is None else g
    x = fg.Parameter(a, name="x")
    h = np.cumsum(x, axis=axis)
    run = fg.Graph(h).fprop()
    np.testing.assert_array_equal(run[h], np.cumsum(a, axis=axis))
    needed = autograd.grad(lambda a: anp.sum(g * anp.cumsum(a, axis=axis)))(a)
    np.testing.assert_allclose(run.bprop(grad=g)[x], needed, rtol=1e-12)


@pytest.mark.parametrize("function", [np.cumsum, np.cumprod])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_every_batch(function, axis):
    x = fg.Input("x", shape=("N", 3))
    h = function(x, axis=axis)
    assert h.shape == (("3*N",) if axis is None else ("N", 3))
    (dx,) = fg.gradient(fg.sum(h * h), [x])
    assert dx.shape == ("N", 3)
    graph = fg.Graph(h, dx)
    for n in (0, 1, 7):
        a = np.random.default_rng(n).normal(size=(n, 3))
        run = graph.fprop(x=a)
        np.testing.assert_allclose(run[h], function(a, axis=axis))
        p = fg.Parameter(a, name="p")
        twin = function(p, axis=axis)
        np.testing.assert_allclose(run[dx], fg.Graph(fg.sum(twin * twin)).fprop().bprop()[p], rtol=1e-9, atol=1e-12)


def test_no_axes():
    x = fg.Parameter(2.0, name="x")
    assert fg.Graph(np.prod(x)).fprop().bprop()[x] == 1
    assert np.cumsum(x).shape == (1,)


def test_wrong_axes_are_refused():
    x = fg.Input("x", shape=("N", 3))
    with pytest.raises(fg.ShapeError, match="axis=2 does not fit: the child has 2 axes"):
        np.cumsum(x, axis=2)
    with pytest.raises(fg.FlowgraphError, match="axis=-1, needs a whole number from 0"):
        fg.boxes.Others(x, axis=-1)
