"""What bprop must keep beside its numbers: determinism, linearity, no memory, no side effects, no layout.

`RULES` are generators over one `Evidence`; what a rule gives first is how it is broken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Value
from flowgraph.checking.compare import FormFault, Gradients, ask, kept
from flowgraph.checking.examination import Examination
from flowgraph.checking.noise import Answer, answer_at
from flowgraph.checking.point import HALF, Point
from flowgraph.checking.representation import other_layouts
from flowgraph.checking.runner import Illegal, flatten, parts
from flowgraph.checking.target import Array, Inputs

NOISE = 1e-14  # relative: what threads that add in another order may change is less
VARIES = 1e-9  # relative: more from call to call is another value
SUMS = 1e-6  # relative: the parts of a gradient may be larger than it is, and lose digits where they add up
SCALES = (-1.0, 2.0**-10, 32.0, 2.0**20)  # powers of two, for exact products; the last shows a clipped gradient


@dataclass
class Evidence:
    """A point, an incoming gradient, and what bprop answers to it."""

    examination: Examination
    point: Point
    answer: Answer

    @property
    def rng(self) -> np.random.Generator:
        """What fixes the draws."""
        return self.examination.rng

    def answered(self, point: Point, grad: Array) -> Answer | None:
        """What bprop answers there, with its rounding."""
        return answer_at(point, grad, self.rng, self.examination.pursue)

    def wrong(self, got: Gradients | None, factor: float = 1.0, **room: Any) -> int | None:
        """The input whose gradient is not `factor` times the answer; the first where there is no other answer."""
        k = 0 if got is None else self.answer.differs(got, factor, **room)
        return None if k is None else self.point.active[k]

    def other_points(self) -> Iterator[Point]:
        """The example, which may have other shapes, and points of the same shapes, near by and far away.

        What was drawn at random must be kept from fprop to bprop, and its shape with it.
        """
        point, rng = self.point, self.rng
        if point.regime != "the example" and not self.draws:
            yield Point.at(point.runner, self.examination.inputs, "the example", point.active)
        changes: tuple[Callable[[int, Array], Array], ...] = (
            lambda _, x: x * rng.uniform(0.7, 1.3, x.shape),
            lambda _, x: rng.permutation(x.ravel()).reshape(x.shape) if x.size else x,  # of none it raises
            lambda _, x: -x,
        )
        for change in changes:
            with suppress(Illegal):
                yield Point.at(point.runner, point.changed(change), point.regime, point.active)

    @property
    def draws(self) -> bool:
        """Whether the operation draws at random, or its code says so."""
        return self.point.runner.draws or self.examination.contract.code.draws


def contract(examination: Examination, regime: str, inputs: Inputs) -> None:
    """All rules at one set of inputs."""
    point = examination.point(regime, inputs)
    if point is None or not point.value.size:
        return
    answer = answer_at(point, examination.rng.normal(size=point.value.shape), examination.rng, examination.pursue)
    if answer is None:
        return
    for rule in RULES:
        broken = next(rule(Evidence(examination, point, answer)), None)
        if broken is not None:
            examination.fail(broken)


def same_value(evidence: Evidence) -> Iterator[FormFault]:
    """The same inputs give the same value."""
    point, examination = evidence.point, evidence.examination
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


def same_gradient(evidence: Evidence) -> Iterator[FormFault]:
    """The same arguments give the same gradient, also the third time."""
    for _ in range(2):
        if evidence.wrong(ask(evidence.point, evidence.answer.grad)[0], relative=VARIES) is not None:
            yield FormFault("determinism", evidence.point, "bprop gives another gradient for the same arguments")


def linear(evidence: Evidence) -> Iterator[FormFault]:
    """A multiple of the incoming gradient gives that multiple, and parts of it that add up give parts that do."""
    point, grad, rng = evidence.point, evidence.answer.grad, evidence.rng
    for scale in SCALES if point.runner.unit < HALF else SCALES[:2]:  # larger ones overflow in half precision
        got = ask(point, scale * grad)[0]
        if got is not None and (child := evidence.wrong(got, scale)) is not None:
            note = f"bprop of {scale:g} times the incoming gradient is not {scale:g} times its result"
            yield FormFault("linearity", point, note, child=child)
    pieces = {
        "of a sum is not the sum of the results": rng.normal(size=grad.shape),
        "over two halves of the outputs does not add up": np.where(rng.uniform(size=grad.shape) < 0.5, grad, 0.0),
        "of the positive and the negative part does not add up": np.maximum(grad, 0.0),
        "of ones plus the rest is not the sum of the results": np.ones(grad.shape),
        "of zeros is not zero": np.zeros(grad.shape),
    }
    for words, one in pieces.items():
        first, second = kept(ask(point, one)[0]), ask(point, grad - one)[0]
        if first is None or second is None:
            continue
        if not np.any(one) and [g is None for g in first] != [g is None for g in evidence.answer.gradients]:
            yield FormFault("linearity", point, "bprop of zeros is None, which says that an input is a constant")
        total = [b if a is None else a if b is None else a + b for a, b in zip(first, second, strict=True)]
        if (child := evidence.wrong(total, relative=SUMS, summands=(one, grad - one))) is not None:
            yield FormFault("linearity", point, f"bprop {words}", child=child)


def remembers_nothing(evidence: Evidence) -> Iterator[FormFault]:
    """Results handed out stay as they are, and bprop depends on its arguments, not on the latest fprop."""
    point, grad = evidence.point, evidence.answer.grad
    handed_out, output = ask(point, grad)[0], flatten(point.output)
    for other in evidence.other_points():
        ask(other, evidence.rng.normal(size=other.value.shape))
        if handed_out is not None and evidence.wrong(handed_out) is not None:
            yield FormFault("buffer", point, "a gradient handed out earlier is changed by a later call of bprop")
        if not np.array_equal(flatten(point.output), output):
            yield FormFault("buffer", point, "an output handed out earlier is changed by a later call of fprop")
        if evidence.wrong(ask(point, grad)[0]) is not None:
            note = "bprop depends on the latest fprop: after fprop(x1), fprop(x2) it is wrong at x1"
            yield FormFault("stale", point, note)
    point.runner.restore_random_state()


def reads_arrays_anew(evidence: Evidence) -> Iterator[FormFault]:
    """The same arrays with other numbers, as after an update in place, which reveals caches keyed by identity."""
    point, grad = evidence.point, evidence.answer.grad
    arrays = {i: np.array(x) for i, x in enumerate(point.inputs) if i in point.active and isinstance(x, np.ndarray)}
    for other in evidence.other_points() if not evidence.draws else ():
        alike = all(np.shape(point.inputs[i]) == np.shape(other.inputs[i]) for i in point.active)
        expected = evidence.answered(other, grad) if alike and other.value.shape == point.value.shape else None
        if expected is None:
            continue
        with suppress(Illegal):
            ask(_with(point, arrays), grad)
            for i, array in arrays.items():
                array[...] = other.inputs[i]
            got = ask(_with(other, arrays), grad)[0]
            if got is not None and (k := expected.differs(got)) is not None:
                note = "bprop keeps what it found of an array, and is wrong when that is written over"
                yield FormFault("stale", point, note, child=point.active[k])
        return


def _with(point: Point, arrays: dict[int, Any], regime: str = "") -> Point:
    """The point at other arrays, Illegal where fprop does not take them."""
    inputs = tuple(arrays.get(i, x) for i, x in enumerate(point.inputs))
    return Point.at(point.runner, inputs, regime or point.regime, point.active)


def same_array_twice(evidence: Evidence) -> Iterator[FormFault]:
    """One array in two slots gives the gradients of two equal arrays."""
    point = evidence.point
    arrays = [i for i in point.active if isinstance(point.inputs[i], np.ndarray)]
    for i, j in ((i, j) for k, i in enumerate(arrays) for j in arrays[k + 1 :]):
        if point.inputs[i].shape != point.inputs[j].shape:
            continue
        with suppress(Illegal):
            one = _with(point, {j: point.inputs[i]}, "the same array twice")
            two = _with(point, {j: point.inputs[i].copy()}, "equal arrays")
            grad = evidence.rng.normal(size=one.value.shape)
            expected, got = evidence.answered(two, grad), ask(one, grad)[0]
            if expected is not None and (got is None or expected.differs(got) is not None):
                yield FormFault(
                    "shared", one, "the same array in two slots gives other gradients than equal copies", child=j
                )


def none_of_constants(evidence: Evidence) -> Iterator[FormFault]:
    """None for constant inputs, and meant for settings."""
    point, target = evidence.point, evidence.examination.target
    for i, g in enumerate(_returned(point, point.arriving(evidence.answer.grad))):
        name, x = target.names[i], point.inputs[i]
        if i in target.constant and g is not None:
            yield FormFault("constant", point, f"the gradient of {name}, a constant, must be None", child=i)
        elif i in point.active or g is None or type(x) is float:
            continue
        elif isinstance(x, np.ndarray | int) and np.shape(g) != np.shape(x):
            words = f"has shape {np.shape(g)}, {name} has shape {np.shape(x)}; None is meant"
            yield FormFault("constant", point, f"the gradient of the setting {name} {words}", child=i)
        else:
            evidence.examination.warn("setting", f"bprop returns a gradient for {name}, a setting: None is meant")


def layout(evidence: Evidence) -> Iterator[FormFault]:
    """The same numbers in another memory layout give the same gradients."""
    yield from other_layouts(evidence.answer, evidence.answered)


def nothing_shared(evidence: Evidence) -> Iterator[FormFault]:
    """No gradient shares memory with what was given or with another; a warning, since only some callers write."""
    if evidence.examination.target.may_share:
        return
    point, arriving = evidence.point, evidence.point.arriving(evidence.answer.grad)
    found = [g for g in _returned(point, arriving) if isinstance(g, np.ndarray)]
    given = [x for x in (*parts(arriving), *parts(point.output), *point.inputs) if isinstance(x, np.ndarray)]
    if any(np.may_share_memory(g, x) for k, g in enumerate(found) for x in (*given, *found[k + 1 :])):
        shared = "a returned gradient shares memory with an argument or another gradient"
        evidence.examination.warn("aliasing", f"{shared}: whoever adds to it in place changes both")
    yield from ()


def _returned(point: Point, arriving: Value) -> tuple[Any, ...]:
    """What bprop returns, one by one; nothing where it raises, as it did not before."""
    try:
        return parts(point.runner.bprop(arriving, point.output, point.inputs))
    except Exception:
        return ()


RULES: tuple[Callable[[Evidence], Iterator[FormFault]], ...] = (
    *(same_value, same_gradient, linear, remembers_nothing, reads_arrays_anew, same_array_twice),
    *(none_of_constants, layout, nothing_shared),
)
