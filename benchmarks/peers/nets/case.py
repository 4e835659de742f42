"""The four networks: their data, their parameters, and the scores as they are written for any library."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

BATCH, CLASSES = 64, 10
STEPS, UNITS, FEATURES = 20, 64, 16
TOKENS, WIDTH, HEADS = 32, 64, 4
WORDS, LENGTH = 10_000, 8

Shapes = dict[str, tuple[int, ...]]

LENET: Shapes = {
    "C1": (6, 1, 5, 5), "c1": (6, 1, 1), "C2": (16, 6, 5, 5), "c2": (16, 1, 1), "W3": (256, 120), "b3": (120,),
    "W4": (120, 84), "b4": (84,), "W5": (84, CLASSES), "b5": (CLASSES,),
}  # fmt: skip
LSTM: Shapes = {
    "W": (FEATURES, 4 * UNITS), "U": (UNITS, 4 * UNITS), "b": (4 * UNITS,), "V": (UNITS, CLASSES), "v": (CLASSES,)
}  # fmt: skip
ATTENTION: Shapes = {
    "g1": (WIDTH,), "e1": (WIDTH,), "Q": (WIDTH, WIDTH), "K": (WIDTH, WIDTH), "V": (WIDTH, WIDTH),
    "O": (WIDTH, WIDTH), "g2": (WIDTH,), "e2": (WIDTH,), "W1": (WIDTH, 4 * WIDTH), "b1": (4 * WIDTH,),
    "W2": (4 * WIDTH, WIDTH), "b2": (WIDTH,), "W3": (WIDTH, CLASSES), "b3": (CLASSES,),
}  # fmt: skip
EMBEDDING: Shapes = {"E": (WORDS, WIDTH), "W": (WIDTH, CLASSES), "b": (CLASSES,)}


def lenet(m: Any, p: Mapping[str, Any], x: Any) -> Any:
    """LeNet-5 on images of 28 by 28: two convolutions with largest-of-four pooling, three matrices, ReLU."""
    a = m.pool(m.relu(m.conv(x, p["C1"]) + p["c1"]))
    a = m.pool(m.relu(m.conv(a, p["C2"]) + p["c2"])).reshape(-1, 256)
    a = m.relu(a @ p["W3"] + p["b3"])
    return m.relu(a @ p["W4"] + p["b4"]) @ p["W5"] + p["b5"]


def lstm(m: Any, p: Mapping[str, Any], x: Any) -> Any:
    """A long short-term memory of 64 units over 20 steps, the last state classified."""
    h = c = m.zeros(x, UNITS)
    for t in range(STEPS):
        z = x[:, t] @ p["W"] + h @ p["U"] + p["b"]
        i, f, g, o = (z[:, k * UNITS : (k + 1) * UNITS] for k in range(4))
        c = m.sigmoid(f) * c + m.sigmoid(i) * m.tanh(g)
        h = m.sigmoid(o) * m.tanh(c)
    return h @ p["V"] + p["v"]


def attention(m: Any, p: Mapping[str, Any], x: Any) -> Any:
    """A layer of a transformer, normalised before each part: 32 tokens, 64 wide, 4 heads; the mean is classified."""

    def normalised(a: Any, gain: Any, bias: Any) -> Any:
        d = a - m.mean(a, -1, True)
        return d / m.sqrt(m.mean(d * d, -1, True) + 1e-5) * gain + bias

    def split(a: Any) -> Any:
        return m.transpose(a.reshape(-1, TOKENS, HEADS, WIDTH // HEADS), (0, 2, 1, 3))

    a = normalised(x, p["g1"], p["e1"])
    q, k, v = split(a @ p["Q"]), split(a @ p["K"]), split(a @ p["V"])
    weights = m.softmax(q @ m.transpose(k, (0, 1, 3, 2)) / float(np.sqrt(WIDTH / HEADS)))
    x = x + m.transpose(weights @ v, (0, 2, 1, 3)).reshape(-1, TOKENS, WIDTH) @ p["O"]
    a = normalised(x, p["g2"], p["e2"])
    x = x + m.relu(a @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"]
    return m.mean(x, 1, False) @ p["W3"] + p["b3"]


def embedding(m: Any, p: Mapping[str, Any], x: Any) -> Any:
    """The mean of the vectors of 8 words out of 10,000, classified."""
    return m.mean(p["E"][x], 1, False) @ p["W"] + p["b"]


NETS: dict[str, tuple[Callable[[Any, Mapping[str, Any], Any], Any], Shapes]] = {
    "LeNet": (lenet, LENET),
    "LSTM": (lstm, LSTM),
    "attention": (attention, ATTENTION),
    "embedding": (embedding, EMBEDDING),
}
"""What makes scores of a namespace of functions, parameters and examples; and the shapes of the parameters."""


@dataclass(frozen=True)
class Case:
    """One of the networks under softmax cross-entropy and plain gradient descent, in a dtype."""

    name: str
    dtype: str

    @property
    def scores(self) -> Callable[[Any, Mapping[str, Any], Any], Any]:
        """The network, for any library."""
        return NETS[self.name][0]

    def data(self) -> tuple[Any, Any]:
        """Examples and their labels."""
        rng = np.random.default_rng(1)
        labels = rng.integers(0, CLASSES, BATCH)
        if self.name == "embedding":
            return rng.integers(0, WORDS, (BATCH, LENGTH)), labels
        shape = {"LeNet": (1, 28, 28), "LSTM": (STEPS, FEATURES), "attention": (TOKENS, WIDTH)}[self.name]
        return rng.standard_normal((BATCH, *shape)).astype(self.dtype), labels

    def parameters(self) -> dict[str, Any]:
        """Parameters before the first step: biases small, so that no ReLU of the data stands at its kink."""
        rng = np.random.default_rng(2)
        found = {}
        for name, shape in NETS[self.name][1].items():
            inputs = {4: np.prod(shape[1:]), 2: 1 if name == "E" else shape[0]}.get(len(shape), 100)
            value = rng.standard_normal(shape) / np.sqrt(inputs)
            found[name] = (value + 1 if name in ("g1", "g2") else value).astype(self.dtype)
        return found
