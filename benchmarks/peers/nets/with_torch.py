"""The step in PyTorch, eager."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch.nn import functional

from benchmarks.peers.nets.case import Case

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


class Functions:
    """What the networks call."""

    relu = staticmethod(torch.relu)
    conv = staticmethod(lambda x, w, padding=0: functional.conv2d(x, w, padding=padding))
    pool = staticmethod(lambda a: functional.max_pool2d(a, 2))
    sigmoid = staticmethod(torch.sigmoid)
    tanh = staticmethod(torch.tanh)
    sqrt = staticmethod(torch.sqrt)
    transpose = staticmethod(torch.permute)
    softmax = staticmethod(lambda a: torch.softmax(a, -1))
    zeros = staticmethod(lambda x, units: torch.zeros(len(x), units, dtype=x.dtype))
    mean = staticmethod(lambda a, axis, keepdims: a.mean(axis, keepdim=keepdims))
    sum = staticmethod(torch.sum)
    exp = staticmethod(torch.exp)
    softplus = staticmethod(functional.softplus)
    cross_entropy = staticmethod(functional.cross_entropy)


class Step:
    """autograd.grad, then one fused call that changes all parameters."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.all = {name: torch.from_numpy(p).requires_grad_() for name, p in case.parameters().items()}

    def arrays(self, x: Any, y: Any) -> tuple[Any, Any]:
        """The data as tensors, once."""
        return torch.from_numpy(x), torch.from_numpy(y)

    def __call__(self, x: Any, y: Any, rate: float) -> Any:
        """One step; the loss before it."""
        loss = self.case.loss(Functions, self.all, x, y)
        everything = list(self.all.values())
        grads = torch.autograd.grad(loss, everything)
        with torch.no_grad():
            torch._foreach_add_(everything, grads, alpha=-rate)
        return loss.detach()

    def parameters(self) -> list[Any]:
        """As they are now."""
        return [p.detach().numpy() for p in self.all.values()]
