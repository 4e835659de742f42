"""What kind of mistake a wrong gradient shows: one list of hypotheses, of which one has to explain all that was seen.

A hypothesis is a function of a trial and an incoming gradient. It claims numbers: what the numeric gradient must be if
the analytic one has that mistake, or what a gradient with that mistake is. A claim is held against every element, at
every test case at which the gradient was wrong; what one of them refutes is not said, and without a hypothesis that is
left the report says nothing. Where fprop runs on boxes, a mistake is also an edit of one step of the backward pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from itertools import combinations, permutations
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from flowgraph.checking.edited_graphs import (
    ANOTHER,
    MOST_OUTPUTS,
    ROUNDING,
    SHOULD_BE,
    Graphs,
    Unknown,
    agrees,
    other_derivatives,
    words_for_use,
)
from flowgraph.checking.point import Direction, Illegal, Point, coordinate, flatten, generator
from flowgraph.checking.target import Array, Inputs

MOST_DIAGNOSED = 64  # elements whose slopes are measured one by one, where fprop does not run on boxes
MOST_OF_FRACTION = 16  # its numerator and denominator: larger ones come near to any number
LOST = 1e-9  # relative to the largest element of the right gradient: what terms lose that cancel in a wrong one
CANCELLED = 1e-12  # relative to the gradient at the example: what terms leave that cancel


class Claim(NamedTuple):
    """Numbers of which a hypothesis says that they are the numeric gradient, or else the analytic one."""

    numbers: Any
    are_numeric: bool


@dataclass
class Trial:
    """A test case at which the gradient by `child` is wrong: what bprop says, what is true, the mistakes possible.

    `shown` are the incoming gradients, and the directions, that showed it; `first` is the first call with these shapes.
    """

    point: Point
    child: int
    shown: list[tuple[Array, Direction | None]]
    first: Inputs | None = None
    graphs: Graphs | None = None
    _answers: dict[bytes, list[Any]] = field(default_factory=dict)
    _truths: dict[bytes, Array] = field(default_factory=dict)
    _slopes: tuple[Array, Array] | None = None

    def __post_init__(self) -> None:
        rng = generator(0)
        shape = self.point.value.shape
        self.dense = rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape)
        self.backward = None if self.graphs is None else self.graphs.backward(self.point, self.child)

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the input."""
        return np.shape(self.point.inputs[self.child])

    @property
    def output_shape(self) -> tuple[int, ...] | None:
        """That of the output, None of several, and of one that is not compared number by number."""
        output = self.point.output
        shape = None if isinstance(output, tuple | list) else np.shape(output)
        return shape if shape is not None and math.prod(shape) == self.point.value.size else None

    @property
    def is_like_output(self) -> bool:
        """Whether the one output has the shape of the input, all of it compared."""
        return self.output_shape == self.shape

    @cached_property
    def grads(self) -> list[Array]:
        """The incoming gradients for which it is wrong: those that showed it, and a dense one."""
        distinct = {grad.tobytes(): grad for grad in (self.dense, *(grad for grad, _ in self.shown))}
        try:
            return [grad for grad in distinct.values() if not self.is_right(grad)]
        except Unknown:
            return [grad for grad in distinct.values() if grad is not self.dense]

    @cached_property
    def is_flat(self) -> bool:
        """Whether the true gradient is 0 throughout: that a change of what bprop gives is 0 then explains nothing."""
        return not any(np.any(self.truth(grad)) for grad in self.grads)

    def is_right(self, grad: Array) -> bool:
        """Whether bprop is right for an incoming gradient."""
        return self.same(self.analytic(grad), self.truth(grad), grad)

    def answers(self, grad: Array) -> list[Any]:
        """What bprop gives for each input, of any shape, after a call of fprop as in a use of both."""
        key = grad.tobytes()
        if key not in self._answers:
            try:
                point, runner = self.point, self.point.runner
                point.output = runner.legal(point.inputs)
                returned = runner.bprop(point.arriving(grad), point.output, point.inputs)
                given = returned if isinstance(returned, tuple | list) else (returned,)
                self._answers[key] = [None if g is None else np.array(g, dtype=float) for g in given]
            except Exception as error:  # whatever fprop or bprop raises
                raise Unknown from error
        return self._answers[key]

    def analytic(self, grad: Array) -> Array:
        """The gradient by the input."""
        answers = self.answers(grad)
        gradient = answers[self.child] if self.child < len(answers) else None
        return np.zeros(self.shape) if gradient is None else np.asarray(gradient)

    def truth(self, grad: Array) -> Array:
        """The gradient of the graph that fprop builds, which agrees with its slopes; else what these measure."""
        key = grad.tobytes()
        if key not in self._truths:
            truth = np.array(math.nan)
            if self.backward is not None:
                with suppress(Unknown):
                    truth = self.backward.gradient(self.point.arriving(grad))
            if not np.all(np.isfinite(truth)):  # the backward pass of a value may overflow on its way
                truth = np.asarray((grad @ self._measure_slopes()[0]).reshape(self.shape))
            self._truths[key] = truth
        return self._truths[key]

    def _measure_slopes(self) -> tuple[Array, Array]:
        """The slope of each output by each element, and its bar."""
        if self._slopes is None:
            count = self.point.size(self.child)
            if not 0 < count <= MOST_DIAGNOSED:
                raise Unknown
            columns = []
            for k in range(count):
                direction = coordinate(self.point, self.child, k)
                slopes = self.point.slopes(direction, depth=6)
                length = float(np.ravel(direction[self.child])[k])
                if slopes is None or not length:
                    raise Unknown
                columns.append((slopes.value / length, slopes.error / abs(length)))
            value, error = (np.stack(part, axis=-1) for part in zip(*columns, strict=True))
            self._slopes = value, error
        return self._slopes

    def same(self, wrong: Array, other: Array, grad: Array) -> bool:
        """Whether two gradients agree in every element, within the bars; those that overflow say nothing."""
        if wrong.shape != other.shape:
            return False
        bar = ROUNDING * np.abs(other).max(initial=0.0) + CANCELLED * self.point.runner.measured.slope
        with suppress(Unknown):
            bar += LOST * np.abs(self.truth(grad)).max(initial=0.0)
        if self._slopes is not None:
            bar += 4 * (np.abs(grad) @ self._slopes[1]).max(initial=0.0)
        gaps = np.abs(wrong - other)[np.isfinite(wrong)]
        return gaps.size > 0 and bool(gaps.max() <= bar)

    def bears_out(self, hypothesis: Hypothesis) -> bool:
        """Whether a hypothesis holds for every incoming gradient, in all elements or along what was compared."""
        return all(self._holds(hypothesis, grad) for grad in self.grads)

    def _holds(self, hypothesis: Hypothesis, grad: Array) -> bool:
        try:
            claim = hypothesis(self, grad)
            if claim is None:
                return False
            numbers = np.asarray(claim.numbers, dtype=float)
            if not claim.are_numeric:
                return self.same(numbers, self.analytic(grad), grad)
        except (Unknown, ValueError, IndexError, ZeroDivisionError):  # other shapes than those for which it was made
            return False
        try:
            return not self.is_flat and self.same(numbers, self.truth(grad), grad)
        except Unknown:
            return numbers.shape == self.shape and self._along(numbers, grad)

    def _along(self, numbers: Array, grad: Array) -> bool:
        """Whether a gradient agrees in the directions in which bprop does not."""
        directions = [d for shown, d in self.shown if d is not None and np.array_equal(shown, grad)]
        return bool(directions) and all(agrees(self.point, self.child, grad, numbers, d) for d in directions)


