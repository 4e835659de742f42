"""The step in MyGrad: tensors, its own softmax_crossentropy, parameters changed in place."""

from __future__ import annotations

from typing import Any

import mygrad as mg
from mygrad.nnet.losses import softmax_crossentropy

from benchmarks.peers.mlp.case import DECAY, Case


class Step:
    """The parameters as tensors."""

    def __init__(self, case: Case) -> None:
        self.weights, self.biases = ([mg.tensor(p) for p in group] for group in case.parameters())
        self.dtype = case.dtype

    def __call__(self, x: Any, y: Any, rate: float) -> Any:
        """One step; the loss before it."""
        h = x
        for w, b in zip(self.weights[:-1], self.biases[:-1], strict=True):
            h = mg.tanh(mg.matmul(h, w) + b)
        loss = softmax_crossentropy(mg.matmul(h, self.weights[-1]) + self.biases[-1], y)
        loss = loss + DECAY * sum(mg.sum(w**2) for w in self.weights)
        loss.backward()
        for p in self.weights + self.biases:
            p.data -= rate * p.grad.astype(self.dtype, copy=False)
        return loss.item()

    def parameters(self) -> list[Any]:
        """Weights, then biases, as they are now."""
        return [p.data for p in self.weights + self.biases]
