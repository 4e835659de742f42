"""What NumPy's reductions take beside axes: dtype, initial, where, mean, ddof; arguments by position."""

import warnings

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import ShapeError, UsageError
from tests.boxes.numpy_calls import assert_as_numpy, assert_every_batch

RNG = np.random.default_rng(0)
A = RNG.normal(size=(3, 4))
MASK = RNG.random((3, 4)) > 0.4
MASKS = [MASK, np.array([True, False, True, True]), True, np.ones((3, 1), bool)]
AXES = [None, 0, -1, (0, 1), ()]


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("keepdims", [False, True])
def test_a_mask_of_what_counts(axis, keepdims):
    settings = {"axis": axis, "keepdims": keepdims}
    for mask in MASKS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy warns where nothing is left
            for function in (np.sum, np.prod, np.mean, np.var, np.std):
                assert_as_numpy(lambda a, f=function, m=mask: f(a, where=m, **settings), A)
                assert_as_numpy(lambda a, f=function, m=mask: f(a, where=m, **settings), (9 * A).astype(int))
            for function in (np.any, np.all):
                assert_as_numpy(lambda a, f=function, m=mask: f(a > 0, where=m, **settings), A)
            for function in (np.max, np.min):
                assert_as_numpy(lambda a, f=function, m=mask: f(a, where=m, initial=0.2, **settings), A)


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("function", [np.sum, np.prod, np.max, np.min])
def test_a_value_to_start_from(function, axis):
    assert_as_numpy(lambda a: function(a, axis=axis, initial=0.3), A)
    assert_as_numpy(lambda a: function(a, axis=axis, keepdims=True, initial=-0.3), A[::-1, ::-1])
    assert_as_numpy(lambda a: function(a, axis=axis, initial=2), (9 * A).astype(int))
    assert_as_numpy(lambda a: function(a, axis=axis, initial=2.5), A.astype("float32"), rtol=1e-6)
    for empty in (np.zeros((3, 0)), np.zeros((0, 3))):
        box = function(fg.Constant(empty), axis=axis, initial=0.3)
        np.testing.assert_array_equal(fg.Graph(box).fprop()[box], function(empty, axis=axis, initial=0.3))
    if axis in (None, ()):
        assert_as_numpy(lambda a: function(a, axis=axis, initial=0.3), np.array(2.0))


def test_of_several_that_tie_with_the_initial_value_each_gets_its_share():
    x = fg.Parameter([1.0, 2.0, 2.0], name="x")
    np.testing.assert_allclose(fg.Graph(np.max(x, initial=2.0)).fprop().bprop()[x], [0, 1 / 3, 1 / 3])
    np.testing.assert_array_equal(fg.Graph(np.max(x, initial=3.0)).fprop().bprop()[x], [0, 0, 0])


@pytest.mark.parametrize("function", [np.sum, np.prod, np.mean, np.var, np.std, np.cumsum, np.cumprod])
def test_another_dtype(function):
    for dtype in ("float32", "float64"):
        for a in (A, A.astype("float32"), (9 * A).astype(int)):
            assert_as_numpy(lambda a, d=dtype: function(a, axis=1, dtype=d), a, rtol=2e-5)
            assert_as_numpy(lambda a, d=dtype: function(a, 1, d), a, rtol=2e-5)


@pytest.mark.parametrize("function", [np.var, np.std])
def test_degrees_of_freedom_and_a_known_mean(function):
    assert_as_numpy(lambda a: function(a, axis=1, correction=1), A)
    assert_as_numpy(lambda a: function(a, axis=1, ddof=1, mean=np.mean(a, axis=1, keepdims=True)), A)
    assert_as_numpy(lambda a, m: function(a, axis=1, mean=m), A, A[:, :1])
    assert_as_numpy(lambda a: function(a, 1, None, None, 1, True, where=MASKS[1]), A)
    with pytest.raises(UsageError, match="both ddof=1 and correction=2"):
        function(fg.Parameter(A, name="x"), ddof=1, correction=2)
    x = fg.Parameter([[1.0, 1.0, 5.0]], name="x")
    grad = fg.Graph(fg.sum(function(x, where=[True, True, False]))).fprop().bprop()[x]
    np.testing.assert_array_equal(grad, [[0, 0, 0]])


