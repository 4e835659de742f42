"""What is like the example, and what is beyond it: there a mistake of bprop is a note, and not a failure.

Like the example are inputs of the same types and ranks, in which axes that are equal stay equal, none is empty,
settings keep their type and a number its sign, every property of the example holds, and each number is 0 or less than
three orders of magnitude from those of the example, or from 1. Nor is what the value itself cuts off, far out or at a
singularity: 1 / (1 + exp(-x)) is 0 at -800, since exp(800) is infinite, and log(p + 2e-16) no longer moves with
p = 1e-30. All of this is seen in the values; what the author of the code meant is not guessed.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from flowgraph.box.kinds import UNFIT, kind_of
from flowgraph.box.vocabulary import Value
from flowgraph.checking.code_contents import reachable_values, whole_numbers_of
from flowgraph.checking.compare import Suspicion, ValueMismatch, ask
from flowgraph.checking.families import resample
from flowgraph.checking.point import Direction, Point, analytic_slope, coordinate, generator, parts
from flowgraph.checking.roughness import beyond_guard
from flowgraph.checking.target import Array, Inputs, Target, short_text

MOST = 24  # elements that are looked at
FLAT = 1e-6  # of the slope that bprop gives: what is less is what a saturated value has
HUGE = 1e100  # an exponential that large overflows after another factor of three in its argument
NUDGE = 1e-3  # of an element
ORDERS = 999.0  # times the smallest and the largest number of an input, or 1: a thousand times is of other units
FAR = 30.0  # times the same: a NaN beyond says what bprop overflows at, and no number of it is wrong
REACH = 10.0  # times the example's largest input, or 1: units of an input seldom span more within one use
EXAMPLE = "the example"
GUARD = 1e-6  # where clips that keep off a singularity begin at most
INSIDE = 1e-5  # how far beside the edge of a clip its singularity shows
STEEP = 100.0  # times the move: log(p) is steeper below 0.01
NOTED = ("raised", "layout", "dtype", "overflow")
"""Kinds of mistakes that are notes at any inputs but the example, and those of layout and dtype there too."""


class Excess(NamedTuple):
    """One respect in which inputs go beyond the example: a setting, "shapes", or a rule of BEYOND; the words for it."""

    subject: object
    words: str


@dataclass(frozen=True)
class ExampleContract:
    """`active` are the positions of the inputs whose gradient is compared."""

    example: Inputs
    target: Target
    active: tuple[int, ...]

    def beyond(self, inputs: Inputs, output: Value) -> list[Excess]:
        """In what these inputs go beyond the example; nothing within the contract."""
        excesses = []
        for i, (name, known, other) in enumerate(zip(self.target.names, self.example, inputs, strict=True)):
            if i not in self.active:
                if known is not other and not alike(known, other):
                    excesses.append(Excess(name, f"{name}={short_text(other)}"))
            elif isinstance(other, np.ndarray):
                given = np.asarray(self.target.inputs[i]).dtype
                if other.dtype not in (given, np.dtype(np.float64)):
                    excesses.append(Excess("dtypes", f"{name} in {other.dtype}"))
            if i in self.active and not self._of_its_order(i, other):
                excesses.append(Excess(f"order of {name}", f"values of {name} of another order of magnitude"))
        return excesses if self.keeps_ties(inputs, output) else [*excesses, self.of_shapes(inputs)]

    @functools.cached_property
    def _orders(self) -> dict[int, tuple[float, float]]:
        """For each active input the least and the largest size of a number, but 0, that is like the example's."""
        sizes = {i: np.abs(np.asarray(self.example[i])) for i in self.active}
        present = {i: size[size > 0] for i, size in sizes.items()}
        return {i: (x.min(initial=1.0) / ORDERS, x.max(initial=1.0) * ORDERS) for i, x in present.items()}

    def _of_its_order(self, i: int, x: Value) -> bool:
        """Whether each number is 0, or of an order of magnitude near those of this input in the example, or near 1."""
        sizes, (least, most) = np.abs(np.asarray(x)), self._orders[i]
        return bool(np.all((sizes == 0) | ((sizes >= least) & (sizes <= most))))

    def is_like_it(self, inputs: Inputs) -> bool:
        """Whether shapes and orders of magnitude are those of the example."""
        return self.shapes_are_tied(inputs) and all(self._of_its_order(i, inputs[i]) for i in self.active)

    @functools.cached_property
    def held(self) -> frozenset[int]:
        """The sizes that the functions hold in closures, defaults, globals and objects, but 1.

        They are those of arrays, and the whole numbers of an object that hands its arrays to compiled code: it was made
        for so many classes or columns, and that code does not count them again.
        """
        code = (self.target.fprop, self.target.bprop, *self.target.code)
        values = [value for function in code for value in reachable_values(function)]
        sizes = {n for value in values if issubclass(type(value), np.ndarray) for n in value.shape}
        return frozenset(sizes | {n for value in values for n in whole_numbers_of(value) if n > 0}) - {1}

    def contradicts_annotation(self, inputs: Inputs) -> bool:
        """Whether a setting is not of the type that is declared for it."""
        hints = self.target.annotations
        return any(
            name in hints and not fits(hints[name], other)
            for i, (name, known, other) in enumerate(zip(self.target.names, self.example, inputs, strict=True))
            if i not in self.active and known is not other and not isinstance(other, np.ndarray)
        )

    def leaves_held(self, inputs: Inputs) -> bool:
        """Whether an axis no longer has the size of an array that the function holds itself, as a loss its targets.

        Compiled code that trusts both to be of one length would read and write beyond the shorter one.
        """
        for i in self.is_reshaped(inputs):
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
        if not chosen or not self.is_reshaped(inputs):
            return False
        if self.sizes(inputs) is None:
            return True
        of = {i: self.sizes(inputs, [i]) or {} for i in arrays}
        return any(of[i][n] - of[k][n] for i in chosen for k in floats for n in of[i].keys() & of[k].keys())

    def arrays(self, inputs: Inputs) -> list[int]:
        """Those whose shape may be another one: a size that only happens to be that of a layer ties nothing."""
        fixed = self.target.fixed_shapes
        return [i for i, x in enumerate(inputs) if isinstance(x, np.ndarray) and i not in fixed]

    def is_reshaped(self, inputs: Inputs) -> list[int]:
        """The arrays of another shape than in the example."""
        return [i for i in self.arrays(self.example) if np.shape(inputs[i]) != self.example[i].shape]

    def of_shapes(self, inputs: Inputs) -> Excess:
        """That the shapes are other ones."""
        words = [f"{self.target.names[i]} of shape {np.shape(inputs[i])}" for i in self.is_reshaped(inputs)]
        return Excess("shapes", " and ".join(words) or "what gives an empty value")

    def sizes(self, inputs: Inputs, among: Iterable[int] | None = None) -> dict[int, set[int]] | None:
        """For each size in the example the sizes that have taken its place; None where a rank is another one."""
        sizes: dict[int, set[int]] = {}
        for i in self.arrays(self.example) if among is None else among:
            if np.ndim(inputs[i]) != self.example[i].ndim:
                return None
            for old, new in zip(self.example[i].shape, np.shape(inputs[i]), strict=True):
                sizes.setdefault(old, set()).add(new)
        return sizes

    def keeps_ties(self, inputs: Inputs, output: Value) -> bool:
        """Whether ranks are those of the example, sizes equal there are equal, 1 stays 1, and nothing is empty.

        The axes of a square array may be unequal where no other array has its size: what fprop takes so has no need of
        a square, and the example happens to be one.
        """
        return inputs is self.example or (self.shapes_are_tied(inputs) and all(map(np.size, parts(output))))

    def shapes_are_tied(self, inputs: Inputs) -> bool:
        """The same, of the inputs alone."""
        sizes = self.sizes(inputs)
        if sizes is None or any(len(taken) > 1 and size and self._is_of_several(size) for size, taken in sizes.items()):
            return False
        ones_stay = sizes.get(1, {1}) == {1} and not any(1 in taken for size, taken in sizes.items() if len(taken) > 1)
        return ones_stay and not any(0 in taken for taken in sizes.values())

    def longer(self, inputs: Inputs, moved: set[int]) -> Inputs:
        """The inputs where the axes that had one of these sizes in the example are longer by one than they were."""
        made = list(inputs)
        for i in self.arrays(self.example):
            old = self.example[i].shape
            shape = tuple(n + 1 if n in moved else m for n, m in zip(old, np.shape(inputs[i]), strict=True))
            if set(old) & moved:
                made[i] = resample(self.example[i], shape, generator(0))
        return tuple(made)

    def _is_of_several(self, size: int) -> bool:
        """Whether several arrays have an axis of this size."""
        return sum(size in self.example[i].shape for i in self.arrays(self.example)) > 1


