"""What the new values of neighbours have in common: which boxes do the same to each of them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from flowgraph.box import Box
from flowgraph.box.leaves import Parameter
from flowgraph.graph import Graph
from flowgraph.plan.numpy.ufuncs import ufunc_of
from flowgraph.plan.passes.neighbours import bytes_of
from flowgraph.plan.rebuild import sizes_known
from flowgraph.plan.store import Store

LARGEST = 1 << 18
"""Bytes of a stretch: together with what changes it, it has to fit the cache, as a single parameter would."""

_DEEPEST = 16
"""Boxes from a new value down to what it is computed of: Adam has ten."""

Members = tuple[Box, ...]
Run = tuple[Parameter, ...]


class Reading(NamedTuple):
    """How the new values of neighbours are computed alike: members of one box each, and where that begins.

    Members that are not alike may be so in `pieces`, one after another.
    """

    merged: dict[Members, None]
    parts: dict[Members, None]
    pieces: dict[Members, list[Members]]


def alike_runs(store: Store, updated: Mapping[Parameter, Box], inside: set[Box]) -> list[Run]:
    """The parameters of the store, in runs of neighbours whose new values are the same expression.

    A run is cut where a stretch would be too large.
    """
    numbers: dict[Hashable, int] = {}
    place = {p: number for number, p in enumerate(store.order)}
    runs: list[list[Parameter]] = []
    last, size = None, 0
    for p in store.order:
        likeness = _likeness(updated[p], p, place, numbers, inside)
        size += bytes_of(p)
        alike = likeness is not None and likeness == last and store.are_neighbours((runs[-1][-1], p))
        if alike and size <= LARGEST:
            runs[-1].append(p)
        else:
            runs.append([p])
            size = bytes_of(p)
        last = likeness
    return [tuple(run) for run in runs]


def _likeness(
    new: Box, parameter: Parameter, place: Mapping[Parameter, int], numbers: dict[Hashable, int], inside: set[Box]
) -> int | None:
    """A number that is the same for new values that are computed alike; None where nothing is done by elements."""
    known: dict[Box, int] = {}

    def number(box: Box, depth: int) -> int:
        if box not in known:
            key: Hashable
            if box.shape == ():
                key = id(box)
            elif box in inside and box.shape == parameter.shape and depth < _DEEPEST:
                key = (type(box), *[number(child, depth + 1) for child in box.children])
            elif box in place:
                key = ("parameter", place[box] - place[parameter], box.dtype)  # type: ignore[index]
            else:
                key = ("part", box.dtype)
            known[box] = numbers.setdefault(key, len(numbers))
        return known[box]

    return number(new, 0) if parameter.shape and new in inside else None


def found_inside(graph: Graph, updated: Mapping[Parameter, Box]) -> set[Box]:
    """The boxes that compute new values element by element, from children of their shape and numbers, and nothing else
    that is read."""
    inside: set[Box] = set()
    outside: set[Box] = set(graph.outputs[: len(graph.outputs) - len(updated)])
    new = set(updated.values())
    read: set[Box] = set()
    for box in reversed(graph.boxes):
        if (
            box not in outside
            and (box in new or box in read)
            and ufunc_of(box) is not None
            and all(sizes_known(child) and child.shape in ((), box.shape) for child in box.children)
        ):
            inside.add(box)
            read.update(box.children)
        else:
            outside.update(box.children)
    return inside


def read_alike(new: Sequence[Box], run: Run, inside: set[Box]) -> Reading:
    """What new values that are alike have in common, from the top down."""
    reading = Reading({}, {}, {})
    stack = [(tuple(new), run, 0)]
    while stack:
        members, of, depth = stack.pop()
        if members in reading.merged or members in reading.parts or members in reading.pieces or _is_shared(members):
            continue
        if len(members) == 1:
            reading.parts[members] = None
            continue
        fits = [box in inside and box.shape == p.shape and depth < _DEEPEST for box, p in zip(members, of, strict=True)]
        if all(fits) and all(_are_alike(one, other) for one, other in pairwise(members)):
            reading.merged[members] = None
            stack += [(children, of, depth + 1) for children in children_of(members)]
            continue
        cuts = _cuts(members, fits)
        if len(cuts) == len(members) or len(cuts) == 1:
            reading.parts[members] = None
            continue
        reading.pieces[members] = [members[start:stop] for start, stop in cuts]
        stack += [(members[start:stop], of[start:stop], depth) for start, stop in cuts]
    return reading


def _is_shared(members: Members) -> bool:
    """Whether members are numbers, which boxes that are alike have in common."""
    return members[0].shape == ()


def _are_alike(one: Box, other: Box) -> bool:
    """Whether two boxes do the same, element by element, to children of their own and to the same numbers."""
    return type(one) is type(other) and all(
        (a is b if () in (a.shape, b.shape) else a.dtype == b.dtype)
        for a, b in zip(one.children, other.children, strict=True)
    )


def _cuts(members: Members, fits: Sequence[bool]) -> list[tuple[int, int]]:
    """Where members that follow one another and are alike begin and end."""
    starts = [0]
    for place in range(1, len(members)):
        one, other = members[place - 1 : place + 1]
        if not (fits[place - 1] and fits[place] and _are_alike(one, other)):
            starts.append(place)
    return list(pairwise([*starts, len(members)]))


def children_of(members: Members) -> list[Members]:
    return list(zip(*[box.children for box in members], strict=True))
