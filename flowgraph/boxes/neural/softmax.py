"""Probabilities from scores, along an axis: softmax, and its logarithm."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.axes import Core
from flowgraph.box.base import operand, public
from flowgraph.box.inference import Axes, axes_of, is_of_number
from flowgraph.box.vocabulary import example
from flowgraph.shapes.size import Shape, product
from flowgraph.shapes.spec import Spec


class AlongAxis(Box, abstract=True):
    """A box that makes of the numbers along an axis, or several, or all (None), as many others."""

    axis: Axes | None = -1

    core = Core("axis")
    examples = (example((3, 4)), example((3, 4), axis=0), example((2, 3, 4), axis=(0, 2)), example((5,), axis=None))

    def infer(self, *specs: Spec) -> Spec:
        """The child's shape; integers become floats."""
        (a,) = specs
        axes_of(self, tuple(range(len(a.shape))) if self.axis is None else self.axis, len(a.shape))
        return Spec(a.shape, np.result_type(a.dtype, 1.0))

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """Per element a comparison, a difference, an exponential, a sum, a quotient or difference."""
        return 5 * product(shape)


class Softmax(AlongAxis):
    """Probabilities from scores, along an axis.

    h_c = exp(a_c) / Σ_k exp(a_k)        da = h (grad − Σ_c grad_c h_c)

    The largest score is subtracted first, so that nothing overflows.

    Source: Larochelle, Training neural networks, "softmax activation function".
    """

    symbol = "softmax"
    formula = r"\frac{e^a}{\sum e^a}"

    def fprop(self, a: Value) -> Value:
        e = np.exp(_below_zero(a, self.axis))
        return e / np.sum(e, axis=self.axis, keepdims=True)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (h * (grad - np.sum(grad * h, axis=self.axis, keepdims=True)),)


class LogSoftmax(AlongAxis):
    """Logarithms of probabilities from scores, along an axis.

    h_c = a_c − log Σ_k exp(a_k)        da = grad − exp(h) Σ_c grad_c
    """

    symbol = "log softmax"
    formula = r"a - \log \sum e^a"

    def fprop(self, a: Value) -> Value:
        low = _below_zero(a, self.axis)
        if not a.size:
            return low
        return low - np.log(np.sum(np.exp(low), axis=self.axis, keepdims=True))

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad - np.exp(h) * np.sum(grad, axis=self.axis, keepdims=True),)


def _below_zero(a: Value, axis: Axes | None) -> Any:
    """The scores less their largest; of no scores at all the largest is never used."""
    return a - 1.0 * np.max(a, axis=axis, keepdims=True) if a.size else 1.0 * a


@public
def softmax(a: Value, axis: Axes | None = -1) -> Any:
    """Softmax of a box, or of an array.

    Parameters
    ----------
    a : box or array_like, shape (..., C)
        Scores, in nats.
    axis : int or tuple of int or None, default -1
        Axis or axes of the classes; None for all. Of a number 0 and -1 are taken, as in SciPy.

    Returns
    -------
    box or ndarray
        Probabilities of the shape of `a`, which sum to 1 along the axis.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.softmax([0.0, 1.0]).round(4)
    array([0.2689, 0.7311])
    """
    a = operand("softmax", a)
    return Softmax.apply(a, axis=None if is_of_number(a.ndim, axis) else axis)


@public
def log_softmax(a: Value, axis: Axes | None = -1) -> Any:
    """LogSoftmax of a box, or of an array.

    Parameters
    ----------
    a : box or array_like, shape (..., C)
        Scores, in nats.
    axis : int or tuple of int or None, default -1
        Axis or axes of the classes; None for all. Of a number 0 and -1 are taken, as in SciPy.

    Returns
    -------
    box or ndarray
        Logarithms of probabilities, in nats, of the shape of `a`.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.log_softmax([0.0, 1.0]).round(4)
    array([-1.3133, -0.3133])
    """
    a = operand("log_softmax", a)
    return LogSoftmax.apply(a, axis=None if is_of_number(a.ndim, axis) else axis)
