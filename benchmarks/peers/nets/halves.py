"""What the steps by hand share: both halves of the batch at once, gradients in one array, cross-entropy in columns."""

from __future__ import annotations

import ctypes
import importlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy import add, exp, matmul, maximum, multiply, subtract

from benchmarks.peers.nets.case import BATCH, CLASSES, Case


def hold_blas() -> None:
    """One thread in each product: two threads of ours with two of BLAS each take longer than one."""
    library = ctypes.CDLL(importlib.import_module("numpy._core._multiarray_umath").__file__)
    for name in ("scipy_openblas_set_num_threads64_", "openblas_set_num_threads64_", "openblas_set_num_threads"):
        if hasattr(library, name):
            getattr(library, name)(1)
            return


class Flat:
    """Arrays of the shapes of the parameters, one after another in one flat array."""

    def __init__(self, case: Case) -> None:
        given = case.parameters()
        self.flat = np.concatenate([p.ravel() for p in given.values()])
        ends = np.cumsum([p.size for p in given.values()])
        pieces = np.split(self.flat, ends[:-1])
        self.by_name = {name: piece.reshape(p.shape) for piece, (name, p) in zip(pieces, given.items(), strict=True)}

    def __getitem__(self, name: str) -> Any:
        return self.by_name[name]


class Halves:
    """A step whose halves of the batch run in two threads, each with gradients of its own, which are then added."""

    def __init__(self, case: Case, half: Callable[[Flat, Flat, int], Callable[[Any, Any], float]]) -> None:
        hold_blas()
        self.all = Flat(case)
        count = 1 if os.environ["OMP_NUM_THREADS"] == "1" else 2
        self.size = BATCH // 2
        self.grads = [Flat(case) for _ in range(2)]
        self.halves = [half(self.all, grads, self.size) for grads in self.grads]
        self.pool = ThreadPoolExecutor(1) if count == 2 else None

    def __call__(self, x: Any, y: Any, rate: float) -> float:
        """One step; the loss before it."""
        n, (first, second) = self.size, self.halves
        later = self.pool.submit(second, x[n:], y[n:]) if self.pool else None
        loss = first(x[:n], y[:n])
        loss += later.result() if later else second(x[n:], y[n:])
        one, other = (grads.flat for grads in self.grads)
        add(one, other, one)
        self.finish(self.grads[0])
        multiply(one, rate, one)
        subtract(self.all.flat, one, self.all.flat)
        return loss / BATCH

    def finish(self, grads: Flat) -> None:
        """Make of the added gradients those of the parameters, where the halves have not."""

    def parameters(self) -> list[Any]:
        """As they are now."""
        return list(self.all.by_name.values())


class Loss:
    """Softmax cross-entropy of scores in columns; afterwards the scores are their gradient over the batch."""

    def __init__(self, n: int, dtype: Any) -> None:
        self.scores = np.empty((CLASSES, n), dtype)
        self.flat, self.places = self.scores.reshape(-1), np.arange(n)
        self.top, self.total = np.empty(n, dtype), np.empty(n, dtype)
        self.ones, self.part = np.ones(n, dtype), np.asarray(1 / BATCH, dtype)

    def __call__(self, bias: Any, y: Any) -> float:
        """Add the bias, and give the sum of the losses."""
        z, n = self.scores, len(self.top)
        add(z, bias.reshape(CLASSES, 1), z)
        maximum.reduce(z, 0, None, self.top)
        subtract(z, self.top, z)
        own = self.places + y * n
        picked = self.flat[own].sum()
        exp(z, z)
        add.reduce(z, 0, None, self.total)
        loss = float(np.log(self.total).sum() - picked)
        np.divide(z, self.total, z)
        self.flat[own] -= 1
        multiply(z, self.part, z)
        return loss

    def top_layer(self, h: Any, w: Any, grads: tuple[Any, Any, Any]) -> None:
        """The gradients of the weights, of the biases, and of h, which stands in columns too."""
        matmul(h, self.scores.T, grads[0])
        matmul(self.scores, self.ones, grads[1])
        matmul(w, self.scores, grads[2])
