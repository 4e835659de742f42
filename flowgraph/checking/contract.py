"""What bprop must keep beside its numbers: determinism, linearity, no memory, no side effects, no layout, no type.

`RULES` are generators over one `Answer`; what a rule gives first is how it is broken. Second derivatives are the same
questions asked of bprop: with y = f(x) and r = bprop(grad, y, x), the derivative of r by x goes through y as well:

dr/dx = ∂r/∂x + ∂r/∂y f'(x)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Value
from flowgraph.checking.compare import FormFault, Gradients, are_finite, ask, copies_of, gaps
from flowgraph.checking.difference import STEP
from flowgraph.checking.examination import Examination
from flowgraph.checking.example_contract import EXAMPLE
from flowgraph.checking.families import DRAWS, Draw, as_input, first_values, values
from flowgraph.checking.point import HALF, UNIT, Direction, Illegal, Point, flatten, parts, random_direction
from flowgraph.checking.roughness import jitter_point, rounded_otherwise
from flowgraph.checking.target import Array, Inputs, Target, without_first

MEASURED = 24  # draws: a rounding that one draw in five shows is then missed once in 200 times
HALF_ROUNDINGS = 16  # of the type that fprop computes in: of half precision that is more than what is asked for
SAME = 1e-9  # relative: another order of summation changes a value by less
ALIKE = 1.7  # of a gradient that is the same for each output: any number
NEAR: dict[str, Draw] = {"the example": lambda x, rng: x, "half of it": lambda x, rng: x * 0.5}
FAR = ("large", "large negative", "×30")
REPRESENTED = 1e30  # gradients that float32 has with room to spare
SCATTERS = 6  # times that the inputs are moved by a few units in the last place
WORST = 30  # times the largest scatter of six: the worst roundings are seldom among them
SINGLE = float(np.finfo(np.float32).eps)
LOST = 1e3 * SINGLE  # of the value: digits that float32 does not keep there
ROOM = 3e4 * SINGLE  # of the gradient: squares and sums lose some digits more than the value does
LEAST = 1e3 * float(np.finfo(np.float32).tiny)  # below it float32 has fewer digits


def _gaps(x: Array) -> Array:
    wide = np.full(tuple(2 * n for n in x.shape), 7, dtype=x.dtype)
    view = wide[tuple(slice(None, None, 2) for _ in x.shape)]
    view[...] = x
    return view


def _read_only(x: Array) -> Array:
    copy = x.copy()
    copy.setflags(write=False)
    return copy


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "Fortran order": np.asfortranarray,
    "negative strides": lambda x: np.flip(np.flip(x).copy()),
    "gaps": _gaps,
    "read-only": _read_only,
    "transposed": lambda x: np.ascontiguousarray(x.T).T,
}


def lay_out(x: Value, arrange: Callable[[Array], Array]) -> Any:
    """An array, or each of a tuple, in another memory layout; numbers as they are."""
    if isinstance(x, tuple):
        return tuple(lay_out(part, arrange) for part in x)
    return arrange(x) if isinstance(x, np.ndarray) and x.ndim else x


def _otherwise(answer: Answer, inputs: Inputs, arriving: Value, words: str) -> Iterator[FormFault]:
    """The fault of another answer to the same numbers, where fprop gives the same value."""
    point = answer.point
    moved = point.beside(inputs)
    if moved is None or np.any(np.abs(moved.value - point.value) > SAME * np.abs(point.value).max(initial=0.0)):
        return
    got, faults = ask(moved, answer.grad, arriving)
    raised = next((fault for fault in faults if fault.kind == "raised"), None)
    if raised is not None:
        yield FormFault("layout", point, f"{raised.note} with {words}", loud=f"{raised.loud} with {words}")
        return
    child = answer.wrong(None if any(fault.kind != "dtype" for fault in faults) else got)
    if child is not None:
        yield FormFault("layout", point, f"bprop gives another gradient with {words}", child=child)


def other_types(examination: Examination) -> None:
    """In float32 and in float64: at the example and at tamer values; far out only whether bprop alone overflows."""
    for label, draw in {**NEAR, **{label: DRAWS[label] for label in FAR}}.items():
        inputs = list(examination.inputs)
        for i in examination.active:
            inputs[i] = as_input(inputs[i], draw(np.asarray(inputs[i]), examination.rng))
        if label in FAR and not examination.allows(tuple(inputs)):
            continue
        pair = _in_both(examination, tuple(inputs), f"{label} in float32")
        if pair is None:
            continue
        small, large = pair
        grad = examination.rng.normal(size=small.value.shape).astype(np.float32)
        narrow, faults = ask(small, grad)
        expected, _ = ask(large, grad.astype(np.float64))
        if label in NEAR:
            _form(examination, faults, narrow)
        if expected is None or not are_finite(expected):
            continue
        if narrow is None:
            for fault in (fault for fault in faults if fault.kind == "raised" and label in NEAR):
                examination.fail(FormFault("dtype", small, f"{fault.note} (float32 inputs)", loud=fault.loud))
        elif (wrong := _wrong(examination, pair, grad, narrow, expected, label in FAR)) is not None:
            examination.fail(wrong)


def _in_both(examination: Examination, inputs: Inputs, test_case: str) -> tuple[Point, Point] | None:
    """The same numbers in float32 and in float64; None where one is not legal, or fprop widens."""
    moved = [i for i in examination.active if type(inputs[i]) is not float]
    if not any(isinstance(inputs[i], np.ndarray) for i in moved):
        return None
    narrow = tuple(np.asarray(x).astype(np.float32) if i in moved else x for i, x in enumerate(inputs))
    exact = tuple(x.astype(np.float64) if i in moved else x for i, x in enumerate(narrow))
    large, small = examination.point(test_case, exact), examination.point(test_case, narrow)
    if small is None or large is None or small.value.shape != large.value.shape or not small.value.size:
        return None
    floats = [kind for part in parts(small.output) if (kind := np.asarray(part).dtype).kind == "f"]
    return None if set(floats) - {np.dtype(np.float32)} else (small, large)  # what bprop returns is then open


def _form(examination: Examination, faults: list[FormFault], gradients: Gradients | None) -> None:
    """A gradient wider than its input is only warned of, unless strict=True or the target says that types matter.

    np.where(x > 0, 1, 0) * grad widens already, and is right.
    """
    target = examination.target
    widens = gradients is not None and all(g is None or g.dtype in (np.float32, np.float64) for g in gradients)
    for fault in faults:
        if fault.kind == "dtype" and widens and not (target.strict_types or examination.scope.strict):
            examination.warn("dtype", f"{fault.note}: a float32 graph is widened")
        elif fault.kind != "raised":
            examination.pursue([fault])


def _wrong(
    examination: Examination,
    pair: tuple[Point, Point],
    grad: Array,
    gradients: Gradients,
    expected: Gradients,
    far: bool,
) -> FormFault | None:
    """Where the gradients are too far apart for the type, and for their own scatter under a few ulps of the inputs.

    Where the value has lost its digits, so has the gradient. Far out only a NaN or an infinity counts: bprop overflows
    on its way, though the value and the gradient do not.
    """
    small, large = pair
    if not far and np.abs(small.value.astype(float) - large.value).max() > LOST * np.abs(large.value).max():
        return None
    scatter = np.zeros(len(gradients))
    for _ in range(0 if far else SCATTERS):
        near = jitter_point(small, examination.rng, SINGLE)
        moved = ask(near, rounded_otherwise(grad, examination.rng, SINGLE))[0] if near is not None else None
        scatter = np.maximum(scatter, [gap for gap, _ in gaps(gradients, moved)])
    for k, (g, right) in enumerate(zip(gradients, expected, strict=True)):
        size = 0.0 if right is None else float(np.abs(right).max(initial=0.0))
        if g is None or right is None or size > REPRESENTED:
            continue
        room = ROOM * size + WORST * scatter[k] + LEAST
        if far and not np.all(np.isfinite(g)):
            note = "bprop overflows in float32, where the value and the gradient are finite"
            return FormFault("overflow", small, note, child=small.active[k])
        if not far and not np.all(np.abs(g.astype(float) - right) <= room):
            return FormFault("dtype", small, "the gradient in float32 is not that in float64", child=small.active[k])
    return None


NOISE = 1e-14  # relative: what threads that add in another order may change is less
VARIES = 1e-9  # relative: more from call to call is another value
SUMS = 1e-6  # relative: the parts of a gradient may be larger than it is, and lose digits where they add up
OTHER_NUMBERS = "other numbers in the same arrays"
SCALES = (-1.0, 2.0**-10, 32.0, 2.0**20)  # powers of two, for exact products; the last shows a clipped gradient


def slope_rounding(point: Point, grad: Array) -> list[float]:
    """One unit of |grad| |F| / |x| for each child.

    That is left of a gradient whose terms cancel, as along a row of ones through a normalisation.
    """
    reach = UNIT * float(np.abs(grad).max(initial=0.0)) * float(np.abs(point.value).max(initial=0.0))
    return [reach / float(point.scales(i).min()) if point.size(i) else 0.0 for i in point.active]


@dataclass
class Answer:
    """Gradients at a point, and their spread under changes of the inputs by ±2 units in the last place."""

    examination: Examination
    point: Point
    grad: Array
    gradients: Gradients
    noise: list[float]
    measured: bool = False  # whether the noise is that of many incoming gradients

    @classmethod
    def at(cls, examination: Examination, point: Point, grad: Array) -> Answer | None:
        """The answer to one incoming gradient; None where it has no form, or is not finite.

        Faults are pursued where the point is a test case, as the example is: what a rule makes of it may be none.
        """
        gradients, faults = ask(point, grad)
        if point.test_case == EXAMPLE or examination.allows(point.inputs):
            examination.pursue(faults)
        if gradients is None or not are_finite(gradients):
            return None
        gradients, rng = copies_of(gradients) or [], examination.rng
        noise = slope_rounding(point, grad)
        for _ in range(2):
            near = jitter_point(point, rng, UNIT)
            moved = ask(near, grad)[0] if near is not None else None
            for k, (gap, size) in enumerate(gaps(gradients, moved)):
                # a branch that flips at a tie is no rounding
                noise[k] = max(noise[k], gap) if gap < 1e-3 * size else noise[k]
        if all(gap == 0 for gap, _ in gaps(gradients, ask(point, grad)[0])):  # the same arguments give the same bits
            for _ in range(3):
                moved, _ = ask(point, rounded_otherwise(grad, rng, 2 * UNIT))
                noise = [max(known, gap) for known, (gap, _) in zip(noise, gaps(gradients, moved), strict=True)]
        return cls(examination, point, grad, gradients, noise)

    def anew(self, point: Point, grad: Array) -> Answer | None:
        """The answer to another incoming gradient, or elsewhere."""
        return Answer.at(self.examination, point, grad)

    def wrong(
        self, got: Gradients | None, factor: float = 1.0, relative: float = 1e-7, summands: tuple[Array, ...] = ()
    ) -> int | None:
        """The first input whose gradient is not `factor` times the answer, beyond rounding, or of no other answer.

        `summands` are the incoming gradients that the other answer is made of, which may be larger than this one's.
        A few draws may all be without rounding, where others are not: before a difference counts, it is measured again.
        """
        k = 0 if got is None else self._first_gap(got, factor, relative)
        if got is not None and k is not None and not self.measured:
            self._measure(max(float(np.abs(grad).max(initial=0.0)) for grad in (self.grad, *summands)))
            k = self._first_gap(got, factor, relative)
        return None if k is None else self.point.active[k]

    def _first_gap(self, other: Gradients, factor: float, relative: float) -> int | None:
        largest = max((float(np.abs(g).max(initial=0.0)) for g in self.gradients if g is not None), default=0.0)
        largest = max(largest, self.point.runner.measured.slope * float(np.abs(self.grad).max(initial=0.0)))
        relative = max(relative, HALF_ROUNDINGS * self.point.runner.measured.unit)
        for k, (known, new) in enumerate(zip(self.gradients, other, strict=True)):
            given = [x for x in (known, new) if x is not None]
            if not given:
                continue
            a, b = (np.zeros(given[0].shape) if x is None else np.asarray(x, dtype=float) for x in (known, new))
            if a.shape != b.shape:
                return k
            size = float(np.abs(b if known is None else a).max(initial=0.0))
            room = abs(factor) * (relative * size + 64 * (self.noise[k] + UNIT * largest)) + 1e-290
            gap = np.abs(factor * a - b)
            if np.any(np.isfinite(a) != np.isfinite(b)) or np.any(gap[np.isfinite(gap)] > room):
                return k
        return None

    def _measure(self, largest: float) -> None:
        """Rounding of the answers to other incoming gradients, as large as that."""
        self.measured = True
        for _ in range(MEASURED):
            grad = largest * self.examination.rng.uniform(-1, 1, self.grad.shape)
            first, again = copies_of(ask(self.point, grad)[0]), copies_of(ask(self.point, grad)[0])
            moved = ask(self.point, rounded_otherwise(grad, self.examination.rng, 2 * UNIT))[0]
            if first is None or any(gap for gap, _ in gaps(first, again)):  # what remembers or draws numbers
                continue
            self.noise = [max(known, gap) for known, (gap, _) in zip(self.noise, gaps(first, moved), strict=True)]

    def other_points(self) -> Iterator[Point]:
        """The example, which may have other shapes, and points of the same shapes, near by and far away.

        What was drawn at random must be kept from fprop to bprop, and its shape with it.
        """
        point, rng = self.point, self.examination.rng
        if point.test_case != EXAMPLE and not point.runner.draws:
            yield Point.at(point.runner, self.examination.inputs, EXAMPLE, point.active)
        changes: tuple[Callable[[int, Array], Array], ...] = (
            lambda _, x: x * rng.uniform(0.7, 1.3, x.shape),
            lambda _, x: rng.permutation(x.ravel()).reshape(x.shape) if x.size else x,  # of none it raises
            lambda _, x: -x,
        )
        for change in changes:
            with suppress(Illegal):
                yield Point.at(point.runner, point.change_inputs(change), OTHER_NUMBERS, point.active)


def contract(examination: Examination, test_case: str, inputs: Inputs) -> None:
    """All rules at one set of inputs."""
    point = examination.point(test_case, inputs)
    if point is None or not point.value.size:
        return
    answer = Answer.at(examination, point, examination.rng.normal(size=point.value.shape))
    if answer is None:
        return
    for rule in RULES:
        broken = next(rule(answer), None)
        if broken is not None:
            examination.fail(broken)


def same_value(answer: Answer) -> Iterator[FormFault]:
    """The same inputs give the same value."""
    point, examination = answer.point, answer.examination
    try:
        again = point.of_this_form(flatten(examination.runner.legal(point.inputs)))
    except Illegal:
        again = None
    size = float(np.abs(point.value).max(initial=0.0))
    gap = np.inf if again is None else float(np.abs(again - point.value).max())
    if gap > VARIES * size:
        yield FormFault("determinism", point, "fprop gives another value for the same inputs")
    elif gap > NOISE * size:
        why = "no seed fixes it: no mismatch below what that does to a difference can be seen"
        examination.warn("noise", f"fprop varies by {gap / size:.0e} of its value from call to call, and {why}")


def same_gradient(answer: Answer) -> Iterator[FormFault]:
    """The same arguments give the same gradient, also the third time."""
    for _ in range(2):
        if answer.wrong(ask(answer.point, answer.grad)[0], relative=VARIES) is not None:
            yield FormFault("determinism", answer.point, "bprop gives another gradient for the same arguments")


def linear(answer: Answer) -> Iterator[FormFault]:
    """A multiple of the incoming gradient gives that multiple, and parts of it that add up give parts that do."""
    point, grad, rng = answer.point, answer.grad, answer.examination.rng
    for scale in SCALES if point.runner.measured.unit < HALF else SCALES[:2]:  # larger ones overflow in half precision
        got = ask(point, scale * grad)[0]
        if got is not None and (child := answer.wrong(got, scale)) is not None:
            note = f"bprop of {scale:g} times the incoming gradient is not {scale:g} times its result"
            yield FormFault("linearity", point, note, child=child)
    pieces = {
        "of a sum is not the sum of the results": rng.normal(size=grad.shape),
        "over two halves of the outputs does not add up": np.where(rng.uniform(size=grad.shape) < 0.5, grad, 0.0),
        "of the positive and the negative part does not add up": np.maximum(grad, 0.0),
        "of ones plus the rest is not the sum of the results": np.ones(grad.shape),
        "of zeros is not zero": np.zeros(grad.shape),
    }
    for words, piece in pieces.items():
        first, second = copies_of(ask(point, piece)[0]), ask(point, grad - piece)[0]
        if first is None or second is None:
            continue
        if not np.any(piece) and [g is None for g in first] != [g is None for g in answer.gradients]:
            yield FormFault("linearity", point, "bprop of zeros is None, which says that an input is a constant")
        total = [b if a is None else a if b is None else a + b for a, b in zip(first, second, strict=True)]
        if (child := answer.wrong(total, relative=SUMS, summands=(piece, grad - piece))) is not None:
            yield FormFault("linearity", point, f"bprop {words}", child=child)


def remembers_nothing(answer: Answer) -> Iterator[FormFault]:
    """Results handed out stay as they are, and bprop depends on its arguments, not on the latest fprop."""
    point, grad = answer.point, answer.grad
    handed_out, output = ask(point, grad)[0], flatten(point.output)
    for other in answer.other_points():
        ask(other, answer.examination.rng.normal(size=other.value.shape))
        if handed_out is not None and answer.wrong(handed_out) is not None:
            yield FormFault("buffer", point, "a gradient handed out earlier is changed by a later call of bprop")
        if not np.array_equal(flatten(point.output), output):
            yield FormFault("buffer", point, "an output handed out earlier is changed by a later call of fprop")
        if answer.wrong(ask(point, grad)[0]) is not None:
            note = "bprop depends on the latest fprop: after fprop(x1), fprop(x2) it is wrong at x1"
            yield FormFault("stale", point, note)
    point.runner.restore_random_state()


def reads_arrays_anew(answer: Answer) -> Iterator[FormFault]:
    """The same arrays with other numbers, as after an update in place, which reveals caches keyed by identity."""
    point, grad, held = answer.point, answer.grad, []
    arrays = [i for i in point.active if isinstance(point.inputs[i], np.ndarray)]
    form = (point.value.shape, *(np.shape(point.inputs[i]) for i in point.active))
    others = [
        other
        for other in (answer.other_points() if arrays and not point.runner.draws else ())
        if (other.value.shape, *(np.shape(other.inputs[i]) for i in point.active)) == form
    ]
    for before, after in pairwise((*others, point)):
        expected = answer if after is point else answer.anew(after, grad)
        own = {i: np.array(before.inputs[i]) for i in arrays}
        held.append(own)  # in use, so that the next ones have another identity
        with suppress(Illegal):
            ask(_with(before, own), grad)
            for i, array in own.items():
                array[...] = after.inputs[i]
            got = ask(_with(after, own), grad)[0]
            if expected is not None and got is not None and (child := expected.wrong(got)) is not None:
                note = "bprop keeps what it found of an array, and is wrong when that is written over"
                yield FormFault("stale", point, note, child=child)


def _with(point: Point, arrays: dict[int, Any], test_case: str = "") -> Point:
    """The point at other arrays, Illegal where fprop does not take them."""
    inputs = tuple(arrays.get(i, x) for i, x in enumerate(point.inputs))
    return Point.at(point.runner, inputs, test_case or point.test_case, point.active)


def same_array_twice(answer: Answer) -> Iterator[FormFault]:
    """One array in two slots gives the gradients of two equal arrays."""
    point = answer.point
    arrays = [i for i in point.active if isinstance(point.inputs[i], np.ndarray)]
    for i, j in ((i, j) for k, i in enumerate(arrays) for j in arrays[k + 1 :]):
        if point.inputs[i].shape != point.inputs[j].shape:
            continue
        with suppress(Illegal):
            shared = _with(point, {j: point.inputs[i]}, "the same array twice")
            two = _with(point, {j: point.inputs[i].copy()}, "equal arrays")
            grad = answer.examination.rng.normal(size=shared.value.shape)
            expected, got = answer.anew(two, grad), ask(shared, grad)[0]
            if expected is not None and expected.wrong(got) is not None:
                yield FormFault(
                    "shared", shared, "the same array in two slots gives other gradients than equal copies", child=j
                )


def none_of_constants(answer: Answer) -> Iterator[FormFault]:
    """None for constant inputs, and meant for settings."""
    point, target = answer.point, answer.examination.target
    for i, g in enumerate(_gradients_of(point, point.arriving(answer.grad))):
        name, x = target.names[i], point.inputs[i]
        if i in target.constant and g is not None:
            yield FormFault("constant", point, f"the gradient of {name}, a constant, must be None", child=i)
        elif i in point.active or g is None or type(x) is float:
            continue
        elif isinstance(x, np.ndarray | int) and np.shape(g) != np.shape(x):
            words = f"has shape {np.shape(g)}, {name} has shape {np.shape(x)}; None is meant"
            yield FormFault("constant", point, f"the gradient of the setting {name} {words}", child=i)
        else:
            answer.examination.warn("setting", f"bprop returns a gradient for {name}, a setting: None is meant")


def layout(answer: Answer) -> Iterator[FormFault]:
    """The same numbers in another memory layout give the same gradients; 0 strides are what a sum sends back."""
    point = answer.point
    plain = point.arriving(answer.grad)
    for label, arrange in LAYOUTS.items():
        arranged, arriving = tuple(lay_out(x, arrange) for x in point.inputs), lay_out(plain, arrange)
        yield from _otherwise(answer, arranged, plain, f"{label} inputs")
        yield from _otherwise(answer, point.inputs, arriving, f"a {label} incoming gradient")
        yield from _otherwise(answer, arranged, arriving, f"{label} inputs and incoming gradient")
    alike = answer.anew(point, np.full(answer.grad.shape, ALIKE)) if point.projection is None else None
    if alike is not None:
        given = lay_out(
            point.arriving(alike.grad), lambda g: np.broadcast_to(g.reshape(-1)[0], g.shape) if g.size else g
        )
        yield from _otherwise(alike, point.inputs, given, "a 0-stride incoming gradient (np.broadcast_to)")


def nothing_shared(answer: Answer) -> Iterator[FormFault]:
    """No gradient shares memory with what was given or with another; a warning, since only some callers write."""
    if answer.examination.target.may_share:
        return
    point, arriving = answer.point, answer.point.arriving(answer.grad)
    gradients = [g for g in _gradients_of(point, arriving) if isinstance(g, np.ndarray)]
    given = [x for x in (*parts(arriving), *parts(point.output), *point.inputs) if isinstance(x, np.ndarray)]
    if any(np.may_share_memory(g, x) for k, g in enumerate(gradients) for x in (*given, *gradients[k + 1 :])):
        shared = "a returned gradient shares memory with an argument or another gradient"
        answer.examination.warn("aliasing", f"{shared}: whoever adds to it in place changes both")
    yield from ()


def _gradients_of(point: Point, arriving: Value) -> tuple[Any, ...]:
    """What bprop returns, one by one; nothing where it raises, as it did not before."""
    try:
        return parts(point.runner.bprop(arriving, point.output, point.inputs))
    except Exception:
        return ()


RULES: tuple[Callable[[Answer], Iterator[FormFault]], ...] = (
    *(same_value, same_gradient, linear, remembers_nothing, reads_arrays_anew, same_array_twice),
    *(none_of_constants, layout, nothing_shared),
)


MOST_OF_SECOND = 24  # each is a comparison of bprop as an operation of its own


def second_order(examination: Examination) -> None:
    """Through the bprop of bprop if its author gave it; otherwise only that the second derivative is symmetric."""
    point = examination.point("the example", examination.inputs)
    if point is None or not point.value.size:
        examination.unchecked = "the second derivative was not checked: the example has no elements"
        return
    if examination.target.second is None:
        _symmetric(examination, point)
        return
    if isinstance(point.output, tuple | list):
        examination.unchecked = "the second derivative was not checked: second= is asked of one output only"
        return
    output = np.asarray(point.output)
    grad = examination.rng.normal(size=output.shape)
    target = _bprop_as_target(examination.target, examination.active, (grad, *examination.inputs))
    seed, budget = int(examination.rng.integers(2**31)), examination.runner.budget
    inner = Examination.begin(target, seed, budget, 1.0, examination.scope)
    inner.visit("the example, second order", inner.inputs, coordinates=12, single=4)
    source = inner.source()
    for k, (test_case, inputs) in enumerate(chain(first_values(source), values(source))):
        if k >= MOST_OF_SECOND or inner.wrong or inner.runner.share_used() > 1:
            break
        inner.visit(f"{test_case}, second order", inputs)
    examination.inner = inner
    if not inner.tally.comparisons and not inner.wrong:
        examination.unchecked = "the second derivative was not checked: no test case is legal"


def _bprop_as_target(target: Target, active: tuple[int, ...], inputs: Inputs) -> Target:
    second = target.second
    assert second is not None

    def fprop(grad: Value, *inputs: Value) -> Value:
        output = target.fprop(*inputs)
        if np.shape(grad) != np.shape(output):
            raise ValueError("the incoming gradient has another shape than the output")
        gradients = target.bprop(grad, output, *inputs)
        return tuple(np.zeros(np.shape(inputs[i])) if gradients[i] is None else gradients[i] for i in active)

    def bprop(arriving: Value, _: Value, grad: Value, *inputs: Value) -> Value:
        output = target.fprop(*inputs)
        gradients = target.bprop(grad, output, *inputs)
        of_each = [None] * len(inputs)
        for i, g in zip(active, arriving, strict=True):
            of_each[i] = None if gradients[i] is None else g
        by_grad, by_output, *by_inputs = second(tuple(of_each), gradients, grad, output, *inputs)
        through = (None,) * len(inputs) if by_output is None else target.bprop(by_output, output, *inputs)
        total = [
            _sum(a, b, x) if i in active else None
            for i, (a, b, x) in enumerate(zip(by_inputs, through, inputs, strict=True))
        ]
        return (_sum(by_grad, None, grad), *total)

    differentiated = (0, *(i + 1 for i in active))
    valid = without_first(target.valid, 1)
    names, name = ("grad", *target.names), f"the bprop of {target.name}"
    return Target(fprop, bprop, inputs, names, name, differentiated, valid=valid, arriving=1)


def _sum(first: Value, second: Value, like: Value) -> Any:
    total = np.zeros(np.shape(like)) + (0.0 if first is None else first) + (0.0 if second is None else second)
    return float(total) if type(like) is float else total


def _symmetric(examination: Examination, point: Point) -> None:
    """u · d(bprop)/dv = v · d(bprop)/du, both by central differences of bprop."""
    rng, runner = examination.rng, examination.runner
    grad = rng.normal(size=point.value.size)
    u, v = ({i: np.abs(random_direction(point, i, rng)) for i in point.active} for _ in range(2))

    def slope(along: Direction, seen: Direction, h: float) -> float:
        total = 0.0
        for sign in (1, -1):
            near = Point.at(runner, point.move_along(along, sign * h), point.test_case, point.active)
            gradients = runner.bprop(near.arriving(grad), near.output, near.inputs)
            total += sign * sum(float(np.sum(gradients[i] * seen[i])) for i in point.active if gradients[i] is not None)
        return total / (2 * h)

    try:
        (a, b), (c, d) = ((slope(u, v, h), slope(v, u, h)) for h in (STEP / 64, STEP / 256))
    except Exception as error:
        examination.unchecked = f"the second derivative was not checked: {type(error).__name__} beside the example"
        return
    examination.warn(
        "second",
        "only that the second derivative is symmetric was checked; give the bprop of bprop as second= for more",
    )
    if abs(c - d) > 1e-3 * (abs(c) + abs(d)) + 10 * (abs(a - c) + abs(b - d)) + 1e-6:
        examination.fail(FormFault("second", point, "the second derivative by way of bprop is not symmetric"))
