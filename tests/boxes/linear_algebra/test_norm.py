"""Norms: the gradient where there is none, a zero among others, ties, every batch, refusals."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import ShapeError, UsageError

MATRIX = np.random.default_rng(0).normal(size=(3, 4))
ORDERS = (None, 1, 2, 3, 1.5, 0.5, -1, -2, -0.5, 0, np.inf, -np.inf)
OF_MATRICES = (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)


@pytest.mark.parametrize("ord", ORDERS)
def test_the_gradient_of_zeros_is_zero(ord):
    x = fg.Parameter(np.zeros(3))
    grads = fg.Graph(np.linalg.norm(x, ord)).fprop().bprop()
    np.testing.assert_array_equal(grads[x], np.zeros(3))


@pytest.mark.parametrize("ord", OF_MATRICES)
def test_the_gradient_of_a_matrix_of_zeros_is_zero(ord):
    x = fg.Parameter(np.zeros((3, 3)))
    np.testing.assert_array_equal(fg.Graph(np.linalg.norm(x, ord)).fprop().bprop()[x], np.zeros((3, 3)))


@pytest.mark.parametrize("ord", [None, 3, 1.5])
def test_the_second_derivative_at_zeros_is_zero(ord):
    x = fg.Parameter(np.zeros(3))
    hessian = fg.hessian(np.linalg.norm(x, ord), [x])
    np.testing.assert_array_equal(fg.Graph(hessian).fprop()[hessian], np.zeros((3, 3)))


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_empty_matrices(shape):
    for ord in (None, "fro", "nuc", 2, 1, np.inf):
        x = fg.Parameter(np.zeros(shape))
        run = fg.Graph(np.linalg.norm(x, ord)).fprop()
        assert float(run) == 0, "as NumPy from 2.3 on"
        assert run.bprop()[x].shape == shape
    for ord in (None, 2, 1, 3, 0, np.inf):
        x = fg.Parameter(np.zeros(0))
        run = fg.Graph(np.linalg.norm(x, ord)).fprop()
        assert float(run) == 0
        assert run.bprop()[x].shape == (0,)


def test_a_zero_among_others():
    x = fg.Parameter(np.array([0.0, 3.0, -4.0]))
    for ord, needed in ((2, [0, 0.6, -0.8]), (1, [0, 1, -1]), (0.5, None), (-2, [0, 0, 0])):
        with np.errstate(divide="ignore"):
            grad = fg.Graph(np.linalg.norm(x, ord)).fprop().bprop()[x]
        assert grad[0] == 0
        assert np.isfinite(grad).all()
        if needed is not None:
            np.testing.assert_allclose(grad, needed)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda x: np.linalg.norm(x, "fro", axis=1), UsageError, "found ord='fro' for vectors, needs a number"),
        (lambda x: np.linalg.norm(x, 3), UsageError, "found ord=3 for matrices, needs 1, 2, inf"),
        (lambda x: np.linalg.norm(x[None], 2), ShapeError, "needs one axis or two, found 3; give axis="),
        (lambda x: np.linalg.norm(x, axis=5), ShapeError, "axis = 5 does not fit"),
        (lambda x: fg.PNorm(x, p=0), UsageError, "found p=0, needs a number other than 0"),
    ],
)
def test_what_does_not_fit_is_refused(call, error, text):
    with pytest.raises(error, match=text):
        call(fg.Parameter(MATRIX))


@pytest.mark.parametrize("p", [-2.0, -0.5, 3.0, 0.5])
@pytest.mark.parametrize("axis", [0, 1])
def test_an_element_that_is_zero_is_nothing_to_divide_by(p, axis):
    """Where NumPy warns on its way to a norm of 0, neither the graph nor the plan does."""
    a = np.array([[0.0, 3.0], [2.0, -1.0]])
    box = np.linalg.norm(fg.Input("x", shape=("N", 2)), p, axis=axis)
    with np.errstate(divide="ignore"):
        needed = np.linalg.norm(a, p, axis=axis)
    with np.errstate(all="raise"):
        np.testing.assert_allclose(fg.Graph(box).fprop(x=a)[box], needed)
        np.testing.assert_allclose(fg.compile(box)(x=a), needed)
