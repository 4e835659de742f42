"""Where the parameters that a plan updates live between its steps: two buffers each, exchanged in one instant."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import Array
from flowgraph.leaves import Parameter

_moves = threading.Lock()


class Store:
    """The values of some parameters, old and new.

    A step reads the one and writes the other; then it adds 1 to `commits`, whose last bit says which is which. That is
    one assignment, so that an exception or Ctrl-C at any instant leaves all parameters as they were before the step, or
    all of them updated.
    """

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self.parameters = tuple(parameters)
        self.lock = threading.RLock()
        self.buffers: tuple[list[Array], list[Array]] = (
            [np.empty(p.shape, p.dtype) for p in self.parameters],
            [np.empty(p.shape, p.dtype) for p in self.parameters],
        )
        self.commits = 0
        self.complete = False
        self.running = False
        self._read: dict[int, tuple[int, Array]] = {}

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
