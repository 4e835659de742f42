"""Parameters side by side: what is done alike to several small ones is done once, to the stretch that they make up."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import pairwise
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
    """How the new values of neighbours are computed alike: members of one box each, and where that begins.

    Members that are not alike may be so in `pieces`, one after another.
    """

    merged: dict[Members, None]
    parts: dict[Members, None]
    pieces: dict[Members, list[Members]]


Run = tuple[Parameter, ...]


def _groups(graph: Graph, store: Store, updated: Mapping[Parameter, Box]) -> dict[Run, _Reading]:
    """Neighbours whose new values are alike, with what they have in common, where one line for all saves time."""
    inside = _found_inside(graph, updated)
    kinds = kinds_of(graph)
    kept: dict[Run, _Reading] = {}
    owner: dict[Box, tuple[int, ...]] = {}

    def read(run: Run) -> tuple[Run, _Reading, int]:
        reading = _read_alike([updated[p] for p in run], run, inside)
        return run, reading, _lines_saved(reading, store, kinds)

    for runs in _together(_runs(store, updated, inside), store, updated, inside):
        apart = [read(run) for run in runs if len(run) > 1]
        whole = read(tuple([p for run in runs for p in run]))
        joined = len(runs) > 1 and whole[2] > sum(max(0, saved) for _, _, saved in apart)
        for run, reading, saved in [whole] if joined else apart:
            boxes = {box: _ids(members) for members in reading.merged for box in members}
            if saved > 0 and all(owner.get(box, ids) == ids for box, ids in boxes.items()):
                kept[run] = reading
                owner |= boxes
    spoilt = _following(graph, owner)
    return {
        run: reading
        for run, reading in kept.items()
        if not any(box in spoilt for members in reading.parts for box in members)
    }


def _lines_saved(reading: _Reading, store: Store, kinds: Mapping[Box, str]) -> int:
    """Lines that members share, less those that copy values into the stretch; none if a box is a member twice."""
    boxes = {box for members in reading.merged for box in members}
    if len(boxes) < sum(map(len, reading.merged)):
        return 0
    copied = sum(
        _is_copied(box, kinds) for members in reading.parts for box in members if not store.are_neighbours(members)
    )
    return sum(len(members) - 1 for members in reading.merged) - copied


def _together(runs: Sequence[Run], store: Store, updated: Mapping[Parameter, Box], inside: set[Box]) -> list[list[Run]]:
    """Runs that follow one another, as weights and biases do, and end in the same step."""
    found: list[list[Run]] = []
    size = 0
    for run in runs:
        bytes_of_run = sum(map(bytes_of, run))
        last = found[-1][-1][-1] if found else None
        if (
            last is not None
            and store.are_neighbours((last, run[0]))
            and inside.issuperset([updated[last], updated[run[0]]])
            and type(updated[last]) is type(updated[run[0]])
            and size + bytes_of_run <= LARGEST
        ):
            found[-1].append(run)
            size += bytes_of_run
        else:
            found.append([run])
            size = bytes_of_run
    return found


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


def _runs(store: Store, updated: Mapping[Parameter, Box], inside: set[Box]) -> list[Run]:
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


def _read_alike(new: Sequence[Box], run: Run, inside: set[Box]) -> _Reading:
    """What new values that are alike have in common, from the top down."""
    reading = _Reading({}, {}, {})
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
            stack += [(children, of, depth + 1) for children in _children(members)]
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


def _children(members: Members) -> list[Members]:
    return list(zip(*[box.children for box in members], strict=True))


class _Joining:
    """The graph built anew with one box in place of members that are alike."""

    def __init__(
        self,
        graph: Graph,
        store: Store,
        groups: Mapping[Run, _Reading],
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
        self.pieces = {members: cut for reading in groups.values() for members, cut in reading.pieces.items()}
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
        if members in self.pieces:
            return join(
                [self._stretch(piece) if len(piece) > 1 else self.new[piece[0]] for piece in self.pieces[members]]
            )
        if not self.store.are_neighbours(members):
            return join([self.new[box] for box in members])
        return joined_once(tuple([box for box in members if isinstance(box, Parameter)]), self.joined)
