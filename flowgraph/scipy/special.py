"""scipy.special, with the functions that are no ufuncs on boxes too, such as logsumexp and polygamma.

SciPy's own ufuncs, `gammaln` or `expit`, take boxes by themselves.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph import boxes
from flowgraph.box import Box, Value, holds_box
from flowgraph.boxes.special import gamma_function
from flowgraph.boxes.special.scipy_special import special
from flowgraph.numpy.construction import array


def logsumexp(a: Value, axis: Value = None, b: Value = None, keepdims: bool = False, return_sign: bool = False) -> Any:
    """scipy.special.logsumexp, which also takes boxes.

    Parameters
    ----------
    a, b : array_like or Box
        Exponents, and the factors of the exponentials, 1 if left out.
    axis : int or tuple of int, optional
        What is summed over; all axes if left out.
    keepdims : bool
        Keep the axes that are summed over, with size 1.
    return_sign : bool
        Return the logarithm of the modulus and the sign, instead of NaN for a negative sum.

    >>> import flowgraph as fg
    >>> from flowgraph.scipy.special import logsumexp
    >>> logsumexp(fg.Input("a", shape=(3, 4)), axis=1).shape
    (3,)
    """
    if not holds_box(a) and not holds_box(b):
        return special().logsumexp(a, axis=axis, b=b, keepdims=keepdims, return_sign=return_sign)
    a = array(a) if holds_box(a) else np.asarray(a)
    if b is None and not return_sign:
        return boxes.logsumexp(a, axis=axis, keepdims=keepdims)
    factors = 1.0 if b is None else array(b) if holds_box(b) else np.asarray(b)
    terms = a + np.zeros_like(a * factors)
    largest = np.max(np.where(factors == 0, -np.inf, terms), axis=axis, keepdims=True)
    largest = np.where(np.isfinite(largest), largest, 0.0)
    total = np.sum(factors * np.exp(np.where(factors == 0, largest, terms) - largest), axis=axis, keepdims=True)
    logarithm = (np.log(np.abs(total)) if return_sign else np.log(total)) + largest
    if not keepdims:
        logarithm, total = np.squeeze(logarithm, axis), np.squeeze(total, axis)
    return (logarithm, np.sign(total)) if return_sign else logarithm


def softmax(x: Value, axis: Value = None) -> Any:
    """scipy.special.softmax, which also takes a box."""
    return boxes.softmax(x, axis=axis) if isinstance(x, Box) else special().softmax(x, axis=axis)


def log_softmax(x: Value, axis: Value = None) -> Any:
    """scipy.special.log_softmax, which also takes a box."""
    return boxes.log_softmax(x, axis=axis) if isinstance(x, Box) else special().log_softmax(x, axis=axis)


def polygamma(n: Value, x: Value) -> Any:
    """scipy.special.polygamma, which also takes a box as x."""
    return boxes.polygamma(n, x) if isinstance(x, Box) or isinstance(n, Box) else special().polygamma(n, x)


def multigammaln(a: Value, d: int) -> Any:
    """scipy.special.multigammaln, which also takes a box as a."""
    if not isinstance(a, Box):
        return special().multigammaln(a, d)
    return gamma_function.multigammaln(a, d)


def __getattr__(name: str) -> Any:
    return getattr(special(), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *dir(special())})