Hypothesis: TypeAlias = Callable[[Trial, Array], Claim | None]
"""None where it does not apply, which refutes it."""


def diagnose(trials: Iterable[Trial]) -> str:
    """The first hypothesis that explains every trial, in words; "" if none does.

    Trials after the first are made once a hypothesis explains the ones before.
    """
    later, known = iter(trials), list[Trial]()

    def each() -> Iterator[Trial]:
        yield from known
        for trial in later:
            if trial.grads:
                known.append(trial)
                yield trial

    first = next(each(), None)
    if first is None:
        return ""
    for words, hypothesis in hypotheses(first):
        if words.startswith(ANOTHER) and _is_flat(first):
            continue  # nothing can be told of what a wrong slope is in the place of 0
        if all(trial.bears_out(hypothesis) for trial in each()):
            return words
    return ""


def _is_flat(trial: Trial) -> bool:
    """Whether every right slope is 0 there."""
    try:
        return not np.any(trial.truth(trial.dense))
    except Unknown:
        return False


def hypotheses(first: Trial) -> Iterator[tuple[str, Hypothesis]]:
    """All of them with their words, the likely ones first."""
    yield "it is right for a dense incoming gradient and wrong for one with zeros", _wrong_for_zeros
    yield "the sign is wrong", lambda trial, grad: Claim(-trial.analytic(grad), True)
    yield "the gradient is 0 or None although the output depends on this input", _zero
    yield from _factors(first)
    yield from _of_result(first)
    yield from _of_incoming(first)
    yield from _activations_of_whole(first, named=True)
    yield "the gradient of another call: of the first inputs with these shapes, of which a value was kept", _first_call
    yield from _fractions(first)
    if first.backward is not None:
        for key in first.backward.edits():
            yield first.backward.words.get(key, key), _edit_named(key)
    yield from _by_outputs(first)
    yield from _activations_of_whole(first, named=False)


