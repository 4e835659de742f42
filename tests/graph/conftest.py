"""The graph that the tests of graphs and of runs share."""

import numpy as np
import pytest

import flowgraph as fg


@pytest.fixture
def net():
    """A small network with a shared parameter."""
    x = fg.Input("x", shape=("N", 3))
    W = fg.Parameter(np.arange(9.0).reshape(3, 3) / 10, name="W")
    b = fg.Parameter(np.array([0.1, -0.2, 0.3]), name="b")
    h = np.tanh(x @ W + b)
    loss = fg.mean(np.tanh(h @ W) * h)
    return fg.Graph(loss)
