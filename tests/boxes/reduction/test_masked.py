"""What NumPy's reductions take beside axes, and those that pass over NaN."""

import warnings

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import ShapeError, UsageError
from flowgraph.functional import value_and_grad
from tests.boxes.numpy_calls import assert_as_numpy

RNG = np.random.default_rng(0)
A = RNG.normal(size=(3, 4))
MASK = RNG.random((3, 4)) > 0.4


def test_of_several_that_tie_with_the_initial_value_each_gets_its_share():
    x = fg.Parameter([1.0, 2.0, 2.0], name="x")
    np.testing.assert_allclose(fg.Graph(np.max(x, initial=2.0)).fprop().bprop()[x], [0, 1 / 3, 1 / 3])
    np.testing.assert_array_equal(fg.Graph(np.max(x, initial=3.0)).fprop().bprop()[x], [0, 0, 0])


@pytest.mark.parametrize("function", [np.var, np.std])
def test_degrees_of_freedom_and_a_known_mean(function):
    assert_as_numpy(lambda a: function(a, axis=1, ddof=1, mean=np.mean(a, axis=1, keepdims=True)), A)
    assert_as_numpy(lambda a, m: function(a, axis=1, mean=m), A, A[:, :1])
    with pytest.raises(UsageError, match="both ddof=1 and correction=2"):
        function(fg.Parameter(A, name="x"), ddof=1, correction=2)
    x = fg.Parameter([[1.0, 1.0, 5.0]], name="x")
    grad = fg.Graph(fg.sum(function(x, where=[True, True, False]))).fprop().bprop()[x]
    np.testing.assert_array_equal(grad, [[0, 0, 0]])


def test_an_array_is_filled_with_a_box_and_joined_as_another_dtype_where_there_is_a_cast():
    assert_as_numpy(lambda a: np.full_like(a, a[0, 0], shape=(2,)), A)
    for function in (np.cov, np.corrcoef):
        assert_as_numpy(lambda a, f=function: f(a, a[:1], dtype=np.float32), A, rtol=1e-5)
    for function in (np.concatenate, np.stack, np.vstack, np.hstack):
        with pytest.raises(UsageError, match="'same_kind' has no cast to"):
            function([fg.Parameter(A, name="x"), A], dtype=int)


def test_a_mask_that_is_a_box():
    x = fg.Input("x", shape=("N", 3))
    loss = np.sum(np.mean(x, axis=1, where=x > 0))
    (grad,) = fg.gradient(loss, [x])
    a = np.array([[1.0, -2.0, 3.0], [-1.0, 4.0, -2.0]])
    np.testing.assert_array_equal(fg.Graph(grad).fprop(x=a)[grad], [[0.5, 0, 0.5], [0, 1, 0]])


def test_what_does_not_fit_is_refused_where_it_is_written():
    x = fg.Parameter(A, name="x")
    with pytest.raises(UsageError, match="found where= without initial="):
        np.max(x, where=MASK)
    with pytest.raises(UsageError, match=r"as initial=, needs a number; use np\.maximum"):
        np.max(x, initial=fg.Input("i"))
    with pytest.raises(ShapeError, match="needs one that broadcasts to the array"):
        np.sum(x[0], where=MASK)


REDUCTIONS = [np.nansum, np.nanprod, np.nanmax, np.nanmin, np.nanmean, np.nanvar, np.nanstd]


@pytest.mark.parametrize("function", REDUCTIONS)
def test_nothing_but_nan(function):
    a = np.array([[np.nan, np.nan], [np.nan, 2.0], [1.0, 3.0]])
    x = fg.Parameter(a, name="x")
    box = function(x, axis=1)
    run = fg.Graph(box).fprop()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_array_equal(run[box], function(a, axis=1))
    grad = run.bprop(grad=np.ones(3))[x]
    assert np.all(np.isfinite(grad))
    np.testing.assert_array_equal(grad[np.isnan(a)], 0)


@pytest.mark.parametrize("function", [np.nanargmax, np.nanargmin])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_nothing_but_nan_has_no_place(function, axis):
    """NumPy raises, and so does every path; what it raises is the same."""
    x = fg.Parameter(np.array([[np.nan, np.nan], [np.nan, 2.0]])[:, : 1 if axis is None else 2], name="x")
    box = function(x, axis=axis)
    with pytest.raises(ValueError, match="All-NaN slice encountered") as error:
        fg.Graph(box).fprop()
    assert f"; in fprop of {type(box).__name__} " in str(error.value)
    for backend in ("numpy", "numba"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Numba leaves it to NumPy, and says so
            plan = fg.compile([box, box * 2], backend=backend)
            with pytest.raises(ValueError, match="All-NaN slice encountered"):
                plan()
    with pytest.raises(ValueError, match="All-NaN slice encountered"):
        value_and_grad(lambda a: np.sum(a[function(a, axis=axis)]))(x.value)


def test_one_number_alone_has_no_spread_and_no_gradient():
    x = fg.Parameter([[np.nan, 2.0], [3.0, 3.0]], name="x")
    run = fg.Graph(fg.sum(np.nanstd(x, axis=1))).fprop()
    np.testing.assert_array_equal(run.bprop()[x], np.zeros((2, 2)))
