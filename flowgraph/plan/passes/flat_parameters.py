"""Multi-tensor fusion: small parameters with equal updates are updated at once, as one flat array."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from flowgraph.box import Box
from flowgraph.box.leaves import Parameter
from flowgraph.boxes.elementwise.arithmetic import Add
from flowgraph.boxes.indexing.index import Index
from flowgraph.boxes.linear_algebra.products import MatMul
from flowgraph.boxes.shape.joining import Concatenate
from flowgraph.boxes.shape.reshaping import Reshape
from flowgraph.graph import Graph
from flowgraph.plan.kinds import Kinds
from flowgraph.plan.numpy.rules import ufunc_of
from flowgraph.plan.passes.shapes import inner_sums, terms_of
from flowgraph.plan.rebuild import elements, is_scalar, of_nobody, on_children, rebuild, shape_of, sizes_known
from flowgraph.plan.schedule import FlatParameters
from flowgraph.plan.store import Layout, bytes_of

# Isomorphic updates: matching expressions of the new values of adjacent parameters.

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


def isomorphic_runs(store: Layout, updated: Mapping[Parameter, Box], inside: set[Box]) -> list[Run]:
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
        if all(fits) and all(_are_isomorphic(first, second) for first, second in pairwise(members)):
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


def _are_isomorphic(box: Box, other: Box) -> bool:
    """Whether two boxes do the same, element by element, to children of their own and to the same numbers."""
    return type(box) is type(other) and all(
        (a is b if () in (a.shape, b.shape) else a.dtype == b.dtype)
        for a, b in zip(box.children, other.children, strict=True)
    )


def _cuts(members: Members, fits: Sequence[bool]) -> list[tuple[int, int]]:
    """Where members that follow one another and are isomorphic begin and end."""
    starts = [0]
    for place in range(1, len(members)):
        first, second = members[place - 1 : place + 1]
        if not (fits[place - 1] and fits[place] and _are_isomorphic(first, second)):
            starts.append(place)
    return list(pairwise([*starts, len(members)]))


def children_of(members: Members) -> list[Members]:
    """The first children of all members, then the second ones, and so on."""
    return list(zip(*[box.children for box in members], strict=True))


# Σ W1² + Σ W2² of adjacent parameters is one inner product of the flat array that they make up.

Joined = dict[tuple[Parameter, ...], Box]
"""Adjacent parameters, and the box that is the flat array of their values."""


def join_squares(graph: Graph, store: Layout, joined: Joined) -> Graph:
    """The graph with one inner product for adjacent parameters; their flat arrays are noted in `joined`."""
    inner = inner_sums(graph, lambda inner_sum, reader: _is_sum(inner_sum) and _is_sum(reader))
    sums = {box for box in graph.boxes if _is_sum(box) and box not in inner}
    place = {p: number for number, p in enumerate(store.order)}
    new: dict[Box, Box] = {}

    def rule(box: Box, children: tuple[Box, ...]) -> Box:
        new[box] = on_children(box, children)
        if box in sums:
            terms = terms_of(box, inner)
            squares = {p: term for term in terms if (p := _squared_parameter(term)) in place}
            for run in _runs(sorted(squares, key=place.__getitem__), store):
                flat = joined_once(run, joined)
                of_run = {squares[p] for p in run}
                terms = [term for term in terms if term not in of_run] + [MatMul(flat, flat)]
                new[box] = _total([new.get(term, term) for term in terms])
        return new[box]

    return rebuild(graph, rule, sums)


def joined_once(run: tuple[Parameter, ...], joined: Joined) -> Box:
    """The flat array of adjacent parameters, the same box each time."""
    if run not in joined:
        joined[run] = join(run)
    return joined[run]


def join(parts: Sequence[Box]) -> Box:
    """The elements of arrays one after another."""
    return Concatenate(*[part if part.ndim == 1 else Reshape(part, to=(elements(part),)) for part in parts])


def _is_sum(box: Box) -> bool:
    return isinstance(box, Add) and all(is_scalar(each) and each.dtype == box.dtype for each in (box, *box.children))


def _total(terms: Sequence[Box]) -> Box:
    total = terms[0]
    for term in terms[1:]:
        total = Add(total, term)
    return total


def _squared_parameter(box: Box) -> Parameter | None:
    """The parameter of which the box is the sum of squares."""
    if not isinstance(box, MatMul) or box.shape != ():
        return None
    left, right = (child.children[0] if isinstance(child, Reshape) else child for child in box.children)
    return left if left is right and isinstance(left, Parameter) else None


def _runs(parameters: Sequence[Parameter], store: Layout) -> list[tuple[Parameter, ...]]:
    """Adjacent parameters, two or more."""
    runs: list[list[Parameter]] = []
    for p in parameters:
        if runs and store.are_adjacent((runs[-1][-1], p)):
            runs[-1].append(p)
        else:
            runs.append([p])
    return [tuple(run) for run in runs if len(run) > 1]


# Multi-tensor fusion: small parameters with equal updates are updated at once, as one flat array.


def flatten_parameters(graph: Graph, store: Layout) -> tuple[Graph, FlatParameters]:
    """The graph in which boxes that do the same to adjacent parameters are one, and which boxes are flat parameters.

    The last outputs of the graph are the new values of the parameters of the store.
    """
    joined: Joined = {}
    graph = join_squares(graph, store, joined)
    outputs = graph.outputs[len(graph.outputs) - len(store.parameters) :]
    updated: dict[Parameter, Box] = dict(zip(store.parameters, outputs, strict=True))
    groups = _groups(graph, store, updated)
    if not groups:
        return graph, FlatParameters({flat: run for run, flat in joined.items()}, {})
    joining = _Joining(graph, store, groups, joined)
    graph = Graph(*joining.rebuilt(graph.outputs))
    new = {
        joining.whole[members]: tuple(run)
        for run in groups
        if (members := tuple([updated[p] for p in run])) in joining.whole
    }
    return graph, FlatParameters({flat: run for run, flat in joined.items()}, new)


def _groups(graph: Graph, store: Layout, updated: Mapping[Parameter, Box]) -> dict[Run, Reading]:
    """Adjacent parameters with isomorphic new values, where one line for all saves time, and what matches in them."""
    inside = found_inside(graph, updated)
    kinds = Kinds()
    kept: dict[Run, Reading] = {}
    owner: dict[Box, tuple[int, ...]] = {}

    def match_run(run: Run) -> tuple[Run, Reading, int]:
        reading = match_isomorphic([updated[p] for p in run], run, inside)
        return run, reading, _lines_saved(reading, store, kinds)

    for runs in _together(isomorphic_runs(store, updated, inside), store, updated, inside):
        readings = [match_run(run) for run in runs if len(run) > 1]
        if len(runs) > 1:
            whole = match_run(tuple([p for run in runs for p in run]))
            readings = [whole] if whole[2] > sum(max(0, saved) for _, _, saved in readings) else readings
        for run, reading, saved in readings:
            boxes = {box: ids for members in reading.merged for ids in [_ids(members)] for box in members}
            if saved > 0 and all(owner.get(box, ids) == ids for box, ids in boxes.items()):
                kept[run] = reading
                owner |= boxes
    spoilt = _following(graph, owner)
    return {
        run: reading
        for run, reading in kept.items()
        if not any(box in spoilt for members in reading.parts for box in members)
    }


def _lines_saved(reading: Reading, store: Layout, kinds: Mapping[Box, str]) -> int:
    """Lines that members share, less those that copy values into the flat array; none if a box is a member twice."""
    boxes = {box for members in reading.merged for box in members}
    if len(boxes) < sum(map(len, reading.merged)):
        return 0
    apart = [members for members in reading.parts if not store.are_adjacent(members)]
    copied = sum(_is_copied(box, kinds) for members in apart for box in members)
    return sum(len(members) - 1 for members in reading.merged) - copied


def _together(
    runs: Sequence[Run], store: Layout, updated: Mapping[Parameter, Box], inside: set[Box]
) -> list[list[Run]]:
    """Runs that follow one another, as weights and biases do, and end in the same step."""
    groups: list[list[Run]] = []
    size = 0
    for run in runs:
        bytes_of_run = sum(map(bytes_of, run))
        last = groups[-1][-1][-1] if groups else None
        if (
            last is not None
            and store.are_adjacent((last, run[0]))
            and inside.issuperset([updated[last], updated[run[0]]])
            and type(updated[last]) is type(updated[run[0]])
            and size + bytes_of_run <= LARGEST
        ):
            groups[-1].append(run)
            size += bytes_of_run
        else:
            groups.append([run])
            size = bytes_of_run
    return groups


def _ids(members: Members) -> tuple[int, ...]:
    return tuple(map(id, members))


def _following(graph: Graph, boxes: Iterable[Box]) -> set[Box]:
    """The boxes and all that is computed from them."""
    following = set(boxes)
    for box in graph.boxes:
        if box not in following and not following.isdisjoint(box.children):
            following.add(box)
    return following


def _is_copied(box: Box, kinds: Mapping[Box, str]) -> bool:
    """Whether the value cannot be written into the flat array where it is computed."""
    while isinstance(box, Reshape) and kinds[box] == "view":
        box = box.children[0]
    return kinds[box] != "fill"


class _Joining:
    """The graph built anew with one box in place of isomorphic members."""

    def __init__(
        self,
        graph: Graph,
        store: Layout,
        groups: Mapping[Run, Reading],
        joined: Joined,
    ) -> None:
        self.store = store
        self.joined = joined
        self.members = {box: members for reading in groups.values() for members in reading.merged for box in members}
        self.segments = {members: cut for reading in groups.values() for members, cut in reading.segments.items()}
        self.whole: dict[Members, Box] = {}
        changed = _following(graph, self.members)
        self.new: dict[Box, Box] = {box: box for box in graph.boxes if box not in changed}
        self.read = {*graph.outputs, *[child for box in changed.difference(self.members) for child in box.children]}

    def rebuilt(self, outputs: Sequence[Box]) -> list[Box]:
        """The boxes that stand for the outputs."""
        stack = list(outputs)
        while stack:
            box = stack[-1]
            if box in self.new:
                stack.pop()
                continue
            members = self.members.get(box, (box,))
            missing = [child for member in members for child in member.children if child not in self.new]
            if missing:
                stack += missing
            elif box in self.members:
                self._join_members(members)
            else:
                self.new[box] = self._alone(box)
        return [self.new[box] for box in outputs]

    def _alone(self, box: Box) -> Box:
        children = [self.new[child] for child in box.children]
        same = all(new is old for new, old in zip(children, box.children, strict=True))
        return box if same else box.with_children(*children)

    def _join_members(self, members: Members) -> None:
        """One box for all members; what stands for each that is read alone is its section of the flat array."""
        whole = of_nobody(members[0].with_children(*[self._flat(children) for children in children_of(members)]))
        self.whole[members] = whole
        start = 0
        for box in members:
            stop = start + elements(box)
            alone = box in self.read
            self.new[box] = Reshape(Index(whole, index=(slice(start, stop),)), to=shape_of(box)) if alone else whole
            start = stop

    def _flat(self, members: Members) -> Box:
        """What members are, one after another; a number that they share."""
        if members[0].shape == ():
            return self.new[members[0]]
        if members not in self.whole:
            self.whole[members] = self._join_parameters(members)
        return self.whole[members]

    def _join_parameters(self, members: Members) -> Box:
        if members in self.segments:
            return join(
                [
                    self._flat(segment) if len(segment) > 1 else self.new[segment[0]]
                    for segment in self.segments[members]
                ]
            )
        if not self.store.are_adjacent(members):
            return join([self.new[box] for box in members])
        return joined_once(tuple([box for box in members if isinstance(box, Parameter)]), self.joined)
