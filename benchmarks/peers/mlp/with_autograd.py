"""The step in autograd: value_and_grad of a NumPy function, parameters changed in place."""

from __future__ import annotations

from typing import Any

import autograd.numpy as anp
from autograd import value_and_grad

from benchmarks.peers.mlp.case import DECAY, Case


def objective(parameters: Any, x: Any, y: Any, places: Any) -> Any:
    """Mean cross-entropy + DECAY * sum of squares."""
    weights, biases = parameters
    h = x
    for w, b in zip(weights[:-1], biases[:-1], strict=True):
        h = anp.tanh(anp.dot(h, w) + b)
    logits = anp.dot(h, weights[-1]) + biases[-1]
    low = logits - anp.max(logits, axis=1, keepdims=True)
    loss = anp.mean(anp.log(anp.sum(anp.exp(low), axis=1)) - low[places, y])
    return loss + DECAY * sum(anp.sum(w * w) for w in weights)


class Step:
    """The parameters as lists of arrays."""

    def __init__(self, case: Case) -> None:
        self.all = case.parameters()
        self.places = anp.arange(case.batch)
        self.grad = value_and_grad(objective)

    def __call__(self, x: Any, y: Any, rate: float) -> Any:
        """One step; the loss before it."""
        loss, grads = self.grad(self.all, x, y, self.places)
        for group, dgroup in zip(self.all, grads, strict=True):
            for p, dp in zip(group, dgroup, strict=True):
                p -= rate * dp
        return loss

    def parameters(self) -> list[Any]:
        """Weights, then biases, as they are now."""
        return [*self.all[0], *self.all[1]]
