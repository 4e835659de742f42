"""The choice between an array and zeros: the same bits as NumPy's where, and the line of a plan."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.plan.numpy.ufuncs import keep_where


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_the_bits_are_those_of_where(dtype, order):
    rng = np.random.default_rng(0)
    array = np.asarray(rng.normal(size=(7, 5)), dtype, order)
    array[0] = [np.nan, np.inf, -np.inf, -0.0, 0.0]
    array[1] = array[0]
    mask = rng.random((7, 5)) > 0.5
    mask[0], mask[1] = True, False
    out = np.full((7, 5), np.nan, dtype)
    assert keep_where(mask, array, out) is out
    assert out.tobytes() == np.where(mask, array, dtype(0)).tobytes()


def test_a_plan_uses_it_where_zeros_are_chosen_and_only_there():
    a = fg.Input("a", shape=(4, 3))
    values = np.random.default_rng(0).normal(size=(4, 3))
    for zero, used in ((0.0, True), (-0.0, False), (1.0, False)):
        plan = fg.compile(np.where(a > 0, np.exp(a), zero))
        found = plan(a=values)
        assert found.tobytes() == np.where(values > 0, np.exp(values), zero).tobytes()
        assert ("keep_where" in plan.source) == used


def test_a_row_that_is_repeated_is_not_taken_for_an_array():
    a, row = fg.Input("a", shape=(4, 3)), fg.Input("row", shape=(3,))
    values = np.random.default_rng(0).normal(size=(4, 3))
    plan = fg.compile(np.where(a > 0, np.exp(row), 0.0))
    np.testing.assert_array_equal(plan(a=values, row=np.ones(3)), np.where(values > 0, np.e, 0.0))
