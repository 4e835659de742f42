"""Reductions that pass over NaN: axes, lines of nothing but NaN, dtypes, gradients that are exactly 0."""

import warnings
from functools import partial

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import UsageError
from flowgraph.functional import value_and_grad
from tests.boxes.numpy_calls import assert_as_numpy, assert_every_batch

RNG = np.random.default_rng(0)
A = RNG.normal(size=(3, 4, 5))
HOLES = np.where(RNG.random(A.shape) < 0.25, np.nan, A)
REDUCTIONS = [np.nansum, np.nanprod, np.nanmax, np.nanmin, np.nanmean, np.nanvar, np.nanstd]
FUNCTIONS = [*REDUCTIONS, np.nanargmax, np.nanargmin]


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), ()])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_calls_are_numpys(function, axis):
    if function in FUNCTIONS[-2:] and isinstance(axis, tuple):
        return
    for a in (HOLES, (9 * A).astype(int), A > 0):
        if a.dtype != bool or function in (np.nansum, np.nanprod, np.nanmean, np.nanmax):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # NumPy warns where everything is NaN
                assert_as_numpy(lambda a: function(a, axis=axis), a)
                assert_as_numpy(lambda a: function(a, axis=axis, keepdims=True), a)


@pytest.mark.parametrize("function", [np.nancumsum, np.nancumprod])
def test_running_totals(function):
    for axis in (None, 0, -2):
        assert_as_numpy(partial(function, axis=axis), HOLES)
    assert_as_numpy(function, np.arange(6).reshape(2, 3))


@pytest.mark.parametrize("function", [np.nanvar, np.nanstd])
def test_degrees_of_freedom(function):
    for settings in ({"ddof": 1}, {"ddof": 0.5}, {"correction": 1}):
        assert_as_numpy(partial(function, axis=(0, 2), **settings), HOLES)
    with pytest.raises(UsageError, match="both ddof=1 and correction=2"):
        function(fg.Parameter(A, name="x"), ddof=1, correction=2)


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
    assert error.value.__notes__[0].startswith(f"in fprop of {type(box).__name__} ")
    for backend in ("numpy", "numba"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Numba leaves it to NumPy, and says so
            plan = fg.compile([box, box * 2], backend=backend)
            with pytest.raises(ValueError, match="All-NaN slice encountered"):
                plan()
    with pytest.raises(ValueError, match="All-NaN slice encountered"):
        value_and_grad(lambda a: np.sum(a[function(a, axis=axis)]))(x.value)


def test_masks_values_to_start_from_and_dtypes():
    mask = RNG.random(A.shape) < 0.7
    for function in (np.nansum, np.nanprod, np.nanmean, np.nanvar, np.nanstd):
        for settings in ({"where": mask}, {"where": mask[0], "keepdims": True}, {"where": True}):
            for a in (HOLES, (9 * A).astype(int)):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # NumPy warns where nothing is left
                    assert_as_numpy(partial(function, axis=(0, 2), **settings), a)
        assert_as_numpy(partial(function, axis=1, dtype=np.float64), HOLES.astype("float32"), rtol=1e-6)
    for function in (np.nanvar, np.nanstd):
        assert_as_numpy(lambda a, m, f=function: f(a, axis=1, mean=m, ddof=1), HOLES, A[:, :1])
    for function in (np.nansum, np.nanprod, np.nanmax, np.nanmin):
        assert_as_numpy(partial(function, axis=1, initial=0.1), HOLES)
        assert_as_numpy(partial(function, axis=1, initial=0.1, where=mask), HOLES)
        assert_as_numpy(partial(function, axis=1, initial=2), (9 * A).astype(int))
    assert_as_numpy(partial(np.nancumsum, axis=1, dtype=np.float64), HOLES.astype("float32"), rtol=1e-6)


def test_one_number_alone_has_no_spread_and_no_gradient():
    x = fg.Parameter([[np.nan, 2.0], [3.0, 3.0]], name="x")
    run = fg.Graph(fg.sum(np.nanstd(x, axis=1))).fprop()
    np.testing.assert_array_equal(run.bprop()[x], np.zeros((2, 2)))


def test_ties_share_the_gradient():
    x = fg.Parameter([np.nan, 2.0, 2.0, 1.0], name="x")
    np.testing.assert_array_equal(fg.Graph(np.nanmax(x)).fprop().bprop()[x], [0, 0.5, 0.5, 0])


@pytest.mark.parametrize("function", REDUCTIONS)
def test_every_batch(function):
    batches = (1, 7) if function in (np.nanvar, np.nanstd, np.nanmax, np.nanmin, np.nanmean) else (0, 1, 7)
    assert assert_every_batch(lambda x: function(x, axis=0), ("N", 3), batches=batches) == [(3,)]
    assert assert_every_batch(lambda x: function(x, axis=1), ("N", 3)) == [("N",)]
