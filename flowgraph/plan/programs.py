"""Programs of plans: what is compiled once for all graphs that are equal, by the key of a graph."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Array, Box, Constant
from flowgraph.box.keys import key_of
from flowgraph.box.leaves import Input, Parameter, Random, new_lock
from flowgraph.box.node import OF_EVERY_BOX
from flowgraph.graph import Graph
from flowgraph.graph.topology import debugging
from flowgraph.plan.binding import Program
from flowgraph.plan.emitter import Emitter, Request
from flowgraph.plan.passes.inlining import open_composites
from flowgraph.plan.rebuild import LARGEST_READ, is_data, like, shape_of, twin_of
from flowgraph.plan.rules import Rules
from flowgraph.plan.schedule import Schedule
from flowgraph.plan.store import Layout

# What a program is compiled of, and its key. The key is read in one walk over the graph as its user has it, before any
# pass. It holds what a pass, a rule or the text may depend on, with names and scopes, and nothing that is bound to
# memory afterwards: not the values of parameters, the draws of random leaves, or the numbers of long float constants. A
# box of a class that a user wrote is never read: what its fprop makes of boxes, when a plan opens it, may depend on
# more than its settings, and its errors name lines.

LARGEST_KEPT = 1 << 20
"""Bytes of all other constants of a graph whose plan is kept: more would fill the memory, and take long to read."""

_OF_SOME = frozenset({"built_for", "differentiable_wrt", "is_derivative"})
"""What many boxes hold beside: what they were made for, and what was found out of them when it was asked for."""
_OF_LEAF: dict[type[Box], frozenset[str]] = {
    Input: OF_EVERY_BOX,
    Parameter: OF_EVERY_BOX | {"_value", "home"},
    Random: OF_EVERY_BOX | {"draw"},
    Constant: OF_EVERY_BOX | {"value"},
}


class _NoKeyError(Exception):
    """The graph holds what cannot be compared: a function among the settings, a state of its own, a class of a user."""


class Compilation(NamedTuple):
    """What a program is compiled of: the graph, its leaves with their shapes, and what the plan was asked for.

    `leaves` are those that the plan takes, each with the leaf of known shape that stands for it.
    """

    emitter: Emitter
    graph: Graph
    layout: Layout
    leaves: Mapping[Box, Box]
    reads: Sequence[Parameter]
    without: frozenset[str]
    threads: int
    instead: Mapping[Box, Box] = MappingProxyType({})
    """Leaves without values that stand for parameters and constants, in a program that equal graphs share."""

    def run(self) -> tuple[Schedule, Program]:
        """The graph after all passes, its order and its memory; and the program."""
        request = self.request()
        schedule = self.emitter.schedule(request)
        return schedule, self.emitter.emit(request, schedule)

    def request(self) -> Request:
        """What the emitter is asked for: the graph whose sizes are numbers, where composite boxes are opened."""
        leaves, symbolic = self.leaves, self.emitter.standalone
        new = {**leaves, **self.instead}
        opened = open_composites(self.graph, self.emitter.has_rule, symbolic=symbolic, leaves=new)
        given = {box: leaf for box, leaf in leaves.items() if not isinstance(leaf, Constant)}
        own = [box for box in opened.boxes if box.children and box not in self.graph.slots]
        return Request(
            opened, self.layout, list(given.values()), self.reads, self.without, list(given), self.threads, own
        )

    def bound_leaves(self) -> list[Box]:
        """The leaves whose values are bound to a program: parameters that it updates, and long constants."""
        constants = [box for box in (*self.graph.boxes, *self.leaves.values()) if is_data(box)]
        return [*self.layout.parameters, *dict.fromkeys(constants)]

    def without_values(self, bound: Sequence[Box]) -> Compilation:
        """The same for leaves that hold no values."""
        instead: dict[Any, Any] = {box: without_value(box) for box in (*self.reads, *bound)}
        return self._replace(
            layout=self.layout.of([instead[parameter] for parameter in self.layout.parameters]),
            leaves={
                box: instead[leaf] if leaf in instead else without_value(leaf) for box, leaf in self.leaves.items()
            },
            reads=[instead[parameter] for parameter in self.reads],
            instead=instead,
        )

    def key(self) -> Hashable:
        """What is the same for two compilations if one program serves both; None where that cannot be told."""
        if not vars(type(self.emitter)).get("shared", False) or debugging():
            return None
        asked = self.emitter.name, tuple(sorted(self.without)), self.threads, Rules.of_others
        walk, slots, leaves = _Walk(), self.graph.slots, self.leaves
        try:
            entries = tuple(
                [
                    walk.box(box, slots) if box.children else None if box in leaves else walk.leaf(box)
                    for box in self.graph.boxes
                ]
            )
            given = tuple([(slots.get(box, -1), walk.leaf(leaf)) for box, leaf in leaves.items()])
            places = tuple(
                [
                    tuple([slots[box] if box in slots else walk.leaf(box) for box in group])
                    for group in (self.graph.outputs, self.layout.parameters, self.reads)
                ]
            )
        except _NoKeyError:
            return None
        return entries, given, places, asked

    def bytes_kept(self) -> int:
        """The bytes that a program keeps, of the boxes of the graph and of its short constants."""
        boxes = (*self.graph.boxes, *self.leaves.values())
        constants = [box for box in boxes if isinstance(box, Constant) and not is_data(box)]
        return _OF_BOX * len(self.graph.boxes) + 2 * sum(box.value.nbytes for box in constants)


_OF_BOX = 2048
"""Bytes for each box of a graph, for its lines and what they name; measured: 1,100 of an LSTM, 1,700 of attention."""


def _digest_of(value: Array) -> bytes:
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
        of_leaf = _OF_LEAF.get(type(box))
        if of_leaf is None or not state.keys() <= of_leaf | _OF_SOME:
            raise _NoKeyError
        numbers = self._numbers(box) if isinstance(box, Constant) else None
        return box.shape, box.dtype.str, numbers, box.name, box.scope

    def _numbers(self, box: Constant) -> Hashable:
        value = box.value
        if is_data(box):
            return value.strides
        self.bytes += value.nbytes
        if self.bytes > LARGEST_KEPT:
            raise _NoKeyError
        return value.strides, value.tobytes() if value.size <= LARGEST_READ else _digest_of(value)

    def box(self, box: Box, slots: Mapping[Box, int]) -> Hashable:
        """A box with children."""
        state, cls = vars(box), type(box)
        settings: Hashable = None
        if cls.settings:
            values = [key_of(getattr(box, name)) for name in cls.settings]
            if None in values:
                raise _NoKeyError
            settings = tuple(values)
        own = cls.__init__ is not Box.__init__ and not state.keys() <= OF_EVERY_BOX | _OF_SOME | cls.settings.keys()
        if own or not cls.built_in:
            raise _NoKeyError
        children = tuple([slots[child] for child in box.children])
        return cls, children, settings, box.name, box.scope


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


class Shared(NamedTuple):
    """A program that equal plans share, the leaves that each binds to its own, and the bytes that it keeps."""

    program: Program
    leaves: Sequence[Box]
    bytes: int


class ProgramCache:
    """Programs by the keys of what they were compiled of, those that were asked for last; any threads may ask."""

    def __init__(self, largest: int) -> None:
        self.largest = largest
        self.bytes = 0
        self._programs: dict[Hashable, Shared] = {}
        self._lock = new_lock()

    def program_for(self, compilation: Compilation) -> tuple[Program, Mapping[Box, Box]] | None:
        """The program, compiled if there is none for an equal graph, and the leaves of this plan by those of it.

        None where what is compiled cannot be compared with others.
        """
        key = compilation.key()
        if key is None:
            return None
        bound = compilation.bound_leaves()
        shared = self.get(key)
        if shared is None:
            alone = compilation.without_values(bound)
            leaves = [alone.instead[box] for box in bound]
            shared = Shared(alone.run()[1], leaves, compilation.bytes_kept())
            self.keep(key, shared)
        return shared.program, dict(zip(shared.leaves, bound, strict=True))

    def get(self, key: Hashable) -> Shared | None:
        """The program of this key, which is now the one that was asked for last."""
        with self._lock:
            shared = self._programs.pop(key, None)
            if shared is not None:
                self._programs[key] = shared
            return shared

    def keep(self, key: Hashable, shared: Shared) -> None:
        """Keep a program, in the place of those not asked for longest; what would need the place of all is not kept."""
        if shared.bytes > self.largest:
            return
        with self._lock:
            self.bytes += shared.bytes - (self._programs.pop(key).bytes if key in self._programs else 0)
            self._programs[key] = shared
            while self.bytes > self.largest:
                self.bytes -= self._programs.pop(next(iter(self._programs))).bytes

    def forget(self) -> None:
        """Let go of all."""
        with self._lock:
            self._programs.clear()
            self.bytes = 0

    def __len__(self) -> int:
        return len(self._programs)


PROGRAMS = ProgramCache(64 << 20)
"""The programs of this process: bytes of 25 plans of an LSTM over 28 steps."""
