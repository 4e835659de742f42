"""Products of stacks of vectors and the product of vectors in space, as NumPy calls them."""

import warnings

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import ShapeError
from tests.boxes.numpy_calls import assert_as_numpy, assert_every_batch, assert_multilinear_as_numpy

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(size=shape)


@pytest.mark.parametrize(
    ("function", "shapes"),
    [
        (np.cross, [(3,), (3,)]),
        (np.cross, [(4, 3), (3,)]),
        (np.cross, [(4, 1, 3), (2, 3)]),
        (lambda a, b: np.cross(a, b, axis=0), [(3, 4), (3, 4)]),
        (lambda a, b: np.cross(a, b, axisa=0, axisb=1, axisc=0), [(3, 4), (4, 3)]),
        (np.linalg.cross, [(4, 3), (4, 3)]),
        (lambda a, b: np.linalg.cross(a, b, axis=0), [(3, 4), (3, 4)]),
        (np.linalg.trace, [(2, 3, 4)]),
        (lambda a: np.linalg.trace(a, offset=1), [(2, 3, 4)]),
        (lambda a: np.linalg.diagonal(a, offset=-1), [(2, 3, 4)]),
        (np.linalg.matrix_transpose, [(2, 3, 4)]),
        (np.linalg.outer, [(3,), (4,)]),
    ],
)
def test_numpys_call_forms(function, shapes):
    assert_multilinear_as_numpy(function, *(normal(*shape) for shape in shapes))


@pytest.mark.skipif(not hasattr(np, "matvec"), reason="this version of NumPy has no matvec and vecmat")
def test_vectors_and_matrices():
    for shapes in ([(3, 4), (4,)], [(2, 3, 4), (5, 1, 4)]):
        assert_multilinear_as_numpy(np.matvec, *(normal(*shape) for shape in shapes))
    for shapes in ([(3,), (3, 4)], [(5, 1, 3), (2, 3, 4)]):
        assert_multilinear_as_numpy(np.vecmat, *(normal(*shape) for shape in shapes))
    assert assert_every_batch(np.matvec, (2, 3), ("N", 3)) == [("N", 2)]


@pytest.mark.parametrize("shapes", [[(4, 2), (4, 3)], [(4, 3), (4, 2)], [(4, 2), (2,)]])
def test_vectors_of_two_elements(shapes):
    a, b = (normal(*shape) for shape in shapes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert_as_numpy(np.cross, a, b)


def test_complex_vectors():
    a, b, c = normal(4, 3), normal(4, 3), normal(4, 3)
    extra = [lambda x, y: np.vecmat(x, y.mT), lambda x, y: np.matvec(x, y[0])] if hasattr(np, "matvec") else []
    for function in (np.cross, np.vecdot, *extra):

        def real_parts(a, b, c, function=function):
            h = function(a + 1j * b, b - 1j * c)
            return np.real(h), np.imag(h)

        assert_as_numpy(real_parts, a, b, c)


def test_sizes_that_follow_the_batch():
    assert assert_every_batch(np.cross, ("N", 3), (3,)) == [("N", 3)]


def test_what_does_not_fit_is_refused():
    x = fg.Parameter(np.ones((2, 4)))
    with pytest.raises(ShapeError, match="needs vectors of 2 or 3 elements, found 4 along axis 1"):
        np.cross(x, x)
    with pytest.raises(ShapeError, match="needs 3 elements along axis -1"):
        np.linalg.cross(x, np.ones((2, 3)))
