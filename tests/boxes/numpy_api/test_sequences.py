"""linspace and its kin, roots, fits of polynomials, as NumPy calls them."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import FlowgraphError
from tests.boxes.numpy_calls import assert_as_numpy

RNG = np.random.default_rng(0)
A, B = np.array([0.5, 1.5]), np.array([2.0, 4.0])
X, Y, W = np.sort(RNG.normal(size=7)), RNG.normal(size=7), RNG.uniform(0.5, 2, 7)


@pytest.mark.parametrize(
    ("function", "arrays"),
    [
        (lambda a, b: np.linspace(a, b, 5), [A, B]),
        (lambda a, b: np.linspace(a, b, 4, endpoint=False, axis=1), [A, B]),
        (lambda a, b: np.linspace(a[0], b, 3, axis=-1), [A, B]),
        (lambda a, b: np.linspace(a, b, 5, retstep=True), [A, B]),
        (lambda a, b: np.linspace(a, b, 1), [A, B]),
        (lambda a: np.linspace(0, a, 3), [A]),
        (lambda a, b: np.logspace(a, b, 4), [A, B]),
        (lambda a, b: np.logspace(a, 1, 4, base=b, axis=1), [A, B]),
        (lambda a, b: np.logspace(a[0], b[0], 4, base=2.0), [A, B]),
        (lambda a, b: np.geomspace(a, b, 4), [A, B]),
        (lambda a, b: np.geomspace(-a, -b, 4, endpoint=False, axis=1), [A, B]),
        (lambda a, b: np.geomspace(a[0], b[1], 3), [A, B]),
        (lambda x, y: np.polyfit(x, y, 2), [X, Y]),
        (lambda x, y: np.polyfit(x, y, 0), [X, Y]),
        (lambda x, y: np.polyfit(x, y, 2, full=True)[:4], [X, Y]),
        (lambda x, y: np.polyfit(x, y, 1, cov=True), [X, Y]),
        (lambda x, y: np.polyfit(x, np.stack([y, y * y], 1), 1, cov="unscaled"), [X, Y]),
        (lambda x, y, w: np.polyfit(x, y, 3, w=w), [X, Y, W]),
        (lambda x, y, w: np.polyfit(x, np.stack([y, y * y], 1), deg=1, w=w, rcond=1e-12), [X, Y, W]),
        (lambda a: np.poly(a), [A]),
        (lambda a: np.real(np.poly(a)), [RNG.normal(size=(3, 3))]),
    ],
)
def test_numpys_call_forms(function, arrays):
    assert_as_numpy(function, *arrays, rtol=1e-9)


@pytest.mark.parametrize("p", [[1.0, -3.0, 2.5, 0.7], [2.0, 1.0], [1.0, 0.3, 5.0]])
def test_roots(p):
    def of_sorted(p):
        found = np.roots(p)
        return np.abs(found - 0.3j), np.abs(found + 2)

    box, array = fg.Parameter(p), np.array(p)
    needed = np.roots(array)
    run = fg.Graph(np.roots(box)).fprop()
    np.testing.assert_allclose(run.outputs[0], needed)
    assert_as_numpy(of_sorted, array, rtol=1e-9)


def test_numbers_that_no_gradient_passes():
    x = fg.Parameter(A)
    assert np.linspace(x, B, 5, dtype=int).dtype.kind == "i"
    box = np.linspace(x, B, 5, dtype=int)
    np.testing.assert_array_equal(fg.Graph(box).fprop()[box], np.linspace(A, B, 5, dtype=int))
    assert np.linspace(x, B, 0).shape == (0, 2)
    assert np.geomspace(x, B, 3, dtype=np.float32).dtype == np.logspace(x, B, 3, dtype=np.float32).dtype == np.float32
    assert np.roots(x[:1]).shape == (0,)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda x: np.linspace(x, 1, -1), "found num=-1"),
        (lambda x: np.geomspace(x + 1j, 1), "found complex numbers"),
        (lambda x: np.polyfit(x, x, 1, cov=True), "found 2 points for cov=, needs more than 2"),
        (lambda x: np.polyfit(x, x, -1), "found deg=-1"),
        (lambda x: np.roots(x * np.ones((2, 2))), "np.roots: found Multiply with 2 axes, needs one"),
    ],
)
def test_what_does_not_fit_is_refused(call, text):
    with pytest.raises(FlowgraphError, match=text):
        call(fg.Parameter(A))
