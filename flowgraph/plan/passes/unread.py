"""Outputs that nothing reads are not computed, of boxes that can do without them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any, TypeVar

from flowgraph.box import Box
from flowgraph.boxes.engine.passing_on import Part
from flowgraph.graph import Graph
from flowgraph.plan.provenance import built_for, has_owner
from flowgraph.plan.rebuild import on_children, rebuild

Fewer = Callable[[Any, Set[int]], Mapping[int, Box]]
"""Makes of a box, and the places of the outputs that are read, what stands for each of these."""

AnyFewer = TypeVar("AnyFewer", bound=Fewer)

_fewer: dict[type[Box], Fewer] = {}


def fewer_for(cls: type[Box]) -> Callable[[AnyFewer], AnyFewer]:
    """Register how boxes of a class compute fewer outputs than they have."""

    def register(fewer: AnyFewer) -> AnyFewer:
        _fewer[cls] = fewer
        return fewer

    return register


def has_unread(graph: Graph) -> bool:
    """Whether the graph has boxes that may be made smaller."""
    return any(type(box) in _fewer for box in graph.boxes)


def without_unread(graph: Graph) -> Graph:
    """The graph in which boxes of several outputs compute those that are read: a loop keeps no carries for nobody."""
    read = _read(graph)
    fewer: dict[Box, Mapping[int, Box]] = {}

    def rule(box: Box, children: tuple[Box, ...]) -> Box:
        if isinstance(box, Part) and box.children[0] in fewer:
            return fewer[box.children[0]][box.index]
        found = on_children(box, children)
        places = read.get(box, set())
        if type(box) in _fewer and len(places) < len(box.outputs):
            fewer[box] = _fewer[type(box)](found, places)
            _own(fewer[box].values(), found, box)
        return found

    return rebuild(graph, rule)


def _read(graph: Graph) -> dict[Box, set[int]]:
    """The outputs that are read, of each box that has several."""
    read: dict[Box, set[int]] = {box: set() for box in graph.boxes if len(box.outputs) > 1}
    for box in graph.boxes:
        for child in box.children:
            if child in read:
                read[child] |= {box.index} if isinstance(box, Part) else set(range(len(child.outputs)))
    for output in graph.outputs:
        if output in read:
            read[output] = set(range(len(output.outputs)))
    return read


def _own(made: Iterable[Box], before: Box, box: Box) -> None:
    """Say of the smaller box that it stands for that of the user."""
    for one in made:
        smaller = one.children[0] if isinstance(one, Part) else one
        if smaller is not before and not has_owner(smaller):
            built_for(smaller, box)
