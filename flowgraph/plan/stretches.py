"""Parameters side by side: what is done alike to several small ones is done once, to the stretch that they make up."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

from flowgraph.box import Box
from flowgraph.boxes.indexing import Index
from flowgraph.boxes.shape import Reshape
from flowgraph.graph import Graph
from flowgraph.leaves import Parameter
from flowgraph.plan.neighbours import bytes_of
from flowgraph.plan.rebuild import elements, shape_of, sizes_known
from flowgraph.plan.schedule import Stretches, kinds_of
from flowgraph.plan.squares import Joined, join, join_squares, joined_once
from flowgraph.plan.store import Store
from flowgraph.plan.ufuncs import ufunc_of

LARGEST = 1 << 18
"""Bytes of a stretch: together with what changes it, it has to fit the cache, as a single parameter would."""

_DEEPEST = 16
"""Boxes from a new value down to what it is computed of: Adam has ten."""

Members = tuple[Box, ...]


def in_stretches(graph: Graph, store: Store) -> tuple[Graph, Stretches]:
    """The graph in which boxes that do the same to neighbours in the store are one, and which boxes are stretches.

    The last outputs of the graph are the new values of the parameters of the store.
    """
    joined: Joined = {}
    graph = join_squares(graph, store, joined)
    outputs = graph.outputs[len(graph.outputs) - len(store.parameters) :]
    updated: dict[Parameter, Box] = dict(zip(store.parameters, outputs, strict=True))
    groups = _groups(graph, store, updated)
    if not groups:
        return graph, Stretches({stretch: run for run, stretch in joined.items()}, {})
    joining = _Joining(graph, store, groups, joined)
    graph = Graph(*joining.rebuilt(graph.outputs))
    new = {
        joining.whole[members]: tuple(run)
        for run in groups
        if (members := tuple([updated[p] for p in run])) in joining.whole
    }
    return graph, Stretches({stretch: run for run, stretch in joined.items()}, new)


class _Reading(NamedTuple):
    """How the new values of neighbours are computed alike: members of one box each, and where that begins."""

    merged: dict[Members, None]
    parts: dict[Members, None]


def _groups(graph: Graph, store: Store, updated: Mapping[Parameter, Box]) -> dict[tuple[Parameter, ...], _Reading]:
    """Neighbours whose new values are alike, with what they have in common, where one line for all saves time."""
    inside = _found_inside(graph, updated)
    readings = {run: _read_alike([updated[p] for p in run], run, inside) for run in _runs(store, updated, inside)}
    kinds = kinds_of(graph)
    kept: dict[tuple[Parameter, ...], _Reading] = {}
    owner: dict[Box, tuple[int, ...]] = {}
    for run, reading in readings.items():
        boxes = {box: _ids(members) for members in reading.merged for box in members}
        alone = len(boxes) == sum(map(len, reading.merged)) and all(
            owner.get(box, ids) == ids for box, ids in boxes.items()
        )
        copied = sum(
            _is_copied(box, kinds) for members in reading.parts for box in members if not store.are_neighbours(members)
        )
        if alone and len(reading.merged) * (len(run) - 1) > copied:
            kept[run] = reading
            owner |= boxes
    spoilt = _following(graph, owner)
    return {
        run: reading
        for run, reading in kept.items()
        if not any(box in spoilt for members in reading.parts for box in members)
    }


def _ids(members: Members) -> tuple[int, ...]:
    return tuple(map(id, members))


def _following(graph: Graph, boxes: Iterable[Box]) -> set[Box]:
    """The boxes and all that is computed from them."""
    found = set(boxes)
    for box in graph.boxes:
        if box not in found and any(child in found for child in box.children):
            found.add(box)
    return found


def _is_copied(box: Box, kinds: Mapping[Box, str]) -> bool:
    """Whether the value cannot be written into the stretch where it is computed."""
    while isinstance(box, Reshape) and kinds[box] == "view":
        box = box.children[0]
    return kinds[box] != "fill"


def _runs(store: Store, updated: Mapping[Parameter, Box], inside: set[Box]) -> list[tuple[Parameter, ...]]:
    """Neighbours in the store whose new values are the same expression, cut where a stretch would be too large."""
    numbers: dict[Hashable, int] = {}
    place = {p: number for number, p in enumerate(store.order)}
    runs: list[list[Parameter]] = [[]]
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
    return [tuple(run) for run in runs if len(run) > 1]


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


def _found_inside(graph: Graph, updated: Mapping[Parameter, Box]) -> set[Box]:
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


def _read_alike(new: Sequence[Box], run: tuple[Parameter, ...], inside: set[Box]) -> _Reading:
    """What new values that are alike have in common, from the top down."""
    reading = _Reading({}, {})
    stack = [(tuple(new), 0)]
    while stack:
        members, depth = stack.pop()
        if members in reading.merged or members in reading.parts or members[0].shape == ():
            continue
        shapes_fit = all(box.shape == p.shape for box, p in zip(members, run, strict=True))
        if shapes_fit and depth < _DEEPEST and inside.issuperset(members):
            reading.merged[members] = None
            stack += [(children, depth + 1) for children in _children(members)]
        else:
            reading.parts[members] = None
    return reading


def _children(members: Members) -> list[Members]:
    return list(zip(*[box.children for box in members], strict=True))


class _Joining:
    """The graph built anew with one box in place of members that are alike."""

    def __init__(
        self,
        graph: Graph,
        store: Store,
        groups: Mapping[tuple[Parameter, ...], _Reading],
        joined: Joined,
    ) -> None:
        self.store = store
        self.joined = joined
        self.members = {
            box: (members, place)
            for reading in groups.values()
            for members in reading.merged
            for place, box in enumerate(members)
        }
        self.whole: dict[Members, Box] = {}
        self.new: dict[Box, Box] = {}

    def rebuilt(self, outputs: Sequence[Box]) -> list[Box]:
        """The boxes that stand for the outputs."""
        stack = list(outputs)
        while stack:
            box = stack[-1]
            members, place = self.members.get(box, ((box,), None))
            needed = [child for one in members for child in one.children]
            missing = [child for child in needed if child not in self.new]
            if missing and box not in self.new:
                stack += missing
                continue
            stack.pop()
            if box not in self.new:
                self.new[box] = self._alone(box) if place is None else self._part(members, place)
        return [self.new[box] for box in outputs]

    def _alone(self, box: Box) -> Box:
        children = [self.new[child] for child in box.children]
        same = all(one is other for one, other in zip(children, box.children, strict=True))
        return box if same else box.with_children(*children)

    def _part(self, members: Members, place: int) -> Box:
        """The section of the stretch that is the value of a member."""
        if members not in self.whole:
            whole = members[0].with_children(*[self._stretch(children) for children in _children(members)])
            whole.__dict__.update(name=None, scope="")
            self.whole[members] = whole
        start = sum(map(elements, members[:place]))
        section = Index(self.whole[members], index=(slice(start, start + elements(members[place])),))
        return Reshape(section, to=shape_of(members[place]))

    def _stretch(self, members: Members) -> Box:
        """What members are, one after another; a number that they share."""
        if members[0].shape == ():
            return self.new[members[0]]
        if members not in self.whole:
            self.whole[members] = self._joined(members)
        return self.whole[members]

    def _joined(self, members: Members) -> Box:
        if not self.store.are_neighbours(members):
            return join([self.new[box] for box in members])
        return joined_once(tuple([box for box in members if isinstance(box, Parameter)]), self.joined)
