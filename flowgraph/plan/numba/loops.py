"""Loop fusion: elementwise boxes of one shape that read each other share a loop."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from flowgraph.box import Box, Constant, Leaf
from flowgraph.boxes.engine.passing_on import Barrier
from flowgraph.boxes.indexing.index import IndexAdd
from flowgraph.boxes.linear_algebra.products import AddMatMul
from flowgraph.graph import Graph
from flowgraph.plan.numba.calls import is_called
from flowgraph.plan.numba.operands import element_lines, role_of
from flowgraph.plan.numba.places import Place, element, own_index, squeezed
from flowgraph.plan.rebuild import elements, shape_of


@dataclass
class Loop:
    """Boxes computed in loops over the same sizes; `role` is "loop", or "block" for one box with loops of its own."""

    role: str
    sizes: tuple[int, ...]
    boxes: list[Box] = field(default_factory=list)


@dataclass
class Loops:
    """The loops of a graph in their order, the loop of each box, and the boxes whose values are kept in arrays."""

    places: Mapping[Box, Place]
    listed: list[Loop] = field(default_factory=list)
    of: dict[Box, int] = field(default_factory=dict)
    stored: set[Box] = field(default_factory=set)
    last: dict[Box, int] = field(default_factory=dict)
    roles: dict[Box, str] = field(default_factory=dict)
    behind: dict[Box, int] = field(default_factory=dict)
    """The first loop that may read a view through a barrier."""


def find_loops(graph: Graph, places: Mapping[Box, Place], kept: Collection[Box]) -> Loops:
    """Each box joins the first loop over its sizes in which what it reads is known, or opens one at the end.

    What only one later loop reads, element by element, is then computed there, without an array between.
    """
    loops = Loops(places, stored=set(kept))
    reads: dict[Box, dict[Box, bool]] = {}
    for box in graph.boxes:
        if isinstance(box, Leaf) or (places[box].base is not box and not isinstance(box, AddMatMul)):
            _view(loops, box)
            continue
        role = role_of(box)
        role = loops.roles[box] = "block" if role == "element" and is_called(box, places) else role
        sizes = squeezed(shape_of(box.children[0] if role == "reduction" else box))
        first, reads[box] = _ready(loops, box, role, sizes)
        loops.of[box] = _open(loops, role, sizes, first)
    _sink(loops, reads)
    for box, read in reads.items():
        _store(loops, box, read)
    return loops


def _view(loops: Loops, box: Box) -> None:
    """Note of a view which loop may be the first to read it: a barrier is behind the loops of what it waits for."""
    behind = [loops.behind[child] for child in box.children if child in loops.behind]
    if isinstance(box, Barrier):
        bases = [loops.places[child].base for child in box.children[1:]]
        behind += [loops.of[base] for base in bases if base in loops.of]
    if behind:
        loops.behind[box] = max(behind)


def _sink(loops: Loops, reads: Mapping[Box, Mapping[Box, bool]]) -> None:
    """Move boxes to the loops that read them, the last box first, where no more arrays are needed for it."""
    readers: dict[Box, list[Box]] = {}
    for box, read in reads.items():
        for base in read:
            readers.setdefault(base, []).append(box)
    for box in reversed(list(reads)):
        at = {loops.of[reader] for reader in readers.get(box, ())}
        if loops.roles[box] != "element" or box in loops.stored or len(at) != 1 or at == {loops.of[box]}:
            continue
        arrays = [base for base in reads[box] if base in loops.of and elements(base) > 1]
        if len(arrays) < 2 and all(reads[reader][box] for reader in readers[box]):
            loops.of[box] = at.pop()


def _store(loops: Loops, box: Box, read: Mapping[Box, bool]) -> None:
    """Enter a box into its loop, and note which of the boxes that it reads need arrays."""
    at = loops.of[box]
    loops.listed[at].boxes.append(box)
    if elements(box) > 1 and loops.roles[box] != "element":
        loops.stored.add(box)
    for base, local in read.items():
        loops.last[base] = max(loops.last.get(base, 0), at)
        if base in loops.of and elements(base) > 1 and not (local and loops.of[base] == at):
            loops.stored.add(base)


def _ready(loops: Loops, box: Box, role: str, sizes: Sequence[int]) -> tuple[int, dict[Box, bool]]:
    """The first loop in which the box can be computed, and what it reads: whether only element by element."""
    first = 0
    reads: dict[Box, bool] = {}

    def read(child: Box, index: Sequence[str]) -> str:
        nonlocal first
        base = loops.places[child].base
        local = role != "block" and is_local(loops, child, index, sizes)
        reads[base] = reads.get(base, True) and local
        first = max(first, loops.behind.get(child, 0))
        if base in loops.of:
            first = max(first, loops.of[base] + (not local))
        return "_"

    if role == "element":
        element_lines(box, read, 0)
    else:
        for child in box.children[:1] if isinstance(box, IndexAdd) else box.children:
            read(child, own_index(child.shape))
    return first, reads


def is_local(loops: Loops, child: Box, index: Sequence[str], sizes: Sequence[int]) -> bool:
    """Whether the element that is read is the one that the same loop has just computed."""
    return loops.roles.get(loops.places[child].base) == "element" and is_own(loops, child, index, sizes)


def is_own(loops: Loops, child: Box, index: Sequence[str], sizes: Sequence[int]) -> bool:
    """Whether loops over these sizes read of the array, each time, the element at their own index."""
    place = loops.places[child]
    base = place.base
    if squeezed(shape_of(base)) != tuple(sizes):
        return False
    own = element(loops.places[base], shape_of(base), own_index(base.shape), _name)
    return own == element(place, shape_of(child), index, _name)


def _name(base: Box, flat: bool) -> str:
    return "flat" if flat else "array"


def _open(loops: Loops, role: str, sizes: tuple[int, ...], first: int) -> int:
    if role != "block":
        for at in range(first, len(loops.listed)):
            if loops.listed[at].role == "loop" and loops.listed[at].sizes == sizes:
                return at
    loops.listed.append(Loop("block" if role == "block" else "loop", sizes))
    return len(loops.listed) - 1


def is_number(loops: Loops, base: Box) -> bool:
    """Whether the value is a variable of the function, not an array."""
    return base in loops.of and elements(base) == 1


def is_literal(box: Box) -> bool:
    """Whether the value is written where it is read."""
    return isinstance(box, Constant) and box.shape == ()
