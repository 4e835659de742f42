"""The contract that the example of a function implies, and how derived inputs go beyond it.

Ranks stay, sizes that are equal in the example stay equal, no array is empty, settings keep their type and their sign.
An elementwise function has the contract that NumPy gives it: arrays of any shapes that broadcast. Beyond the contract
a wrong number is a mistake where fprop means what it computes there: the example's values are no other ones for a stack
of examples, or for axis=None.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from flowgraph.box.value import Value
from flowgraph.checking.code_contents import numbers_in, reachable_values, whole_numbers_of
from flowgraph.checking.point import Point
from flowgraph.checking.regimes_shapes import resampled
from flowgraph.checking.runner import Illegal, generator, parts
from flowgraph.checking.settings import alike, fits, is_of_range
from flowgraph.checking.target import Inputs, Target, shown

PROBES = 4  # elements of each input that are moved to see which outputs follow
MOVE = 0.0371  # of an element: far above rounding, and not a power of two


@dataclass(frozen=True)
class Excess:
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
        names = self.target.names
        found = [
            Excess(names[i], f"{names[i]}={shown(inputs[i])}", is_of_range(self.example[i], inputs[i]))
            for i in self._other_settings(inputs)
        ]
        found += [Excess("dtypes", f"{names[i]} in {inputs[i].dtype}") for i in self._other_types(inputs)]
        if self._broadcasts(inputs, output) or self.tied(inputs, output):
            return found
        return [*found, self._of_shapes(inputs)]

    def bound(self, inputs: Inputs, answers: Callable[[Inputs], bool | None]) -> list[Excess]:
        """The shapes, where bprop refuses them since a size is bound: it `answers` nowhere but at the example's.

        A layer that was made for so many columns says so itself to whoever gives it others. A size of 1 is an edge, and
        another rank is no other size. An elementwise function of arrays of equal shapes takes any that broadcast, as
        NumPy's functions do, but for those without an axis, which NumPy makes numbers of.
        """
        changed = {i for i in self.arrays(inputs) if np.shape(inputs[i]) != self.example[i].shape}
        shown = {np.shape(self.example[i]) for i in self.active}
        broadcasts = self.elementwise and len(shown) == 1 and all(np.ndim(inputs[i]) for i in self.active)
        if not changed or broadcasts:
            return []
        sizes = self._sizes(inputs)
        if sizes is None or any(1 in found for size, found in sizes.items() if size != 1):
            return [self._of_shapes(inputs)]
        moved = {size for size, found in sizes.items() if found != {size}}
        probes = [answers(self._resized(moved, more)) for more in (1, 2)]
        return [] if True in probes and None not in probes else [self._of_shapes(inputs)]

    def _resized(self, moved: set[int], more: int) -> Inputs:
        """The example where all axes of some sizes are longer."""
        inputs = list(self.example)
        for i in self.arrays(self.example):
            shape = tuple(size + more if size in moved else size for size in self.example[i].shape)
            if shape != self.example[i].shape:
                inputs[i] = resampled(self.example[i], shape, generator(0))
        return tuple(inputs)

    def leaves_held(self, inputs: Inputs) -> bool:
        """Whether an axis no longer has the size of an array that the function holds itself, as a loss its targets.

        Compiled code that trusts both to be of one length would read and write beyond the shorter one.
        """
        for i in self.arrays(self.example):
            old, new = self.example[i].shape, np.shape(inputs[i])
            kept = len(old) == len(new) and all(a == b for a, b in zip(old, new, strict=True) if a in self.held)
            if not kept and self.held & set(old):
                return True
        return False

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

    @functools.cached_property
    def constants(self) -> list[float]:
        """The numbers in the code, and where it is declared to have kinks."""
        return [*self.target.kinks, *numbers_in(self.target.code)]

    def contradicts_annotation(self, inputs: Inputs) -> bool:
        """Whether a setting is not of the type that is declared for it."""
        hints = self.target.annotations
        return any(
            name in hints and not fits(hints[name], other)
            for i, (name, one, other) in enumerate(zip(self.target.names, self.example, inputs, strict=True))
            if i not in self.active and one is not other and not isinstance(other, np.ndarray)
        )

    def _of_shapes(self, inputs: Inputs) -> Excess:
        changed = [i for i in self.arrays(inputs) if np.shape(inputs[i]) != np.shape(self.example[i])]
        words = " and ".join(f"{self.target.names[i]} of shape {np.shape(inputs[i])}" for i in changed)
        return Excess("shapes", words or "what gives an empty value")

    def separates(self, inputs: Inputs) -> bool:
        """Whether an array of labels, indices or flags no longer goes with the arrays that it goes with in the example.

        One row beside three labels is no case of a loss: what it answers there says nothing of its gradient.
        """
        arrays = self.arrays(self.example)
        floats = {n for i in arrays if i in self.active for n in self.example[i].shape}
        chosen = [i for i in arrays if i not in self.active and floats & set(self.example[i].shape)]
        if all(np.shape(inputs[i]) == np.shape(self.example[i]) for i in arrays):
            return False
        if self.elementwise:
            shape = _broadcast(inputs, self.active)
            return any(not _goes_into(np.shape(inputs[i]), shape) for i in chosen)
        if not chosen or self._sizes(inputs) is None:
            return bool(chosen)
        return any(self._parted(inputs, i, k) for i in chosen for k in arrays if k in self.active)

    def _parted(self, inputs: Inputs, i: int, k: int) -> bool:
        """Whether a size that two arrays share in the example is no longer that of any of these axes of the second."""
        pairs = list(zip(self.example[k].shape, inputs[k].shape, strict=True))
        return any(
            new not in [other for size, other in pairs if size == old]
            for old, new in zip(self.example[i].shape, inputs[i].shape, strict=True)
            if any(size == old for size, _ in pairs)
        )

    def _sizes(self, inputs: Inputs) -> dict[int, set[int]] | None:
        """For each size in the example the sizes that have taken its place; None where a rank is another one."""
        sizes: dict[int, set[int]] = {}
        for i in self.arrays(self.example):
            if np.ndim(inputs[i]) != self.example[i].ndim:
                return None
            for old, new in zip(self.example[i].shape, np.shape(inputs[i]), strict=True):
                sizes.setdefault(old, set()).add(new)
        return sizes

    def has_other_settings(self, inputs: Inputs) -> bool:
        """Whether a setting has another value than in the example, be it alike or not."""
        pairs = [pair for i, pair in enumerate(zip(self.example, inputs, strict=True)) if i not in self.active]
        return any(one is not other and not isinstance(one, np.ndarray) and one != other for one, other in pairs)

    def _other_settings(self, inputs: Inputs) -> Iterator[int]:
        for i, (one, other) in enumerate(zip(self.example, inputs, strict=True)):
            if i not in self.active and one is not other and not alike(one, other):
                yield i

    def _other_types(self, inputs: Inputs) -> Iterator[int]:
        for i in self.active:
            given = np.asarray(self.target.inputs[i]).dtype
            if isinstance(inputs[i], np.ndarray) and inputs[i].dtype not in (given, np.dtype(np.float64)):
                yield i

    def arrays(self, inputs: Inputs) -> list[int]:
        """Those whose shape may be another one: a size that only happens to be that of a layer ties nothing."""
        fixed = self.target.fixed_shapes
        return [i for i, x in enumerate(inputs) if isinstance(x, np.ndarray) and i not in fixed]

    def _broadcasts(self, inputs: Inputs, output: Value) -> bool:
        """Whether NumPy's contract covers these shapes: the differentiated inputs alone give the output's."""
        return self.elementwise and all(np.shape(part) == _broadcast(inputs, self.active) for part in parts(output))

    def tied(self, inputs: Inputs, output: Value) -> bool:
        """Whether ranks are those of the example, sizes equal there are equal, 1 stays 1, and nothing is empty."""
        if inputs is self.example:
            return True
        sizes = self._sizes(inputs)
        if sizes is None or any(len(found) > 1 for size, found in sizes.items() if size):
            return False
        ones_stay = sizes.get(1, {1}) == {1}
        return ones_stay and not any(0 in found for found in sizes.values()) and all(map(np.size, parts(output)))


def is_elementwise(point: Point, rng: np.random.Generator) -> bool:
    """Whether every element of the inputs moves the outputs at its own place alone, as broadcasting aligns them.

    Where none moves any, as those of a projection to a corner do not, nothing is known of what belongs to what.
    """
    outputs, seen = parts(point.output), False
    shape = _broadcast(point.inputs, point.active)
    if not shape or np.prod(shape) < 2 or any(np.shape(part) != shape for part in outputs):
        return False
    for i in point.active:
        x = np.asarray(point.inputs[i])
        for k in rng.permutation(x.size)[:PROBES] if x.ndim else ():
            moved = np.arange(x.size).reshape(x.shape) == k
            try:
                found = point.runner.legal(point.moved({i: MOVE * moved * point.scales(i)}, 1.0))
            except Illegal:
                continue
            own = np.broadcast_to(moved, shape)
            for one, other in zip(outputs, parts(found), strict=True):
                if np.shape(other) != shape or np.any((one != other) & ~own):
                    return False
                seen = seen or bool(np.any(one != other))
    return seen


def broadcasts(point: Point) -> bool:
    """Whether fprop takes each of the inputs with any axis cut to 1 that another has, as NumPy's functions do.

    What writes into a copy of its first operand, as `y = a.copy(); y += b`, takes a row for b and none for a: its
    operands are of one shape, and that it takes the row is an accident of how the sum is written.
    """
    shape = _broadcast(point.inputs, point.active)
    for i in point.active:
        x = np.asarray(point.inputs[i])
        for axis in (axis for axis in range(x.ndim) if x.shape[axis] > 1):
            inputs = list(point.inputs)
            inputs[i] = np.take(x, [0], axis)
            if _broadcast(tuple(inputs), point.active) != shape:
                continue  # no other input has this axis
            try:
                found = point.runner.legal(tuple(inputs))
            except Illegal:
                return False
            if any(np.shape(part) != shape for part in parts(found)):
                return False
    return True


def _broadcast(inputs: Inputs, active: tuple[int, ...]) -> tuple[int, ...] | None:
    try:
        return np.broadcast_shapes(*(np.shape(inputs[i]) for i in active))
    except ValueError:
        return None


def _goes_into(shape: tuple[int, ...], other: tuple[int, ...] | None) -> bool:
    """Whether an array of the first shape broadcasts to the second."""
    try:
        return other is not None and np.broadcast_shapes(shape, other) == other
    except ValueError:
        return False


def is_stack(contract: ExampleContract, point: Point) -> bool:
    """Whether fprop maps over the axis that is new, or that is gone: slice by slice it answers as on the whole."""
    arrays = contract.arrays(contract.example)
    more = [np.ndim(point.inputs[i]) - contract.example[i].ndim for i in arrays]
    if (set(more) - {0, 1} and set(more) - {0, -1}) or not any(more):
        return False
    whole = point.inputs
    if 1 not in more:  # the arrays of the example beside the settings of the point
        whole = tuple(contract.example[i] if i in arrays else x for i, x in enumerate(whole))
    stacked = [i for i, rank in zip(arrays, more, strict=True) if rank]
    sizes = {len(whole[i]) for i in stacked}
    if len(sizes) != 1 or sizes == {0}:
        return False
    try:
        outputs = parts(point.runner.legal(whole))
        for k in range(sizes.pop()):
            slices = tuple(x[k] if i in stacked else x for i, x in enumerate(whole))
            found = point.runner.legal(slices)
            if 1 in more and not contract.tied(slices, found):
                return False
            if not all(_close(one[k], other) for one, other in zip(outputs, parts(found), strict=True)):
                return False
    except Illegal:  # with a setting that no slice takes, as the last of three axes, nothing is known: numbers count
        return contract.has_other_settings(whole)
    except (IndexError, TypeError, ValueError):
        return False
    return True


def _close(one: Value, other: Value) -> bool:
    return np.shape(one) == np.shape(other) and np.allclose(one, other, rtol=1e-9, atol=1e-12)
