"""The contract that the example of a function implies, and how derived inputs go beyond it.

Ranks stay, sizes that are equal in the example stay equal, no array is empty, settings keep their type and their sign.
An elementwise function has the contract that NumPy gives it: arrays of any shapes that broadcast.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Literal, NamedTuple, Union, get_args, get_origin

import numpy as np

from flowgraph.box.vocabulary import Interval, Value
from flowgraph.checking.code_contents import Code, reachable_values, whole_numbers_of
from flowgraph.checking.point import Point
from flowgraph.checking.runner import generator, parts
from flowgraph.checking.target import Inputs, Target, shown
from flowgraph.checking.values import resampled

PROBES = 4  # elements of each input that are moved to see which outputs follow
MOVE = 0.0371  # of an element: far above rounding, and not a power of two

Shape = tuple[int, ...]


class Excess(NamedTuple):
    """One respect in which inputs go beyond the example: the setting, or "shapes", and the words for it.

    `of_range`: a number is beyond the range that the example's is taken from, as a power of 0 where it has 2.
    """

    subject: str
    words: str
    of_range: bool = False


@dataclass(frozen=True)
class ExampleContract:
    """`active` are the positions of the inputs whose gradient is compared."""

    example: Inputs
    target: Target
    active: tuple[int, ...]
    elementwise: bool = False

    def beyond(self, inputs: Inputs, output: Value) -> list[Excess]:
        """In what these inputs go beyond the example; nothing within the contract."""
        found = []
        for i, (name, one, other) in enumerate(zip(self.target.names, self.example, inputs, strict=True)):
            if i not in self.active:
                if one is not other and not alike(one, other):
                    found.append(Excess(name, f"{name}={shown(other)}", _is_of_range(one, other)))
            elif isinstance(other, np.ndarray):
                given = np.asarray(self.target.inputs[i]).dtype
                if other.dtype not in (given, np.dtype(np.float64)):
                    found.append(Excess("dtypes", f"{name} in {other.dtype}"))
        return (
            found
            if self._broadcasts(inputs, output) or self.tied(inputs, output)
            else [*found, self._of_shapes(inputs)]
        )

    def bound(self, inputs: Inputs, answers: Callable[[Inputs], bool | None]) -> list[Excess]:
        """The shapes, where bprop refuses them since a size is bound: it `answers` nowhere but at the example's.

        A layer that was made for so many columns says so itself to whoever gives it others. A size of 1 is an edge, and
        another rank is no other size. An elementwise function of arrays of equal shapes takes any that broadcast, as
        NumPy's functions do, but for those without an axis, which NumPy makes numbers of.
        """
        shapes = {np.shape(self.example[i]) for i in self.active}
        broadcasts = self.elementwise and len(shapes) == 1 and all(np.ndim(inputs[i]) for i in self.active)
        if not self._reshaped(inputs) or broadcasts:
            return []
        sizes = self._sizes(inputs)
        if sizes is None or any(1 in found for size, found in sizes.items() if size != 1):
            return [self._of_shapes(inputs)]
        moved = {size for size, found in sizes.items() if found != {size}}
        probes = [answers(self._longer(moved, more)) for more in (1, 2)]
        return [] if True in probes and None not in probes else [self._of_shapes(inputs)]

    def _longer(self, moved: set[int], more: int) -> Inputs:
        """The example where all axes of some sizes are longer."""
        inputs = list(self.example)
        for i in self.arrays(self.example):
            shape = tuple(size + more if size in moved else size for size in self.example[i].shape)
            if shape != self.example[i].shape:
                inputs[i] = resampled(self.example[i], shape, generator(0))
        return tuple(inputs)

    @functools.cached_property
    def code(self) -> Code:
        """What is written in the functions."""
        return Code(self.target.code)

    @functools.cached_property
    def constants(self) -> list[float]:
        """The numbers in the code, and where it is declared to have kinks."""
        return [*self.target.kinks, *self.code.numbers]

    @functools.cached_property
    def held(self) -> frozenset[int]:
        """The sizes that the functions hold in closures, defaults, globals and objects, but 1.

        They are those of arrays, and the whole numbers of an object that hands its arrays to compiled code: it was made
        for so many classes or columns, and that code does not count them again.
        """
        code = (self.target.fprop, self.target.bprop, *self.target.code)
        found = [value for function in code for value in reachable_values(function)]
        sizes = {n for value in found if isinstance(value, np.ndarray) for n in value.shape}
        return frozenset(sizes | {n for value in found for n in whole_numbers_of(value) if n > 0}) - {1}

    def contradicts_annotation(self, inputs: Inputs) -> bool:
        """Whether a setting is not of the type that is declared for it."""
        hints = self.target.annotations
        return any(
            name in hints and not fits(hints[name], other)
            for i, (name, one, other) in enumerate(zip(self.target.names, self.example, inputs, strict=True))
            if i not in self.active and one is not other and not isinstance(other, np.ndarray)
        )

    def leaves_held(self, inputs: Inputs) -> bool:
        """Whether an axis no longer has the size of an array that the function holds itself, as a loss its targets.

        Compiled code that trusts both to be of one length would read and write beyond the shorter one.
        """
        for i in self._reshaped(inputs):
            old, new = self.example[i].shape, np.shape(inputs[i])
            kept = len(old) == len(new) and all(a == b for a, b in zip(old, new, strict=True) if a in self.held)
            if not kept and self.held & set(old):
                return True
        return False

    def separates(self, inputs: Inputs) -> bool:
        """Whether an array of labels, indices or flags no longer goes with the arrays that it goes with in the example.

        One row beside three labels is no case of a loss: what it answers there says nothing of its gradient.
        """
        arrays = self.arrays(self.example)
        floats = [i for i in arrays if i in self.active]
        sizes = {n for i in floats for n in self.example[i].shape}
        chosen = [i for i in arrays if i not in self.active and sizes & set(self.example[i].shape)]
        if not chosen or not self._reshaped(inputs):
            return False
        if self.elementwise:
            shape = _broadcast(np.shape(inputs[i]) for i in self.active)
            return shape is None or any(_broadcast([np.shape(inputs[i]), shape]) != shape for i in chosen)
        if self._sizes(inputs) is None:
            return True
        of = {i: self._sizes(inputs, [i]) or {} for i in arrays}
        return any(of[i][n] - of[k][n] for i in chosen for k in floats for n in of[i].keys() & of[k].keys())

    def has_other_settings(self, inputs: Inputs) -> bool:
        """Whether a setting has another value than in the example, be it alike or not."""
        pairs = [pair for i, pair in enumerate(zip(self.example, inputs, strict=True)) if i not in self.active]
        return any(one is not other and not isinstance(one, np.ndarray) and one != other for one, other in pairs)

    def arrays(self, inputs: Inputs) -> list[int]:
        """Those whose shape may be another one: a size that only happens to be that of a layer ties nothing."""
        fixed = self.target.fixed_shapes
        return [i for i, x in enumerate(inputs) if isinstance(x, np.ndarray) and i not in fixed]

    def _reshaped(self, inputs: Inputs) -> list[int]:
        return [i for i in self.arrays(self.example) if np.shape(inputs[i]) != self.example[i].shape]

    def _of_shapes(self, inputs: Inputs) -> Excess:
        words = [f"{self.target.names[i]} of shape {np.shape(inputs[i])}" for i in self._reshaped(inputs)]
        return Excess("shapes", " and ".join(words) or "what gives an empty value")

    def _sizes(self, inputs: Inputs, among: Iterable[int] | None = None) -> dict[int, set[int]] | None:
        """For each size in the example the sizes that have taken its place; None where a rank is another one."""
        sizes: dict[int, set[int]] = {}
        for i in self.arrays(self.example) if among is None else among:
            if np.ndim(inputs[i]) != self.example[i].ndim:
                return None
            for old, new in zip(self.example[i].shape, np.shape(inputs[i]), strict=True):
                sizes.setdefault(old, set()).add(new)
        return sizes

    def _broadcasts(self, inputs: Inputs, output: Value) -> bool:
        """Whether NumPy's contract covers these shapes: the differentiated inputs alone give the output's."""
        if not self.elementwise:
            return False
        shape = _broadcast(np.shape(inputs[i]) for i in self.active)
        return all(np.shape(part) == shape for part in parts(output))

    def tied(self, inputs: Inputs, output: Value) -> bool:
        """Whether ranks are those of the example, sizes equal there are equal, 1 stays 1, and nothing is empty."""
        if inputs is self.example:
            return True
        sizes = self._sizes(inputs)
        if sizes is None or any(len(found) > 1 for size, found in sizes.items() if size):
            return False
        ones_stay = sizes.get(1, {1}) == {1}
        return ones_stay and not any(0 in found for found in sizes.values()) and all(map(np.size, parts(output)))


def alike(one: Value, other: Value) -> bool:
    """Whether a setting has the type of the example's, and a number its sign and its side of 1, as a share has."""
    if isinstance(one, np.ndarray):
        numbered = isinstance(other, np.ndarray) and one.dtype.kind in "iu" and one.size and other.size
        return bool(one.min() < 0 or other.min() >= 0) if numbered else isinstance(other, np.ndarray)
    if type(one) is not type(other):
        return False
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, bool) or not isinstance(one, int | float):
        return True
    if one < 0:
        return bool(other < 0)
    if isinstance(one, int) or one == 0:
        return bool(other >= 0)
    return bool(other > 0 and np.sign(other - 1) == np.sign(one - 1)) if one != 1 else bool(other > 0)