def alike(known: Value, other: Value) -> bool:
    """Whether a setting has the type of the example's, and a float its sign and its side of 1, as a share has."""
    if isinstance(known, np.ndarray):
        numbered = isinstance(other, np.ndarray) and known.dtype.kind in "iu" and known.size and other.size
        return bool(known.min() < 0 or other.min() >= 0) if numbered else isinstance(other, np.ndarray)
    if type(known) is not type(other):
        return False
    if isinstance(known, tuple | list):
        return len(known) == len(other) and all(map(alike, known, other))
    if isinstance(known, bool) or not isinstance(known, int | float):
        return True
    if isinstance(known, int):
        return True
    if known < 0:
        return bool(other < 0)
    if known == 0:
        return bool(other >= 0)
    return bool(other > 0 and np.sign(other - 1) == np.sign(known - 1)) if known != 1 else bool(other > 0)


def fits(hint: object, value: Value) -> bool:
    """Whether a setting has an annotated type; annotations that are not understood allow anything."""
    kind = kind_of(hint)
    return kind is None or kind.read_value(value) is not UNFIT


@dataclass
class Notes:
    """One text for each kind of mistake, child, and respect in which inputs go beyond the example."""

    found: dict[tuple[frozenset[object], str, int | None], str] = field(default_factory=dict)

    def texts(self) -> list[str]:
        """All of them, in the order in which they were found."""
        return list(dict.fromkeys(self.found.values()))

    def of_none(self, child: int, name: str) -> None:
        """That a gradient of None was taken as the answer that none is meant to be asked for."""
        self.found[frozenset[object]({"None"}), "none", child] = f"bprop gives None for {name}"

    def spares(self, suspicion: Suspicion, contract: ExampleContract) -> bool:
        """Whether a suspicion need not be confirmed: it is a refusal that is noted, or said already.

        A rule that has told of this mistake before is asked again, which takes fewer calls than to confirm it.
        """
        if suspicion.kind in (*NOTED, "numbers"):
            return self.takes(suspicion, contract)
        excesses = contract.beyond(suspicion.point.inputs, suspicion.point.output)
        about = (suspicion.kind, suspicion.child)
        told = {subject for known, *other in self.found if tuple(other) == about for subject in known}
        excesses += [excess for rule in BEYOND if rule in told for excess in rule(contract, suspicion)]
        return self._says_already(suspicion, excesses)

    def takes(self, suspicion: Suspicion, contract: ExampleContract) -> bool:
        """Whether a mistake is a note: it is a refusal, or of inputs that are not like the example."""
        point = suspicion.point
        if suspicion.kind == "numbers" and not any(map(np.iscomplexobj, parts(point.output))):
            return False  # a real function of real inputs has no complex gradient anywhere
        at_example = point.inputs is contract.example or point.test_case == EXAMPLE
        if at_example and suspicion.kind not in ("layout", "dtype", "overflow"):
            return False
        excesses = contract.beyond(point.inputs, point.output)
        if not excesses and suspicion.kind not in NOTED:
            excesses = next((of_rule for rule in BEYOND if (of_rule := list(rule(contract, suspicion)))), [])
            if not excesses:
                return False
        self.enter(suspicion, excesses)
        return True

    def enter(self, suspicion: Suspicion, excesses: list[Excess]) -> None:
        """Note a mistake where inputs go beyond the example in these respects, unless that is said already."""
        if not self._says_already(suspicion, excesses):
            subjects = frozenset(excess.subject for excess in excesses)
            self.found[subjects, suspicion.kind, suspicion.child] = _words(suspicion, excesses)

    def _says_already(self, suspicion: Suspicion, excesses: list[Excess]) -> bool:
        """Whether a note about no more respects, of the same kind and child, says it already."""
        about, subjects = (suspicion.kind, suspicion.child), {excess.subject for excess in excesses}
        return any(known <= subjects for known, *other in self.found if tuple(other) == about)


