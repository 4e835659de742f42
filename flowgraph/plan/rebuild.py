"""A graph built anew: box by box, with names and places of the boxes that others stand for."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, MutableSet, Sequence, Set
from itertools import repeat
from operator import is_
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Array, Box, Constant, Elementwise, Leaf
from flowgraph.box.keys import key_of
from flowgraph.box.node import inside
from flowgraph.graph import Graph
from flowgraph.shapes.size import Shape, Size
from flowgraph.shapes.spec import Spec, same

# Where the boxes that a plan makes come from: the user's box, line, scope and name that they stand for.
# Boxes are immutable for their users. This is the one file of plans that writes into a box, always one made by a plan.

_OWNER = "built_for"

inside[__file__] = False
"""The walk up the stack for the line of the user ends in `rebuild`: what a pass makes is given that of its owner."""


def owner_of(box: Box) -> Box:
    """The box of the user for which this one was built, by one pass or by several."""
    owner: Box = box.__dict__.get(_OWNER, box)
    return owner


def has_owner(box: Box) -> bool:
    """Whether the box was built for another one."""
    return _OWNER in box.__dict__


def built_for(box: Box, old: Box) -> None:
    """Note that a box was made in place of another, whose line and scope it takes over.

    What is kept is the user's box behind that, so that the boxes between, of each pass, are let go of.
    """
    state, of_old = box.__dict__, old.__dict__
    state["built_at"], state["scope"], state[_OWNER] = of_old["built_at"], old.scope, of_old.get(_OWNER, old)


def named_after(box: Box, old: Box) -> None:
    """Give a box without a name that of the one for which it stands."""
    if box.name is None:
        box.__dict__["name"] = old.name


def of_nobody(box: Box) -> Box:
    """A box that stands for several: without a name, in no scope."""
    box.__dict__.update(name=None, scope="")
    return box


def of_shape(leaf: Box, shape: tuple[Any, ...]) -> Box:
    """A leaf as it is when its sizes are numbers."""
    if leaf.shape == shape:
        return leaf
    return twin_of(leaf, outputs=(Spec(shape, leaf.dtype),), shape=shape)


def twin_of(box: Box, **changes: Any) -> Box:
    """A box that holds what another one does, but for the changes, and stands for nobody."""
    twin = object.__new__(type(box))
    twin.__dict__.update(box.__dict__)
    twin.__dict__.pop(_OWNER, None)
    twin.__dict__.update(changes)
    return twin


def without_graph(box: Box) -> Box:
    """A box for its fprop alone, which keeps nothing alive of the graph behind its children; one of a user as it is."""
    if not box.built_in:
        return box
    return twin_of(box, children=tuple([twin_of(child, children=()) for child in box.children]))


def is_data(box: Box) -> bool:
    """Whether a constant is bound to a plan as the values of parameters are, so that equal plans may have others."""
    return isinstance(box, Constant) and box.value.size > LARGEST_READ and box.dtype.kind in "fc"


def like(shape: tuple[Any, ...], dtype: np.dtype[Any], strides: tuple[int, ...]) -> Array:
    """An array with such strides, in memory that is not written to; a repeated axis has its elements once."""
    low = sum(min(0, step * (size - 1)) for size, step in zip(shape, strides, strict=True))
    high = sum(max(0, step * (size - 1)) for size, step in zip(shape, strides, strict=True))
    return np.ndarray(shape, dtype, np.empty(high - low + dtype.itemsize, np.uint8), -low, strides)


# A graph built anew, children first, by a rule that says what stands for each box.

Rule = Callable[[Box, tuple[Box, ...]], Box]


def rebuild(graph: Graph, rule: Rule, only: Set[Box] | None = None) -> Graph:
    """The graph in which `rule(box, its new children)` stands for each box; the graph itself, if nothing changes.

    With `only` the rule is asked of these boxes, and of those whose children change; any other stays as it is.
    """
    new: dict[Box, Box] = {}
    changed = False
    for box in graph.boxes if only is None or only else ():
        children = before = box.children
        for child in before:
            if child in new:
                children = tuple(map(new.get, before, before))
                break
        else:
            if only is not None and box not in only:
                continue
        instead = rule(box, children)
        if instead is not box:
            new[box] = with_place_of(instead, box, children, graph)
        elif box.children is not before:
            changed = True
    return Graph(*[new.get(output, output) for output in graph.outputs]) if changed or new else graph


Own = MutableSet[Box]
"""Boxes that were made for one plan and that nobody else has seen, so that they may be given other children."""


def on_children(box: Box, children: Sequence[Box], own: Own | None = None) -> Box:
    """The same operation on these children; the box itself, if they are its own, or if it is one of `own`.

    What is made here in the place of another box is one of `own` from now on.
    """
    before = box.children
    if children is before or all(map(is_, children, before)):
        return box
    if own is None:
        return box._with(tuple(children))
    if box in own and box._specs_stay(children):
        box.__dict__["children"] = tuple(children)
        return box
    made = box._with(tuple(children))
    own.add(made)
    return made


def with_place_of(box: Box, old: Box, children: Iterable[Box], graph: Graph) -> Box:
    """What was made for a box has its place in the user's code; its name too, if it has none.

    What stands in the graph already, the box itself or one that is equal, stays as it is.
    """
    if children is box.children is not old.children:  # made here, of nothing but the new children
        built_for(box, old)
        named_after(box, old)
        return box
    if box in graph.slots or not old.children or _is_given(box) or any(map(is_, children, repeat(box))):
        return box
    if not has_owner(box):
        built_for(box, old)
        _place_parts(box, old, children, graph)
    if not isinstance(box, Leaf):
        named_after(box, old)
    return box


def _place_parts(made: Box, old: Box, children: Iterable[Box], graph: Graph) -> None:
    """Say of what was made on the way to a box, from the new children, for which box it was made."""
    stack = [child for child in made.children if not has_owner(child)]
    if not stack:
        return
    known = {id(child) for child in children}
    while stack:
        box = stack.pop()
        if id(box) not in known and box not in graph.slots and not _is_given(box) and not has_owner(box):
            built_for(box, old)
            stack.extend(box.children)


def _is_given(box: Box) -> bool:
    """Whether the value comes from outside, so that nothing else can stand for the box."""
    return isinstance(box, Leaf) and not isinstance(box, Constant)


def readers_of(graph: Graph) -> Counter[Box]:
    """How often each value is read, an output once more."""
    readers = Counter(child for box in graph.boxes for child in box.children)
    readers.update(graph.outputs)
    return readers


def is_scalar(box: Box) -> bool:
    """Whether the value is one number without axes."""
    return len(box.outputs) == 1 and box.shape == ()


def number_of(box: Box) -> Any:
    """The number that a constant without axes stands for, None for any other box."""
    return box.value[()] if isinstance(box, Constant) and box.shape == () else None


def sizes_known(box: Box) -> bool:
    """Whether every size of the value is a number."""
    outputs = box.outputs
    return _numbers(box.shape).known if len(outputs) == 1 else all(_numbers(spec.shape).known for spec in outputs)


def all_sizes_known(box: Box) -> bool:
    """Whether every size of the value and of what it is computed from is a number."""
    return all(map(sizes_known, (box, *box.children)))


def shape_of(box: Box) -> tuple[int, ...]:
    """The shape in numbers; -1 for a size that depends on values."""
    return _numbers(box.shape).shape


def elements(box: Box) -> int:
    """How many numbers the value has, where all sizes are known."""
    return _numbers(box.shape).elements


class _Numbers(NamedTuple):
    """A shape in numbers, -1 for what is none; whether there is none of these; and the product."""

    shape: tuple[int, ...]
    known: bool
    elements: int


@functools.lru_cache(1024)
def _numbers(shape: Shape) -> _Numbers:
    """What passes ask of the few shapes of a graph, for every box many times: 5 % of what they execute."""
    numbers = tuple([size if isinstance(size, int) else -1 for size in shape])
    return _Numbers(numbers, -1 not in numbers, math.prod(numbers))


# Boxes made during simplification: equal operations on equal children are one box (common subexpressions).

Reduction = Callable[["Builder", Box], Box | None]

LARGEST_READ = 4096
"""Elements of a constant above which no pass reads its numbers: they may be other ones in a plan of an equal graph."""

_LARGEST_SHARED = 64
"""Constants of so many numbers are compared by their values, larger ones by identity: a bound on the time of a plan."""


class RuleSet(NamedTuple):
    """Rules of a pass: by the class of a box, and for all that works element by element."""

    name: str
    by_class: Mapping[type[Box], Sequence[Reduction]]
    elementwise: tuple[Reduction, ...] = ()


class RulesByClass(dict[type[Box], Sequence[Reduction]]):
    """The rules for boxes of a class, in the order of their sets; listed when the first box of the class comes."""

    def __init__(self, sets: Sequence[RuleSet] = ()) -> None:
        super().__init__()
        self._sets = sets

    def __missing__(self, cls: type[Box]) -> Sequence[Reduction]:
        self[cls] = rules = []
        for each in self._sets:
            rules += [*each.by_class.get(cls, ()), *(each.elementwise if issubclass(cls, Elementwise) else ())]
        return rules


class _UnknownSizeError(Exception):
    """A rule asks for a shape whose sizes depend on values: no array can be given it, and the rule does not hold."""


class Builder:
    """Makes boxes for a simplified graph; `rules` say, by class, what simpler box stands for a new one."""

    def __init__(self, rules: RulesByClass, share: bool) -> None:
        self.rules = rules
        self.share = share
        self.known: dict[Hashable, Box] = {}

    def make(self, cls: type[Box], *children: Any, **settings: Any) -> Box:
        """The simplest box that is known to compute this operation."""
        to = settings.get("to")
        if isinstance(to, tuple) and any(isinstance(size, Size) for size in to):
            raise _UnknownSizeError
        return self.reduce_box(cls(*children, **settings))

    def constant(self, value: object, dtype: DTypeLike) -> Box:
        """A number as a box."""
        return self.share_box(Constant(np.asarray(value, dtype)))

    def reduce_box(self, box: Box) -> Box:
        """The box that stands for this one, whose children are reduced already."""
        for rule in self.rules[type(box)]:
            try:
                simpler = rule(self, box)
            except _UnknownSizeError:
                continue
            if simpler is not None:
                assert _as_long(simpler, box), f"{rule.__name__} changes the shape of {box!r} to {simpler!r}"
                assert simpler.dtype == box.dtype, f"{rule.__name__} changes the dtype of {box!r} to {simpler!r}"
                return simpler
        return self.share_box(box)

    def share_box(self, box: Box) -> Box:
        """The box made first of all those that are the same operation on the same children."""
        if not self.share or (isinstance(box, Leaf) and not isinstance(box, Constant)):
            return box
        key = _key(box)
        return box if key is None else self.known.setdefault(key, box)


def _as_long(box: Box, other: Box) -> bool:
    """Whether two boxes have one shape, as far as it is known before a run.

    What a mask takes has another name each time.
    """
    return box.ndim == other.ndim and all(map(same, box.shape, other.shape))


def _key(box: Box) -> Hashable:
    if isinstance(box, Constant):
        return (box.dtype.str, box.shape, box.value.tobytes()) if box.value.size <= _LARGEST_SHARED else None
    cls = type(box)
    if not cls.settings:
        return cls, *map(id, box.children)
    state = box.__dict__
    settings = tuple([key_of(state[name]) for name in cls.settings])
    return None if None in settings else (cls, settings, tuple(map(id, box.children)))
