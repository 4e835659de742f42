"""Loop fusion: elementwise boxes of one shape that read each other share a loop."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from flowgraph.box import Box, Constant, Leaf
from flowgraph.boxes.engine.passing_on import Barrier
from flowgraph.boxes.indexing.index import Index, IndexAdd
from flowgraph.boxes.linear_algebra.products import AddMatMul, MatMul
from flowgraph.boxes.neural.label import MinusAt, OneHot, PlacesOf
from flowgraph.graph import Graph
from flowgraph.plan.emitter import RefusedError
from flowgraph.plan.numba.machine import cast, number_name
from flowgraph.plan.numba.places import Place, element, flat_text, is_called, own_index, rows_of, squeezed
from flowgraph.plan.numba.rules import CHECKS, RULES, Read, expression, guard, indexed_for
from flowgraph.plan.numpy.ufuncs import ufunc_of
from flowgraph.plan.rebuild import elements, shape_of
from flowgraph.shapes.indexing import ARRAY

# Which elements of its children one element of a box reads, and what is made of them.


def role_of(box: Box) -> str:
    """How a box is computed: "element" by element, as a "reduction" of elements, as a "block" of loops of its own."""
    rule = RULES.of(box)
    if rule is not None:
        return rule.role
    if ufunc_of(box) is not None:
        return "element"
    raise RefusedError("has no rule for Numba", box)


def _are_rows(places: Box) -> bool:
    return isinstance(places, PlacesOf) and not places.columns


def element_lines(box: Box, read: Read, code: int) -> tuple[list[str], str]:
    """Lines that go before, and the expression for the element of the box at its own index."""
    index = own_index(box.shape)
    rule = RULES.of(box)
    if rule is not None and rule.indexed is not None:
        return rule.indexed(box, read, index, code)
    texts = [read(child, beside(child, index)) for child in box.children]
    check = CHECKS.of(box)
    return guard(box, texts[check.place], code) if check is not None else [], expression(box, texts)


def beside(child: Box, index: Sequence[str]) -> list[str]:
    """The index of the element of a child that is broadcast."""
    last = list(index)[len(index) - child.ndim :]
    return ["0" if size == 1 else one for size, one in zip(child.shape, last, strict=True)]


def product_index(box: Box, index: Sequence[str], between: str) -> tuple[list[str], list[str]]:
    """The indices of the factors of one term of a matrix product, where `between` is that of the axis summed over."""
    left, right = box.children
    rest = list(index)
    column = [rest.pop()] if right.ndim > 1 else []
    row = [rest.pop()] if left.ndim > 1 else []
    stack_left, stack_right = (_stack(child, rest) for child in (left, right))
    return [*stack_left, *row, between], [*stack_right, between, *column]


def _stack(child: Box, index: Sequence[str]) -> list[str]:
    sizes = shape_of(child)[:-2]
    last = list(index)[len(index) - len(sizes) :]
    return ["0" if size == 1 else one for size, one in zip(sizes, last, strict=True)]


@indexed_for(MatMul, when=lambda box: box.dtype.kind != "b" and box.children[0].shape[-1] == 1)
def _outer_product(box: MatMul, read: Read, index: Sequence[str], code: int) -> tuple[list[str], str]:
    left, right = product_index(box, index, "0")
    texts = [
        cast(read(child, at), child.dtype, box.dtype) for child, at in zip(box.children, (left, right), strict=True)
    ]
    return [], exact(box, f"{texts[0]} * {texts[1]}")


@indexed_for(
    Index,
    when=lambda box: box.index == (ARRAY,) and box.children[0].ndim == 1 and isinstance(box.children[1], PlacesOf),
)
def _picked(box: Index, read: Read, index: Sequence[str], code: int) -> tuple[list[str], str]:
    return [], read(box.children[0], [read(box.children[1], index)])


@indexed_for(PlacesOf, when=lambda box: box.children[0].ndim <= 1 and not box.columns)
def _place(box: PlacesOf, read: Read, index: Sequence[str], code: int) -> tuple[list[str], str]:
    labels, like = box.children
    label = read(labels, index if labels.ndim else [])
    return guard(box, label, code), f"{flat_text(0, (shape_of(like)[-1],), index)} + int64({label})"


@indexed_for(OneHot)
def _one_hot(box: OneHot, read: Read, index: Sequence[str], code: int) -> tuple[list[str], str]:
    label, number = read(box.children[0], index[:-1]), number_name(box.dtype, box)
    return guard(box, label, code), f"{number}(1) if {label} == {index[-1]} else {number}(0)"


@indexed_for(MinusAt, when=lambda box: box.children[1].ndim <= 1 and _are_rows(box.children[1]))
def _minus_at(box: MinusAt, read: Read, index: Sequence[str], code: int) -> tuple[list[str], str]:
    a, places, amount = box.children
    row = index[0] if a.ndim > 1 else "0"
    value, less = (
        cast(text, child.dtype, box.dtype) for text, child in ((read(a, index), a), (read(amount, []), amount))
    )
    at = flat_text(0, rows_of(shape_of(box)), index)
    return [], f"{exact(box, f'{value} - {less}')} if {read(places, [row])} == {at} else {value}"


def exact(box: Box, text: str) -> str:
    """What Numba computes in wider integers than NumPy, in the dtype of the box."""
    return f"{number_name(box.dtype, box)}({text})" if box.dtype.kind in "iu" else text


# Loop fusion: elementwise boxes of one shape that read each other share a loop.


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