def _wrong_for_zeros(trial: Trial, grad: Array) -> Claim | None:
    right = not np.all(grad) and trial.is_right(trial.dense)
    return Claim(trial.truth(grad), True) if right else None


def _zero(trial: Trial, grad: Array) -> Claim:
    return Claim(np.zeros(trial.shape), False)


def _times(factor: Callable[[Trial], float]) -> Hypothesis:
    return lambda trial, grad: Claim(factor(trial) * trial.analytic(grad), True)


def _factors(first: Trial) -> Iterator[tuple[str, Hypothesis]]:
    """2 and 1/2, and the numbers of elements, of outputs and along axes, each with both signs."""
    factors: dict[str, Callable[[Trial], float]] = {"2": lambda _: 2.0, "1/2": lambda _: 0.5}
    for words, size in _sizes(first).items():
        if size(first) > 1:
            factors[f"{words} ({size(first):g})"] = size
            factors[f"1 / {words} ({size(first):g})"] = lambda trial, size=size: 1 / size(trial)  # type: ignore[misc]
    for words, factor in factors.items():
        yield f"a factor: it should be {words} times as large", _times(factor)
        yield f"a factor: it should be -{words} times as large", _times(lambda trial, f=factor: -f(trial))  # type: ignore[misc]


def _sizes(first: Trial) -> dict[str, Callable[[Trial], float]]:
    """By words the numbers that a mean may divide by; nan of an axis that a trial has not."""

    def along(i: int, axis: int) -> Callable[[Trial], float]:
        return lambda trial: float(dict(enumerate(np.shape(trial.point.inputs[i]))).get(axis, math.nan))

    names, child = first.point.runner.target.names, first.child
    sizes: dict[str, Callable[[Trial], float]] = {
        "the number of elements": lambda trial: float(trial.point.size(trial.child)),
        "the number of outputs": lambda trial: float(flatten(trial.point.output).size),
    }
    for axis in range(len(first.shape)):
        sizes[f"the size of axis {axis}" + (" (the batch size?)" if axis == 0 else "")] = along(child, axis)
    for i in (i for i in range(len(names)) if i != child):
        for axis in range(np.ndim(first.point.inputs[i])):
            sizes[f"the size of axis {axis} of {names[i]}"] = along(i, axis)
    return sizes


def _fractions(first: Trial) -> Iterator[tuple[str, Hypothesis]]:
    """The factor between gradients of several numbers, if it is a quotient of small whole ones; of one, any fits."""
    try:
        analytic, numeric = first.analytic(first.grads[0]), first.truth(first.grads[0])
    except Unknown:
        return
    size = float((analytic * analytic).sum())
    if not size or analytic.shape != numeric.shape or np.unique(numeric[numeric != 0]).size < 2:
        return
    scale = float((analytic * numeric).sum()) / size
    factor = Fraction(scale).limit_denominator(MOST_OF_FRACTION) if math.isfinite(scale) else Fraction(0)
    if 0 < abs(factor.numerator) <= MOST_OF_FRACTION:
        yield f"a constant factor: it should be {factor} times as large", _times(lambda _: float(factor))


def _of_result(first: Trial) -> Iterator[tuple[str, Hypothesis]]:
    """The analytic gradient transposed, exchanged, summed, reversed."""
    try:
        shape = first.analytic(first.grads[0]).shape
    except Unknown:
        return
    axes = range(len(shape))
    if len(shape) > 1:
        yield "transposed", lambda trial, grad: Claim(np.swapaxes(trial.analytic(grad), -1, -2), True)
    for i in (i for i in first.point.active if i != first.child):
        name = first.point.runner.target.names[i]
        yield f"children swapped: this is the gradient of {name}", _of_other(i, 1.0)
        yield f"children swapped: this is minus the gradient of {name}", _of_other(i, -1.0)
    for chosen in (*combinations(axes, 1), *combinations(axes, 2)):
        yield f"a sum over axis {', '.join(map(str, chosen))} is missing", _sum_over(chosen)
    for axis in axes:
        yield f"reversed along axis {axis}", _on_axis(axis, np.flip)
        yield f"accumulated from the wrong end of axis {axis}", _on_axis(axis, _from_other_end)


