"""Values at many points in one call, of a function that its framework can run on a stack of inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from flowgraph.checking.target import Array, Inputs

if TYPE_CHECKING:
    from flowgraph.checking.point import Direction, Point

    Lines = Sequence[tuple[Direction, list[float]]]

MOST_FAILURES = 3
SAME = 2.0  # roundings of a value that is computed well: a stack may be summed up in another order than one array


class Batches:
    """The first row of every stack is the point itself: where it is not its known value, nothing is believed.

    `many(inputs, stacks)` is given a stack of rows for some of the inputs and gives a stack of each output; None where
    it has no batched form for such inputs. What fails three times in a row is not tried again.
    """

    def __init__(self, many: Callable[[Inputs, dict[int, Array]], Sequence[Array] | None]) -> None:
        self.many = many
        self.failures = 0

    def values(self, point: Point, lines: Lines) -> list[Array | None] | None:
        """F(x + h d) along each line in turn; None where that has to be asked for one by one."""
        if self.failures >= MOST_FAILURES:
            return None
        stacks = stacked(point, lines)
        try:
            parts = self.many(point.inputs, stacks)
            if parts is None:
                return None
            rows = _flat(parts)
        except Exception:  # vmap refuses control flow that depends on values, and a row may be outside of the domain
            self.failures += 1
            return None
        rows = rows if point.projection is None else rows @ point.projection.T
        room = SAME * point.rounding()
        if rows.shape[1:] != point.value.shape or not (np.abs(rows[0] - point.value) <= room).all():
            self.failures += 1
            return None
        self.failures = 0
        legal = np.isfinite(rows).all(axis=1)
        if point.runner.target.valid is not None:
            legal &= [point.runner.accepts(_with_row(point.inputs, stacks, k)) for k in range(len(rows))]
        return [row if fine else None for row, fine in zip(rows[1:], legal[1:].tolist(), strict=True)]


def stacked(point: Point, lines: Lines) -> dict[int, Array]:
    """For each input that is moved its value and that at every step, along a new first axis."""
    count = 1 + sum(len(steps) for _, steps in lines)
    stacks: dict[int, Array] = {}
    for i in dict.fromkeys(i for direction, _ in lines for i in direction):
        x = np.asarray(point.inputs[i])
        moves = next(direction[i] for direction, _ in lines if i in direction)
        stack = np.empty((count, *x.shape), np.result_type(x.dtype, np.asarray(moves).dtype))
        stack[...] = x
        start = 1
        for direction, steps in lines:
            if i in direction and steps:
                shifts = np.multiply.outer(np.array(steps), np.asarray(direction[i]))
                stack[start : start + len(steps)] += shifts
            start += len(steps)
        stacks[i] = stack
    return stacks


def _with_row(inputs: Inputs, stacks: dict[int, Array], k: int) -> Inputs:
    return tuple(stacks[i][k] if i in stacks else x for i, x in enumerate(inputs))


def _flat(parts: Sequence[Array]) -> Any:
    """One row of all elements for every row of the stacks, a complex one as two."""
    pieces = [np.ascontiguousarray(part).reshape(len(part), -1) for part in parts]
    pieces = [piece.view(piece.real.dtype) if piece.dtype.kind == "c" else piece for piece in pieces]
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=1)
