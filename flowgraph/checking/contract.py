"""What bprop must keep beside its numbers: form, determinism, linearity, no side effects, no memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

import numpy as np

from flowgraph.checking.code_contents import draws
from flowgraph.checking.compare import ask, kept, read_gradients
from flowgraph.checking.examination import Examination
from flowgraph.checking.layout import layouts
from flowgraph.checking.noise import Answer, answer_at
from flowgraph.checking.point import HALF, Point
from flowgraph.checking.runner import Illegal, flatten, parts
from flowgraph.checking.target import Array, Inputs

NOISE = 1e-14  # relative: what threads that add in another order may change is less
SCALES = (-1.0, 2.0**-10, 32.0, 2.0**20)  # powers of two, for exact products; the last shows a clipped gradient


def contract(examination: Examination, regime: str, inputs: Inputs) -> None:
    """All checks at one set of inputs."""
    point = examination.point(regime, inputs)
    if point is None or not point.value.size:
        return
    rng = examination.rng
    grad = rng.normal(size=point.value.shape)
    answer = answer_at(point, grad, rng, examination.pursue)
    if answer is None:
        return
    _deterministic(examination, point, answer)
    _linear(examination, point, answer)
    _independent(examination, point, answer)
    _rewritten(examination, point, answer)
    _same_array_twice(examination, point)
    _constants(examination, point, grad)
    layouts(examination, point, answer.grad, answer.differs)
    if not examination.target.may_share:
        _aliasing(examination, point, grad)


def _deterministic(examination: Examination, point: Point, answer: Answer) -> None:
    try:
        again = flatten(examination.runner.legal(point.inputs))
    except Illegal:
        again = np.zeros(0)
    if again.shape != flatten(point.output).shape or not np.array_equal(point.project(again), point.value):
        gap = np.abs(point.project(again) - point.value) if again.size == flatten(point.output).size else np.inf
        size = np.abs(point.value).max(initial=0.0)
        if np.any(gap > 1e-9 * size):
            examination.fail("determinism", point, "fprop gives another value for the same inputs")
            return
        if np.any(gap > NOISE * size):
            share = f"fprop varies by {float(np.max(gap)) / float(size):.0e} of its value from call to call"
            why = "no seed fixes it: no mismatch below what that does to a difference can be seen"
            examination.warn("noise", f"{share}, and {why}")
    for _ in range(2):
        gradients, _ = ask(point, answer.grad)
        if gradients is None or answer.differs(gradients, relative=1e-9) is not None:
            examination.fail("determinism", point, "bprop gives another gradient for the same arguments")
            return


def _linear(examination: Examination, point: Point, answer: Answer) -> None:
    """bprop is linear in the incoming gradient: scales, sums, and the two halves of a mask."""
    rng = examination.rng
    for scale in SCALES if examination.runner.unit < HALF else SCALES[:2]:  # larger ones overflow in half precision
        gradients, _ = ask(point, scale * answer.grad)
        if gradients is not None and (k := answer.differs(gradients, scale)) is not None:
            note = f"bprop of {scale:g} times the incoming gradient is not {scale:g} times its result"
            examination.fail("linearity", point, note, point.active[k])
            return
    grad = answer.grad
    other, mask = rng.normal(size=grad.shape), rng.uniform(size=grad.shape) < 0.5
    positive, ones = np.maximum(grad, 0.0), np.ones(grad.shape)
    parts_of_grad = [
        ("of a sum is not the sum of the results", grad - other, other),
        ("over two halves of the outputs does not add up", np.where(mask, grad, 0.0), np.where(mask, 0.0, grad)),
        ("of the positive and the negative part does not add up", positive, np.minimum(grad, 0.0)),
        ("of ones plus the rest is not the sum of the results", ones, grad - 1.0),
        ("of zeros is not zero", 0.0 * ones, grad),
    ]
    for words, one, two in parts_of_grad:
        first = kept(ask(point, one)[0])
        if first is None:
            continue
        if not np.any(one) and [g is None for g in first] != [g is None for g in answer.gradients]:
            examination.fail("linearity", point, "bprop of zeros is None, which says that an input is a constant")
            return
        second, _ = ask(point, two)
        if second is None:
            continue
        total = [_plus(a, b) for a, b in zip(first, second, strict=True)]
        if (k := answer.differs(total, relative=1e-6, summands=(one, two))) is not None:
            examination.fail("linearity", point, f"bprop {words}", point.active[k])
            return


def _plus(one: Array | None, other: Array | None) -> Array | None:
    if one is None or other is None:
        return other if one is None else one
    return np.asarray(one, dtype=float) + other


def _independent(examination: Examination, point: Point, answer: Answer) -> None:
    """Results handed out stay as they are, and bprop depends on its arguments, not on the latest fprop."""
    runner, rng = examination.runner, examination.rng
    result = point.gradients(answer.grad)
    handed_out, _ = read_gradients(point, result)
    output_then = flatten(point.output)
    for other in _others(examination, point, rng):
        ask(other, rng.normal(size=other.value.shape))
        if handed_out is not None and answer.differs(handed_out) is not None:
            examination.fail("buffer", point, "a gradient handed out earlier is changed by a later call of bprop")
            return
        if not np.array_equal(flatten(point.output), output_then):
            examination.fail("buffer", point, "an output handed out earlier is changed by a later call of fprop")
            return
        gradients, _ = ask(point, answer.grad)
        if gradients is None or answer.differs(gradients) is not None:
            note = "bprop depends on the latest fprop: after fprop(x1), fprop(x2) it is wrong at x1"
            examination.fail("stale", point, note)
            return
    runner.restore_random_state()


def _rewritten(examination: Examination, point: Point, answer: Answer) -> None:
    """The same arrays with other numbers, as after an update in place, which reveals caches keyed by identity."""
    runner, rng = examination.runner, examination.rng
    if runner.draws or draws(examination.target.code):
        return
    for other in _others(examination, point, rng):
        if any(np.shape(point.inputs[i]) != np.shape(other.inputs[i]) for i in point.active):
            continue
        expected = (
            answer_at(other, answer.grad, rng, examination.pursue) if other.value.shape == point.value.shape else None
        )
        if expected is None:
            continue
        arrays = {i: np.array(point.inputs[i]) for i in point.active if isinstance(point.inputs[i], np.ndarray)}
        inputs = tuple(arrays.get(i, x) for i, x in enumerate(point.inputs))
        try:
            ask(Point.at(runner, inputs, point.regime, point.active), answer.grad)
            for i, array in arrays.items():
                array[...] = other.inputs[i]
            inputs = tuple(arrays.get(i, x) for i, x in enumerate(other.inputs))
            moved = Point.at(runner, inputs, other.regime, other.active)
        except Illegal:
            continue
        got = ask(moved, answer.grad)[0]
        if got is not None and (k := expected.differs(got)) is not None:
            note = "bprop keeps what it found of an array, and is wrong when that is written over"
            examination.fail("stale", point, note, moved.active[k])
        return


def _others(examination: Examination, point: Point, rng: np.random.Generator) -> Iterator[Point]:
    """Other points of the same shapes, near by and far away, and the example, which may have others.

    What was drawn at random must be kept from fprop to bprop, and its shape with it.
    """
    if point.regime != "the example" and not (point.runner.draws or draws(examination.target.code)):
        yield Point.at(point.runner, examination.inputs, "the example", point.active)
    changes: tuple[Callable[[int, Array], Array], ...] = (
        lambda _, x: x * rng.uniform(0.7, 1.3, x.shape),
        lambda _, x: rng.permutation(x.ravel()).reshape(x.shape) if x.size else x,  # of none it raises
        lambda _, x: -x,
    )
    for change in changes:
        with suppress(Illegal):
            yield Point.at(point.runner, point.changed(change), point.regime, point.active)


def _same_array_twice(examination: Examination, point: Point) -> None:
    active = point.active
    for a, i in enumerate(active):
        for j in active[a + 1 :]:
            if not isinstance(point.inputs[i], np.ndarray) or np.shape(point.inputs[i]) != np.shape(point.inputs[j]):
                continue
            shared, apart = list(point.inputs), list(point.inputs)
            shared[j] = shared[i]
            apart[j] = apart[i].copy()
            try:
                one = Point.at(point.runner, tuple(shared), "the same array twice", active)
                two = Point.at(point.runner, tuple(apart), "equal arrays", active)
            except Illegal:
                continue
            grad = examination.rng.normal(size=one.value.shape)
            expected, got = answer_at(two, grad, examination.rng, examination.pursue), ask(one, grad)[0]
            if expected is not None and (got is None or expected.differs(got) is not None):
                note = "the same array in two slots gives other gradients than equal copies"
                examination.fail("shared", one, note, j)


def _constants(examination: Examination, point: Point, grad: Array) -> None:
    """None exactly for constant inputs."""
    try:
        result = point.gradients(grad)
    except Exception:
        return
    if not isinstance(result, tuple | list) or len(result) != len(point.inputs) - examination.target.defaulted:
        return
    names = examination.target.names
    for i, g in enumerate(result):
        if i in examination.target.constant and g is not None:
            examination.fail("constant", point, f"the gradient of {names[i]}, a constant, must be None", i)
        elif i in point.active or g is None or type(point.inputs[i]) is float:
            continue
        elif isinstance(point.inputs[i], np.ndarray | int) and np.shape(g) != np.shape(point.inputs[i]):
            words = f"has shape {np.shape(g)}, {names[i]} has shape {np.shape(point.inputs[i])}; None is meant"
            examination.fail("constant", point, f"the gradient of the setting {names[i]} {words}", i)
        else:
            examination.warn("setting", f"bprop returns a gradient for {names[i]}, which is a setting: None is meant")


def _aliasing(examination: Examination, point: Point, grad: Array) -> None:
    output, arriving = point.output, point.arriving(grad)
    try:
        result = examination.runner.bprop(arriving, output, point.inputs)
    except Exception:
        return
    arrays = [g for g in (result if isinstance(result, tuple | list) else (result,)) if isinstance(g, np.ndarray)]
    given = [x for x in (*parts(arriving), *parts(output), *point.inputs) if isinstance(x, np.ndarray)]
    pairs = [(a, b) for a in arrays for b in given] + [(a, b) for k, a in enumerate(arrays) for b in arrays[k + 1 :]]
    if any(np.may_share_memory(a, b) for a, b in pairs):
        shared = "a returned gradient shares memory with an argument or another gradient"
        examination.warn("aliasing", f"{shared}: whoever adds to it in place changes both")
