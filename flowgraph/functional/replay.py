"""Records what NumPy functions on boxes build in a call of a function, and replays it in the next call.

To build a box its function is looked up, its arguments are read, its shape and its dtype are inferred. A later call
with the same steps copies their results: the code of a step compares the arguments with those of the call that was
recorded, and makes the same boxes directly from their classes and states.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import is_, length_hint
from typing import Any, NamedTuple, cast

import numpy as np

from flowgraph.box import Box, Constant, Value, concrete_values
from flowgraph.box.leaves import Parameter, Random
from flowgraph.box.numpy_dispatch import builder_of
from flowgraph.functional.record import Captured, Same, Sizes, setting_key, state_key

LARGEST_KEY = 4096
"""Bytes of an array that is compared by its values."""

MISS = object()
"""What the code of a step returns where a call differs from the one that was noted."""

_MOST_TEXTS = 1024
"""Texts whose code is kept. Steps that differ in their boxes, settings and states alone share one: a recording of a few
thousand steps has a handful, of some kilobytes each."""

_PRODUCTS = (np.dot, np.inner, np.matmul, np.linalg.matmul)
"""Functions whose arguments become children, whatever their values; the ufuncs of box classes are such too."""

_NUMBERS = (float, int, bool, complex)

_BY_EQUALITY = (int, str, np.int64, np.int32, np.intp)
"""Types of which no two values are equal that a box could tell apart."""

_UNSHARED = ("children", "held")


class UnrecordableError(Exception):
    """Raised for a call that cannot be recorded; the recording ends before it."""


class Step(NamedTuple):
    """One recorded call of a function.

    `run(inputs, keywords, boxes, replay)` returns its result for another call, whose boxes it appends, or `MISS`.
    Boxes are numbered in the order in which they come up, after the arguments of the call.
    """

    function: Any
    method: str
    run: Callable[..., Any]


END = Step(None, "", lambda *_: MISS)


class Recording(NamedTuple):
    """The steps of a call with an `END`, and the numbers of the boxes that it returned and that give it values.

    `strangers` are the keys of boxes that come up among those that it returned.
    """

    steps: tuple[Step, ...]
    strangers: tuple[Any, ...]
    roots: tuple[int, ...]
    sources: tuple[int, ...]


class Recorder:
    """Records a call: a step for each NumPy function on boxes, as long as its arguments decide what it builds."""

    def __init__(self, leaves: Sequence[Box]) -> None:
        self.places: dict[Box, int] = {leaf: place for place, leaf in enumerate(leaves)}
        self._steps: list[Step] = []
        self._sizes = Sizes()
        self._inside = False  # in a function that is recorded: what it calls itself belongs to its step
        self._open = True  # all so far could be recorded

    def call(
        self,
        build: Callable[..., Any],
        function: Callable[..., Any],
        method: str,
        inputs: Sequence[Any],
        keywords: Mapping[str, Any],
    ) -> Any:
        """The result of a NumPy function on boxes; the call is recorded."""
        if self._inside or not self._open:
            return build(function, method, inputs, keywords)
        trace = cast("concrete_values.Trace", concrete_values.current())
        asked = trace.asked
        self._inside = True
        try:
            result = build(function, method, inputs, keywords)
        finally:
            self._inside = False
        if trace.asked > asked:  # what it built follows from values, and no argument of it tells which
            self._open = False
            return result
        held = _held_arguments(function, method, inputs, result, self.places)
        try:
            run = _Code(self.places, self._sizes).written(inputs, keywords, result, held)
            self._steps.append(Step(function, method, run))
        except UnrecordableError:
            self._open = False
        return result

    def recording(self, roots: Sequence[Box], sources: Sequence[Box]) -> Recording | None:
        """The recording of the call, if all of it could be noted."""
        try:
            strangers = [key for root in roots for key in placed(root, self.places, self._sizes)]
        except UnrecordableError:
            return None
        if not self._open or not all(source in self.places for source in sources):
            return None
        ends = [tuple([self.places[box] for box in boxes]) for boxes in (roots, sources)]
        return Recording((*self._steps, END), tuple(strangers), *ends)


class _Code:
    """The code of one step. In its text stand names for the boxes, settings and states: these are its `values`."""

    def __init__(self, places: dict[Box, int], sizes: Sizes) -> None:
        self._places, self._sizes = places, sizes
        self._values: list[Any] = []
        self._names: dict[Box, str] = {}

    def written(
        self, inputs: Sequence[Any], keywords: Mapping[str, Any], result: Value, held: Sequence[int]
    ) -> Callable[..., Any]:
        """The code for these arguments and their result; `held` are the arguments that became constants."""
        differs = [f"len(inputs) != {len(inputs)}", f"len(keywords) != {len(keywords)}" if keywords else "keywords"]
        lines = [f"if {' or '.join(differs)}: return MISS"]
        names = [f"a{i}" for i in range(len(inputs))]
        if names:
            lines.append(f"{', '.join(names)}, = inputs")
        self._names = {value: name for value, name in zip(inputs, names, strict=True) if isinstance(value, Box)}
        differs = [
            self._freely(name, value) if i in held else self._differs(name, value)
            for i, (name, value) in enumerate(zip(names, inputs, strict=True))
        ]
        if differs:
            lines.append(f"if {' or '.join(differs)}: return MISS")
        if keywords:
            lines.append(f"if tuple(keywords) != {self._named(tuple(keywords))}: return MISS")
            words = [f"k{i}" for i in range(len(keywords))]
            lines.append(f"{', '.join(words)}, = keywords.values()")
            differs = [self._differs(word, value) for word, value in zip(words, keywords.values(), strict=True)]
            lines.append(f"if {' or '.join(differs)}: return MISS")
        returned = self._result(result, {result.children[i]: f"a{i}" for i in held}, lines)
        lines.append(f"return {returned}")
        return _factory("\n        ".join(lines), len(self._values))(*self._values)

    def _named(self, value: Any) -> str:
        self._values.append(value)
        return f"v{len(self._values) - 1}"

    def _freely(self, name: str, value: Value) -> str:
        """A test for an argument that would become another constant than this one, whatever its numbers are."""
        kind = type(value)
        if kind is not np.ndarray:
            return f"type({name}) is not {self._named(kind)}"
        shape, dtype = self._named(value.shape), self._named(value.dtype)
        return f"type({name}) is not ndarray or {name}.shape != {shape} or {name}.dtype != {dtype}"

    def _differs(self, name: str, value: Value) -> str:
        """A test, as code, for an argument that is not the same as this one; boxes are numbered as they are met."""
        kind = type(value)
        if isinstance(value, Box):
            keys = placed(value, self._places, self._sizes)
            place = self._named(self._places[value])
            if not keys:
                return f"{name} is not boxes[{place}]"
            return f"not replay.comes({name}, {self._named(keys)}, {place})"
        if kind is list or kind is tuple:
            return self._differs_in_parts(name, value)
        if value is None or value is True or value is False or value is ...:
            return f"{name} is not {value!r}"
        # 0.0 equals -0.0, and NaN nothing, so floats of these values are compared by their keys, below
        if kind in _BY_EQUALITY or (kind is float and value and value == value):
            return f"type({name}) is not {self._named(kind)} or {name} != {self._named(value)}"
        if kind is slice:
            ends = [self._differs(f"{name}.{end}", getattr(value, end)) for end in ("start", "stop", "step")]
            return f"type({name}) is not slice or {' or '.join(ends)}"
        if isinstance(value, np.ndarray) and value.nbytes > LARGEST_KEY:
            raise UnrecordableError
        key = setting_key(value, self._sizes)
        if isinstance(value, type | np.ufunc):
            return f"{name} is not {self._named(value)}"
        if type(key) is Same:  # a function, which is to be called in each call, or an object that may have changed
            raise UnrecordableError
        return f"not replay.has_key({name}, {self._named(key)})"

    def _differs_in_parts(self, name: str, value: Sequence[Any]) -> str:
        differs = f"type({name}) is not {type(value).__name__} or len({name}) != {self._named(len(value))}"
        if value and all(isinstance(part, Box) and part in self._places for part in value):
            places = self._named([self._places[part] for part in value])
            return f"{differs} or not all(map(is_, {name}, map(boxes.__getitem__, {places})))"
        return " or ".join([differs, *[self._differs(f"{name}[{i}]", part) for i, part in enumerate(value)]])

    def _result(self, value: Value, held: Mapping[Box, str], lines: list[str]) -> str:
        """An expression for the result; what makes its boxes is appended to the lines."""
        if isinstance(value, Box):
            for box in unknown(value, self._places):
                self._copy(box, held.get(box), lines)
            return self._name_of(value)
        if isinstance(value, list | tuple):
            parts = "".join([f"{self._result(part, held, lines)}, " for part in value])
            kind = type(value)
            return f"{self._named(kind)}({parts if hasattr(kind, '_fields') else f'({parts})'})"
        if not isinstance(value, (*_NUMBERS, str, np.generic, np.dtype, type(None))):
            raise UnrecordableError
        return self._named(value)

    def _name_of(self, box: Box) -> str:
        return self._names.get(box) or f"boxes[{self._named(self._places[box])}]"

    def _copy(self, box: Box, argument: str | None, lines: list[str]) -> None:
        """Lines that make a box, of its children or, if it is a constant, of the argument that it holds."""
        state = {name: value for name, value in box.__dict__.items() if name not in _UNSHARED}
        own = ""
        if box.children:
            own = f", children=({''.join([f'{self._name_of(child)}, ' for child in box.children])})"
        elif not isinstance(box, Captured) or (argument is None and box.held.nbytes > LARGEST_KEY):
            raise UnrecordableError
        else:
            state["children"] = ()
            if argument is None:
                state["held"] = box.held
            else:
                lines += [f"held = array({argument}, {self._named(box.dtype)})", "held.setflags(False)"]
                own = ", held=held"
        name = f"b{len(self._names)}"
        cls, known = self._named(type(box)), self._named(state)
        lines += [f"{name} = new({cls})", f"{name}.__dict__.update({known}{own})", f"boxes.append({name})"]
        self._places[box], self._names[box] = len(self._places), name


@functools.lru_cache(maxsize=_MOST_TEXTS)
def _factory(text: str, count: int) -> Callable[..., Callable[..., Any]]:
    """What makes the code of a step of this text for its values."""
    names = ", ".join([f"v{i}" for i in range(count)])
    head = "    def run(inputs, keywords, boxes, replay):"
    space: dict[str, Any] = {"MISS": MISS, "array": np.array, "ndarray": np.ndarray, "new": object.__new__, "is_": is_}
    exec(compile(f"def factory({names}):\n{head}\n        {text}\n    return run", "<step of a call>", "exec"), space)
    factory: Callable[..., Callable[..., Any]] = space["factory"]
    return factory


def placed(box: Box, places: dict[Box, int], sizes: Sizes) -> tuple[Any, ...]:
    """Number a box and what it reads; return the keys of those that no recorded function built."""
    keys = []
    for node in unknown(box, places):
        keys.append(stranger_key(node, places, sizes))
        places[node] = len(places)
    return tuple(keys)


def unknown(box: Box, places: Mapping[Box, int]) -> list[Box]:
    """The boxes that a box reads and that have no place yet, children before parents, and itself."""
    if box in places:
        return []
    order: list[Box] = []
    seen = {box}
    stack = [(box, iter(box.children))]
    while stack:
        node, children = stack[-1]
        for child in children:
            if child not in places and child not in seen:
                seen.add(child)
                stack.append((child, iter(child.children)))
                break
        else:
            stack.pop()
            order.append(node)
    return order


def stranger_key(box: Box, places: Mapping[Box, int], sizes: Sizes) -> Any:
    """The key of a box that was not made by a NumPy function in this call."""
    if box.children:
        return type(box), tuple([places[child] for child in box.children]), sizes.of(box), state_key(box, sizes)
    if isinstance(box, Constant | Parameter):
        return "constant", sizes.of(box)
    if isinstance(box, Random):
        return "random", sizes.of(box)
    raise UnrecordableError


def _held_arguments(
    function: Callable[..., Any],
    method: str,
    inputs: Sequence[Any],
    result: Value,
    places: Mapping[Box, int],
) -> list[int]:
    """The arguments, by number, that became constants, and would with any other value of their type and shape.

    A replay makes these constants anew of the arguments that it gets, so that a number may differ in each call.
    """
    if method != "__call__" or not isinstance(result, Box) or len(result.children) != len(inputs):
        return []
    if function not in _PRODUCTS and not (isinstance(function, np.ufunc) and isinstance(builder_of(function), type)):
        return []
    others = [i for i, value in enumerate(inputs) if not isinstance(value, Box)]
    if any(result.children[i] is not value for i, value in enumerate(inputs) if isinstance(value, Box)):
        return []
    made = [result.children[i] for i in others]
    if any(not isinstance(child, Captured) or child in places for child in made) or len(set(made)) < len(made):
        return []
    return others if all(_is_plain(inputs[i], result.children[i]) for i in others) else []


def _is_plain(value: Value, constant: Box) -> bool:
    """Whether any other of this type, shape and dtype becomes a constant of the same dtype; an integer may not fit."""
    if type(value) is int:
        return constant.dtype.kind in "fc"
    return type(value) in (*_NUMBERS, np.ndarray) or isinstance(value, np.generic)


# Each function of NumPy that the call uses runs the code of its step. From the first difference on, boxes are built in
# the usual way.


class Replay:
    """One call that follows a recording; `boxes` are those that came up, by their numbers."""

    def __init__(self, recording: Recording, leaves: Sequence[Box]) -> None:
        self.boxes = list(leaves)
        self._recording = recording
        self._steps: Iterator[Step] = iter(recording.steps)
        self._places: dict[Box, int] = {}
        self._sizes = Sizes()

    def call(
        self,
        build: Callable[..., Any],
        function: Callable[..., Any],
        method: str,
        inputs: Sequence[Any],
        keywords: Mapping[str, Any],
    ) -> Any:
        """The result of a NumPy function on boxes: a copied box if the recording has the same call, else a new one."""
        known, how, run = next(self._steps)
        if known is function and how == method:
            made = run(inputs, keywords, self.boxes, self)
            if made is not MISS:
                return made
        trace = concrete_values.current()
        assert trace is not None
        trace.steps, self._steps = None, iter(())  # the call differs: from here on nothing is compared any more
        return build(function, method, inputs, keywords)

    def returns(self, output: Value) -> bool:
        """Whether the call followed the recording to its end, and returned the same single box."""
        roots = self._recording.roots
        return self._is_at_end() and len(roots) == 1 and roots[0] < len(self.boxes) and output is self.boxes[roots[0]]

    def came_to(self, roots: Sequence[Box]) -> bool:
        """Whether the call followed the recording to its end, and returned these boxes."""
        return self._is_at_end() and self._come(roots, self._recording.strangers, self._recording.roots)

    def sources(self) -> list[Box]:
        """The boxes that give values to a call which followed the recording to its end."""
        return [self.boxes[place] for place in self._recording.sources]

    def comes(self, value: Value, keys: Sequence[Any], place: int) -> bool:
        """Whether an argument is the box of this number, and what it reads from outside has these keys."""
        return isinstance(value, Box) and self._come([value], keys, [place])

    def has_key(self, value: Value, key: Any) -> bool:
        """Whether an argument that is no box is the same as another, of which this is the key."""
        if isinstance(value, Box) or (isinstance(value, np.ndarray) and value.nbytes > LARGEST_KEY):
            return False
        return bool(setting_key(value, self._sizes) == key)

    def _is_at_end(self) -> bool:
        return length_hint(self._steps) == 1  # the `END`

    def _come(self, boxes: Sequence[Box], keys: Sequence[Any], numbers: Sequence[int]) -> bool:
        """Whether these boxes get these numbers, and those that no recorded function built have these keys."""
        places = self._places
        for box in self.boxes[len(places) :]:
            places[box] = len(places)
        try:
            strangers = [key for box in boxes for key in placed(box, places, self._sizes)]
        except UnrecordableError:
            return False
        # boxes from elsewhere are numbered too, as they were in the recording
        self.boxes += [*places][len(self.boxes) :] if strangers else []
        return strangers == list(keys) and [places[box] for box in boxes] == list(numbers)
