"""The step in flowgraph: fg.compile of the loss and the updates; on NumPy, or native through Numba."""

from __future__ import annotations

from typing import Any

import numpy as np

import flowgraph as fg
from benchmarks.peers.mlp.case import DECAY, Case


class Step:
    """The plan that NumPy runs."""

    options: dict[str, Any] = {}

    def __init__(self, case: Case) -> None:
        weights, biases = case.parameters()
        self.weights = [fg.Parameter(w, name=f"W{i}") for i, w in enumerate(weights, 1)]
        self.biases = [fg.Parameter(b, name=f"b{i}") for i, b in enumerate(biases, 1)]
        x = fg.Input("x", shape=("N", case.widths[0]), dtype=case.dtype)
        y = fg.Input("y", shape=("N",), dtype=int)
        lr = fg.Input("lr", shape=(), dtype=case.dtype)
        h = x
        for w, b in zip(self.weights[:-1], self.biases[:-1], strict=True):
            h = np.tanh(h @ w + b)
        scores = h @ self.weights[-1] + self.biases[-1]
        loss = fg.mean(fg.SoftmaxCrossEntropy(scores, y)) + DECAY * fg.L2(*self.weights)
        everything = self.weights + self.biases
        updates = {p: p - lr * grad for p, grad in zip(everything, fg.gradient(loss, everything), strict=True)}
        self.step = fg.compile([loss], updates=updates, **self.options)

    def __call__(self, x: Any, y: Any, rate: float) -> Any:
        """One step; the loss before it."""
        return self.step(x=x, y=y, lr=rate)[0]

    def parameters(self) -> list[Any]:
        """Weights, then biases, as they are now."""
        return [p.value for p in self.weights + self.biases]


class NativeStep(Step):
    """The same plan as one compiled function."""

    options = {"backend": "numba"}
