"""Quantiles by every method, averages and correlations: parts that are boxes, NaN, equal numbers, every batch."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.boxes.reduction.quantile import METHODS
from tests.boxes.numpy_calls import assert_as_numpy

RNG = np.random.default_rng(0)
A = RNG.normal(size=(3, 4, 5))
HOLES = np.where(RNG.random(A.shape) < 0.25, np.nan, A)


@pytest.mark.parametrize("method", METHODS)
def test_a_part_that_is_a_box(method):
    a = RNG.normal(size=(5, 2))
    continuous = method in ("linear", "hazen", "weibull", "interpolated_inverted_cdf") or "unbiased" in method
    for part in (np.array(0.31), np.array([0.27, 0.88])):
        given = fg.Parameter(part, name="q") if continuous else fg.Constant(part)
        box = np.quantile(fg.Constant(a), given, axis=0, method=method)
        np.testing.assert_allclose(fg.Graph(box).fprop()[box], np.quantile(a, part, axis=0, method=method), rtol=1e-13)
    if continuous:
        assert_as_numpy(lambda a, q: np.percentile(a, 100 * q, axis=0, method=method), a, np.array([0.27, 0.88]))
        assert_as_numpy(lambda a, q: np.nanquantile(a, q, axis=2, method=method), HOLES, np.array(0.31))


def test_a_line_with_a_nan_is_nan():
    holes = np.array([[1.0, np.nan, 3.0], [2.0, 0.0, 1.0]])
    for function in (
        lambda a: np.median(a, axis=1),
        lambda a: np.quantile(a, [0.1, 0.6], axis=1),
        lambda a: np.quantile(a, 0.6, axis=1, method="inverted_cdf", weights=np.ones(3)),
        lambda a: np.quantile(a, fg.Constant(0.6) if isinstance(a, fg.Box) else 0.6, axis=1),
    ):
        box = function(fg.Parameter(holes, name="x"))
        np.testing.assert_allclose(fg.Graph(box).fprop()[box], function(holes))


def test_what_is_passed_over_gets_nothing():
    x = fg.Parameter([[1.0, np.nan, 3.0, 8.0], [np.nan, 2.0, np.nan, np.nan], [np.nan] * 4], name="x")
    box = np.nanmedian(x, axis=1)
    with pytest.warns(RuntimeWarning, match="All-NaN"):
        run = fg.Graph(box).fprop()
    np.testing.assert_array_equal(run[box], [3, 2, np.nan])
    np.testing.assert_array_equal(run.bprop([1.0, 1.0, 1.0])[x], [[0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]])


def test_of_equal_numbers_the_one_whose_place_it_is_gets_the_gradient():
    x = fg.Parameter([2.0, 1.0, 2.0, 2.0], name="x")
    np.testing.assert_array_equal(fg.Graph(np.median(x)).fprop().bprop()[x], [0.5, 0, 0.5, 0])
    np.testing.assert_array_equal(fg.Graph(np.quantile(x, 1.0)).fprop().bprop()[x], [0, 0, 0, 1])
    np.testing.assert_array_equal(fg.Graph(np.quantile(x, 0.5, method="lower")).fprop().bprop()[x], [1, 0, 0, 0])


def test_quantiles_of_nothing_are_nan_in_the_shape_of_any_others():
    for shape in ((0, 3), (3, 0)):
        box = np.nanquantile(fg.Constant(np.zeros(shape)), [0.1, 0.5], axis=0)
        found = fg.Graph(box).fprop()[box]
        assert found.shape == box.shape == (2, shape[1])
        assert np.isnan(found).all()


def test_a_constant_row_has_no_correlation():
    box = np.corrcoef(fg.Constant([[1.0, 2.0, 4.0], [3.0, 3.0, 3.0]]))
    with np.errstate(invalid="ignore"):
        h = fg.Graph(box).fprop()[box]
    np.testing.assert_array_equal(np.isnan(h), [[False, True], [True, True]])
