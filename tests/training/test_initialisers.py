"""Initialisers: shapes, dtypes, bounds, seeds."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import UsageError
from flowgraph.training import constant, zeros

DRAWN = [fg.glorot_uniform, fg.he_uniform, fg.he_normal]


@pytest.mark.parametrize("initialiser", [*DRAWN, zeros, constant(0.5)], ids=lambda f: f.__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shape_and_dtype(initialiser, dtype):
    array = initialiser(3, 2, rng=0, dtype=dtype)
    assert array.shape == (3, 2)
    assert array.dtype == dtype


@pytest.mark.parametrize("initialiser", DRAWN, ids=lambda f: f.__name__)
def test_a_seed_fixes_the_draw_and_a_generator_goes_on(initialiser):
    assert np.array_equal(initialiser(5, 4, rng=3), initialiser(5, 4, rng=3))
    generator = np.random.default_rng(3)
    first = initialiser(5, 4, rng=generator)
    assert np.array_equal(first, initialiser(5, 4, rng=3))
    assert not np.array_equal(first, initialiser(5, 4, rng=generator))
    assert not np.array_equal(initialiser(5, 4), initialiser(5, 4))


def test_bounds_and_variances():
    for initialiser, bound in ((fg.glorot_uniform, np.sqrt(6 / 1000)), (fg.he_uniform, np.sqrt(6 / 600))):
        W = initialiser(600, 400, rng=0)
        assert 0.999 * bound < np.abs(W).max() <= bound
        assert W.var() == pytest.approx(bound**2 / 3, rel=0.01)
    assert fg.he_normal(600, 400, rng=0).var() == pytest.approx(2 / 600, rel=0.01)


def test_no_units_at_all():
    assert fg.glorot_uniform(0, 0).shape == fg.he_normal(0, 0).shape == fg.he_uniform(0, 0).shape == (0, 0)


def test_an_unknown_name_is_refused():
    with pytest.raises(UsageError, match="init: found 'xavier', needs a function or one of glorot_uniform"):
        fg.Linear(2, 3, init="xavier")
