"""The multivariate normal distribution, as scipy.stats.multivariate_normal."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Box, join_boxes
from flowgraph.box.vocabulary import Value
from flowgraph.errors import ShapeError, UsageError
from flowgraph.scipy import of_scipy
from flowgraph.shapes.spec import shape_text
from flowgraph.stats.univariate import LOG_ROOT_2_PI


def logpdf(x: Value, mean: Value = None, cov: Value = 1.0, allow_singular: bool = False) -> Any:
    """Logarithm of the density of N(mean, cov) at the rows of x.

    Parameters
    ----------
    x : array_like or Box, shape (..., D)
        Points; where D is 1, a vector holds one point per entry.
    mean : array_like or Box, shape (D,), or a number
        Zeros if left out.
    cov : array_like or Box, shape (D, D), (D,) or a number
        Covariance matrix, its diagonal, or one variance for all.
    allow_singular : bool
        Take a covariance without inverse: the density is that within the range of it, and 0 outside, as in SciPy. It
        has no gradient by `cov`, which has to be an array.

    Returns
    -------
    array or Box
        One value per point, axes of size 1 dropped as in SciPy.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the covariance is not positive definite, and `allow_singular` is not set.

    >>> import numpy as np
    >>> from flowgraph.stats import multivariate_normal
    >>> float(multivariate_normal.logpdf([0.0, 0.0], cov=np.eye(2)).round(6))
    -1.837877
    """
    x, mean, cov = _arguments(x, mean, cov)
    offset = _points(x, mean.shape[0]) - mean
    if allow_singular:
        if isinstance(cov, Box):
            raise UsageError(
                f"multivariate_normal: found allow_singular=True with {cov.title} as the covariance, which has no "
                f"gradient where it is singular; give an array, or leave allow_singular out"
            )
        return np.squeeze(_of_singular(offset, np.asarray(cov)))
    root = _root(cov)
    columns = np.swapaxes(np.reshape(offset, (-1, mean.shape[0])), 0, 1)
    squares = np.sum(np.linalg.solve(root, columns) ** 2, axis=0)
    log_root = np.sum(np.log(np.diagonal(root)))
    density = -squares / 2 - log_root - mean.shape[0] * LOG_ROOT_2_PI
    return np.squeeze(np.reshape(density, offset.shape[:-1]))


def pdf(x: Value, mean: Value = None, cov: Value = 1.0, allow_singular: bool = False) -> Any:
    """Density of N(mean, cov) at the rows of x."""
    return np.exp(logpdf(x, mean, cov, allow_singular))


def cdf(x: Value, mean: Value = None, cov: Value = 1.0, **settings: Value) -> Any:
    """Probability of values up to x in every coordinate: of arrays, by SciPy's integration, whose settings it takes.

    It has no gradient; boxes are refused.
    """
    for name, value in (("x", x), ("mean", mean), ("cov", cov)):
        if isinstance(value, Box):
            raise UsageError(
                f"multivariate_normal.cdf: found {value.title} as {name}, needs an array: it is integrated numerically "
                f"and has no gradient"
            )
    return of_scipy("stats", "multivariate_normal.cdf").multivariate_normal.cdf(x, mean, cov, **settings)


def entropy(mean: Value = None, cov: Value = 1.0) -> Any:
    """Entropy in nats, which depends on the covariance alone."""
    _, mean, cov = _arguments(0.0, mean, cov)
    return mean.shape[0] * (0.5 + LOG_ROOT_2_PI) + np.sum(np.log(np.diagonal(_root(cov))))


def _arguments(x: Value, mean: Value, cov: Value) -> tuple[Any, Any, Any]:
    """Points, mean and covariance matrix, with the axes that each needs."""
    x, cov = map(join_boxes, (x, cov))
    mean = None if mean is None else join_boxes(mean)
    sizes = [a.shape[0] for a in (mean, cov) if a is not None and a.ndim]
    size = sizes[0] if sizes else 1
    mean = np.zeros(size) if mean is None else np.broadcast_to(mean, (size,)) if not mean.ndim else mean
    if cov.ndim < 2:
        cov = np.eye(size) * cov
    if mean.ndim != 1 or cov.ndim != 2 or cov.shape != (size, size) or mean.shape != (size,):
        raise ShapeError(
            f"multivariate_normal: found a mean of shape {shape_text(mean.shape)} and a covariance of shape "
            f"{shape_text(cov.shape)}, needs (D,) and (D, D)"
        )
    return x, mean, cov


def _root(cov: Value) -> Any:
    """The Cholesky factor, of the symmetric part: else only the lower triangle would have a gradient."""
    return np.linalg.cholesky((cov + cov.T) / 2)


def _points(x: Value, size: int) -> Any:
    """The points as rows: the last axis of x, which a vector of points on a line has not."""
    if not x.ndim:
        return np.reshape(x, (1,))
    return np.expand_dims(x, -1) if x.ndim == 1 and size == 1 else x


def _of_singular(offset: Value, cov: Value) -> Any:
    """The log density within the range of a singular covariance, minus infinity outside."""
    values, vectors = np.linalg.eigh(cov)
    least = 1e6 * np.finfo(values.dtype).eps * np.max(np.abs(values))  # the tolerance of SciPy
    if np.min(values) < -least:
        raise np.linalg.LinAlgError("multivariate_normal: the covariance has a negative eigenvalue")
    kept = values > least
    spread = np.sum((offset @ (vectors[:, kept] / np.sqrt(values[kept]))) ** 2, axis=-1)
    inside = -spread / 2 - np.sum(np.log(values[kept])) / 2 - np.sum(kept) * LOG_ROOT_2_PI
    across = offset @ vectors[:, ~kept]
    return np.where(np.sum(across**2, axis=-1) < least**2 + 1e-300, inside, -np.inf) if across.shape[-1] else inside
