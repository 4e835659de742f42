"""What a line of a program may be, by family: each draws an expression whose operands are in the pool."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.fuzz.pool import Pool

Draw = Callable[[Pool], str | None]


class Operation(NamedTuple):
    """How to draw a line: None where the pool has no operands for it.

    `covers` are the functions that it may call, as the dispatch table knows them; `exact` says that small whole
    numbers and fractions of powers of two give such numbers again, without rounding; `edges` that it is drawn more
    often for arrays at the edges of their dtype.
    """

    draw: Draw
    covers: tuple[Any, ...]
    weight: float
    exact: bool
    named: bool
    edges: bool


OPERATIONS: list[Operation] = []


def operation(
    *covers: Any, weight: float = 1.0, exact: bool = False, named: bool = True, edges: bool = False
) -> Callable[[Draw], Draw]:
    """Register a way to draw a line; `named=False` where its text depends on the size of the batch."""

    def register(draw: Draw) -> Draw:
        OPERATIONS.append(Operation(draw, covers, weight, exact, named, edges))
        return draw

    return register


def load() -> list[Operation]:
    """All operations, in the order of their families."""
    for module in sorted(one.name for one in pkgutil.iter_modules(__path__)):
        importlib.import_module(f"{__name__}.{module}")
    return OPERATIONS
