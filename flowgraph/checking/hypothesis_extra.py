"""Hypothesis, imported when it is used, with one message where it is missing."""

from __future__ import annotations

import importlib
from typing import Any


def hypothesis() -> Any:
    """The package."""
    return _imported("hypothesis")


def st() -> Any:
    """Its strategies."""
    return _imported("hypothesis.strategies")


def hypothesis_numpy() -> Any:
    """Its strategies for NumPy."""
    return _imported("hypothesis.extra.numpy")


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            "flowgraph.checking.strategies: needs hypothesis, which is not installed; pip install 'flowgraph[test]'"
        ) from error
