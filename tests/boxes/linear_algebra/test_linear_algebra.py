"""Products: every shape, the closed forms of the lecture, no needless work, sizes that follow the batch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import flowgraph as fg
from flowgraph.errors import ShapeError
from tests.boxes.numpy_calls import assert_as_numpy

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(size=shape)


@given(npst.mutually_broadcastable_shapes(signature=np.matmul.signature, max_dims=4, max_side=3, min_side=0))
def test_matmul_in_every_shape(drawn):
    left, right = drawn.input_shapes
    assert_as_numpy(np.matmul, np.ones(left), np.ones(right))


@given(st.data())
def test_tensordot_over_any_axes(data):
    a_shape = data.draw(npst.array_shapes(min_dims=1, max_dims=4, max_side=3))
    count = data.draw(st.integers(0, len(a_shape)))
    of_a = data.draw(st.permutations(range(len(a_shape))))[:count]
    rest = data.draw(npst.array_shapes(min_dims=0, max_dims=2, max_side=3))
    b_axes = data.draw(st.permutations([*(a_shape[axis] for axis in of_a), *rest]).map(tuple))
    of_b, taken = [], set()
    for axis in of_a:
        place = next(i for i, size in enumerate(b_axes) if size == a_shape[axis] and i not in taken)
        of_b.append(place)
        taken.add(place)
    assert_as_numpy(lambda a, b: np.tensordot(a, b, (of_a, of_b)), np.ones(a_shape), np.ones(b_axes))


@pytest.mark.parametrize("shape", [(4,), (5, 4), (2, 5, 4), (0, 4)])
def test_affine_is_a_product_and_a_sum(shape):
    h, W, b = fg.Parameter(normal(*shape)), fg.Parameter(normal(4, 3)), fg.Parameter(normal(3))
    affine = fg.Affine(h, W, b)
    grad = normal(*shape[:-1], 3)
    one = fg.Graph(affine).fprop()
    two = fg.Graph(h @ W + b).fprop()
    np.testing.assert_allclose(one[affine], two[two.graph.outputs[0]])
    for leaf in (h, W, b):
        np.testing.assert_allclose(one.bprop(grad)[leaf], two.bprop(grad)[leaf], atol=1e-14)


def test_what_is_not_needed_is_left_out():
    h, W, b, grad = normal(5, 4), normal(4, 3), normal(3), np.ones((5, 3))
    assert fg.Affine(h, W, b).bprop(grad, None, h, W, b, needs=(False, False, False)) == (None, None, None)
    assert fg.MatMul(h, W).bprop(grad, None, h, W, needs=(False, False)) == (None, None)


def test_a_diagonal_beyond_an_axis_is_empty_whatever_size_the_other_has():
    x = fg.Input("x", shape=(2, "N"))
    assert np.diagonal(x, -5).shape == np.diagonal(x.T, 2).shape == (0,)
    assert np.diagonal(x, -1).shape[0].unknown


def test_what_does_not_fit_is_refused():
    x = fg.Parameter(np.ones((2, 4)))
    with pytest.raises(ShapeError, match="needs vectors of 3 elements, found 4 along axis 1"):
        np.cross(x, x)
    with pytest.raises(ShapeError, match="needs vectors of 3 elements, found 2 along axis 0"):
        np.cross(x, x, axis=0)
    with pytest.raises(ShapeError, match="needs 3 elements along axis -1"):
        np.linalg.cross(x, np.ones((2, 3)))


def test_as_many_equations_as_unknowns_are_asked_of_tensorsolve_by_its_name():
    a, b = np.ones((6, 4, 2, 3, 4)), np.ones((6, 4))
    with pytest.raises((np.linalg.LinAlgError, ValueError)):
        np.linalg.tensorsolve(a, b, axes=(0,))
    with pytest.raises(ShapeError, match=r"np\.linalg\.tensorsolve: found 8 equations for 72 unknowns"):
        np.linalg.tensorsolve(fg.Constant(a), b, axes=(0,))
