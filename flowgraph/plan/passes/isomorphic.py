"""Isomorphic updates: matching expressions of the new values of adjacent parameters."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from flowgraph.box import Box
from flowgraph.box.leaves import Parameter
from flowgraph.graph import Graph
from flowgraph.plan.numpy.ufuncs import ufunc_of
from flowgraph.plan.passes.parameter_layout import bytes_of
from flowgraph.plan.rebuild import elements, sizes_known
from flowgraph.plan.store import Store

LARGEST = 1 << 18
"""Bytes of a flat array: with its gradient, its change and its new value it has to fit the cache of a core (1 MB).

What is saved is a call of half a microsecond for each parameter, which does not count beside arrays of this size: flat
parameters gain 11 % at batch 1 and nothing at 784-512-512-10 (`python -m benchmarks passes`).
"""

_DEEPEST = 16
"""Boxes from a new value down to what it is computed of: Adam, the deepest of our rules, has ten."""

Members = tuple[Box, ...]
Run = tuple[Parameter, ...]


class Reading(NamedTuple):
    """How new values of adjacent parameters are isomorphic: boxes that match, and the parts where matching stops.

    Members that are not isomorphic may be so in `segments`, one after another.
    """

    merged: dict[Members, None]
    parts: dict[Members, None]
    segments: dict[Members, list[Members]]


def isomorphic_runs(store: Store, updated: Mapping[Parameter, Box], inside: set[Box]) -> list[Run]:
    """The parameters of the store, in runs of adjacent ones whose new values are the same expression.

    A run is cut where a flat array would be too large; a parameter without elements is adjacent to anything and saves
    no time, so it stands alone.
    """
    numbers: dict[Hashable, int] = {}
    place = {p: number for number, p in enumerate(store.order)}
    runs: list[list[Parameter]] = []
    last, size = None, 0
    for p in store.order:
        likeness = _likeness(updated[p], p, place, numbers, inside) if elements(p) else None
        size += bytes_of(p)
        isomorphic = likeness is not None and likeness == last and store.are_adjacent((runs[-1][-1], p))
        if isomorphic and size <= LARGEST:
            runs[-1].append(p)
        else:
            runs.append([p])
            size = bytes_of(p)
        last = likeness
    return [tuple(run) for run in runs]


def _likeness(
    new: Box, parameter: Parameter, place: Mapping[Parameter, int], numbers: dict[Hashable, int], inside: set[Box]
) -> int | None:
    """A number that is the same for isomorphic new values; None where nothing is done by elements."""
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
    """The boxes that compute new values element by element, and nothing else that is read.

    Their children have their shape, or are numbers.
    """
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


def match_isomorphic(new: Sequence[Box], run: Run, inside: set[Box]) -> Reading:
    """What isomorphic new values have in common, from the top down."""
    reading = Reading({}, {}, {})
    stack = [(tuple(new), run, 0)]
    while stack:
        members, of, depth = stack.pop()
        if members in reading.merged or members in reading.parts or members in reading.segments or _is_shared(members):
            continue
        if len(members) == 1:
            reading.parts[members] = None
            continue
        fits = [box in inside and box.shape == p.shape and depth < _DEEPEST for box, p in zip(members, of, strict=True)]
        if all(fits) and all(_are_isomorphic(one, other) for one, other in pairwise(members)):
            reading.merged[members] = None
            stack += [(children, of, depth + 1) for children in children_of(members)]
            continue
        cuts = _cuts(members, fits)
        if len(cuts) == len(members) or len(cuts) == 1:
            reading.parts[members] = None
            continue
        reading.segments[members] = [members[start:stop] for start, stop in cuts]
        stack += [(members[start:stop], of[start:stop], depth) for start, stop in cuts]
    return reading


def _is_shared(members: Members) -> bool:
    """Whether members are numbers, which isomorphic boxes have in common."""
    return members[0].shape == ()


def _are_isomorphic(one: Box, other: Box) -> bool:
    """Whether two boxes do the same, element by element, to children of their own and to the same numbers."""
    return type(one) is type(other) and all(
        (a is b if () in (a.shape, b.shape) else a.dtype == b.dtype)
        for a, b in zip(one.children, other.children, strict=True)
    )


def _cuts(members: Members, fits: Sequence[bool]) -> list[tuple[int, int]]:
    """Where members that follow one another and are isomorphic begin and end."""
    starts = [0]
    for place in range(1, len(members)):
        one, other = members[place - 1 : place + 1]
        if not (fits[place - 1] and fits[place] and _are_isomorphic(one, other)):
            starts.append(place)
    return list(pairwise([*starts, len(members)]))


def children_of(members: Members) -> list[Members]:
    """The first children of all members, then the second ones, and so on."""
    return list(zip(*[box.children for box in members], strict=True))
