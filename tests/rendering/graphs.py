"""Graphs that the pictures of the tests show."""

from __future__ import annotations

from typing import Any

import numpy as np

import flowgraph as fg


def lecture(hidden: int = 4) -> fg.Graph:
    """One hidden layer, softmax, negative log-likelihood and an L2 regularizer."""
    rng = np.random.default_rng(0)
    x = fg.Input("x", shape=("N", 6))
    y = fg.Input("y", shape=("N",), dtype=int)
    W1 = fg.Parameter(rng.normal(size=(6, hidden)), name="W1")
    b1 = fg.Parameter(np.zeros(hidden), name="b1")
    W2 = fg.Parameter(rng.normal(size=(hidden, 3)), name="W2")
    h1 = np.tanh((x @ W1 + b1).named("a1")).named("h1")
    f = fg.softmax((h1 @ W2).named("a2")).named("f")
    objective = fg.mean(fg.NegativeLogLikelihood(f, y)) + (0.001 * fg.L2(W1, W2)).named("R")
    return fg.Graph(objective.named("objective"))


def feeds(n: int = 5) -> dict[str, Any]:
    """A batch for the lecture's graph."""
    rng = np.random.default_rng(1)
    return {"x": rng.normal(size=(n, 6)), "y": rng.integers(0, 3, n)}


def deep(layers: int, width: int = 4) -> fg.Graph:
    """A chain of scopes that hold the same boxes."""
    h: Any = fg.Input("x", shape=("N", width))
    for k in range(layers):
        with fg.scope(f"layer{k + 1}"):
            W = fg.Parameter(np.eye(width) / 2, name="W")
            h = np.tanh((h @ W).named("a")).named("h")
    return fg.Graph(fg.mean(h).named("loss"))


def nasty() -> fg.Graph:
    """Names that would end labels, tags and attributes."""
    x = fg.Input('<b>"x"&\\n', shape=("N", 3))
    w = fg.Parameter(np.ones((3, 2)), name='w\\"<TD>&amp;\\N\\G')
    with fg.scope('a"b<c>&'):
        h = np.tanh(x @ w)
    # no such name can be given, and a graph may come from elsewhere
    h.__dict__["name"] = h.scope + "h</text><script>alert(1)</script>\nnext\x07"
    return fg.Graph(fg.mean(h).named("}; b -> c [label="))
