"""A graph on the outputs of another: the values and gradients of the composition, with shared parameters."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.errors import FeedError, ShapeError
from flowgraph.functional import grad


def judge(size):
    x, y = fg.Input("x", shape=("N", size)), fg.Input("y", shape=("N",))
    w = fg.Parameter(np.linspace(-1, 1, size), name="w")
    h = np.reshape(np.tanh(x), (x.shape[0], size))
    return fg.Graph(np.mean((h @ w - y) ** 2), h)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(1, 3), st.sampled_from(["N", "M", 3]), st.booleans())
def test_a_graph_on_boxes_is_the_composition(size, inner, rows, by_name):
    """Sizes may have another name on the boxes, or be numbers."""
    outer = judge(size)
    z = fg.Input("z", shape=(rows, inner))
    G = fg.Parameter(np.arange(1.0, inner * size + 1).reshape(inner, size) / 9, name="G")
    fake, target = z @ G, np.sum(z, axis=1)
    loss, h = outer(x=fake, y=target) if by_name else outer(fake, target)
    Z = np.random.default_rng(size).normal(size=(3, inner))
    run = fg.Graph(loss, h).fprop(z=Z)
    apart = outer.fprop(x=Z @ G.value, y=Z.sum(1))
    np.testing.assert_array_equal(run[loss], apart.outputs[0])
    np.testing.assert_array_equal(run[h], apart.outputs[1])
    both = run.bprop(grad={loss: 1.0})
    alone = apart.bprop(wrt=["x", "y", "w"], grad={outer.outputs[0]: 1.0})
    np.testing.assert_allclose(both["w"], alone["w"])
    np.testing.assert_allclose(both[G], Z.T @ alone["x"], atol=1e-12)
    assert fg.Graph(loss).parameters[0] in (G, outer.parameters[0])


def test_a_graph_may_be_put_into_itself_and_stands_twice_with_one_parameter():
    x = fg.Input("x", shape=("N", 2))
    w = fg.Parameter([[1.0, 2.0], [3.0, 4.0]], name="w")
    layer = fg.Graph(x @ w)
    twice = fg.Graph(layer(layer(x)))
    assert twice.parameters == (w,)
    np.testing.assert_array_equal(twice.fprop(x=np.eye(2)).outputs[0], w.value @ w.value)


def test_random_leaves_follow_the_sizes_of_the_boxes():
    x = fg.Input("x", shape=("N", 2))
    graph = fg.Graph(fg.dropout(x, 0.5))
    y = fg.Input("y", shape=(5, 2))
    assert fg.Graph(graph(np.sin(y))).fprop(y=np.ones((5, 2)), seed=1).outputs[0].shape == (5, 2)
    again = fg.Graph(graph(np.sin(x)))  # sizes of the same name: the leaf is shared
    assert again.randoms == graph.randoms


def test_a_graph_is_called_in_a_function_that_is_differentiated():
    x = fg.Input("x", shape=("N",))
    graph = fg.Graph(np.sum(np.sin(x)))
    np.testing.assert_allclose(
        grad(lambda a: graph(a) ** 2)(np.array([0.5, 1.0])), 2 * np.sum(np.sin([0.5, 1.0])) * np.cos([0.5, 1.0])
    )


def test_sizes_that_do_not_fit_are_refused():
    outer = judge(2)
    y = fg.Input("k", shape=("M",))
    with pytest.raises(ShapeError, match=r"y: found a box of the shape \(M,\), needs \(N,\), N = 3"):
        outer(fg.Input("z", shape=(3, 2)), y)
    with pytest.raises(FeedError, match="found no box for the input 'y', needs one for each: x, y"):
        outer(fg.Input("z", shape=(3, 2)))
    fixed = fg.Graph(fg.Input("x", shape=(2,)) * 2.0)
    with pytest.raises(ShapeError, match="an input of a size that varies has a name for it"):
        fixed(y)