def test_arguments_by_position():
    assert_as_numpy(lambda a: np.sum(a, 0, None, None, True), A)
    assert_as_numpy(lambda a: np.max(a, 0, None, True, -9.0), A)
    assert_as_numpy(lambda a: np.all(a > 0, 0, None, True), A)
    assert_as_numpy(lambda a: np.median(a, 0, None, False, True), A)
    with pytest.raises(fg.FlowgraphError, match="found out=, which boxes do not take"):
        np.sum(fg.Parameter(A, name="x"), 0, None, np.ones(4))


def test_dtypes_of_joined_arrays_of_zeros_and_of_covariances():
    for function in (np.concatenate, np.stack, np.vstack, np.hstack):
        assert_as_numpy(lambda a, f=function: f([a, 2 * a], dtype="float32"), A, rtol=1e-6)
        assert_as_numpy(lambda a, f=function: f([a, a], dtype=int, casting="unsafe"), 9 * A)
        with pytest.raises(UsageError, match="'same_kind' has no cast to"):
            function([fg.Parameter(A, name="x"), A], dtype=int)
    for function in (np.zeros_like, np.ones_like, lambda a, **k: np.full_like(a, 2.5, **k)):
        assert_as_numpy(lambda a, f=function: f(a, shape=(2, 2)), (9 * A).astype(int))
        assert_as_numpy(lambda a, f=function: f(a, dtype="float32", shape=3), (9 * A).astype(int))
    assert_as_numpy(lambda a: np.full_like(a, a[0, 0], shape=(2,)), A)
    assert_as_numpy(lambda a: np.trace(a, 0, 0, 1, np.float64), A.astype("float32"), rtol=1e-6)
    for function in (np.cov, np.corrcoef):
        assert_as_numpy(lambda a, f=function: f(a, a[:1], dtype=np.float32), A, rtol=1e-5)


@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.maximum, np.minimum])
def test_methods_of_ufuncs(ufunc):
    assert_as_numpy(ufunc.reduce, A)
    assert_as_numpy(lambda a: ufunc.reduce(a, axis=None, keepdims=True, initial=0.5), A)
    assert_as_numpy(lambda a: ufunc.reduce(a, (0, 1)), A)
    assert_as_numpy(lambda a: ufunc.outer(a, a[0]), A)
    assert_as_numpy(lambda a: ufunc.outer([1.0, 2.0], a), A)
    if ufunc in (np.add, np.multiply):
        assert_as_numpy(ufunc.accumulate, A)
        assert_as_numpy(lambda a: ufunc.accumulate(a, axis=1), A)
    assert_as_numpy(lambda a: np.logical_and.reduce(a > 0), A)
    assert_as_numpy(lambda a: np.logical_or.reduce(a > 0, axis=1), A)


def test_every_batch():
    mask = np.array([True, False, True])
    assert assert_every_batch(lambda x: np.sum(x, axis=0, where=mask, initial=1.0), ("N", 3)) == [(3,)]
    assert assert_every_batch(lambda x: np.mean(x, axis=1, where=mask), ("N", 3)) == [("N",)]
    assert assert_every_batch(lambda x: np.var(x, axis=1, where=mask, ddof=1), ("N", 3)) == [("N",)]
    assert assert_every_batch(lambda x: np.max(x, axis=0, initial=0.0), ("N", 3)) == [(3,)]


def test_methods_take_what_the_functions_take():
    mask = MASKS[1]
    for call in (
        lambda a: a.sum(axis=0, where=mask, initial=1.0),
        lambda a: a.mean(axis=1, where=mask, keepdims=True),
        lambda a: a.std(ddof=1),
        lambda a: a.max(initial=0.5),
        lambda a: (a > 0).all(axis=1, where=mask),
        lambda a: a.cumsum(dtype=np.float64),
        lambda a: a[0].searchsorted(0.5, "right"),
        lambda a: a.copy(),
    ):
        assert_as_numpy(call, A)
    x = fg.Constant(A)
    run = fg.Graph(*(x > 0).nonzero()).fprop()
    for box, needed in zip(run.graph.outputs, (A > 0).nonzero(), strict=True):
        np.testing.assert_array_equal(run[box], needed)


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
