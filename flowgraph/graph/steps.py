"""One step of a pass over a graph: what is called, and the slots that it reads and writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from flowgraph.box import Box
from flowgraph.box.arrays import read_only
from flowgraph.box.inference import refuse_writing


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


def guarded(box: Box, function: Callable[..., Any]) -> Callable[..., Any]:
    """The fprop or bprop of a box on arrays that it cannot write to; boxes of flowgraph's own are tested not to."""
    if type(box).__module__.startswith("flowgraph."):
        return function

    def on_read_only(*values: Any, **keywords: Any) -> Any:
        try:
            return function(*map(read_only, values), **keywords)
        except ValueError as error:
            refuse_writing(box, function.__name__, error)
            raise

    return on_read_only


def reader(slots: Sequence[int]) -> Callable[[Any], Iterable[Any]]:
    """What reads these slots of a list of values, in their order."""
    if len(slots) == 1:
        return itemgetter(slice(slots[0], slots[0] + 1))
    return itemgetter(*slots)
