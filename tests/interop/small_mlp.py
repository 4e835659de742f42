"""A small network whose graph becomes a module of PyTorch, and numbers to give it."""

import numpy as np

import flowgraph as fg


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def mlp(dtype=float):
    x = fg.Input("x", shape=("N", 3), dtype=dtype)
    y = fg.Input("y", shape=("N",), dtype=int)
    with fg.scope("layer1"):
        W = fg.Parameter(normal(3, 4).astype(dtype), name="W")
        b = fg.Parameter(np.zeros(4, dtype), name="b")
        h = np.tanh(x @ W + b)
    with fg.scope("layer2"):
        scores = h @ fg.Parameter(normal(4, 5, seed=1).astype(dtype), name="W")
    return fg.mean(fg.SoftmaxCrossEntropy(scores, y)), scores
