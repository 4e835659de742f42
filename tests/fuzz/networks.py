"""Programs that are networks: layers, activations, losses with labels, regularizers, which plans know best."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from tests.fuzz.case import Case, Leaf

HIDDEN = ("np.tanh({a})", "fg.ReLU.apply({a})", "fg.Sigmoid.apply({a})", "fg.GELU.apply({a})", "fg.SiLU.apply({a})",
          "fg.LeakyReLU.apply({a})", "fg.Softplus.apply({a})", "fg.ELU.apply({a})", "np.sin({a})", "{a}")  # fmt: skip
OF_CLASSES = ("fg.SoftmaxCrossEntropy.apply({f}, y)", "fg.NegativeLogLikelihood.apply(fg.Softmax.apply({f}), y)")
OF_NUMBERS = (
    "fg.SquaredError.apply({f}, t)",
    "fg.AbsoluteError.apply({f}, t)",
    "fg.Huber.apply({f}, t)",
    "fg.BinaryCrossEntropy.apply({f}, (t > 0).astype({f}.dtype))",
    "({f} - t) ** 2",
    "np.sum(np.square({f} - t), axis=1)",
)


def draw_network(seed: Any) -> Case:
    """A network of up to three layers, of any batch, down to one example and one unit."""
    rng = np.random.default_rng(seed)
    dtype = ("f8", "f8", "f4")[int(rng.integers(3))]
    count = int(rng.choice([1, 2, 5, 20, 40]))
    sizes = [int(rng.choice([1, 2, 3, 5, 8])) for _ in range(int(rng.integers(2, 5)))]
    leaves = [Leaf("x", "input", rng.normal(size=(count, sizes[0])).astype(dtype), True)]
    lines: list[tuple[str, str]] = []
    h, weights = "x", []
    for number, (fan_in, fan_out) in enumerate(pairwise(sizes), 1):
        w, b, a = f"w{number}", f"b{number}", f"a{number}"
        leaves.append(Leaf(w, "parameter", (rng.normal(size=(fan_in, fan_out)) / fan_in**0.5).astype(dtype)))
        weights.append(w)
        text = f"{h} @ {w}"
        if rng.random() < 0.8:
            leaves.append(Leaf(b, "parameter", rng.normal(size=fan_out).astype(dtype)))
            text = f"fg.Affine.apply({h}, {w}, {b})" if rng.random() < 0.4 else f"{h} @ {w} + {b}"
        lines.append((a, text))
        h = a
        if number < len(sizes) - 1:
            lines.append((f"h{number}", HIDDEN[int(rng.integers(len(HIDDEN)))].format(a=a)))
            h = f"h{number}"
    lines.append(("e", _loss(rng, leaves, h, count, sizes[-1], dtype)))
    lines.append(("m", ("np.mean(e)", "np.sum(e)", "np.mean(e) * 0.5", "np.sum(e) / 8")[int(rng.integers(4))]))
    if rng.random() < 0.6:
        kind = ("fg.L2", "fg.L1", "fg.L2")[int(rng.integers(3))]
        lines.append(("r", f"m + {float(rng.choice([1e-4, 0.01, 0.5]))} * {kind}.apply({', '.join(weights)})"))
    outputs = (lines[-1][0], *([h] if rng.random() < 0.3 else []))
    return Case(tuple(leaves), tuple(lines), (), "network").only(outputs)


def _loss(rng: np.random.Generator, leaves: list[Leaf], f: str, count: int, classes: int, dtype: str) -> str:
    """The loss of each example, and the leaf of its targets."""
    if classes > 1 and rng.random() < 0.7:
        leaves.append(Leaf("y", "input", rng.integers(0, classes, count), True))
        return OF_CLASSES[int(rng.integers(len(OF_CLASSES)))].format(f=f)
    leaves.append(Leaf("t", "input", rng.normal(size=(count, classes)).astype(dtype), True))
    return OF_NUMBERS[int(rng.integers(len(OF_NUMBERS)))].format(f=f)
