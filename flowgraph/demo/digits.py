"""The handwritten digits that ship with scikit-learn, and the network that reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from flowgraph.box import Array, Box
from flowgraph.box.leaves import Input
from flowgraph.boxes import L2, SoftmaxCrossEntropy, mean
from flowgraph.boxes.neural.softmax import softmax
from flowgraph.graph import Graph
from flowgraph.training import MLP

SIDE = 8
PIXELS, CLASSES = SIDE * SIDE, 10
VALID, TEST = 300, 300
SCALE = 8.0
"""What pixels are divided by, so that they are about 1 in size."""


@dataclass(frozen=True)
class Examples:
    """Images in rows, and their digits."""

    images: Array
    digits: Array

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class Split:
    """Disjoint examples: to train on, to choose the epoch by, to report the error on."""

    train: Examples
    valid: Examples
    test: Examples
    mean_image: Array

    def scanned(self, images: Array) -> Array:
        """Images as they were scanned, pixels from 0 to 16, of images as the network is fed them."""
        return SCALE * images + self.mean_image


def load_split(seed: int) -> Split:
    """The 1,797 digits in an order that the seed fixes: the last 300 for the test, 300 before them to validate.

    Pixels go from 0 to 16; the mean of the training images is subtracted, and they are divided by 8.
    """
    from sklearn.datasets import load_digits

    images, digits = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(images))
    train, valid, test = np.split(order, [len(order) - VALID - TEST, len(order) - TEST])
    mean_image = images[train].mean(axis=0)

    def part(rows: Array) -> Examples:
        return Examples((images[rows] - mean_image) / SCALE, digits[rows])

    return Split(part(train), part(valid), part(test), mean_image)


@dataclass(frozen=True)
class Network:
    """The network, its inputs, its probabilities and the objective that is minimised."""

    mlp: MLP
    x: Input
    y: Input
    f: Box
    objective: Box

    @property
    def graph(self) -> Graph:
        """Objective and probabilities in one graph."""
        return Graph(self.objective, self.f)

    def probabilities(self, examples: Examples) -> Array:
        """The probability of each digit, shape (examples, 10)."""
        f: Array = Graph(self.f).fprop({self.x: examples.images}).outputs[0]
        return f

    def error(self, examples: Examples) -> float:
        """The share of the examples whose most probable class is not theirs."""
        return float(np.mean(self.probabilities(examples).argmax(axis=1) != examples.digits))


def build_network(hidden: int, regularization: float, seed: int) -> Network:
    """Rectified linear units, a softmax; mean negative log-likelihood plus λ times the sum of the squared weights."""
    x = Input("x", shape=("N", PIXELS))
    y = Input("y", shape=("N",), dtype=int)
    mlp = MLP([PIXELS, hidden, CLASSES], hidden="relu", output="softmax", rng=seed)
    a = mlp.logits(x)
    loss: Any = SoftmaxCrossEntropy(a, y, name="loss")
    penalty: Any = L2(*mlp.weights, name="Ω")
    objective = mean(loss) + regularization * penalty
    return Network(mlp, x, y, softmax(a).named("f"), objective.named("objective"))
