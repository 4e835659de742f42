"""Arrays and numbers that a traced function takes from elsewhere: constants of one call, inputs of its graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Array, Box, Constant, Value, concrete_values, frozen_copy
from flowgraph.box.arrays import read_only
from flowgraph.errors import UsageError
from flowgraph.functional.arguments import name_of
from flowgraph.shapes.spec import Spec, shape_text

LARGE = 1 << 18
"""Bytes from which an array of the world outside is not copied: it is looked at while the call lasts."""


class Captured(Constant, abstract=True):
    """A constant of one call: the graph of the function reads another value in the next.

    What the derivation of a gradient wants to know of the value is kept as `conditions`: for other values that meet
    them the derivation would build the same graph.
    """

    symbol = "constant"

    def __init__(self, value: Value, *, dtype: DTypeLike | None = None, name: str | None = None) -> None:
        self._start(name)
        held = held_of(value, dtype)
        spec = Spec(held.shape, held.dtype)
        self.__dict__.update(
            held=held, conditions=None, children=(), outputs=(spec,), shape=spec.shape, dtype=spec.dtype
        )

    @property
    def value(self) -> Array:  # type: ignore[override]
        """The value in this call; reading it makes the trace depend on all of it."""
        held = self.held
        conditions = self.__dict__["conditions"]
        if conditions is not None:
            conditions.append((_Equals(held), True))
        return held

    @property
    def held(self) -> Array:
        """The value in this call."""
        held: Array | None = self.__dict__["held"]
        if held is None:
            raise UsageError(
                f"{self.title}: its value belongs to a call of the traced function that has ended; return what is "
                f"needed from the function"
            )
        return held

    def holds(self, predicate: Callable[[Array], bool]) -> bool:
        """Whether the value has a property, which is then to stay as it is."""
        said = predicate(self.held)
        conditions = self.__dict__["conditions"]
        if conditions is not None:
            conditions.append((predicate, said))
        return said

    def settle(self) -> list[tuple[Callable[[Array], bool], bool]]:
        """Let go of the value, and return the conditions."""
        conditions: list[tuple[Callable[[Array], bool], bool]] = self.__dict__["conditions"]
        self.__dict__.update(held=None, conditions=None)
        return conditions

    @property
    def title(self) -> str:
        """As any constant is called."""
        return super().title.replace("Captured", "Constant", 1)


class _Equals:
    """Whether a value is, bit by bit, the same as another."""

    def __init__(self, value: Array) -> None:
        self._bits = value.tobytes()

    def __call__(self, value: Array) -> bool:
        return value.tobytes() == self._bits


def twin_of(source: Box, value: Array) -> Captured:
    """A constant or parameter as a constant of the trace, which records what is read of its value."""
    state = {name: getattr(source, name) for name in ("children", "name", "scope", "built_at", "outputs")}
    return Captured._of_state(state, shape=source.shape, dtype=source.dtype, held=value, conditions=[])


def refuse_changed(f: Any, lent: Sequence[tuple[Array, bytes]]) -> None:
    """Refuse a function that wrote to a large array from outside after it had read it, for the first time now.

    What it built reads the array later. Of a function that does so in its first call all arrays are copied.
    """
    for array, some in lent:
        if _some_of(array) != some:
            raise UsageError(
                f"{name_of(f)}: found an array of shape {shape_text(array.shape)} that it reads and later changes in "
                f"place; change a copy of it, or change it before the call"
            )


def held_of(value: Value, dtype: DTypeLike | None) -> Array:
    """The value that a constant of the trace keeps: a copy, or a large array itself."""
    if type(value) is np.ndarray and value.nbytes > LARGE and dtype in (None, value.dtype):
        return _held_of_large(value)
    return frozen_copy(value, dtype)


def _held_of_large(array: Array) -> Array:
    """A large array as it is, where the trace lends it, else a copy."""
    trace = concrete_values.current()
    if trace is not None and trace.lends(array):
        view: Array = read_only(array)
        trace.lent.append((view, _some_of(view)))
        return view
    copy = frozen_copy(array)
    if trace is not None:
        trace.copied.append((array, copy))
    return copy


def _some_of(array: Array) -> bytes:
    """The bytes of some elements, spread over the array."""
    # 4096 numbers are read in some microseconds, small beside the work on an array of over 256 kB; a strided array is
    # read by an iterator, eight times slower
    if array.flags.c_contiguous:
        flat = array.reshape(-1)
        return flat[:: flat.size // 4096 | 1].tobytes()
    return array.flat[:: array.size // 512 | 1].tobytes()
