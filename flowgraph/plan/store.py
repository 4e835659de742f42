"""Where the parameters that a plan updates live between its steps: two buffers each, exchanged in one instant."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from flowgraph.box import Array, Box
from flowgraph.leaves import Parameter
from flowgraph.plan.arena import aligned_bytes
from flowgraph.plan.neighbours import bytes_of, side_by_side

_moves = threading.Lock()


class Store:
    """The values of some parameters, old and new.

    A step reads the one and writes the other; then it adds 1 to `commits`, whose last bit says which is which. That is
    one assignment, so that an exception or Ctrl-C at any instant leaves all parameters as they were before the step, or
    all of them updated.
    """

    def __init__(self, updates: Mapping[Parameter, Box]) -> None:
        self.parameters = tuple(updates)
        self.lock = threading.RLock()
        self._places = side_by_side(updates)
        self.order = tuple(self._places)
        self.buffers: tuple[list[Array], list[Array]] = (self._allocated(), self._allocated())
        self.commits = 0
        self.complete = False
        self.running = False
        self._read: dict[int, tuple[int, Array]] = {}

    def _allocated(self) -> list[Array]:
        ends = [place + bytes_of(parameter) for parameter, place in self._places.items()]
        memory = aligned_bytes(max(ends, default=0))
        starts = [self._places[parameter] for parameter in self.parameters]
        return [
            memory[start : start + bytes_of(p)].view(p.dtype).reshape(p.shape)
            for p, start in zip(self.parameters, starts, strict=True)
        ]

    def are_neighbours(self, boxes: Sequence[Box]) -> bool:
        """Whether these are parameters that lie next to one another here, in this order."""
        return all(isinstance(box, Parameter) and box in self._places for box in boxes) and all(
            one.dtype == other.dtype and self._places[one] + bytes_of(one) == self._places[other]  # type: ignore[index]
            for one, other in pairwise(boxes)
        )

    @property
    def old(self) -> list[Array]:
        """The buffers that hold the values now."""
        return self.buffers[self.commits & 1]

    def take(self) -> None:
        """Let the parameters live here: those that do not are copied in.

        The lock of another store is never asked for while this one's is held, so two plans cannot wait for each other.
        """
        with _moves:
            away = [i for i, p in enumerate(self.parameters) if p.home is None or p.home[0] is not self]
            values = [self.parameters[place].value for place in away]
            with self.lock:
                for place, value in zip(away, values, strict=True):
                    np.copyto(self.old[place], value)
                    self._read.pop(place, None)
            for place in away:
                self.parameters[place].move((self, place))
            self.complete = True

    def leave(self, place: int) -> None:
        """A parameter lives elsewhere from now on, since it was assigned a value or another plan updates it."""
        self._read.pop(place, None)
        self.complete = False

    def value(self, place: int) -> Array:
        """A read-only copy of the value of a parameter, the same array until the next commit."""
        with self.lock:
            found = self._read.get(place)
            if found is None or found[0] != self.commits:
                copy: Any = self.old[place].copy()
                copy.setflags(write=False)
                found = self._read[place] = (self.commits, copy)
            return found[1]


def stretch_of(arrays: Sequence[Array]) -> Array:
    """The row of elements that neighbours of a store make up."""
    first = next((array for array in arrays if array.size), arrays[0])  # NumPy says of none where an empty one lies
    memory: Any = first.base
    start = first.ctypes.data - memory.ctypes.data
    return np.asarray(memory[start : start + sum(a.nbytes for a in arrays)].view(first.dtype))
