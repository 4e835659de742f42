"""Readers of operations, by the domain and the name of the operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

READERS: dict[tuple[str, str], Callable[..., Any]] = {}
"""What builds the boxes of an operation: functions of (node, *inputs)."""

ML = "ai.onnx.ml"
"""The domain of the operations of scikit-learn's exports."""


def reader_for(*operations: str, domain: str = "") -> Callable[[F], F]:
    """Register how operations are read: a function of (node, *inputs) that returns a box, or one for each output.

    An input that the file leaves out is None; what the node itself says, its attributes and inputs whose values are
    known, is asked of `node`.
    """

    def register(function: F) -> F:
        READERS.update({(domain, operation): function for operation in operations})
        return function

    return register
