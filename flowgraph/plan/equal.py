"""Plans of equal graphs: what was compiled for one serves the others, in memory of their own."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from flowgraph.box import Array, Box, Constant
from flowgraph.box.leaves import Input, Parameter, Random, new_lock
from flowgraph.box.node import OF_EVERY_BOX
from flowgraph.graph import Graph
from flowgraph.plan.binding import Program
from flowgraph.plan.rebuild import LARGEST_READ, frozen, is_data, like, shape_of, twin_of
from flowgraph.plan.rules import Rules

# A key is read in one walk over the graph as its user has it, before any pass. It holds what a pass, a rule or the text
# may depend on, with names and scopes, and nothing that is bound to memory afterwards: not the values of parameters,
# the draws of random leaves, or the numbers of long float constants. A box of a class that a user wrote is never read:
# what its fprop makes of boxes, when a plan opens it, may depend on more than its settings, and its errors name lines.

LARGEST_KEPT = 1 << 20
"""Bytes of all other constants of a graph whose plan is kept: more would fill the memory, and take long to read."""

MORE = frozenset({"built_for", "differentiable_wrt", "is_derivative"})
"""What many boxes hold beside: what they were made for, and what was found out of them when it was asked for."""
_OF_LEAF: dict[type[Box], frozenset[str]] = {
    Input: OF_EVERY_BOX,
    Parameter: OF_EVERY_BOX | {"_value", "home"},
    Random: OF_EVERY_BOX | {"draw"},
    Constant: OF_EVERY_BOX | {"value"},
}


class _Unequal(Exception):
    """The graph holds what cannot be compared: a function among the settings, a state of its own, a class of a user."""


def digest_of(value: Array) -> bytes:
    """A checksum of the elements of a long array."""
    import hashlib  # OpenSSL with it, which an import of flowgraph does not need

    return hashlib.sha256(value.tobytes()).digest()


class _Walk:
    """The entries of a key, one for each box."""

    def __init__(self) -> None:
        self.bytes = 0

    def leaf(self, box: Box) -> Hashable:
        """A box without children; the numbers of a constant, if a pass may read them.

        Its class follows from the rest: inputs and draws are given, parameters updated or read.
        """
        state = vars(box)
        known = _OF_LEAF.get(type(box))
        if known is None or not state.keys() <= known | MORE:
            raise _Unequal
        numbers = self._numbers(box) if isinstance(box, Constant) else None
        return box.shape, box.dtype.str, numbers, state["name"], state["scope"]

    def _numbers(self, box: Constant) -> Hashable:
        value = box.value
        if is_data(box):
            return value.strides
        self.bytes += value.nbytes
        if self.bytes > LARGEST_KEPT:
            raise _Unequal
        return value.strides, value.tobytes() if value.size <= LARGEST_READ else digest_of(value)

    def box(self, box: Box, slots: Mapping[Box, int]) -> Hashable:
        """A box with children."""
        state, cls = vars(box), type(box)
        settings: Hashable = None
        if cls.settings:
            values = [frozen(getattr(box, name)) for name in cls.settings]
            if None in values:
                raise _Unequal
            settings = tuple(values)
        own = cls.__init__ is not Box.__init__ and not state.keys() <= OF_EVERY_BOX | MORE | cls.settings.keys()
        if own or not cls.built_in:
            raise _Unequal
        children = tuple([slots[child] for child in box.children])
        return cls, children, settings, state["name"], state["scope"]


def key_of(graph: Graph, leaves: Mapping[Box, Box], groups: Iterable[Sequence[Box]], others: Hashable) -> Hashable:
    """What is the same for two graphs if one plan serves both; None where that cannot be told.

    `leaves` are those that the plan takes, each with the leaf of known shape that stands for it; `groups` are further
    boxes whose places count, `others` what else the plan depends on.
    """
    walk, slots = _Walk(), graph.slots
    try:
        entries = tuple(
            [walk.box(box, slots) if box.children else None if box in leaves else walk.leaf(box) for box in graph.boxes]
        )
        given = tuple([(slots.get(box, -1), walk.leaf(leaf)) for box, leaf in leaves.items()])
        places = tuple(
            [
                tuple([slots[box] if box in slots else walk.leaf(box) for box in group])
                for group in (graph.outputs, *groups)
            ]
        )
    except _Unequal:
        return None
    return entries, given, places, Rules.of_others, others


# What equal plans share is compiled for leaves that hold no values, and binds boxes without children: it keeps nothing
# alive of the graph for which it was made.


def without_value(leaf: Box) -> Box:
    """A leaf of the same shape that keeps no array and no function alive."""
    if isinstance(leaf, Parameter):
        return twin_of(leaf, _value=_nothing(leaf), home=None)
    if isinstance(leaf, Random):
        return twin_of(leaf, draw=None)
    if isinstance(leaf, Constant) and is_data(leaf):
        return twin_of(leaf, value=like(leaf.shape, leaf.dtype, leaf.value.strides))
    return twin_of(leaf)


def _nothing(leaf: Box) -> Array:
    """An array of the shape and dtype that takes no memory; NaN, so that whoever reads it is found out."""
    return np.broadcast_to(np.full((), np.nan, leaf.dtype), shape_of(leaf))


class Made(NamedTuple):
    """What equal plans have in common, a program and the leaves that each binds to its own; the bytes of it."""

    program: Program
    leaves: Sequence[Box]
    bytes: int

    def own(self, leaves: Sequence[Box]) -> dict[Box, Box]:
        """The leaves of one plan for those of the program."""
        return dict(zip(self.leaves, leaves, strict=True))


def bytes_of(graph: Graph, leaves: Iterable[Box]) -> int:
    """The bytes that a plan of such a graph keeps, of its boxes and of its short constants."""
    constants = [box for box in (*graph.boxes, *leaves) if isinstance(box, Constant) and not is_data(box)]
    return _OF_BOX * len(graph.boxes) + 2 * sum(box.value.nbytes for box in constants)


_OF_BOX = 2048
"""Bytes for each box of a graph, for its lines and what they name; measured: 1,100 of an LSTM, 1,700 of attention."""


class Known:
    """Programs by their keys, those that were asked for last; any threads may ask."""

    def __init__(self, largest: int) -> None:
        self.largest = largest
        self.bytes = 0
        self._made: dict[Hashable, Made] = {}
        self._lock = new_lock()

    def get(self, key: Hashable) -> Made | None:
        """What was made for a graph of this key."""
        with self._lock:
            made = self._made.pop(key, None)
            if made is not None:
                self._made[key] = made
            return made

    def keep(self, key: Hashable, made: Made) -> None:
        """Keep it, in the place of what was not asked for longest; what would need the place of all is not kept."""
        if made.bytes > self.largest:
            return
        with self._lock:
            self.bytes += made.bytes - (self._made.pop(key).bytes if key in self._made else 0)
            self._made[key] = made
            while self.bytes > self.largest:
                self.bytes -= self._made.pop(next(iter(self._made))).bytes

    def forget(self) -> None:
        """Let go of all."""
        with self._lock:
            self._made.clear()
            self.bytes = 0

    def __len__(self) -> int:
        return len(self._made)


known = Known(64 << 20)
"""Bytes of what is kept in a process: 25 plans of an LSTM over 28 steps."""
