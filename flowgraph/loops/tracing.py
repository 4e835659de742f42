"""What a loop is given and what its functions return, as boxes, and what is refused of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.errors import DtypeError, ShapeError, UsageError
from flowgraph.shapes.spec import same


def listed(who: str, what: str, given: Any) -> list[Any]:
    """The boxes and arrays of a carry or of inputs."""
    parts = list(given) if isinstance(given, tuple | list) else [given]
    read = [part if isinstance(part, Box) else np.asarray(part) for part in parts]
    for part in read:
        if not isinstance(part, Box) and part.dtype.kind not in "biufc":
            raise UsageError(f"{who}: found an array of dtype {part.dtype} in {what}, needs boxes or arrays of numbers")
    return read


def returned_boxes(who: str, body: Callable[..., Any], given: Any) -> list[Box]:
    """What the body returned, as boxes; an array of its own is a constant."""
    parts = [] if given is None else list(given) if isinstance(given, tuple | list) else [given]
    try:
        return [part if isinstance(part, Box) else Constant(part) for part in parts]
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"{who}: {name_of(body)} returned {found_text(given)}, needs boxes, in a tuple or alone ({error})"
        ) from None


def check_carry(who: str, body: Callable[..., Any], before: Sequence[Box], after: Sequence[Box]) -> None:
    """Refuse a step after which the next one would not fit."""
    if len(before) != len(after):
        raise UsageError(
            f"{who}: {name_of(body)} returned a carry of {len(after)} arrays, needs {len(before)}, as the first one has"
        )
    for i, (old, new) in enumerate(zip(before, after, strict=True)):
        which = f"carry[{i}]" if len(before) > 1 else "carry"
        line = f"\n  built at {new.built_at}"
        if len(old.shape) != len(new.shape) or not all(map(same, old.shape, new.shape)):
            raise ShapeError(
                f"{who}: {name_of(body)} makes of {which} {old.spec} one of {new.spec}, needs the same shape after "
                f"each step; give the first carry the shape that it has later{line}"
            )
        if old.dtype != new.dtype:
            raise DtypeError(
                f"{who}: {name_of(body)} makes of {which} {old.spec} one of {new.spec}, needs the same dtype after "
                f"each step; give the first carry with dtype {str(new.dtype)!r}, or convert the next one with "
                f".astype({str(old.dtype)!r}){line}"
            )


def like(container: Any, parts: Sequence[Any]) -> Any:
    """The parts as they were given: alone, in a tuple, or None for nothing."""
    if container is None:
        return None
    return tuple(parts) if isinstance(container, tuple | list) else parts[0]


def name_of(body: Callable[..., Any]) -> str:
    """The name of a function, as errors call it."""
    return getattr(body, "__qualname__", None) or type(body).__name__


def found_text(value: Any) -> str:
    """What a function returned, in words for an error."""
    return f"{len(value)} things" if isinstance(value, tuple | list) else f"a {type(value).__name__}"
