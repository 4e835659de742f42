"""Functions of NumPy that boxes compose: what is special about them, every batch, refusals."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import FlowgraphError
from tests.boxes.numpy_calls import assert_as_numpy

RNG = np.random.default_rng(0)
A = RNG.normal(size=(3, 4))


@pytest.mark.parametrize("axis", [0, -1, None])
def test_partitions(axis):
    for kth in (1, -2, (0, 2)):
        x = fg.Parameter(A, name="x")
        box, places = np.partition(x, kth, axis), np.argpartition(x, kth, axis=axis)
        run = fg.Graph(box, places).fprop()
        needed = np.partition(A, kth, axis)
        flat = 0 if axis is None else axis
        np.testing.assert_array_equal(run[box].take(kth, flat), needed.take(kth, flat))
        np.testing.assert_array_equal(np.sort(run[box], flat), np.sort(needed, flat))
        taken = np.take_along_axis(A.ravel() if axis is None else A, run[places], flat)
        np.testing.assert_array_equal(taken, run[box])
        seed = RNG.normal(size=box.shape)
        grad = fg.Graph(box).fprop().bprop(seed)[x]
        there = np.take_along_axis(grad.ravel() if axis is None else grad, run[places], flat)
        np.testing.assert_array_equal(there, seed)


def test_a_copy_is_the_box_itself_and_asarray_with_like():
    x = fg.Parameter(A, name="x")
    assert np.copy(x) is x
    assert np.asarray(x, like=x) is x
    assert np.asarray(x, dtype="float32", like=x).dtype == np.float32
    assert isinstance(np.asarray([1.0, 2.0], like=x), fg.Constant)


def test_ends_places_and_coefficients_that_are_boxes_get_gradients():
    assert_as_numpy(lambda a: np.diff(a, axis=1, prepend=0.0, append=a[:, :2]), A)
    assert_as_numpy(lambda a, v: np.insert(a, np.array([True, False, True]), v, axis=0), A, A[:2])
    assert_as_numpy(lambda a, v: np.insert(a, [1, 3], v, axis=1), A, A[:, :2])
    assert_as_numpy(lambda a, v: np.insert(a, [1], v, axis=1), A, A[:, :2])
    assert_as_numpy(lambda a: np.insert(a, np.array([-1, 0]), 7 * a[0, 0], 0), A)
    assert_as_numpy(lambda a, v: np.insert(a, 1, v, axis=1), A, A[:, 0])
    assert_as_numpy(lambda a, b: np.logspace(a, 1, 4, base=b, axis=1), A[0, :2], np.array([2.0, 4.0]))
    assert_as_numpy(lambda p: np.polyval([1.0, p[0], p[1]], p), A[0])


def test_places_may_be_a_constant():
    assert_as_numpy(lambda a: np.insert(a, fg.Constant([1]) if isinstance(a, fg.Box) else [1], 0.0, axis=0), A)


def test_zeros_in_front_of_a_box_are_kept_in_a_product():
    box = np.polymul(fg.Constant([0.0, 1.0]), [0.0, 2.0, 1.0])
    np.testing.assert_array_equal(fg.Graph(box).fprop()[box], [0, 2, 1])


LOW, HIGH = np.array([0.5, 1.5]), np.array([2.0, 4.0])


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
        call(fg.Parameter(LOW))


GRIDS = np.random.default_rng(0).normal(size=(3, 4, 5))
PLACES = np.array([0.0, 1.0, 3.0, 3.5])


@pytest.mark.parametrize("edge_order", [1, 2])
def test_distances_and_places_that_are_boxes_get_gradients(edge_order):
    assert_as_numpy(lambda f, x: np.gradient(f, x, axis=1, edge_order=edge_order), GRIDS, PLACES)
    assert_as_numpy(lambda f, h: np.gradient(f, h, axis=(1, 0), edge_order=edge_order), GRIDS, np.array(2.0))
    assert_as_numpy(lambda y, x: np.trapezoid(y, x, axis=1), GRIDS, PLACES)
    assert_as_numpy(lambda y, x: np.trapezoid(y, x), GRIDS, np.random.default_rng(1).normal(size=GRIDS.shape))
    assert_as_numpy(lambda y, h: np.trapezoid(y, dx=h), GRIDS, np.array(0.3))


NUMBERS = np.array([1.0, 2.0, np.inf, -np.inf, np.nan, 0.0])
NEAR = np.array([1.0 + 1e-7, 2.1, np.inf, np.inf, np.nan, 1e-9])


def test_shapes_that_differ_are_not_equal():
    assert np.array_equal(fg.Parameter(NUMBERS), NEAR[:2]) is False


def test_a_box_may_be_what_fills():
    x, w = fg.Input("x", shape=("N", 2), dtype="float32"), fg.Parameter(3.0, name="w")
    h = np.full_like(x, w)
    run = fg.Graph(fg.sum(h)).fprop(x=np.ones((4, 2), "float32"))
    assert run[h].dtype == np.float32
    assert run.bprop()[w] == 8


def test_another_shape_is_one_of_numbers():
    x = fg.Input("x", shape=("N", 3))
    assert np.zeros_like(x, shape=(2,)).shape == (2,)
    with pytest.raises(fg.FlowgraphError, match="found the size N in"):
        np.zeros_like(x, shape=x.shape)


def test_what_is_known_without_values():
    x = fg.Input("x", shape=("N", 3, 2), dtype="float32")
    assert np.shape(x) == ("N", 3, 2)
    assert np.ndim(x) == 3
    assert np.size(x) == "6*N"
    assert [np.size(x, 1), np.size(x, (1, 2)), np.size(x, axis=0)] == [3, 6, "N"]
    assert np.result_type(x, np.float64) == np.float64
    assert np.result_type(x, 2.0, np.ones(2, "float32")) == np.float32
    assert np.isrealobj(x)
    assert not np.iscomplexobj(x)
