"""Sixty mistakes of known kinds, each an edit of the text of a right bprop, and what a diagnosis should say of it.

Three are of layers that keep something between calls, which are classes.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.planted import operations

KINDS = {
    "sign": "sign",
    "factor": "factor",
    "N or 1/N": "(size|number)",
    "missing sum": "sum over axis",
    "wrong axis": "wrong axis",
    "transposed operand": "transposed",
    "swapped children": "swapped",
    "dropped path": "path",
    "lost accumulation": r"\+=",
    "another activation": "another activation",
    "of the pre-activation": "pre-activation",
    "another call": "(another call|latest fprop|keeps what it found)",
    "gradient dropped": "incoming gradient is dropped",
    "gradient twice": "incoming gradient is applied twice",
}
"""By kind what a diagnosis of it has in its words."""


@dataclass(frozen=True)
class Planted:
    """A mistake: `old` became `new` in the text of the bprop of an operation; `says` is what else the diagnosis has."""

    kind: str
    operation: str
    old: str
    new: str
    says: str = ""

    @property
    def name(self) -> str:
        """What tells it from all others."""
        return f"{self.kind}: {self.operation}: {self.new}"

    def made(self) -> tuple[Callable[..., Any], Callable[..., Any], tuple[Any, ...]]:
        """Fprop, the wrong bprop, and the example."""
        if self.operation in LAYERS:
            layer = LAYERS[self.operation]()
            return layer.fprop, layer.bprop, layer.example
        fprop, bprop, example = operations.OPERATIONS[self.operation]
        text = textwrap.dedent(inspect.getsource(bprop))
        if text.count(self.old) < 1:
            raise ValueError(f"{self.name}: {self.old!r} is not in the text of {bprop.__name__}")
        names = dict(vars(operations))
        exec(compile(text.replace(self.old, self.new), f"<{self.name}>", "exec"), names)
        return fprop, names[bprop.__name__], example


class FirstValueKept:
    """A tanh that keeps the value of its first call."""

    example = (np.random.default_rng(5).normal(size=(4, 3)),)

    def __init__(self) -> None:
        self.h: Any = None

    def fprop(self, x):
        h = np.tanh(x)
        if self.h is None:
            self.h = h
        return h

    def bprop(self, g, out, x):
        h = self.h if self.h.shape == g.shape else out
        return (g * (1 - h**2),)


class LatestInputKept:
    """A product whose bprop reads the inputs of the latest fprop."""

    example = (np.random.default_rng(6).normal(size=(4, 3)), np.random.default_rng(7).normal(size=(4, 3)))

    def fprop(self, x, y):
        self.x, self.y = x, y
        return x * y

    def bprop(self, g, out, x, y):
        return g * self.y, g * self.x


class ValueKeptByShape:
    """A sigmoid that keeps one value for each shape."""

    example = (np.random.default_rng(8).normal(size=(3, 4)),)

    def __init__(self) -> None:
        self.known: dict[Any, Any] = {}

    def fprop(self, x):
        h = 1 / (1 + np.exp(-x))
        self.known.setdefault(x.shape, h)
        return h

    def bprop(self, g, out, x):
        h = self.known.get(x.shape, out)
        return (g * h * (1 - h),)


LAYERS: dict[str, Callable[[], Any]] = {
    "first value kept": FirstValueKept,
    "latest input kept": LatestInputKept,
    "value kept by shape": ValueKeptByShape,
}

MISTAKES = (
    Planted("sign", "quotient", "-g * x / y**2", "g * x / y**2"),
    Planted("sign", "squared error", "-g * d", "g * d"),
    Planted("sign", "cross entropy", "g * dp, g * dt", "g * dp, -g * dt"),
    Planted("sign", "kernel", "d = -(g", "d = (g"),
    Planted("sign", "edges", "second, -g", "second, g"),
    Planted("factor", "squared error", "2 * (p - t)", "(p - t)", "2 times"),
    Planted("factor", "variance", "2 * g", "g", "2 times"),
    Planted("factor", "kernel", "(g * z)", "(0.5 * g * z)", "2 times"),
    Planted("factor", "distances", "2 * g", "3 * g", "2/3 times"),
    Planted("factor", "scaled", "2 * g * s * x", "g * s * x", "2 times"),
    Planted("N or 1/N", "squared error", " / p.size", "", "1 / the number of elements"),
    Planted("N or 1/N", "mean of rows", " / x.shape[0]", "", "1 / the size of axis 0"),
    Planted("N or 1/N", "softmax loss", " / len(labels)", "", "1 / the size of axis 0"),
    Planted("N or 1/N", "variance", " / x.shape[1]", "", "1 / the size of axis 1"),
    Planted("N or 1/N", "cross entropy", "g * dp", "g * dp / p.size", r"the (number of elements|size of axis 0) \(7\)"),
    Planted("missing sum", "dense", "g.sum(axis=0)", "g", "axis 0"),
    Planted("missing sum", "scaled", "(g * x**2).sum(axis=0)", "g * x**2", "axis 0"),
    Planted("missing sum", "softmax", "(g * y).sum(axis=1, keepdims=True)", "g * y", "axis 1"),
    Planted("missing sum", "centre", "g.sum(axis=1, keepdims=True)", "g", "axis 1"),
    Planted("missing sum", "layer norm", "(g * n).sum(axis=0)", "g * n", "axis 0"),
    Planted("wrong axis", "softmax", "axis=1", "axis=0", "axis 1"),
    Planted("wrong axis", "centre", "axis=1, keepdims=True) / x.shape[1]", "axis=0) / x.shape[0]", "axis 1"),
    Planted("wrong axis", "logsumexp, square", "g[:, None]", "g[None, :]"),
    Planted("wrong axis", "dense, square", "g.sum(axis=0)", "g.sum(axis=1)", "axis 0"),
    Planted("wrong axis", "unit rows", "(g * y).sum(axis=1, keepdims=True)", "(g * y).sum(axis=0)", "axis 1"),
    Planted("transposed operand", "dense, square", "g @ w.T", "g @ w"),
    Planted("transposed operand", "bilinear", "x.T @ (g * y)", "(g * y).T @ x"),
    Planted("transposed operand", "attention", "ds.T @ q", "ds @ q"),
    Planted("transposed operand", "recurrent", "g = dz @ u.T", "g = dz @ u"),
    Planted("swapped children", "product", "g * y, g * x", "g * x, g * y"),
    Planted("swapped children", "quotient", "g / y, -g * x / y**2", "-g * x / y**2, g / y"),
    Planted("swapped children", "dense", "g @ w.T, x.T @ g", "x.T @ g, g @ w.T"),
    Planted("swapped children", "attention", "ds @ k, ds.T @ q", "ds.T @ q, ds @ k"),
    Planted("swapped children", "bilinear", "g * (y @ a.T), x.T @ (g * y), g * (x @ a)",
            "g * (x @ a), x.T @ (g * y), g * (y @ a.T)"),
    Planted("dropped path", "swish", "s + x * s * (1 - s)", "s"),
    Planted("dropped path", "unit rows", "g - y * (g * y).sum(axis=1, keepdims=True)", "g"),
    Planted("dropped path", "layer norm", " - n * (d * n).mean(axis=1, keepdims=True)", ""),
    Planted("dropped path", "batch norm", "d - d.mean(axis=0) - n * (d * n).mean(axis=0)", "d"),
    Planted("dropped path", "recurrent", "g = dz @ u.T", "g = 0 * g"),
    Planted("dropped path", "residual", "g + dz", "dz"),
    Planted("dropped path", "smoothed", "carry = g[t] + carry", "carry = g[t]"),
    Planted("lost accumulation", "embedding", "np.add.at(d, words, g)", "d[words] = g"),
    Planted("lost accumulation", "bag", "np.add.at(d, words, g[:, None, :])", "d[words] += g[:, None, :]"),
    Planted("lost accumulation", "edges", "np.add.at(d, first, g)", "d[first] += g"),
    Planted("lost accumulation", "recurrent", "dw +=", "dw ="),
    Planted("lost accumulation", "convolution", "dx[:, t : t + k] +=", "dx[:, t : t + k] ="),
    Planted("another activation", "dense tanh", "(1 - h**2)", "h * (1 - h)"),
    Planted("another activation", "sigmoid", "h * (1 - h)", "(1 - h**2)"),
    Planted("another activation", "softplus", "sigmoid_of(x)", "(x > 0)"),
    Planted("another activation", "mlp", "(1 - h**2)", "(h > 0)"),
    Planted("of the pre-activation", "tanh", "1 - h**2", "1 - x**2"),
    Planted("of the pre-activation", "dense sigmoid", "h * (1 - h)", "(x @ w + b) * (1 - (x @ w + b))"),
    Planted("of the pre-activation", "mlp", "1 - h**2", "1 - z**2"),
    Planted("another call", "first value kept", "", ""),
    Planted("another call", "latest input kept", "", ""),
    Planted("another call", "value kept by shape", "", ""),
    Planted("gradient dropped", "softmax loss", "g * d", "d"),
    Planted("gradient dropped", "tanh", "g * (1", "(1"),
    Planted("gradient twice", "dense tanh", "g * (1", "g * g * (1"),
    Planted("gradient twice", "mean of rows", "np.broadcast_to(g,", "np.broadcast_to(g * g,"),
)  # fmt: skip
