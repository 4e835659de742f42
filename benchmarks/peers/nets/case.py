"""The networks: their data, their parameters, and their losses as they are written for any library."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

BATCH, CLASSES = 64, 10
STEPS, UNITS, FEATURES = 20, 64, 16
TOKENS, WIDTH, HEADS = 32, 64, 4
WORDS, LENGTH = 10_000, 8
CHANNELS, SIDE = 16, 14
PIXELS, CODE = 196, 8

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
RESNET: Shapes = {
    "C1": (CHANNELS, CHANNELS, 3, 3), "g1": (CHANNELS, 1, 1), "e1": (CHANNELS, 1, 1),
    "C2": (CHANNELS, CHANNELS, 3, 3), "g2": (CHANNELS, 1, 1), "e2": (CHANNELS, 1, 1),
    "W": (CHANNELS, CLASSES), "b": (CLASSES,),
}  # fmt: skip
GRU: Shapes = {
    "W": (FEATURES, 2 * UNITS), "U": (UNITS, 2 * UNITS), "b": (2 * UNITS,), "Wn": (FEATURES, UNITS),
    "Un": (UNITS, UNITS), "bn": (UNITS,), "V": (UNITS, CLASSES), "v": (CLASSES,),
}  # fmt: skip
TRANSFORMER: Shapes = {
    **{f"{name}_{layer}": shape for layer in (1, 2) for name, shape in ATTENTION.items() if name not in ("W3", "b3")},
    "W3": (WIDTH, CLASSES), "b3": (CLASSES,),
}  # fmt: skip
VAE: Shapes = {
    "W1": (PIXELS, UNITS), "b1": (UNITS,), "M": (UNITS, CODE), "m": (CODE,), "S": (UNITS, CODE), "s": (CODE,),
    "W2": (CODE, UNITS), "b2": (UNITS,), "W3": (UNITS, PIXELS), "b3": (PIXELS,),
}  # fmt: skip


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
    return m.mean(_layer(m, p, x), 1, False) @ p["W3"] + p["b3"]


def transformer(m: Any, p: Mapping[str, Any], x: Any) -> Any:
    """Two such layers."""
    for layer in ("_1", "_2"):
        x = _layer(m, {name.removesuffix(layer): value for name, value in p.items() if name.endswith(layer)}, x)
    return m.mean(x, 1, False) @ p["W3"] + p["b3"]


def _layer(m: Any, p: Mapping[str, Any], x: Any) -> Any:
    def split(a: Any) -> Any:
        return m.transpose(a.reshape(-1, TOKENS, HEADS, WIDTH // HEADS), (0, 2, 1, 3))

    a = _normalised(m, x, -1, p["g1"], p["e1"])
    q, k, v = split(a @ p["Q"]), split(a @ p["K"]), split(a @ p["V"])
    weights = m.softmax(q @ m.transpose(k, (0, 1, 3, 2)) / float(np.sqrt(WIDTH / HEADS)))
    x = x + m.transpose(weights @ v, (0, 2, 1, 3)).reshape(-1, TOKENS, WIDTH) @ p["O"]
    a = _normalised(m, x, -1, p["g2"], p["e2"])
    return x + m.relu(a @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"]


def _normalised(m: Any, a: Any, axis: Any, gain: Any, bias: Any) -> Any:
    d = a - m.mean(a, axis, True)
    return d / m.sqrt(m.mean(d * d, axis, True) + 1e-5) * gain + bias


def embedding(m: Any, p: Mapping[str, Any], x: Any) -> Any:
    """The mean of the vectors of 8 words out of 10,000, classified."""
    return m.mean(p["E"][x], 1, False) @ p["W"] + p["b"]


def resnet(m: Any, p: Mapping[str, Any], x: Any) -> Any:
    """A residual block of 16 channels of 14 by 14: convolutions of 3 by 3, normalised over the batch; the mean."""
    a = m.relu(_normalised(m, m.conv(x, p["C1"], 1), (0, 2, 3), p["g1"], p["e1"]))
    a = m.relu(_normalised(m, m.conv(a, p["C2"], 1), (0, 2, 3), p["g2"], p["e2"]) + x)
    return m.mean(a, (2, 3), False) @ p["W"] + p["b"]


def gru(m: Any, p: Mapping[str, Any], x: Any) -> Any:
    """Gated recurrent units, 64 of them over 20 steps, the last state classified."""
    h = m.zeros(x, UNITS)
    for t in range(STEPS):
        gates = m.sigmoid(x[:, t] @ p["W"] + h @ p["U"] + p["b"])
        reset, update = gates[:, :UNITS], gates[:, UNITS:]
        new = m.tanh(x[:, t] @ p["Wn"] + (reset * h) @ p["Un"] + p["bn"])
        h = (1 - update) * new + update * h
    return h @ p["V"] + p["v"]


def vae(m: Any, p: Mapping[str, Any], x: Any) -> Any:
    """The loss of each example of a variational autoencoder, of 196 pixels and a code of 8; x has the noise too."""
    pixels, noise = x[:, :PIXELS], x[:, PIXELS:]
    h = m.tanh(pixels @ p["W1"] + p["b1"])
    mean, log_variance = h @ p["M"] + p["m"], h @ p["S"] + p["s"]
    code = mean + m.exp(0.5 * log_variance) * noise
    scores = m.tanh(code @ p["W2"] + p["b2"]) @ p["W3"] + p["b3"]
    error = m.sum(m.softplus(scores) - pixels * scores, 1)
    return error + 0.5 * m.sum(m.exp(log_variance) + mean * mean - 1 - log_variance, 1)


NETS: dict[str, tuple[Callable[[Any, Mapping[str, Any], Any], Any], Shapes]] = {
    "LeNet": (lenet, LENET),
    "LSTM": (lstm, LSTM),
    "attention": (attention, ATTENTION),
    "embedding": (embedding, EMBEDDING),
    "ResNet block": (resnet, RESNET),
    "GRU": (gru, GRU),
    "transformer": (transformer, TRANSFORMER),
    "VAE": (vae, VAE),
}
"""What makes scores of a namespace of functions, parameters and examples; and the shapes of the parameters."""

SHAPES = {
    "LeNet": (1, 28, 28), "LSTM": (STEPS, FEATURES), "GRU": (STEPS, FEATURES), "attention": (TOKENS, WIDTH),
    "transformer": (TOKENS, WIDTH), "ResNet block": (CHANNELS, SIDE, SIDE), "VAE": (PIXELS + CODE,),
}  # fmt: skip
"""Those of an example of real numbers."""


@dataclass(frozen=True)
class Case:
    """One of the networks under softmax cross-entropy, or its own loss, and plain gradient descent, in a dtype."""

    name: str
    dtype: str

    @property
    def has_labels(self) -> bool:
        """Whether the loss reads labels."""
        return self.name != "VAE"

    def loss(self, m: Any, p: Mapping[str, Any], x: Any, y: Any) -> Any:
        """The mean loss, for any library."""
        result = NETS[self.name][0](m, p, x)
        return m.cross_entropy(result, y) if self.has_labels else m.mean(result, 0, False)

    def data(self) -> tuple[Any, Any]:
        """Examples and their labels."""
        rng = np.random.default_rng(1)
        labels = rng.integers(0, CLASSES, BATCH)
        if self.name == "embedding":
            return rng.integers(0, WORDS, (BATCH, LENGTH)), labels
        x = rng.standard_normal((BATCH, *SHAPES[self.name]))
        if self.name == "VAE":
            x[:, :PIXELS] = x[:, :PIXELS] > 0
        return x.astype(self.dtype), labels

    def parameters(self) -> dict[str, Any]:
        """Parameters before the first step: biases small, so that no ReLU of the data stands at its kink."""
        rng = np.random.default_rng(2)
        found = {}
        for name, shape in NETS[self.name][1].items():
            inputs = {4: np.prod(shape[1:]), 2: 1 if name == "E" else shape[0]}.get(len(shape), 100)
            value = rng.standard_normal(shape) / np.sqrt(inputs)
            found[name] = (value + 1 if name[:1] == "g" else value).astype(self.dtype)
        return found
