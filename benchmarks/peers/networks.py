"""Small networks of boxes with a training step each: a loss, its parameters, and arrays to feed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

import flowgraph as fg
from benchmarks.peers.mlp.case import DECAY, RATE, WIDTHS, Case

CLASSES = 10

Step = tuple[fg.Plan, Callable[[], Any]]
"""The plan of a training step, and a call of it with its arguments."""


class Network(NamedTuple):
    """A loss, the parameters that a step updates, and what it is fed."""

    loss: fg.Box
    parameters: Sequence[fg.Parameter]
    feeds: Mapping[str, Any]


def mlp(name: str, dtype: str) -> Network:
    """One of the networks of `python -m benchmarks mlp_step`."""
    case = Case(name, dtype)
    groups = case.parameters()
    weights, biases = (
        [fg.Parameter(p, name=f"{letter}{i}") for i, p in enumerate(group, 1)]
        for letter, group in zip("Wb", groups, strict=True)
    )
    h: Any = fg.Input("x", shape=("N", case.widths[0]), dtype=dtype)
    for w, b in zip(weights[:-1], biases[:-1], strict=True):
        h = np.tanh(h @ w + b)
    x, y = case.data()
    return Network(_cross_entropy(h @ weights[-1] + biases[-1], weights), weights + biases, {"x": x, "y": y})


def lenet(dtype: str, batch: int = 16, rectified: bool = False) -> Network:
    """LeNet-5: two convolutions with pooling, three matrices; with ReLU and the largest of a window if `rectified`."""
    make = _Maker(dtype)
    slope, pool = (fg.ReLU, fg.MaxPool) if rectified else (np.tanh, fg.MeanPool)
    h: Any = fg.Input("x", shape=("N", 1, 28, 28), dtype=dtype)
    for number, (channels, filters, padding) in enumerate(((1, 6, 2), (6, 16, 0)), 1):
        w = make(f"C{number}", (filters, channels, 5, 5), channels * 25)
        b = make(f"c{number}", (filters, 1, 1), 0)
        h = pool(slope(fg.Conv2d(h, w, padding=padding) + b), size=2)
    h = h.reshape(-1, 400)
    for number, (k, m) in enumerate(((400, 120), (120, 84)), 1):
        h = slope(h @ make(f"W{number}", (k, m), k) + make(f"b{number}", (m,), 0))
    scores = h @ make("W3", (84, CLASSES), 84) + make("b3", (CLASSES,), 0)
    return make.network(scores, make.rng.standard_normal((batch, 1, 28, 28)))


def lstm(dtype: str, batch: int = 16, steps: int = 12, width: int = 24, features: int = 12) -> Network:
    """A long short-term memory over a few steps, the last state classified."""
    make = _Maker(dtype)
    x: Any = fg.Input("x", shape=("N", steps, features), dtype=dtype)
    w, u = make("W", (features, 4 * width), features), make("U", (width, 4 * width), width)
    bias = make("b", (4 * width,), 0)
    h: Any = None
    c: Any = None
    for t in range(steps):
        gates = x[:, t] @ w + bias if h is None else x[:, t] @ w + h @ u + bias
        i, f, o, g = (gates[:, k * width : (k + 1) * width] for k in range(4))
        new = fg.sigmoid(i) * np.tanh(g)
        c = new if c is None else fg.sigmoid(f) * c + new
        h = fg.sigmoid(o) * np.tanh(c)
    scores = h @ make("V", (width, CLASSES), width) + make("v", (CLASSES,), 0)
    return make.network(scores, make.rng.standard_normal((batch, steps, features)))


def attention(dtype: str, batch: int = 8, length: int = 16, width: int = 32, heads: int = 4) -> Network:
    """One block of self-attention with a residual, mean over the sequence, classified."""
    make = _Maker(dtype)
    x: Any = fg.Input("x", shape=("N", length, width), dtype=dtype)
    part = width // heads
    q, k, v = (
        (x @ make(name, (width, width), width)).reshape(-1, length, heads, part).transpose(0, 2, 1, 3)
        for name in ("Q", "K", "V")
    )
    weights = fg.softmax((q @ k.transpose(0, 1, 3, 2)) * np.asarray(part**-0.5, dtype), axis=-1)
    mixed = (weights @ v).transpose(0, 2, 1, 3).reshape(-1, length, width) @ make("O", (width, width), width)
    h = np.tanh(x + mixed).mean(axis=1)
    scores = h @ make("W", (width, CLASSES), width) + make("b", (CLASSES,), 0)
    return make.network(scores, make.rng.standard_normal((batch, length, width)))


def long_rows(dtype: str, rows: int = 4096, width: int = 512) -> Network:
    """A scale and a shift of each column of a large array, and steps element by element: no matrix product."""
    make = _Maker(dtype)
    h: Any = fg.Input("x", shape=("N", width), dtype=dtype)
    for number in (1, 2):
        h = np.tanh(h * make(f"s{number}", (width,), 1) + make(f"b{number}", (width,), 0))
    return Network(fg.mean(h), make.parameters, {"x": make.rng.standard_normal((rows, width)).astype(dtype)})


def lookups(dtype: str, words: int = 10_000, width: int = 32, batch: int = 32, length: int = 4) -> Network:
    """The mean of the scores of a few words, by their vectors; without decay, so that most of the table stays."""
    make = _Maker(dtype)
    x, y = fg.Input("x", shape=("N", length), dtype=int), fg.Input("y", shape=("N",), dtype=int)
    scores = (make("E", (words, width), 1)[x] @ make("W", (width, CLASSES), width)).mean(axis=1)
    fed = {"x": make.rng.integers(0, words, (batch, length)), "y": make.rng.integers(0, CLASSES, batch)}
    return Network(fg.mean(fg.SoftmaxCrossEntropy(scores, y)), make.parameters, fed)


class _Maker:
    """Makes the parameters of a network, and keeps them."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.rng = np.random.default_rng(3)
        self.parameters: list[fg.Parameter] = []

    def __call__(self, name: str, shape: tuple[int, ...], inputs: int) -> fg.Parameter:
        """Random numbers of variance 1 / inputs; zeros for no input."""
        value = self.rng.standard_normal(shape) / np.sqrt(inputs) if inputs else np.zeros(shape)
        self.parameters.append(fg.Parameter(value.astype(self.dtype), name=name))
        return self.parameters[-1]

    def network(self, scores: Any, x: Any) -> Network:
        """Softmax cross-entropy of the scores and random labels."""
        weights = [p for p in self.parameters if p.ndim > 1]
        labels = self.rng.integers(0, CLASSES, len(x))
        return Network(_cross_entropy(scores, weights), self.parameters, {"x": x.astype(self.dtype), "y": labels})