def _of_other(i: int, sign: float) -> Hypothesis:
    def claim(trial: Trial, grad: Array) -> Claim | None:
        answers = trial.answers(grad)
        return None if i >= len(answers) or answers[i] is None else Claim(sign * answers[i], True)

    return claim


def _sum_over(axes: tuple[int, ...]) -> Hypothesis:
    def claim(trial: Trial, grad: Array) -> Claim | None:
        analytic = trial.analytic(grad)
        if analytic.ndim <= max(axes):
            return None
        total = analytic.sum(axis=axes, keepdims=analytic.ndim == len(trial.shape))
        fits = total.ndim == len(trial.shape) and all(
            n in (1, m) for n, m in zip(total.shape, trial.shape, strict=True)
        )
        return Claim(np.broadcast_to(total, trial.shape), True) if fits else None

    return claim


def _on_axis(axis: int, change: Callable[[Array, int], Array]) -> Hypothesis:
    def claim(trial: Trial, grad: Array) -> Claim | None:
        analytic = trial.analytic(grad)
        return Claim(change(analytic, axis), True) if analytic.ndim > axis else None

    return claim


def _from_other_end(analytic: Array, axis: int) -> Array:
    steps = np.flip(np.diff(analytic, axis=axis, prepend=0), axis)
    return np.flip(np.cumsum(steps, axis=axis), axis)


def _of_incoming(first: Trial) -> Iterator[tuple[str, Hypothesis]]:
    """The incoming gradient left out, applied twice, or taken along the wrong axes."""
    yield "the incoming gradient is dropped", lambda trial, grad: Claim(trial.truth(np.ones_like(grad)), False)
    yield "the incoming gradient is applied twice", lambda trial, grad: Claim(trial.truth(grad * grad), False)
    yield "the incoming gradient is applied twice", _by_gradient
    axes = range(len(first.output_shape or ()))
    for pair in combinations(axes, 2):
        right = [axis for axis in pair if axis in _summed_over(first)]
        words = f"a sum over the wrong axis of the incoming gradient: it should be axis {right[0]}" if right else ""
        yield words or f"axes {pair[0]} and {pair[1]} of the incoming gradient are transposed", _of_turned(pair)


def _by_gradient(trial: Trial, grad: Array) -> Claim | None:
    return Claim(trial.truth(grad) * grad.reshape(trial.shape), False) if trial.is_like_output else None


def _of_turned(pair: tuple[int, int]) -> Hypothesis:
    def claim(trial: Trial, grad: Array) -> Claim | None:
        shape = trial.output_shape
        if shape is None or len(shape) <= pair[1]:
            return None
        turned = np.swapaxes(grad.reshape(shape), *pair)
        return Claim(trial.truth(turned.ravel()), False) if turned.shape == shape else None

    return claim


def _summed_over(trial: Trial) -> list[int]:
    """The axes of the output along which one element of the input is read several times."""
    try:
        return [axis for axis in range(len(trial.output_shape or ())) if _mixes(trial, axis)]
    except Unknown:
        return []


def _mixes(trial: Trial, axis: int) -> bool:
    shape = trial.output_shape or ()
    if 0 in shape:
        return False
    reads = []
    for k in range(min(shape[axis], 2)):
        unit = np.zeros(shape)
        unit[tuple(k if n == axis else 0 for n in range(len(shape)))] = 1.0
        reads.append(trial.truth(unit.ravel()) != 0)
    return len(reads) > 1 and bool(np.any(reads[0] & reads[1]))


def _by_outputs(first: Trial) -> Iterator[tuple[str, Hypothesis]]:
    """Each element gets what its own output sends, what the last one does, or that of another axis."""
    axes = ", ".join(map(str, _summed_over(first)))
    if axes:
        yield f"a sum over axis {axes} is missing: each element gets its own incoming gradient alone", _own_alone
    target = first.point.runner.target
    repeated = [
        target.names[i]
        for i, x in enumerate(first.point.inputs)
        if i not in first.point.active and np.asarray(x).dtype.kind in "iu" and np.unique(x).size < np.size(x)
    ]
    where = (
        f"at repeated indices of {repeated[0]} (np.add.at)" if repeated else "where an element is read several times"
    )
    yield f"= instead of += {where}", _last_alone
    for right, wrong in permutations(range(len(first.shape)), 2):
        words = f"the wrong axis: the incoming gradient is spread along axis {wrong}, it should be axis {right}"
        yield words, _spread(right, wrong)


