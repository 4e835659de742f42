"""The Dirichlet distribution, as scipy.stats.dirichlet."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.box.vocabulary import Value
from flowgraph.boxes.special.scipy_special import special
from flowgraph.errors import ShapeError, UsageError
from flowgraph.shapes.spec import shape_text
from flowgraph.stats.distribution import as_operand


def logpdf(x: Value, alpha: Value) -> Any:
    """Logarithm of the density at the probabilities x.

    Parameters
    ----------
    x : array_like or Box, shape (K,) or (K, n)
        Probabilities along the first axis; the last may be left out, shape (K − 1,) or (K − 1, n).
    alpha : array_like or Box, shape (K,)
        Concentrations, all positive.

    Raises
    ------
    ShapeError
        If x has neither K nor K − 1 entries.
    UsageError
        If arrays hold what are no probabilities, or no concentrations; a box is not looked into.

    >>> from flowgraph.stats import dirichlet
    >>> float(dirichlet.logpdf([0.2, 0.3, 0.5], [1.0, 1.0, 1.0]).round(6))
    0.693147
    """
    x, alpha = as_operand(x), as_operand(alpha)
    if alpha.ndim != 1 or x.ndim not in (1, 2) or x.shape[0] not in (alpha.shape[0], alpha.shape[0] - 1):
        raise ShapeError(
            f"dirichlet: found x of shape {shape_text(x.shape)} with alpha of shape {shape_text(alpha.shape)}, needs "
            f"alpha (K,) and x (K,), (K - 1,), (K, n) or (K - 1, n)"
        )
    if x.shape[0] != alpha.shape[0]:
        x = np.concatenate([x, 1 - np.sum(x, axis=0, keepdims=True)])
    _check(x, alpha)
    log_beta = np.sum(special().gammaln(alpha)) - special().gammaln(np.sum(alpha))
    weights = alpha - 1 if x.ndim == 1 else np.expand_dims(alpha - 1, 1)
    return np.sum(special().xlogy(weights, x), axis=0) - log_beta


def pdf(x: Value, alpha: Value) -> Any:
    """Density at the probabilities x."""
    return np.exp(logpdf(x, alpha))


def _check(x: Value, alpha: Value) -> None:
    if not isinstance(alpha, Box) and not np.all(alpha > 0):
        raise UsageError(f"dirichlet: found alpha = {np.min(alpha)}, needs concentrations above 0")
    if isinstance(x, Box):
        return
    if np.min(x, initial=0) < 0 or np.max(x, initial=0) > 1 or not np.allclose(np.sum(x, axis=0), 1, rtol=0, atol=1e-9):
        raise UsageError(
            "dirichlet: found an x that is no distribution, needs probabilities from 0 to 1 that sum to 1 along the "
            "first axis; divide them by their sum"
        )
