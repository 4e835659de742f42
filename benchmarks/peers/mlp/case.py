"""The cases of the training step: widths, batch and dtype, their data, and the step as a textbook writes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

DECAY = 1e-4
RATE = 0.1
WIDTHS = {
    "1: 64-32-10": (1, (64, 32, 10)),
    "32: 64-64-10": (32, (64, 64, 10)),
    "32: 784-128-10": (32, (784, 128, 10)),
    "128: 784-256-128-10": (128, (784, 256, 128, 10)),
    "512: 784-512-512-10": (512, (784, 512, 512, 10)),
    "64: 784-128x8-10": (64, (784, *[128] * 8, 10)),
    "1024: 1024-1024-1024-10": (1024, (1024, 1024, 1024, 10)),
}
DEEP = {"32: 64-32x1000-10": (32, (64, *[32] * 1000, 10))}
_ALL = WIDTHS | DEEP


@dataclass(frozen=True)
class Case:
    """An MLP of tanh units with softmax cross-entropy, plain SGD on the mean loss + DECAY * sum of squared weights."""

    name: str
    dtype: str

    @property
    def batch(self) -> int:
        """Examples in a step."""
        return _ALL[self.name][0]

    @property
    def widths(self) -> tuple[int, ...]:
        """Units from the input to the classes."""
        return _ALL[self.name][1]

    def data(self) -> tuple[Any, Any]:
        """Examples and their labels."""
        rng = np.random.default_rng(1)
        x = rng.standard_normal((self.batch, self.widths[0])).astype(self.dtype)
        return x, rng.integers(0, self.widths[-1], self.batch)

    def parameters(self) -> tuple[list[Any], list[Any]]:
        """Weights (inputs, outputs) and biases before the first step."""
        rng = np.random.default_rng(2)
        weights, biases = [], []
        for k, m in zip(self.widths, self.widths[1:], strict=False):
            w = rng.standard_normal((k, m)) / np.sqrt(k)
            if self.name in DEEP and k == m:
                w = np.linalg.qr(w)[0]  # 1,000 in a row neither explode nor vanish into subnormal numbers
            weights.append(w.astype(self.dtype))
            biases.append((0.1 * rng.standard_normal(m)).astype(self.dtype))
        return weights, biases


def textbook(case: Case, steps: int) -> tuple[float, list[Any]]:
    """Loss of the last of these steps and the parameters after it, in float64 and without any trick."""
    x, y = case.data()
    weights, biases = ([p.astype(float) for p in group] for group in case.parameters())
    loss = np.nan
    for _ in range(steps):
        values = [x.astype(float)]
        for w, b in zip(weights[:-1], biases[:-1], strict=True):
            values.append(np.tanh(values[-1] @ w + b))
        logits = values[-1] @ weights[-1] + biases[-1]
        f = np.exp(logits - logits.max(axis=1, keepdims=True))
        f /= f.sum(axis=1, keepdims=True)
        rows = np.arange(case.batch)
        loss = -np.log(f[rows, y]).mean() + DECAY * sum((w**2).sum() for w in weights)
        f[rows, y] -= 1
        grad = f / case.batch
        for i in reversed(range(len(weights))):
            dw, db = values[i].T @ grad, grad.sum(axis=0)
            grad = (grad @ weights[i].T) * (1 - values[i] ** 2)
            weights[i] = weights[i] - RATE * (dw + 2 * DECAY * weights[i])
            biases[i] = biases[i] - RATE * db
    return float(loss), weights + biases