def _rows(trial: Trial, grad: Array) -> Array:
    """What each output sends to each element, for an incoming gradient of 1."""
    if trial.point.projection is not None or grad.size > MOST_OUTPUTS:
        raise Unknown
    return np.stack([trial.truth(unit).ravel() for unit in np.eye(grad.size)])


def _own_alone(trial: Trial, grad: Array) -> Claim | None:
    if not trial.is_like_output:
        return None
    return Claim((np.diag(_rows(trial, grad)) * grad).reshape(trial.shape), False)


def _last_alone(trial: Trial, grad: Array) -> Claim:
    rows = _rows(trial, grad)
    last = len(rows) - 1 - np.argmax(np.abs(rows[::-1]) > ROUNDING * np.abs(rows).max(), axis=0)
    columns = np.arange(rows.shape[1])
    return Claim((rows[last, columns] * grad[last]).reshape(trial.shape), False)


def _spread(right: int, wrong: int) -> Hypothesis:
    """Of a reduction along one axis: the gradient of an element arrives from the place along another axis."""

    def claim(trial: Trial, grad: Array) -> Claim | None:
        shape, output = trial.shape, trial.output_shape
        if len(shape) <= max(right, wrong) or shape[right] != shape[wrong]:
            return None
        if output is None or output != shape[:right] + shape[right + 1 :]:
            return None
        own = np.broadcast_to(np.expand_dims(grad.reshape(output), right), shape)
        other = np.broadcast_to(np.expand_dims(grad.reshape(output), wrong), shape)
        sent = trial.truth(np.ones_like(grad))
        return Claim(sent * other, False) if trial.same(sent * own, trial.truth(grad), grad) else None

    return claim


def _activations_of_whole(first: Trial, named: bool) -> Iterator[tuple[str, Hypothesis]]:
    """Of an elementwise function of one input, whose right derivative has a name or has none."""
    try:
        claims = _whole(first, np.ones_like(first.dense))
        right = first.truth(np.ones_like(first.dense))
    except Unknown:
        return
    for key, words in words_for_use(claims or {}, right):
        if (SHOULD_BE in words) == named:
            yield words, lambda trial, grad, key=key: _of_whole(trial, grad, key)  # type: ignore[misc]


def _of_whole(trial: Trial, grad: Array, key: str) -> Claim | None:
    claims = _whole(trial, grad)
    return None if claims is None else Claim(claims[key], False)


def _whole(trial: Trial, grad: Array) -> dict[str, Array] | None:
    """The gradients by each derivative that may have been used, of a function of one input."""
    if not trial.is_like_output or len(trial.point.active) > 1:
        return None
    slope = trial.truth(np.ones_like(grad))
    some = np.where(np.arange(grad.size) % 2, grad, 0.0)
    if not trial.same(slope * some.reshape(trial.shape), trial.truth(some), some):
        return None
    x, h = np.asarray(trial.point.inputs[trial.child], dtype=float), trial.point.value.reshape(trial.shape)
    return {words: v * grad.reshape(trial.shape) for words, v in other_derivatives(x, h).items()}


def _first_call(trial: Trial, grad: Array) -> Claim | None:
    """Where settings are the same, and the gradient depends on values: else it says nothing of what was kept."""
    if trial.first is None:
        return None
    active, point = trial.point.active, trial.point
    settings = [k for k in range(len(point.inputs)) if k not in active]
    if any(repr(point.inputs[k]) != repr(trial.first[k]) for k in settings):
        return None
    try:
        first = Point.at(point.runner, trial.first, "", active)
        beside = Point.at(point.runner, first.change_inputs(lambda _, x: 0.9 * x), "", active)
    except Illegal:
        return None
    of_first, of_other = (Trial(inputs, trial.child, [], None, trial.graphs).truth(grad) for inputs in (first, beside))
    return None if trial.same(of_first, of_other, grad) else Claim(of_first, False)


def _edit_named(words: str) -> Hypothesis:
    def claim(trial: Trial, grad: Array) -> Claim | None:
        edits = None if trial.backward is None else trial.backward.edits().get(words)
        if edits is None or trial.backward is None:
            return None
        return Claim(trial.backward.gradient(trial.point.arriving(grad), edits), False)

    return claim
