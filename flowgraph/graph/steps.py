"""One step of a pass over a graph: what is called, and the slots that it reads and writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from flowgraph.box import Box


class Fstep(NamedTuple):
    """One fprop: the slot of the box, its fprop, the slots of its children, the slots that no later step reads."""

    slot: int
    fprop: Callable[..., Any]
    read: Callable[[Any], Iterable[Any]]
    done: tuple[int, ...]


class Step(NamedTuple):
    """One bprop: the box, its slot, the slots of its children, and which of them want a gradient."""

    slot: int
    bprop: Callable[..., tuple[Any, ...]]
    read: Callable[[Any], Iterable[Any]]
    wanted: tuple[tuple[int, int], ...]
    arity: int
    box: Box


def reader(slots: Sequence[int]) -> Callable[[Any], Iterable[Any]]:
    """What reads these slots of a list of values, in their order."""
    if len(slots) == 1:
        return itemgetter(slice(slots[0], slots[0] + 1))
    return itemgetter(*slots)
