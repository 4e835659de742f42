"""The axes that a generalised ufunc works on: axes=, axis= and keepdims= of np.matmul, np.vecdot and their like."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from flowgraph.errors import UsageError

KEYWORDS = frozenset({"axes", "axis", "keepdims"})


def on_last_axes(ufunc: np.ufunc, call: Callable[..., Any], inputs: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    """The call with its axes moved to the end, where a ufunc without keywords has them, and back in the result."""
    counts = [_count(part) for part in str(ufunc.signature).replace("->", ",").split("),")]
    keepdims = bool(keywords.get("keepdims", False))
    axes = _axes(ufunc, counts, keywords, keepdims)
    moved = [_moved(a, one, _last(len(one))) for a, one in zip(inputs, axes, strict=False)]
    result = call(*moved)
    for _ in range(counts[0] if keepdims else 0):
        result = np.expand_dims(result, -1)
    return _moved(result, _last(len(axes[-1])), axes[-1])


def _axes(ufunc: np.ufunc, counts: list[int], keywords: Mapping[str, Any], keepdims: bool) -> list[tuple[int, ...]]:
    """The axes of each operand and of the result, as many as the signature names, or as keepdims= leaves."""
    if keepdims and counts != [counts[0]] * ufunc.nin + [0]:
        raise UsageError(
            f"np.{ufunc.__name__}: found keepdims=, needs operands with the same core axes and a result without; its "
            f"signature is {ufunc.signature}"
        )
    counts = [*counts[:-1], counts[0] if keepdims else counts[-1]]
    given = keywords.get("axes")
    if given is None:
        axis = keywords.get("axis")
        return [_last(one) if axis is None else (axis,) * one for one in counts]
    listed = [one if isinstance(one, tuple) else (one,) for one in given]
    listed += [_last(counts[-1])] * (len(counts) - len(listed))
    if [len(one) for one in listed] != list(counts):
        raise UsageError(f"np.{ufunc.__name__}: found axes={given!r}, needs as many axes as {ufunc.signature} names")
    return listed


def _count(part: str) -> int:
    """How many axes one operand of a signature has."""
    return len([name for name in part.strip("()").split(",") if name])


def _last(count: int) -> tuple[int, ...]:
    return tuple(range(-count, 0))


def _moved(a: Any, source: tuple[int, ...], destination: tuple[int, ...]) -> Any:
    return a if source == destination else np.moveaxis(a, source, destination)
