"""Parameters of a plan: their layout in memory, two places for each value, one lock."""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import pairwise
from typing import Any
from weakref import WeakSet

import numpy as np

from flowgraph.box import Array, Box, Elementwise
from flowgraph.box.leaves import Parameter, moving, new_lock
from flowgraph.errors import PlanError
from flowgraph.plan.rebuild import elements, number_of

# Memory that begins where a cache line does, and memory that is given back.

ALIGNMENT = 64
"""Bytes: a cache line, and the widest vector of today's processors."""


def aligned_bytes(size: int) -> Array:
    """New memory that begins where a cache line does."""
    raw = np.empty(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size]


WORTH_RETURNING = 1 << 20
"""Bytes that were freed at once from which they are given back: a megabyte is a fifth of what an LSTM takes in all."""


def return_free_memory() -> None:
    """Let the system have the pages that the C library keeps after they were freed, where it is that of GNU.

    It keeps them for the next arrays, and once arrays of some megabytes have been freed it gives none back by itself.
    What it has taken to compile a long function, or to move the parameters, is not needed a second time.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@functools.cache
def _trim() -> Callable[[int], Any] | None:
    try:
        trim: Callable[[int], Any] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # another C library; TypeError on Windows
        return None
    return trim


def align_size(size: int) -> int:
    """Bytes up to the next place where a buffer may begin."""
    return -(-size // ALIGNMENT) * ALIGNMENT


# Which parameters lie next to one another in a store: those whose new values are computed by the same expression.

_DEEPEST = 8
"""Boxes of an update that are compared: a bound on the time of a plan, not tuned."""


def layout_of(updates: Mapping[Parameter, Box]) -> dict[Parameter, int]:
    """The parameters in their order in memory, each with the byte where it begins.

    Between those that are updated by the same expression there is no gap. Arrays of more axes come first, so that
    weights are adjacent to weights.
    """
    groups: dict[Hashable, list[Parameter]] = {}
    for parameter, new in updates.items():
        groups.setdefault((parameter.dtype, _form(new, parameter)), []).append(parameter)
    places: dict[Parameter, int] = {}
    end = 0
    for group in groups.values():
        end = align_size(end)
        for parameter in sorted(group, key=lambda member: -member.ndim):
            places[parameter] = end
            end += bytes_of(parameter)
    return places


def bytes_of(parameter: Box) -> int:
    """The bytes of its elements."""
    return elements(parameter) * parameter.dtype.itemsize


def _form(new: Box, parameter: Parameter) -> Hashable:
    """What the last step of an update does to the parameter itself, and to what comes from elsewhere."""
    if not isinstance(new, Elementwise):
        return "an array"
    return (type(new), *[_of_itself(child, parameter, 1) for child in new.children])


def _of_itself(box: Box, parameter: Parameter, depth: int) -> Hashable:
    """A value computed from the parameter and numbers alone; any other is an array."""
    if box is parameter:
        return "itself"
    if box.shape == ():
        number: Hashable = number_of(box)
        return number
    if not isinstance(box, Elementwise) or depth == _DEEPEST:
        return "an array"
    parts = [_of_itself(child, parameter, depth + 1) for child in box.children]
    return "an array" if "an array" in parts else (type(box), *parts)


class Layout:
    """Parameters, and where each lies in memory: all that a program needs to know of a store before it is bound."""

    def __init__(self, places: Mapping[Parameter, int], parameters: Sequence[Parameter]) -> None:
        self.parameters = tuple(parameters)
        self._places = places
        self.order = tuple(places)

    def of(self, others: Sequence[Parameter]) -> Layout:
        """The same layout of other parameters, each in the place of one of these."""
        instead = dict(zip(self.parameters, others, strict=True))
        return Layout({instead[parameter]: place for parameter, place in self._places.items()}, others)

    def are_adjacent(self, boxes: Sequence[Box]) -> bool:
        """Whether these are parameters that are adjacent here, in this order."""
        return all(isinstance(box, Parameter) and box in self._places for box in boxes) and all(
            first.dtype == second.dtype and self._places[first] + bytes_of(first) == self._places[second]  # type: ignore[index]
            for first, second in pairwise(boxes)
        )


# Double-buffered storage of parameters that a plan updates, swapped atomically.

_stores: WeakSet[Store] = WeakSet()


class Store(Layout):
    """The values of some parameters, old and new.

    A step reads the one and writes the other; then it adds 1 to `commits`, whose last bit says which is which. That is
    one assignment, so that an exception or Ctrl-C at any instant leaves all parameters as they were before the step, or
    all of them updated.

    A step holds `lock`, and begins only when all parameters live here (`complete`). One that lives in another store is
    taken from it under the locks of both, so never between the beginning of a step and its commit: two plans that
    update one parameter do so one after the other. Who needs two locks waits for each while holding none, so that no
    two plans wait for each other.

    Where only rows of a table change, `differing` has the rows in which its two buffers differ, and the number of the
    step, `begun`, that wrote them; any other step, which may have written all rows, is known by its number.
    """

    def __init__(self, updates: Mapping[Parameter, Box]) -> None:
        super().__init__(layout_of(updates), tuple(updates))
        self.lock = new_lock()
        self.buffers: tuple[list[Array], list[Array]] = (self._allocate(), self._allocate())
        self.commits = self.begun = 0
        self.differing: dict[Box, tuple[int, Array]] = {}
        self.complete = False
        self.running = False
        self._read: dict[int, tuple[int, Array]] = {}
        _stores.add(self)

    def _allocate(self) -> list[Array]:
        ends = [place + bytes_of(parameter) for parameter, place in self._places.items()]
        memory = aligned_bytes(max(ends, default=0))
        starts = [self._places[parameter] for parameter in self.parameters]
        return [
            memory[start : start + bytes_of(p)].view(p.dtype).reshape(p.shape)
            for p, start in zip(self.parameters, starts, strict=True)
        ]

    def _write(self, place: int, value: Array) -> None:
        """Let a parameter have this value."""
        self.differing.pop(self.parameters[place], None)
        np.copyto(self.old[place], value)

    def _copy_of(self, place: int) -> Array:
        """A copy of the value of a parameter."""
        return self.old[place].copy()

    @property
    def old(self) -> list[Array]:
        """The buffers that hold the values now."""
        return self.buffers[self.commits & 1]

    def enter(self) -> None:
        """What a step does first that finds the store running or not complete; it holds the lock, before and after.

        Where this raises, the lock is held all the same, and the `with` of the caller gives it back.
        """
        while True:
            if self.running:
                raise PlanError("plan: called by a fprop that it is running itself; compile a second plan for it")
            busy = self.take()
            if busy is None:
                return
            self.lock.release()
            try:
                with busy:
                    pass
            finally:
                self.lock.acquire()

    def take(self) -> Any:
        """Let the parameters live here: those that do not are copied in. The caller holds the lock.

        The lock of a store that does not let go of one now is returned, for the caller to wait for; None when all live
        here.
        """
        held: list[Any] = []
        with moving:
            away = [i for i, p in enumerate(self.parameters) if p.home is None or p.home[0] is not self]
            freed = sum(bytes_of(self.parameters[place]) for place in away if self.parameters[place].home is None)
            try:
                for place in away:
                    busy = self._hold(self.parameters[place], held)
                    if busy is not None:
                        return busy
                for place in away:
                    self._write(place, self.parameters[place].value)
                    self._read.pop(place, None)
                    self.parameters[place].move((self, place))
                self.complete = True
            finally:
                for lock in held:
                    lock.release()
        if freed > WORTH_RETURNING:
            return_free_memory()
        return None

    def _hold(self, parameter: Parameter, held: list[Any]) -> Any:
        """Hold the lock of the store where a parameter lives, or return it where another thread does."""
        if parameter.home is None:
            return None
        home = parameter.home[0]
        if not home.lock.acquire(blocking=False):
            return home.lock
        held.append(home.lock)
        if home.running:
            raise PlanError(
                f"plan: updates {parameter.title}, which the plan that is running a fprop that calls this one updates "
                f"too; let one of the two update it"
            )
        return None

    def leave(self, place: int) -> None:
        """A parameter lives elsewhere from now on, since it was assigned a value or another plan updates it."""
        self._read.pop(place, None)
        self.complete = False

    def value(self, place: int) -> Array:
        """A read-only copy of the value of a parameter, the same array until the next commit."""
        with self.lock:
            known = self._read.get(place)
            if known is None or known[0] != self.commits:
                copy: Any = self._copy_of(place)
                copy.setflags(write=False)
                known = self._read[place] = (self.commits, copy)
            return known[1]


def flat_view(arrays: Sequence[Array]) -> Array:
    """The flat array that adjacent parameters of a store make up."""
    first = next((array for array in arrays if array.size), arrays[0])  # NumPy says of none where an empty one lies
    memory: Any = first.base
    start = first.ctypes.data - memory.ctypes.data
    return np.asarray(memory[start : start + sum(a.nbytes for a in arrays)].view(first.dtype))


def _stand_still_in_child() -> None:
    """What other threads ran at a fork does not go on in the child, which has the values of before these steps."""
    for store in list(_stores):
        if not store.lock._is_owned():
            store.running = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_stand_still_in_child)
