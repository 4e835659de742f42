"""A recording of a call: which NumPy functions were called on which boxes, and the results.

To build a box its function is looked up, its arguments are read, its shape and its dtype are inferred. Another call
that goes the same way may copy what came of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Box, Constant, Value
from flowgraph.box.leaves import Parameter, Random
from flowgraph.box.numpy_dispatch import builder_of
from flowgraph.functional.captured import Captured
from flowgraph.functional.record import Sizes, setting_key, state_key

LARGEST_KEY = 4096
"""Bytes of an array that is compared by its values."""

_PRODUCTS = (np.dot, np.inner, np.linalg.matmul)
"""Functions that make children of their arguments, whatever these hold; so do the ufuncs that a class stands for."""

_NUMBERS = (float, int, bool, complex)

_UNSHARED = ("children", "held")


class UnscriptableError(Exception):
    """What cannot be noted; the script ends before it."""


class Free(NamedTuple):
    """A number or an array of any value, which becomes the constant child at its place."""

    kind: type
    shape: tuple[int, ...]
    dtype: Any


class Known(NamedTuple):
    """A value that is to be the same."""

    key: Any


class Several(NamedTuple):
    """A list or a tuple of such."""

    kind: type
    parts: tuple[Any, ...]


class Given(NamedTuple):
    """A result of a recorded function that is no box, such as a size."""

    value: Any


class Copy(NamedTuple):
    """A box to copy: its class and state, the numbers of its children; of a constant the argument that it holds."""

    cls: type[Box]
    state: dict[str, Any]
    children: tuple[int, ...]
    argument: int | None


class Step(NamedTuple):
    """One recorded call of a function: its pattern, boxes that came from outside, and its result.

    Boxes are numbered in the order in which they come up, after the arguments of the call.
    """

    function: Any
    method: str
    arguments: tuple[Any, ...]
    keywords: tuple[tuple[str, Any], ...]
    strangers: tuple[Any, ...]
    copies: tuple[Copy, ...]
    result: Any


class Script(NamedTuple):
    """The steps of a call, and the numbers of the boxes that it returned or asked, and of those that give it values."""

    steps: tuple[Step, ...]
    strangers: tuple[Any, ...]
    roots: tuple[int, ...]
    sources: tuple[int, ...]


class Writer:
    """Notes a call."""

    def __init__(self, leaves: Sequence[Box]) -> None:
        self.places: dict[Box, int] = {leaf: place for place, leaf in enumerate(leaves)}
        self._steps: list[Step] = []
        self._sizes = Sizes()
        self._inside, self._open = False, True

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
        self._inside = True
        try:
            result = build(function, method, inputs, keywords)
        finally:
            self._inside = False
        try:
            self._note(function, method, inputs, keywords, result)
        except UnscriptableError:
            self._open = False
        return result

    def script(self, roots: Sequence[Box], sources: Sequence[Box]) -> Script | None:
        """The script of the call, if all of it could be noted."""
        strangers: list[Any] = []
        try:
            places = tuple([self._place(root, strangers) for root in roots])
            if not self._open or not all(source in self.places for source in sources):
                return None
        except UnscriptableError:
            return None
        return Script(tuple(self._steps), tuple(strangers), places, tuple([self.places[one] for one in sources]))

    def _note(
        self,
        function: Callable[..., Any],
        method: str,
        inputs: Sequence[Any],
        keywords: Mapping[str, Any],
        result: Value,
    ) -> None:
        strangers: list[Any] = []
        held = _held_arguments(function, method, inputs, result, self.places)
        arguments = tuple([
            _free(one) if i in held else self._pattern(one, strangers) for i, one in enumerate(inputs)
        ])  # fmt: skip
        named = tuple([(name, self._pattern(one, strangers)) for name, one in keywords.items()])
        copies: list[Copy] = []
        children = {result.children[i]: i for i in held}
        told = self._result(result, copies, children)
        self._steps.append(Step(function, method, arguments, named, tuple(strangers), tuple(copies), told))

    def _pattern(self, value: Value, strangers: list[Any]) -> Any:
        if isinstance(value, Box):
            return self._place(value, strangers)
        if type(value) in (list, tuple):
            return Several(type(value), tuple([self._pattern(one, strangers) for one in value]))
        if isinstance(value, np.ndarray) and value.nbytes > LARGEST_KEY:
            raise UnscriptableError
        return Known(setting_key(value, self._sizes))

    def _place(self, box: Box, strangers: list[Any]) -> int:
        """The number of a box; a box from outside is recorded by its key."""
        for one in unknown(box, self.places):
            strangers.append(stranger_key(one, self.places, self._sizes))
            self.places[one] = len(self.places)
        return self.places[box]

    def _result(self, value: Value, copies: list[Copy], held: Mapping[Box, int]) -> Any:
        if isinstance(value, Box):
            for one in unknown(value, self.places):
                copies.append(self._copy(one, held.get(one)))
                self.places[one] = len(self.places)
            return self.places[value]
        if isinstance(value, list | tuple):
            return Several(type(value), tuple([self._result(one, copies, held) for one in value]))
        if not isinstance(value, (*_NUMBERS, str, np.generic, np.dtype, type(None))):
            raise UnscriptableError
        return Given(value)

    def _copy(self, box: Box, argument: int | None) -> Copy:
        state = {name: value for name, value in box.__dict__.items() if name not in _UNSHARED}
        if box.children:
            return Copy(type(box), state, tuple([self.places[child] for child in box.children]), None)
        if not isinstance(box, Captured) or (argument is None and box.held.nbytes > LARGEST_KEY):
            raise UnscriptableError
        return Copy(Captured, state if argument is not None else {**state, "held": box.held}, (), argument)


def unknown(box: Box, places: Mapping[Box, int]) -> list[Box]:
    """The boxes that a box reads and that have no place yet, children before parents, and itself."""
    if box in places:
        return []
    order: list[Box] = []
    seen = {box}
    stack = [(box, iter(box.children))]
    while stack:
        one, children = stack[-1]
        for child in children:
            if child not in places and child not in seen:
                seen.add(child)
                stack.append((child, iter(child.children)))
                break
        else:
            stack.pop()
            order.append(one)
    return order


def stranger_key(box: Box, places: Mapping[Box, int], sizes: Sizes) -> Any:
    """The key of a box that was not made by a NumPy function in this call."""
    if box.children:
        return type(box), tuple([places[child] for child in box.children]), sizes.of(box), state_key(box, sizes)
    if isinstance(box, Constant | Parameter):
        return "constant", sizes.of(box)
    if isinstance(box, Random):
        return "random", sizes.of(box)
    raise UnscriptableError


def _held_arguments(
    function: Callable[..., Any],
    method: str,
    inputs: Sequence[Any],
    result: Value,
    places: Mapping[Box, int],
) -> list[int]:
    """The arguments, by number, that came to be constants of just their value."""
    if method != "__call__" or not isinstance(result, Box) or len(result.children) != len(inputs):
        return []
    if function not in _PRODUCTS and not (isinstance(function, np.ufunc) and isinstance(builder_of(function), type)):
        return []
    others = [i for i, one in enumerate(inputs) if not isinstance(one, Box)]
    if any(result.children[i] is not one for i, one in enumerate(inputs) if isinstance(one, Box)):
        return []
    made = [result.children[i] for i in others]
    if any(not isinstance(child, Captured) or child in places for child in made) or len(set(made)) < len(made):
        return []
    return others if all(_is_plain(inputs[i]) for i in others) else []


def _is_plain(value: Value) -> bool:
    return type(value) in (*_NUMBERS, np.ndarray) or isinstance(value, np.generic)


def _free(value: Value) -> Free:
    if type(value) in _NUMBERS:
        return Free(type(value), (), None)
    return Free(type(value), value.shape, value.dtype)
