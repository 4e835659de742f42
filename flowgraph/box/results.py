"""What an fprop returned: as an array, held against what the box was built with, and what it raised as a refusal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np

from flowgraph.box.node import Node
from flowgraph.box.vocabulary import Value
from flowgraph.errors import (
    BoxContractError,
    DtypeError,
    FeedError,
    FlowgraphError,
    IndexingError,
    NoRoomError,
    NoSolutionError,
    ReadOnlyError,
)
from flowgraph.shapes.size import Size, evaluate

SETTLED = frozenset({np.ndarray, tuple, np.float64, np.float32, np.int64, np.bool_})
"""The types of values that are kept as a fprop returned them; to look here costs less than a call of `as_values`."""


def as_values(value: Value) -> Any:
    """The result of an fprop as an array or a tuple of arrays."""
    if isinstance(value, tuple):
        return tuple(np.asarray(part)[()] for part in value)
    if value is None:
        raise BoxContractError("fprop returned None, needs an array; does it end without return?")
    return np.asarray(value)[()]


def contradiction(box: Node, value: Value, sizes: Mapping[str, int]) -> tuple[str, object] | None:
    """In what a value is not what its box was built with, and what that is; a size without a number may be any."""
    parts = value if isinstance(value, tuple) else (value,)
    if len(parts) != len(box.outputs):
        return f"{len(parts)} outputs", len(box.outputs)
    for spec, part in zip(box.outputs, parts, strict=True):
        if part.dtype != spec.dtype:
            return f"dtype {part.dtype}", spec.dtype
        same = part.ndim == len(spec.shape)
        for number, size in zip(part.shape, spec.shape, strict=False):
            known = not (isinstance(size, Size) and size.names - sizes.keys())
            same &= not known or evaluate(size, sizes) == number
        if not same:
            return f"shape {part.shape}", spec.shape
    return None


def refuse_unlike(box: Node, found: str, needed: object, sizes: Mapping[str, int]) -> NoReturn:
    """Refuse a value that contradicts the shape or dtype of its box."""
    where = f" for {', '.join(f'{name} = {size}' for name, size in sizes.items())}" if sizes else ""
    raise BoxContractError(
        f"{box.title}: fprop gave {found}, but the box was built with {needed}{where}; its inference and its "
        f"fprop contradict each other; mend one of them, and call fg.check({type(box).__name__})\n"
        f"  built at {box.built_at}"
    )


def refuse_failure(error: Exception, box: Node, where: str) -> None:
    """Refuse what a box of flowgraph's own does not take, such as a place outside, as all else is.

    What a user's own fprop or bprop raises comes as it is, with a note; and so does what the user asked NumPy to raise.
    """
    if not box.built_in or isinstance(error, FlowgraphError | FloatingPointError | Warning):
        error.add_note(where)
        return
    refusal = next((ours for kind, ours in _REFUSALS.items() if isinstance(error, kind)), FeedError)
    raise refusal(f"{error}; {where}, from values that it does not take") from error


_REFUSALS: dict[type[Exception], type[FlowgraphError]] = {
    np.linalg.LinAlgError: NoSolutionError, ValueError: FeedError, IndexError: IndexingError, TypeError: DtypeError,
    MemoryError: NoRoomError,
}  # fmt: skip
"""Errors of flowgraph's by those of NumPy that they are as well."""


def refuse_writing(box: Node, method: str, error: Exception) -> None:
    """Say which box has written to an array that it was given, if that is the error."""
    if isinstance(error, ValueError) and "read-only" in str(error) and not isinstance(error, FlowgraphError):
        raise ReadOnlyError(
            f"{box.title}: its {method} wrote to an array that it was given, which other boxes read too; write to a "
            f"copy, or make a new array (h = 2 * h in place of h *= 2)"
        ) from error
