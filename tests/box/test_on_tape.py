"""Boxes of a function that is called: their names, copies, constants and numbers, in the call and after it."""

import copy
import pickle

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import UsageError
from flowgraph.functional import grad
from flowgraph.graph.steps import copy_on

X = np.array([0.3, -0.7, 1.2])


def boxes_of_a_call(build):
    """What a function builds in a call, kept beyond it."""
    kept = []
    grad(lambda x: (kept.append(build(x)), np.sum(x))[1])(X)
    return kept[0]


def test_a_box_has_the_name_that_it_is_given_in_its_scope():
    with fg.scope("layer"):
        assert boxes_of_a_call(lambda x: fg.Tanh(x, name="h")).name == "layer/h"
    assert boxes_of_a_call(np.tanh).name is None


@pytest.mark.parametrize(
    "other", [2, 2.0, np.float64(2), np.float32(2), np.full(3, 2.0), np.full(3, 2), [2.0, 2.0, 2.0]]
)
@pytest.mark.parametrize("reflected", [False, True])
def test_numbers_beside_a_box_have_the_dtype_that_they_have_in_a_graph(other, reflected):
    for dtype in (np.float64, np.float32):
        array = X.astype(dtype)
        children = (other, array) if reflected else (array, other)
        found = []

        def f(x, children=children, array=array, found=found):
            placed = [x if child is array else child for child in children]
            found.append(fg.Multiply(*placed))
            return np.sum(found[0])

        slope = grad(f)(array)
        plain = fg.Multiply(
            *[fg.Input("x", shape=(3,), dtype=dtype) if child is array else child for child in children]
        )
        assert found[0].dtype == plain.dtype
        assert [child.dtype for child in found[0].children] == [child.dtype for child in plain.children]
        np.testing.assert_array_equal(slope, np.full(3, 2, dtype))


def test_a_box_of_numbers_alone_is_computed():
    assert grad(lambda x: np.sum(x) * fg.Multiply(2.0, 3.0))(X).tolist() == [6.0, 6.0, 6.0]
    assert grad(lambda x: np.sum(x * fg.Add(np.ones(3), 1)))(X).tolist() == [2.0, 2.0, 2.0]


def test_the_value_of_a_constant_is_its_own():
    array = np.ones(3)
    product = boxes_of_a_call(lambda x: x * array)
    array[:] = 5.0
    constant = product.children[1]
    assert constant.value.tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(ValueError, match="read-only"):
        constant.value[0] = 2.0


def test_copies_of_a_box_after_its_call_have_no_number():
    kept = boxes_of_a_call(lambda x: np.tanh(x * 2.0))
    for other in (kept.named("h"), copy.deepcopy(kept), pickle.loads(pickle.dumps(kept))):
        assert (other.shape, other.dtype) == ((3,), float)
        with pytest.raises(UsageError, match="no value before a run"):
            bool(np.sum(other) > 0)
    on_others = kept.with_children(fg.Parameter(X))
    np.testing.assert_array_equal(fg.Graph(on_others).fprop()[on_others], np.tanh(X))


def test_the_arguments_of_several_calls_may_be_called_the_same():
    """What stands for an argument under jit is never fed, so that two may have one name in a graph."""
    from flowgraph.functional import jit

    f = jit(lambda t: np.sum(grad(lambda s: np.sum(jit(lambda t: t * s)(t)))(t)))
    np.testing.assert_allclose(f(X), np.sum(X))


def test_what_an_fprop_does_not_take_is_refused_in_the_call():
    with pytest.raises(fg.FlowgraphError, match=r"in fprop of Inv"):
        grad(lambda x: np.sum(np.linalg.inv(np.outer(x, x))))(np.array([1.0, 0.0]))


def test_numbers_that_underflow_are_computed_where_numpy_is_asked_to_raise():
    with np.errstate(under="raise"):
        assert grad(lambda x: np.sum(np.exp(x * 1e3) + x))(-np.ones(2)).tolist() == [1.0, 1.0]


def test_a_copy_that_is_made_in_the_call_counts_in_it_with_its_children_or_with_others():
    assert grad(lambda x: np.sum(np.tanh(x).named("h") ** 2))(X) == pytest.approx(2 * np.tanh(X) / np.cosh(X) ** 2)
    y = fg.Parameter(X, name="y")
    outside = np.exp(y)

    def f(x):
        (inside,) = copy_on([outside], {y: x * 2.0})
        return np.sum(inside)

    assert grad(f)(X) == pytest.approx(2 * np.exp(2 * X))
