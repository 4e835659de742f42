"""Readers of operations, by the domain and the name of the operation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar

from flowgraph.box.vocabulary import Foreign

F = TypeVar("F", bound=Callable[..., Any])


class Rule(NamedTuple):
    """What builds the boxes of an operation; attributes that change nothing in them; whether it costs little."""

    function: Callable[..., Any]
    idle: frozenset[str]
    light: bool


READERS: dict[tuple[str, str], Rule] = {}
"""Rules by the domain and the name of the operation."""

ML = "ai.onnx.ml"
"""The domain of the operations of scikit-learn's exports."""


def reader_for(*operations: str, domain: str = "", idle: Iterable[str] = (), light: bool = True) -> Callable[[F], F]:
    """Register how operations are read: a function of (node, *inputs) that returns a box, or one for each output.

    An input that the file leaves out is None; what the node itself says, its attributes and inputs whose values are
    known, is asked of `node`. An operation with an attribute that its reader does not ask for is refused, but for those
    in `idle`, which change nothing in inference. A `light` operation on constants is computed when the file is read.

    Parameters
    ----------
    *operations : str
        Names of the operations.
    domain : str, default ''
        Domain of the operations; "" is that of ONNX itself.
    idle : iterable of str, default ()
        Attributes that change nothing in inference.
    light : bool, default True
        Whether an operation on constants is computed when the file is read.

    Returns
    -------
    function
        A decorator, which returns the reader as it is.

    Examples
    --------
    >>> from flowgraph.interop.onnx import reader_for
    >>> @reader_for("Twice", domain="mine")
    ... def twice(node, a):
    ...     return 2 * a
    """

    def register(function: F) -> F:
        READERS.update({(domain, operation): Rule(function, frozenset(idle), light) for operation in operations})
        return function

    return register


def is_old_training(node: Foreign) -> bool:
    """Whether an operation is one of training because operator sets before 7 say so unless `is_test` is 1."""
    return bool(node.version < 7 and not node.get("is_test", 0))
