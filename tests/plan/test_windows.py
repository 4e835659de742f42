"""Convolutions and pooling whose views a plan makes once: the numbers of the graph, in every run and for every size."""

import itertools

import numpy as np
import pytest

import flowgraph as fg

PADDINGS = (0, 1, ((0, 2), (1, 0)))


@pytest.mark.parametrize(("stride", "padding"), [*itertools.product((1, (2, 1)), PADDINGS)])
@pytest.mark.parametrize(("dilation", "size"), [(1, (2, 3)), ((1, 2), (3, 2)), (2, (2, 2)), (1, (1, 1))])
def test_values_and_gradients_are_those_of_the_graph(stride, padding, dilation, size):
    rng = np.random.default_rng(0)
    w = fg.Parameter(rng.normal(size=(3, 4, *size)), name="w")
    v = fg.Parameter(rng.normal(size=(5, 3, 1, 2)), name="v")
    x = fg.Input("x", shape=("N", 4, 9, 8))
    inner = np.tanh(fg.Conv2d(x, w, stride=stride, padding=padding, dilation=dilation))
    h = fg.MaxPool(np.maximum(fg.Conv2d(inner, v, padding=1), 0), size=2, stride=1)
    loss = fg.mean(h**2)
    graph = fg.Graph(loss, *fg.gradient(loss, [x, w, v]))
    plan = fg.compile(list(graph.outputs))
    for n in (3, 1, 3):
        images = rng.normal(size=(n, 4, 9, 8))
        for one, other in zip(plan(x=images), graph.fprop(x=images).outputs, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-13)
