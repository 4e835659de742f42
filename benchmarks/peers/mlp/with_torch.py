"""The step in PyTorch: eager, and the whole of it through torch.compile."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from benchmarks.peers.mlp.case import DECAY, Case

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


def objective(weights: list[Any], biases: list[Any], x: Any, y: Any) -> Any:
    """Mean cross-entropy + DECAY * sum of squares."""
    h = x
    for w, b in zip(weights[:-1], biases[:-1], strict=True):
        h = torch.tanh(torch.addmm(b, h, w))
    loss = cross_entropy(torch.addmm(biases[-1], h, weights[-1]), y)
    return loss + DECAY * sum(torch.dot(w.view(-1), w.view(-1)) for w in weights)


class Step:
    """Eager: autograd.grad, then one fused call that changes all parameters."""

    def __init__(self, case: Case) -> None:
        weights, biases = case.parameters()
        self.weights = [torch.from_numpy(w.copy()).requires_grad_() for w in weights]
        self.biases = [torch.from_numpy(b.copy()).requires_grad_() for b in biases]
        self.all = self.weights + self.biases

    def arrays(self, x: Any, y: Any) -> tuple[Any, Any]:
        """The data as tensors, once."""
        return torch.from_numpy(x), torch.from_numpy(y)

    def __call__(self, x: Any, y: Any, rate: float) -> Any:
        """One step; the loss before it."""
        loss = objective(self.weights, self.biases, x, y)
        grads = torch.autograd.grad(loss, self.all)
        with torch.no_grad():
            torch._foreach_add_(self.all, grads, alpha=-rate)
        return loss.detach()

    def parameters(self) -> list[Any]:
        """Weights, then biases, as they are now."""
        return [p.detach().numpy() for p in self.all]


class CompiledStep(Step):
    """torch.compile of fprop, bprop and update together."""

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        for p in self.all:
            p.requires_grad_(False)
        count = len(self.weights)

        def of_all(everything: Any, x: Any, y: Any) -> Any:
            return objective(everything[:count], everything[count:], x, y)

        def whole(everything: Any, x: Any, y: Any, rate: Any) -> Any:
            grads, loss = torch.func.grad_and_value(of_all)(everything, x, y)
            for p, grad in zip(everything, grads, strict=True):
                p.sub_(rate * grad)
            return loss

        self.whole = torch.compile(whole, fullgraph=True, dynamic=False)
        self.rate = torch.zeros((), dtype=self.all[0].dtype)

    def __call__(self, x: Any, y: Any, rate: float) -> Any:
        """One step; the loss before it."""
        with torch.no_grad():
            return self.whole(self.all, x, y, self.rate.fill_(rate))
