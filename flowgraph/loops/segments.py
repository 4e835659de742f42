"""Checkpointing: only carries between segments are stored, and the backward pass reruns each segment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.errors import UsageError
from flowgraph.loops.body import Body, CarryInput, ElementInput, OuterInput, body_of
from flowgraph.loops.looping import looped


def in_segments(body: Body, children: Sequence[Any], length: int | None, reverse: bool, every: int) -> list[Any]:
    """What `looped` gives, by segments of `every` steps and one of those that are left.

    Source: Griewank and Walther, Evaluating Derivatives, chapter 12; Chen et al., Training Deep Nets with Sublinear
    Memory Cost (2016).
    """
    if isinstance(every, bool) or not isinstance(every, int) or every < 1:
        raise UsageError(f"scan: found checkpoint={every!r}, needs a whole number of steps from 1")
    if length is None:
        raise UsageError(
            "scan: found checkpoint= and inputs of a named size, needs a number of steps; give the inputs a number as "
            "their first axis, or leave out checkpoint="
        )
    whole = length // every * every
    if every >= length:
        return looped(body, children, length, reverse)
    outer = body.carries + body.elements
    state, elements, rest = list(children[: body.carries]), children[body.carries : outer], children[outer:]
    pieces: list[list[Any]] = []
    parts = [slice(0, whole), slice(whole, length)]
    for part in reversed(parts) if reverse else parts:
        steps = part.stop - part.start
        if not steps:
            continue
        again = [*state, *(element[part] for element in elements), *rest]
        if steps < every:
            found = looped(body, again, steps, reverse)
        else:
            found = _in_whole_segments(body, again, steps, reverse, every)
        state = found[: body.carries]
        pieces.append(found[body.carries :])
    if reverse:
        pieces.reverse()
    return [*state, *(stack[0] if len(stack) == 1 else np.concatenate(stack) for stack in zip(*pieces, strict=True))]


def _in_whole_segments(body: Body, children: Sequence[Any], steps: int, reverse: bool, every: int) -> list[Any]:
    """A loop over segments, whose body is the loop of one."""
    outer = body.carries + body.elements
    segments = steps // every
    chunks = [np.reshape(one, (segments, every, *one.shape[1:])) for one in children[body.carries : outer]]
    slots: list[Box] = [
        *(CarryInput(shape=one.shape, dtype=one.dtype) for one in children[: body.carries]),
        *(ElementInput(shape=one.shape[1:], dtype=one.dtype) for one in chunks),
        *(OuterInput(shape=one.shape, dtype=one.dtype) for one in children[outer:]),
    ]
    results = looped(body, slots, every, reverse)
    segment = body_of(slots[: body.carries], slots[body.carries : outer], slots[outer:], results)
    found = looped(segment, [*children[: body.carries], *chunks, *children[outer:]], segments, reverse)
    stacks = [np.reshape(one, (steps, *one.shape[2:])) for one in found[body.carries :]]
    return [*found[: body.carries], *stacks]