def _words(suspicion: Suspicion, excesses: list[Excess]) -> str:
    beyond = ", ".join(excess.words for excess in excesses)
    if suspicion.kind in ("layout", "dtype", "overflow"):
        return suspicion.note
    said = suspicion.loud or (
        "bprop gives a NaN or infinity there" if suspicion.kind == "nonfinite" else "bprop gives wrong numbers there"
    )
    return f"fprop takes {beyond or f'other values ({suspicion.point.test_case})'}, {said}"


def bound_sizes(contract: ExampleContract, suspicion: Suspicion) -> Iterator[Excess]:
    """Sizes that are bound to others: a gradient has another shape there, or fprop takes 1 and no other size.

    An axis of size 1 is then broadcast against what the function holds itself. Whoever uses a gradient of a wrong shape
    hears of it at once.
    """
    point = suspicion.point
    if suspicion.kind == "shape" and contract.is_reshaped(point.inputs):
        yield contract.of_shapes(point.inputs)
        return
    moved = {size for size, taken in (contract.sizes(point.inputs) or {}).items() if size > 1 and 1 in taken}
    if moved:
        other = contract.longer(point.inputs, moved)
        if point.runner.accepts(other):
            try:
                point.runner.fprop(other)
            except Exception:  # whatever fprop raises for arrays that do not broadcast
                yield contract.of_shapes(point.inputs)


