"""Multi-tensor fusion: small parameters with equal updates are updated at once, as one flat array."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from flowgraph.box import Box
from flowgraph.box.leaves import Parameter
from flowgraph.boxes.indexing.index import Index
from flowgraph.boxes.shape.reshaping import Reshape
from flowgraph.graph import Graph
from flowgraph.plan.kinds import Kinds
from flowgraph.plan.passes.isomorphic import (
    LARGEST,
    Members,
    Reading,
    Run,
    children_of,
    found_inside,
    isomorphic_runs,
    match_isomorphic,
)
from flowgraph.plan.passes.parameter_layout import bytes_of
from flowgraph.plan.passes.sum_of_squares import Joined, join, join_squares, joined_once
from flowgraph.plan.provenance import of_nobody
from flowgraph.plan.rebuild import elements, shape_of
from flowgraph.plan.schedule import FlatParameters
from flowgraph.plan.store import Store


def flatten_parameters(graph: Graph, store: Store) -> tuple[Graph, FlatParameters]:
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


def _groups(graph: Graph, store: Store, updated: Mapping[Parameter, Box]) -> dict[Run, Reading]:
    """Adjacent parameters with isomorphic new values, where one line for all saves time, and what matches in them."""
    inside = found_inside(graph, updated)
    kinds = Kinds()
    kept: dict[Run, Reading] = {}
    owner: dict[Box, tuple[int, ...]] = {}

    def read(run: Run) -> tuple[Run, Reading, int]:
        reading = match_isomorphic([updated[p] for p in run], run, inside)
        return run, reading, _lines_saved(reading, store, kinds)

    for runs in _together(isomorphic_runs(store, updated, inside), store, updated, inside):
        readings = [read(run) for run in runs if len(run) > 1]
        if len(runs) > 1:
            whole = read(tuple([p for run in runs for p in run]))
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


def _lines_saved(reading: Reading, store: Store, kinds: Mapping[Box, str]) -> int:
    """Lines that members share, less those that copy values into the flat array; none if a box is a member twice."""
    boxes = {box for members in reading.merged for box in members}
    if len(boxes) < sum(map(len, reading.merged)):
        return 0
    apart = [members for members in reading.parts if not store.are_adjacent(members)]
    copied = sum(_is_copied(box, kinds) for members in apart for box in members)
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
            and store.are_adjacent((last, run[0]))
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
    """Whether the value cannot be written into the flat array where it is computed."""
    while isinstance(box, Reshape) and kinds[box] == "view":
        box = box.children[0]
    return kinds[box] != "fill"


class _Joining:
    """The graph built anew with one box in place of isomorphic members."""

    def __init__(
        self,
        graph: Graph,
        store: Store,
        groups: Mapping[Run, Reading],
        joined: Joined,
    ) -> None:
        self.store = store
        self.joined = joined
        self.members = {box: members for reading in groups.values() for members in reading.merged for box in members}
        self.segments = {members: cut for reading in groups.values() for members, cut in reading.segments.items()}
        self.whole: dict[Members, Box] = {}
        self.new: dict[Box, Box] = {}

    def rebuilt(self, outputs: Sequence[Box]) -> list[Box]:
        """The boxes that stand for the outputs."""
        stack = list(outputs)
        while stack:
            box = stack[-1]
            if box in self.new:
                stack.pop()
                continue
            members = self.members.get(box, (box,))
            missing = [child for one in members for child in one.children if child not in self.new]
            if missing:
                stack += missing
            elif box in self.members:
                self._join_members(members)
            else:
                self.new[box] = self._alone(box)
        return [self.new[box] for box in outputs]

    def _alone(self, box: Box) -> Box:
        children = [self.new[child] for child in box.children]
        same = all(one is other for one, other in zip(children, box.children, strict=True))
        return box if same else box.with_children(*children)

    def _join_members(self, members: Members) -> None:
        """One box for all members; what stands for each of them is its section of the flat array."""
        whole = of_nobody(members[0].with_children(*[self._flat(children) for children in children_of(members)]))
        self.whole[members] = whole
        start = 0
        for box in members:
            stop = start + elements(box)
            self.new[box] = Reshape(Index(whole, index=(slice(start, stop),)), to=shape_of(box))
            start = stop

    def _flat(self, members: Members) -> Box:
        """What members are, one after another; a number that they share."""
        if members[0].shape == ():
            return self.new[members[0]]
        if members not in self.whole:
            self.whole[members] = self._joined(members)
        return self.whole[members]

    def _joined(self, members: Members) -> Box:
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