def _is_of_range(one: Value, other: Value) -> bool:
    """Whether one number stands for another: a share of 0 is none, which a share of 0.1 has as its limit."""
    return type(one) is type(other) is float and not (other == 0 and 0 < one < 1)


def fits(hint: object, value: Value) -> bool:
    """Whether a setting has an annotated type; annotations that are not understood allow anything."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(fits(one, value) for one in arguments)
    if origin is Literal:
        return any(type(one) is type(value) and one == value for one in arguments)
    if origin is Annotated:
        within = [one for one in arguments[1:] if isinstance(one, Interval)]  # which says nothing but of numbers
        return fits(arguments[0], value) and (not isinstance(value, int | float) or all(value in one for one in within))
    if origin is tuple:
        each = arguments[:1] * len(value) if arguments[1:] == (...,) and isinstance(value, tuple) else arguments
        return isinstance(value, tuple) and len(value) == len(each) and all(map(fits, each, value))
    if hint in (float, int):
        return isinstance(value, int | float if hint is float else int) and not isinstance(value, bool)
    return isinstance(value, hint) if hint in (bool, str, tuple, list, NoneType) else True


def _broadcast(shapes: Iterable[Shape]) -> Shape | None:
    """The shape that they broadcast to; None if they do not."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        return None


def is_elementwise(point: Point, rng: np.random.Generator) -> bool:
    """Whether every element of the inputs moves the outputs at its own place alone, as broadcasting aligns them.

    Where none moves any, as those of a projection to a corner do not, nothing is known of what belongs to what.
    """
    outputs, seen = parts(point.output), False
    shape = _broadcast(np.shape(point.inputs[i]) for i in point.active)
    if not shape or np.prod(shape) < 2 or any(np.shape(part) != shape for part in outputs):
        return False
    for i in point.active:
        x = np.asarray(point.inputs[i])
        for k in rng.permutation(x.size)[:PROBES] if x.ndim else ():
            moved = np.arange(x.size).reshape(x.shape) == k
            near = point.beside(point.moved({i: MOVE * moved * point.scales(i)}, 1.0))
            if near is None:
                continue
            own = np.broadcast_to(moved, shape)
            for one, other in zip(outputs, parts(near.output), strict=True):
                if np.shape(other) != shape or np.any((one != other) & ~own):
                    return False
                seen = seen or bool(np.any(one != other))
    return seen


def broadcasts(point: Point) -> bool:
    """Whether fprop takes each of the inputs with any axis cut to 1 that another has, as NumPy's functions do.

    What writes into a copy of its first operand, as `y = a.copy(); y += b`, takes a row for b and none for a: its
    operands are of one shape, and that it takes the row is an accident of how the sum is written.
    """
    shapes = {i: np.shape(point.inputs[i]) for i in point.active}
    whole = _broadcast(shapes.values())
    for i, shape in shapes.items():
        for axis in (axis for axis, size in enumerate(shape) if size > 1):
            cut = np.take(point.inputs[i], [0], axis)
            if _broadcast({**shapes, i: cut.shape}.values()) != whole:
                continue  # no other input has this axis
            near = point.beside(tuple(cut if k == i else x for k, x in enumerate(point.inputs)))
            if near is None or any(np.shape(part) != whole for part in parts(near.output)):
                return False
    return True
