"""Truth values about numbers, as NumPy gives them."""

import numpy as np
import pytest

import flowgraph as fg

A = np.array([1.0, 2.0, np.inf, -np.inf, np.nan, 0.0])
B = np.array([1.0 + 1e-7, 2.1, np.inf, np.inf, np.nan, 1e-9])


@pytest.mark.parametrize(
    "function",
    [
        np.isclose,
        lambda a, b: np.isclose(a, b, rtol=0.2),
        lambda a, b: np.isclose(a, b, atol=1.0, equal_nan=True),
        lambda a, b: np.isclose(b, 2.0, 0.1),
        np.allclose,
        lambda a, b: np.allclose(a[:1], b[:1]),
        lambda a, b: np.allclose(a[:1], b[:1], rtol=1e-9, atol=0),
        np.array_equal,
        lambda a, b: np.array_equal(a, a),
        lambda a, b: np.array_equal(a, a, equal_nan=True),
        lambda a, b: np.isposinf(a),
        lambda a, b: np.isneginf(a),
        lambda a, b: np.iscomplex(a + 0j),
        lambda a, b: np.isreal(a[:2] * np.array([1, 1j])),
        lambda a, b: np.isreal(a),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_as_numpy(function):
    box = function(fg.Parameter(A), fg.Parameter(B))
    assert box.dtype == bool
    np.testing.assert_array_equal(fg.Graph(box).fprop()[box], function(A, B))


def test_shapes_that_differ_are_not_equal():
    assert np.array_equal(fg.Parameter(A), B[:2]) is False