def far_out(contract: ExampleContract, suspicion: Suspicion) -> Iterator[Excess]:
    """Inputs with a number more than FAR times as large as the largest of their example, where bprop gives a NaN."""
    if suspicion.kind == "nonfinite":
        for i in contract.active:
            most = np.abs(contract.example[i]).max(initial=1.0)
            if np.abs(suspicion.point.inputs[i]).max(initial=0.0) > FAR * most:
                name = contract.target.names[i]
                yield Excess(far_out, f"values of {name} more than {FAR:g} times as large as the example's")
                return


def out_of_range(contract: ExampleContract, suspicion: Suspicion) -> Iterator[Excess]:
    """Inputs much larger than the example's at which the value is flat, or at which fprop overflows on its way."""
    point, child = suspicion.point, suspicion.child
    pairs = [(np.abs(point.inputs[i]), np.abs(contract.example[i])) for i in contract.active]
    if not any(x.max(initial=0.0) > REACH * shown.max(initial=1.0) for x, shown in pairs):
        return  # no element is much larger than all in the example
    if isinstance(suspicion, ValueMismatch):
        if _saturates(suspicion):
            yield Excess(out_of_range, "values so large that it saturates")
        return
    grad = np.ones(point.value.shape) if suspicion.grad is None else suspicion.grad
    gradients = ask(point, grad)[0] if suspicion.kind == "nonfinite" else None
    gradient = None if gradients is None or child is None else gradients[point.active.index(child)]
    if gradient is None or child is None:
        return
    size = max(float(np.abs(point.value).max(initial=0.0)), point.runner.measured.size)
    bad = [coordinate(point, child, int(k)) for k in np.flatnonzero(~np.isfinite(gradient))[:MOST]]
    flat = all(_is_flat(point, np.ones(point.value.shape), direction, 0.0, FLAT * NUDGE * size) for direction in bad)
    if (size > HUGE or flat) and _overflows(point):
        yield Excess(out_of_range, "values so large that it overflows on its way")
    elif flat and not np.isnan(gradient).any():
        yield Excess(out_of_range, "values so large that it saturates")


def _overflows(point: Point) -> bool:
    """Whether an infinity comes up within fprop, though its value is finite."""
    with np.errstate(over="raise"):
        try:
            point.runner.fprop(point.inputs)
        except FloatingPointError:
            return True
        except Exception:
            return False
    return False


def _saturates(mismatch: ValueMismatch) -> bool:
    """Whether each element with another slope than bprop says has none, or loses it at twice the largest element.

    What differs by a millionth of the largest slope does not count: a sum of which a small term has saturated.
    """
    point, grad = mismatch.point, mismatch.grad
    gradients, _ = ask(point, grad)
    elements = [(i, int(k)) for i, d in mismatch.direction.items() for k in np.flatnonzero(d)][:MOST]
    compared = []
    for direction in (coordinate(point, i, k) for i, k in elements):
        slopes = point.slopes(direction)
        if slopes is None or gradients is None:
            return False
        analytic = analytic_slope(gradients, direction, point.active)[0]
        compared.append((direction, analytic, float((grad * slopes.value).sum())))
    largest = max((abs(analytic) for _, analytic, _ in compared), default=0.0)
    for direction, analytic, numeric in compared:
        if abs(analytic - numeric) > FLAT * largest and abs(numeric) > FLAT * abs(analytic):
            reach = max(np.abs(point.inputs[i]).max(initial=0.0) / np.abs(d).max() for i, d in direction.items())
            if not _is_flat(point, grad, direction, 2 * float(reach), FLAT * abs(analytic) * 2 * float(reach) * NUDGE):
                return False
    return True


