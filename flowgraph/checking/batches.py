"""Values at many points in one call, of a function that its framework can run on a stack of inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph.checking.target import Array, Inputs

MOST_FAILURES = 3  # in a row: what vmap refuses once it mostly refuses again, and a refusal costs as much as a call
SAME = 2.0  # roundings of a value that is computed well: a stack may be summed up in another order than one array

Lines = Sequence[tuple[dict[int, Array], list[float]]]
"""Directions, each with the steps along it."""


class Batches:
    """The first row of every stack is the point itself: where it has not its known value, nothing is believed.

    `many(inputs, stacks)` is given a stack of rows for some of the inputs and gives a stack of each output; None where
    it has no batched form for such inputs. What fails three times in a row is not tried again.
    """

    def __init__(self, many: Callable[[Inputs, dict[int, Array]], Sequence[Array] | None]) -> None:
        self.many = many
        self.failures = 0

    def rows(self, inputs: Inputs, stacks: dict[int, Array], known: Callable[[Array], Array | None]) -> Array | None:
        """The elements of the outputs for each row of the stacks; None where that has to be asked for one by one.

        `known` gives the rows in the form in which they are compared, None if the first is not the known value.
        """
        if self.failures >= MOST_FAILURES:
            return None
        try:
            parts = self.many(inputs, stacks)
            if parts is None:
                return None
            found = known(_flat(parts))
        except Exception:  # vmap refuses control flow that depends on values, and a row may be outside of the domain
            found = None
        self.failures = 0 if found is not None else self.failures + 1
        return found


def stacked(inputs: Inputs, lines: Lines) -> dict[int, Array]:
    """For each input that is moved its value and that at every step, along a new first axis."""
    count = 1 + sum(len(steps) for _, steps in lines)
    stacks: dict[int, Array] = {}
    for i in dict.fromkeys(i for direction, _ in lines for i in direction):
        x = np.asarray(inputs[i])
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


def with_row(inputs: Inputs, stacks: dict[int, Array], k: int) -> Inputs:
    """The inputs of one row."""
    return tuple(stacks[i][k] if i in stacks else x for i, x in enumerate(inputs))


def _flat(parts: Sequence[Array]) -> Any:
    """One row of all elements for every row of the stacks, a complex one as two."""
    pieces = [np.ascontiguousarray(part).reshape(len(part), -1) for part in parts]
    pieces = [piece.view(piece.real.dtype) if piece.dtype.kind == "c" else piece for piece in pieces]
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=1)