def _cross_entropy(scores: Any, weights: Sequence[fg.Parameter]) -> fg.Box:
    y = fg.Input("y", shape=("N",), dtype=int)
    loss: fg.Box = fg.mean(fg.SoftmaxCrossEntropy(scores, y)) + DECAY * fg.L2(*weights)
    return loss


def sgd(network: Network, **options: Any) -> Step:
    """A step of plain descent, with its arguments."""
    lr = fg.Input("lr", dtype=network.parameters[0].dtype)
    grads = fg.gradient(network.loss, network.parameters)
    updates = {p: p - lr * g for p, g in zip(network.parameters, grads, strict=True)}
    return _called(network, updates, {"lr": RATE}, options)


def momentum(network: Network, **options: Any) -> Step:
    """A step with momentum, in which each parameter has a velocity of its shape."""
    updates: dict[fg.Parameter, Any] = {}
    for p, grad in zip(network.parameters, fg.gradient(network.loss, network.parameters), strict=True):
        velocity = fg.Parameter(np.zeros(p.shape, p.dtype), name=f"v_{p.name}")
        updates[velocity] = 0.9 * velocity - 0.01 * grad
        updates[p] = p + updates[velocity]
    return _called(network, updates, {}, options)


def _called(
    network: Network, updates: Mapping[fg.Parameter, fg.Box], more: Mapping[str, Any], options: Mapping[str, Any]
) -> Step:
    plan = fg.compile([network.loss], updates=updates, **options)
    feeds = {**network.feeds, **{name: network.loss.dtype.type(value) for name, value in more.items()}}
    return plan, lambda: plan(**feeds)


STEPS: dict[str, Callable[..., Step]] = {
    **{f"MLP {name}": lambda dtype, name=name, **options: sgd(mlp(name, dtype), **options) for name in WIDTHS},
    "momentum 32: 64-64-10": lambda dtype, **options: momentum(mlp("32: 64-64-10", dtype), **options),
    "LeNet": lambda dtype, **options: sgd(lenet(dtype), **options),
    "LeNet ReLU": lambda dtype, **options: sgd(lenet(dtype, rectified=True), **options),
    "LSTM": lambda dtype, **options: sgd(lstm(dtype), **options),
    "attention": lambda dtype, **options: sgd(attention(dtype), **options),
    "attention 64x32x64": lambda dtype, **options: sgd(attention(dtype, 64, 32, 64), **options),
    "lookups 10000x32": lambda dtype, **options: sgd(lookups(dtype), **options),
    "elementwise 4096x512": lambda dtype, **options: sgd(long_rows(dtype), **options),
}
"""Training steps by name: a function of the dtype and of options of `fg.compile` gives the plan and a call of it."""