def _is_flat(point: Point, grad: Array, direction: Direction, at: float, room: float) -> bool:
    """Whether a small move along a direction leaves the value as it is: on both sides, or far out on one."""
    flat = []
    for side in (1.0, -1.0):
        ends = [point.along(direction, side * at), point.along(direction, side * (at * (1 + NUDGE) if at else NUDGE))]
        if ends[0] is not None and ends[1] is not None:
            flat.append(abs(float((grad * (ends[1] - ends[0])).sum())) <= room)
    return any(flat) and (at > 0 or all(flat))


def values_clipped_off(contract: ExampleContract, suspicion: Suspicion) -> Iterator[Excess]:
    """Inputs with values outside of [0, 1], or below 0, that fprop clips there to keep away from a singularity.

    The example has none of these: the clip is the guard of a domain, as that of log(p), and no part of the function.
    """
    point = suspicion.point
    for i in contract.active:
        x, shown = np.asarray(point.inputs[i]), np.asarray(contract.example[i])
        if not shown.size or shown.min() <= 0:
            continue
        edges = {0.0: INSIDE, 1.0: 1.0 - INSIDE} if shown.max() < 1 else {0.0: INSIDE}
        for edge in edges:
            outside = np.zeros(x.shape, bool)
            for k in np.flatnonzero(x >= 1.0 - GUARD if edge else x <= GUARD)[:MOST]:
                element = np.arange(x.size).reshape(x.shape) == k
                outside |= element & np.array_equal(_with(point, i, element, edge), point.value)
            steps = [_with(point, i, outside, near) - _with(point, i, outside, at) for at, near in edges.items()]
            if outside.any() and any(np.any(np.abs(step) > STEEP * INSIDE) for step in steps):
                yield Excess(values_clipped_off, f"values of {contract.target.names[i]} that it clips")
                break


def _with(point: Point, i: int, chosen: Array, number: float) -> Array:
    """The value with the chosen elements of one input at a number; NaN where there is none."""
    moved = point.beside(point.change_inputs(lambda _, x: np.where(chosen, number, x), (i,)))
    return np.full(point.value.shape, np.nan) if moved is None else moved.value


def values_beyond_guard(contract: ExampleContract, suspicion: Suspicion) -> Iterator[Excess]:
    """Values beyond the guard of a singularity that is met within fprop, on the way from the example."""
    point = suspicion.point
    pairs = [(np.asarray(point.inputs[i]), np.asarray(contract.example[i])) for i in contract.active]
    reshaped = any(x.shape != s.shape for x, s in pairs)
    outside = any(x.size and s.size and (x.min() < s.min() or x.max() > s.max()) for x, s in pairs)
    if not outside and not reshaped:
        return  # no element is outside of the numbers that its input has in the example
    grad = np.ones(point.value.shape) if suspicion.grad is None else suspicion.grad
    for fitted in (_resample_seeded, _pad_with_zeros) if reshaped else (_resample_seeded,):
        start = list(contract.example)
        for i in contract.active:
            if np.shape(start[i]) != (shape := np.shape(point.inputs[i])):
                start[i] = fitted(start[i], shape)
        if beyond_guard(point, tuple(start), grad):
            yield Excess(values_beyond_guard, "values at which it is cut off, as log(p) at p < 0")
            return


def _resample_seeded(x: Array, shape: tuple[int, ...]) -> Array:
    return resample(x, shape, generator(0))


def _pad_with_zeros(x: Array, shape: tuple[int, ...]) -> Array:
    """The array in a corner of zeros: what keeps the length of each row, which more numbers of its size would not."""
    made = np.zeros(shape, x.dtype)
    if x.ndim == len(shape):
        corner = tuple(slice(0, min(pair)) for pair in zip(x.shape, shape, strict=True))
        made[corner] = x[corner]
    return made


BEYOND = (bound_sizes, values_clipped_off, out_of_range, far_out, values_beyond_guard)
"""What only the values tell of a mistake at inputs that look like the example."""
