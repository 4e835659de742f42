"""What stands for a box and is none: an array that is assigned to, and stands for another box from there on."""

from __future__ import annotations

from typing import Any


class StandIn:
    """The base of what stands for a box: wherever an array is taken, the box is taken in its place.

    A box never changes. Code that assigns to the elements of an array, `x[0] = 1.0`, may hold a stand-in, whose `box`
    an assignment exchanges.
    """

    __slots__ = ("box",)

    box: Any


def without_stand_ins(value: Any) -> Any:
    """A value, in which boxes are in the place of what stands for them: also in lists, tuples and dicts.

    >>> from flowgraph.box.standing_in import without_stand_ins
    >>> without_stand_ins([1.0, (2.0,)])
    [1.0, (2.0,)]
    """
    if isinstance(value, StandIn):
        return value.box
    kind = type(value)
    if kind is list or kind is tuple:
        return kind(map(without_stand_ins, value))
    if kind is dict:
        return {name: without_stand_ins(part) for name, part in value.items()}
    if kind is slice:
        return slice(*map(without_stand_ins, (value.start, value.stop, value.step)))
    return value
