"""Hypothesis, imported when it is used, with one message where it is missing."""

from __future__ import annotations

import importlib
from typing import Any

from flowgraph.errors import install_hint


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
            f"flowgraph.checking.strategies: needs hypothesis, which is not installed; {install_hint('hypothesis')}"
        ) from error
