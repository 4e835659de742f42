"""Choices: ties, limits, branches not taken, plain numbers; and comparisons and conversions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg
from tests.boxes.elementwise.test_arithmetic import grad, value

A = np.array([-2.0, -0.5, 0.0, 0.5, 2.0])


@pytest.mark.parametrize("function", [np.maximum, np.minimum, np.fmax, np.fmin])
@given(st.lists(st.tuples(*[st.sampled_from([-1.0, 0.0, 2.0, np.inf, -np.inf])] * 2), min_size=1, max_size=5))
def test_the_taken_one_gets_the_gradient_and_ties_share_it(function, pairs):
    a, b = np.array(pairs).T
    h = function(a, b)
    of_a, of_b = grad(function, a, b)
    np.testing.assert_array_equal(of_a, np.where(a == b, 0.5, a == h))
    np.testing.assert_array_equal(of_b, np.where(a == b, 0.5, b == h))


def test_a_relu_by_hand_stays_in_float32():
    x = fg.Input("x", shape=("N",), dtype="float32")
    for h in (np.maximum(x, 0), np.where(x > 0, x, 0), np.where(x > 0, x, 0.0), np.clip(x, 0, None), np.fmax(0.0, x)):
        assert h.dtype == np.float32
        (dx,) = fg.gradient(fg.sum(h), [x])
        assert dx.dtype == np.float32
        np.testing.assert_array_equal(value(dx, x=np.array([-1, 3], "float32")), [0, 1])


class TestClip:
    def test_a_limit_that_is_no_number_is_refused(self):
        with pytest.raises(fg.FlowgraphError, match=r"Clip: found low=array.*, needs a number, such as low=-inf"):
            fg.Clip(fg.Input("x"), low=np.zeros(3))


class TestWhere:
    def test_an_infinite_gradient_does_not_reach_the_other_branch(self):
        a, b = fg.Parameter([1.0, 2.0], name="a"), fg.Parameter([3.0, 4.0], name="b")
        run = fg.Graph(np.where([True, False], a, b)).fprop()
        grads = run.bprop(grad=[np.inf, np.nan])
        np.testing.assert_array_equal(grads[a], [np.inf, 0])
        np.testing.assert_array_equal(grads[b], [0, np.nan])

    def test_one_branch_alone_is_refused(self):
        with pytest.raises(fg.FlowgraphError, match="give both branches"):
            np.where(fg.Input("x", shape=(3,)) > 0, 1.0)


def test_a_comparison_cuts_the_path_and_says_so():
    x = fg.Parameter(A, name="x")
    loss = fg.mean((x > 0).astype(float))
    with pytest.raises(fg.FlowgraphError, match=r"cut at Greater .* has the dtype bool"):
        fg.Graph(loss).fprop().bprop()


class TestCast:
    def test_to_integers_no_gradient_passes(self):
        x = fg.Parameter(A, name="x")
        with pytest.raises(fg.FlowgraphError, match=r"cut at Cast"):
            fg.Graph(fg.sum(x.astype(int) * 1.0)).fprop().bprop()

    def test_the_same_dtype_is_the_same_box(self):
        x = fg.Input("x")
        assert np.astype(x, float, copy=False) is x

    def test_what_boxes_do_not_hold_is_refused(self):
        with pytest.raises(fg.FlowgraphError, match="dtype <U1, needs numbers or booleans"):
            fg.Input("x").astype("U1")
        with pytest.raises(fg.FlowgraphError, match=r"child Input 'z', needs real numbers.*float64; take np\.real"):
            fg.Input("z", dtype=complex).astype(float)


@pytest.mark.parametrize("condition", [[0.0, 2.0, np.nan], [0, -1, 3], [0j, 1j, 1.0]])
def test_numbers_as_a_condition_are_true_unless_they_are_0(condition):
    """Of a box or an array, in the graph and in a plan."""
    condition = np.array(condition)
    x = fg.Input("x", shape=(3,))
    for chosen, feeds in ((fg.Input("c", shape=(3,), dtype=condition.dtype), {"c": condition}), (condition, {})):
        box = np.where(chosen, x, -x)
        a = np.arange(1.0, 4.0)
        for found in (fg.Graph(box).fprop(x=a, **feeds)[box], fg.compile(box)(x=a, **feeds)):
            np.testing.assert_array_equal(found, np.where(condition, a, -a))
