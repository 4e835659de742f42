"""Arrays and numbers that a traced function takes from elsewhere: constants of one call, inputs of its graph."""

from __future__ import annotations

from collections.abc import Callable

from numpy.typing import DTypeLike

from flowgraph.box import Array, Box, Constant, Value, frozen_copy
from flowgraph.errors import UsageError
from flowgraph.shapes.spec import Spec


class Captured(Constant, abstract=True):
    """A constant of one call: the graph of the function reads another value in the next.

    It copies the array, so that it has the value that the function read, whatever is written to the array later in the
    call. What the derivation of a gradient wants to know of the value is kept as `conditions`: for other values that
    meet them the derivation would build the same graph.
    """

    symbol = "constant"

    def __init__(self, value: Value, *, dtype: DTypeLike | None = None, name: str | None = None) -> None:
        self._start(name)
        held = frozen_copy(value, dtype)
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


def twin_of(source: Box, value: Array | None) -> Captured:
    """A constant or parameter as a constant of a trace, which notes what is read of its value; None for no value."""
    state = {name: getattr(source, name) for name in ("children", "name", "scope", "built_at", "outputs")}
    return Captured._of_state(state, shape=source.shape, dtype=source.dtype, held=value, conditions=[])
