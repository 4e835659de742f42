"""A whole training of one hidden layer by hand in NumPy, as an expert writes it who reuses every buffer.

Biases are rows of the weights, so that products add them; Adam changes all parameters in one pass; the batches of an
epoch are slices of examples that were gathered once. The objective of each epoch is kept, as scikit-learn does.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


class Buffers(NamedTuple):
    """What a step on a batch of one size writes to."""

    a: np.ndarray
    h: np.ndarray
    active: np.ndarray
    dh: np.ndarray
    scores: np.ndarray
    largest: np.ndarray
    sums: np.ndarray
    rows: np.ndarray


class Net:
    """Parameters and gradients in one array each; `gradient` gives the objective of a batch."""

    def __init__(self, first: list[np.ndarray], l2: float) -> None:
        (inputs, hidden), outputs = first[0].shape, first[2].shape[1]
        self.values = np.concatenate([array.ravel() for array in first])
        self.grads, self.spare = np.empty_like(self.values), np.empty_like(self.values)
        self.dtype, self.l2 = self.values.dtype, l2
        cut, ends = (inputs + 1) * hidden, (inputs * hidden, hidden * outputs)
        self.W1, self.dW1 = (array[:cut].reshape(inputs + 1, hidden) for array in (self.values, self.grads))
        self.W2, self.dW2 = (array[cut:].reshape(hidden + 1, outputs) for array in (self.values, self.grads))
        self.weights = [slice(0, ends[0]), slice(cut, cut + ends[1])]
        self._buffers: dict[int, Buffers] = {}
        self._ones = np.ones(outputs, self.dtype)

    def buffers(self, count: int) -> Buffers:
        """Those of a batch of this size, made at its first step."""
        if count not in self._buffers:
            hidden, outputs = len(self.W2) - 1, self.W2.shape[1]
            empty = [np.empty(shape, self.dtype) for shape in ((count, hidden), (outputs, count), (count,), (count,))]
            a, scores, largest, sums = empty
            h, active = np.ones((count, hidden + 1), self.dtype), np.empty(a.shape, bool)
            self._buffers[count] = Buffers(a, h, active, np.empty_like(a), scores, largest, sums, np.arange(count))
        return self._buffers[count]

    def gradient(self, x: np.ndarray, y: np.ndarray) -> float:
        """Write the gradient of the mean loss plus l2 times the squared weights; the sum of both over the examples."""
        own, count = self.buffers(len(x)), len(x)
        np.dot(x, self.W1, own.a)
        np.maximum(own.a, 0, out=own.h[:, :-1])
        np.dot(self.W2.T, own.h.T, own.scores)
        loss = self._softmax(own, y) if len(own.scores) > 1 else self._sigmoid(own, y)
        np.multiply(own.scores, self.dtype.type(1 / count), own.scores)
        np.dot(own.h.T, own.scores.T, self.dW2)
        np.dot(own.scores.T, self.W2[:-1].T, own.dh)
        np.greater(own.a, 0, own.active)
        np.multiply(own.dh, own.active, own.dh)
        np.dot(x.T, own.dh, self.dW1)
        penalty = 0.0
        for part in self.weights:
            weights, spare = self.values[part], self.spare[part]
            penalty += float(weights.dot(weights))
            np.multiply(weights, self.dtype.type(2 * self.l2), spare)
            np.add(self.grads[part], spare, self.grads[part])
        return loss + count * self.l2 * penalty

    def _softmax(self, own: Buffers, y: np.ndarray) -> float:
        """The sum of the cross entropies; the scores become probabilities less 1 at the labels."""
        scores, flat, count = own.scores, own.scores.reshape(-1), len(y)
        np.maximum.reduce(scores, 0, out=own.largest)
        np.subtract(scores, own.largest, scores)
        places = y * count
        places += own.rows
        of_labels = flat[places].sum()
        np.exp(scores, scores)
        np.dot(self._ones, scores, own.sums)
        np.divide(scores, own.sums, scores)
        flat[places] -= 1
        return float(np.log(own.sums, own.largest).sum() - of_labels)

    def _sigmoid(self, own: Buffers, y: np.ndarray) -> float:
        """The sum of the cross entropies of two classes; the scores become probabilities less labels."""
        (scores,) = own.scores
        loss = np.logaddexp(0, scores).sum() - scores.dot(y)
        np.negative(scores, scores)
        np.exp(scores, scores)
        np.add(scores, 1, scores)
        np.divide(1, scores, scores)
        np.subtract(scores, y, scores)
        return float(loss)


class Adam:
    """Adam on one flat array; the means are kept without the factors 1 - beta, which the rate takes in."""

    def __init__(self, net: Net) -> None:
        self.net, self.steps = net, 0
        self.mean, self.square = np.zeros_like(net.values), np.zeros_like(net.values)

    def step(self, rate: float) -> None:
        """Change the values by the gradients, which are overwritten."""
        self.steps += 1
        kind, grads, spare = self.net.dtype.type, self.net.grads, self.net.spare
        root, corrected = (1 - BETA2) ** 0.5, (1 - BETA2**self.steps) ** 0.5
        np.multiply(self.mean, kind(BETA1), self.mean)
        np.add(self.mean, grads, self.mean)
        np.multiply(self.square, kind(BETA2), self.square)
        np.square(grads, grads)
        np.add(self.square, grads, self.square)
        np.sqrt(self.square, spare)
        np.add(spare, kind(EPSILON * corrected / root), spare)
        np.divide(self.mean, spare, spare)
        factor = -rate * corrected * (1 - BETA1) / (1 - BETA1**self.steps) / root
        np.multiply(spare, kind(factor), spare)
        np.add(self.net.values, spare, self.net.values)


def trained(
    x: np.ndarray, y: np.ndarray, first: list[np.ndarray], *, epochs: int, batch: int, l2: float, rate: float, seed: int
) -> tuple[list[np.ndarray], list[float]]:
    """Weights and biases after so many epochs, and the objective of each."""
    net, history, count = Net([array.astype(x.dtype) for array in first], l2), [], len(x)
    adam: Any = Adam(net)
    with_ones = np.hstack([x, np.ones((count, 1), x.dtype)])
    inputs, labels = np.empty_like(with_ones), np.empty_like(y)
    for epoch in range(epochs):
        order = np.random.default_rng([seed, epoch]).permutation(count)
        np.take(with_ones, order, 0, inputs, mode="clip")
        np.take(y, order, 0, labels, mode="clip")
        total = 0.0
        for start in range(0, count, batch):
            total += net.gradient(inputs[start : start + batch], labels[start : start + batch])
            adam.step(rate)
        history.append(total / count)
    return [net.W1[:-1], net.W1[-1], net.W2[:-1], net.W2[-1]], history
