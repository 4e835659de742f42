"""The largest and the smallest along axes, where they stand, and what holds for any or for all."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box.inference import Axes
from flowgraph.box.numpy_dispatch import implements
from flowgraph.box.vocabulary import Value, example
from flowgraph.boxes.reduction.sums import Fold, Reduction

_TIED = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])


class Extreme(Fold, abstract=True):
    """The gradient goes to the element that was taken; elements that tie share it equally."""

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        taken = (a == self.restored(h, a)).astype(a.dtype)
        ties = np.sum(taken, axis=self.axis, keepdims=True)
        return (self.restored(grad, a) * (taken / ties),)


class Max(Extreme):
    """The largest along axes.

    h = max a        dh/da = 1/k at each of the k largest, else 0
    """

    numpy = (np.max, np.amax)
    symbol = "max"
    formula = r"\max a"
    derivative = "1_{a = h} / k"
    analytic = False
    slopes = "choice"

    def fprop(self, a: Value) -> Value:
        return a.max(axis=self.axis, keepdims=self.keepdims)


class Min(Extreme):
    """The smallest along axes.

    h = min a        dh/da = 1/k at each of the k smallest, else 0
    """

    numpy = (np.min, np.amin)
    symbol = "min"
    formula = r"\min a"
    derivative = "1_{a = h} / k"
    analytic = False
    slopes = "choice"

    def fprop(self, a: Value) -> Value:
        return a.min(axis=self.axis, keepdims=self.keepdims)


@implements(np.ptp)
def ptp(a: Value, axis: Axes | None = None, *, keepdims: bool = False) -> Any:
    """np.ptp of a box: from the smallest to the largest."""
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


class ArgMax(Reduction):
    """Index of the largest element along an axis, the first of several; not differentiable."""

    axis: int | None = None

    of_numbers = True
    numpy = np.argmax
    symbol = "argmax"
    formula = r"\arg\max a"
    examples = (example((3, 4)), example((3, 4), axis=-1), example(_TIED, axis=1, keepdims=True))

    def fprop(self, a: Value) -> Value:
        return np.argmax(a, axis=self.axis, keepdims=self.keepdims)


class ArgMin(Reduction):
    """Index of the smallest element along an axis, the first of several; not differentiable."""

    axis: int | None = None

    of_numbers = True
    numpy = np.argmin
    symbol = "argmin"
    formula = r"\arg\min a"
    examples = (example((3, 4)), example((3, 4), axis=-1), example(_TIED, axis=1, keepdims=True))

    def fprop(self, a: Value) -> Value:
        return np.argmin(a, axis=self.axis, keepdims=self.keepdims)


class AnyTrue(Fold):
    """Whether any element along the axes is true, or not 0; no gradient."""

    numpy = np.any
    identity = False
    symbol = "any"
    formula = r"\exists\, a"
    examples = (*Reduction.examples, example(np.array([[True, False], [False, False]]), axis=1))

    def fprop(self, a: Value) -> Value:
        return np.any(a, axis=self.axis, keepdims=self.keepdims)


class AllTrue(Fold):
    """Whether all elements along the axes are true, or not 0; no gradient."""

    numpy = np.all
    identity = True
    symbol = "all"
    formula = r"\forall\, a"
    examples = (*Reduction.examples, example(np.array([[True, False], [True, True]]), axis=1))

    def fprop(self, a: Value) -> Value:
        return np.all(a, axis=self.axis, keepdims=self.keepdims)


class CountNonzero(Reduction):
    """How many elements along the axes are true, or not 0; no gradient."""

    of_numbers = True
    numpy = np.count_nonzero
    symbol = "count ≠ 0"
    formula = r"\sum 1_{a \neq 0}"
    examples = (*Reduction.examples, example(np.array([[1.0, 0.0], [0.0, 0.0]]), axis=1))

    def fprop(self, a: Value) -> Value:
        count = np.count_nonzero(a, axis=self.axis, keepdims=self.keepdims)
        return np.intp(count) if isinstance(count, int) else count  # an int of Python before NumPy 2.3
