"""What a call built: the key of its graph, equal for equal graphs, and the values that it took from elsewhere."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Array, Box, Constant, Value, frozen_copy
from flowgraph.box.leaves import Parameter, Random
from flowgraph.box.node import ALIKE
from flowgraph.errors import UsageError
from flowgraph.graph.topology import topological_order
from flowgraph.loops.body import Body
from flowgraph.shapes.size import Size
from flowgraph.shapes.spec import Spec

_PLAIN = frozenset({int, str, bool, type(None), type(...), complex, range, bytes})


class Record(NamedTuple):
    """The boxes of a call, children before parents.

    `key` holds all that a derivation may see of them: classes, settings, shapes, dtypes, which box reads which; not the
    values of constants and parameters, nor what random leaves draw, which are the `sources` of this call. Where a box
    `calls_back`, a derivation calls code of the user's, which the key does not hold.
    """

    key: Hashable
    boxes: list[Box]
    arguments: dict[Box, int]
    sources: list[Box]
    calls_back: bool


def read_record(roots: Sequence[Box], leaves: Sequence[Box]) -> Record:
    """The record of the boxes that these roots read; `leaves` are the arguments of the call."""
    arguments = {leaf: place for place, leaf in enumerate(leaves)}
    sizes = Sizes()
    places: dict[Box, int] = {}
    boxes: list[Box] = []
    entries: list[Hashable] = []
    sources: list[Box] = []
    for box in topological_order(roots):
        places[box] = len(boxes)
        boxes.append(box)
        state = box.__dict__
        # a box with several outputs has no shape of its own
        spec = (sizes.plain(state["shape"]), state["dtype"].char) if "shape" in state else sizes.of(box)
        if box.children:
            entries.append((type(box), tuple([places[child] for child in box.children]), spec, state_key(box, sizes)))
        elif box in arguments:
            entries.append((arguments[box], spec))
        elif isinstance(box, Constant | Parameter | Random):
            sources.append(box)
            entries.append(("random" if isinstance(box, Random) else "constant", spec))
        else:
            refuse_stranger(box)
    key = tuple(entries), tuple([places[root] for root in roots])
    return Record(key, boxes, arguments, sources, any(map(calls_back, boxes)))


def calls_back(box: Box) -> bool:
    """Whether fprop or bprop of a box calls code of the user's: that of their class, or a function in the box.

    It does too if a box in its settings does: in the body of a loop, or in a box that runs row by row.
    """
    waiting, seen = [box], {box}
    while waiting:
        node = waiting.pop()
        if node.calls_back or not node.built_in:
            return True
        inside = [value for name in node.settings if isinstance(value := node.__dict__.get(name), Box)]
        inside = [part for value in inside for part in (value, *topological_order(value.children))]
        waiting += [part for part in inside if part not in seen]
        seen.update(inside)
    return False


def refuse_stranger(box: Box) -> NoReturn:
    """Refuse an input that is no argument of this call."""
    if "of_a_call" in box.__dict__:
        raise UsageError(
            f"{box.title}: found a box that the function has kept from another call, built at {box.built_at}, which "
            f"has no value here; keep nothing that is computed from the arguments, and give it as an argument"
        )
    raise UsageError(
        f"{box.title}, built at {box.built_at}: found an input from outside of the function, which has no value here; "
        f"give it as an argument, or differentiate the graph with fg.gradient"
    )


def state_key(box: Box, sizes: Sizes) -> Hashable:
    """The key of the settings of a box; of a class of the user's, of all attributes of the instance."""
    cls = type(box)
    if cls.built_in:
        if not cls.settings:
            return None
        return tuple([setting_key(getattr(box, name), sizes) for name in cls.settings])
    own = [(name, value) for name, value in box.__dict__.items() if name not in ALIKE]
    return tuple([(name, setting_key(value, sizes)) for name, value in own])


def setting_key(value: Value, sizes: Sizes) -> Hashable:
    """A key that is equal for values that no box can distinguish."""
    kind = type(value)
    if kind in _PLAIN:
        return kind, value
    if kind is float:
        return kind, value.hex()  # which tells -0.0 from 0.0, and is equal for NaN
    if kind is tuple or kind is list:
        return kind, tuple([setting_key(item, sizes) for item in value])
    if kind is slice:
        return kind, setting_key(value.start, sizes), setting_key(value.stop, sizes), setting_key(value.step, sizes)
    if kind is dict:
        return kind, tuple([(setting_key(key, sizes), setting_key(item, sizes)) for key, item in value.items()])
    if kind is Size:
        return kind, sizes.named(value)
    return _object_key(value, sizes)


def _object_key(value: Value, sizes: Sizes) -> Hashable:
    kind = type(value)
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biufc":
        return kind, value.shape, value.dtype.char, value.tobytes()
    if isinstance(value, np.dtype):
        return kind, value.str
    if isinstance(value, Body):
        return kind, _graph_key(value, sizes)
    if isinstance(value, Box):
        return kind, tuple([sizes.of(child) for child in value.children]), state_key(value, sizes)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return kind, tuple([setting_key(getattr(value, field.name), sizes) for field in dataclasses.fields(value)])
    return Same(value)


def _graph_key(body: Body, sizes: Sizes) -> Hashable:
    """All boxes of the body of a loop, with the values of its constants.

    A constant that belongs to one call is not among them: the loop reads it from outside (`loops.body.hoisted`).
    """
    places: dict[Box, int] = {}
    entries: list[Hashable] = []
    for box in topological_order([body]):
        places[box] = len(places)
        value = setting_key(box.value, sizes) if isinstance(box, Constant) else None
        children = tuple([places[child] for child in box.children])
        entries.append((type(box), children, sizes.of(box), state_key(box, sizes), value))
    return tuple(entries)


class Same:
    """An object that is equal to itself alone."""

    __slots__ = ("value",)

    def __init__(self, value: Value) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.value is other.value


class Sizes:
    """Sizes that depend on values, numbered as they come: each call invents new names for them."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._fresh = itertools.count()

    def of(self, box: Box) -> Hashable:
        """Shape and dtype of each output."""
        return tuple([(self.plain(spec.shape), spec.dtype.char) for spec in box.outputs])

    def plain(self, shape: Any) -> Any:
        """A shape whose unknown sizes have comparable names."""
        for size in shape:
            if type(size) is not int:
                return tuple([self.named(size) if isinstance(size, Size) else size for size in shape])
        return shape

    def named(self, size: Size) -> Hashable:
        """A size as a polynomial of comparable names."""
        return tuple(sorted((tuple(map(self._name, monomial)), factor) for monomial, factor in size.terms.items()))

    def _name(self, name: str) -> str:
        if not name.startswith("?"):
            return name
        if name not in self._numbers:
            self._numbers[name] = next(self._fresh)
        return f"?{self._numbers[name]}"


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


def captured_copy(source: Box, value: Array | None) -> Captured:
    """A constant or parameter as a constant of a trace, which notes what is read of its value; None for no value."""
    state = {name: getattr(source, name) for name in ("children", "name", "scope", "built_at", "outputs")}
    return Captured._of_state(state, shape=source.shape, dtype=source.dtype, held=value, conditions=[])
