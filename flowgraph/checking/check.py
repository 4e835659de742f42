"""fg.check: one example in, many regimes out, and a verdict."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from flowgraph.checking.code_constants import numbers_in, sizes_in, words_in
from flowgraph.checking.contract import contract
from flowgraph.checking.defaults import with_defaults
from flowgraph.checking.examination import Examination
from flowgraph.checking.precision import other_types
from flowgraph.checking.regimes_joint import crossed_regimes, joint_regimes
from flowgraph.checking.regimes_settings import setting_regimes
from flowgraph.checking.regimes_shapes import shape_regimes
from flowgraph.checking.regimes_values import constant_regimes, value_regimes
from flowgraph.checking.report import Report, report_of
from flowgraph.checking.second_order import second_order
from flowgraph.checking.side_effects import side_effects
from flowgraph.checking.target import Inputs, Target
from flowgraph.errors import UsageError

BUDGET = 60_000
SECONDS = 3.0


class Effort(NamedTuple):
    """How much one target may take: calls of fprop, and seconds of the processor, more of them where a framework runs
    the function, which may compile it for every shape."""

    budget: int
    seconds: float
    framework_seconds: float


EFFORTS = {
    "fast": Effort(2_000, 0.5, 1.0),
    "normal": Effort(BUDGET, SECONDS, 12.0),
    "thorough": Effort(300_000, 15.0, 60.0),
}
SLOW = 2e-3  # seconds of one fprop


def check(
    target: Any,
    *inputs: Any,
    bprop: Callable[..., Any] | None = None,
    order: int = 1,
    seed: int = 0,
    budget: int | None = None,
    valid: Callable[..., Any] | None = None,
    names: Sequence[str] | None = None,
    second: Callable[..., Any] | None = None,
    framework: str | None = None,
    effort: str = "normal",
    **feeds: Any,
) -> Report:
    """Are the gradients right, wherever the value is defined? Of a box class, a box, a graph, or functions.

    - `check(Softmax)`: a box class, on every example that it declares; all its settings are varied
    - `check(box)`: a built box with its settings, on values drawn from its declarations
    - `check(graph, x=..., y=...)`: every box in place at the values of that run, then end to end on the parameters
    - `check(function, *arrays)`: a function written in NumPy, through the graph that it builds
    - `check(function, *arguments)` of torch, JAX, autograd or MyGrad: a function of their arrays, a torch module with
      its parameters, an autograd.Function; recognised by its arguments or by itself, or named by `framework=`
    - `check(fprop, *inputs, bprop=bprop)`: is `bprop(grad, output, *inputs)` the gradient of `fprop(*inputs)`?

    Float arrays and floats are differentiated, everything else is a setting that is varied too, and so are float
    defaults (`slope=0.1`) that fprop and bprop have in common. `valid(*inputs)` says which derived inputs are within
    the contract, where fprop does not raise outside of it. `order=2` also checks the second derivative: of boxes by
    their gradient graph, of functions through `second`, the bprop of bprop, if it is given. `budget` bounds the calls
    of fprop. `effort` bounds them and the seconds of the processor for one target: "fast" (0.5 s, 1 s where a framework
    runs it), "normal" (3 s, 12 s), "thorough" (15 s, 60 s); what is wrong takes up to 1.5 s more to explain.

    >>> import numpy as np, flowgraph as fg
    >>> fg.check(np.sin, np.array([0.5, 2.0]), bprop=lambda grad, output, x: (grad * np.cos(x),)).verdict
    'pass'
    """
    if effort not in EFFORTS:
        raise UsageError(f"check: effort={effort!r} is not known; there are {', '.join(EFFORTS)}")
    limits = EFFORTS[effort]
    budget = budget or (None if effort == "normal" else limits.budget)
    with shielded():
        if bprop is None:
            from flowgraph.checking.kinds import check_kind

            seconds = limits.framework_seconds
            return check_kind(target, inputs, feeds, order, seed, budget, valid, names, framework, seconds)
        pair = Target.of_functions(target, bprop, inputs, names, valid, second)
        return check_target(with_defaults(pair), order, seed, budget, limits.seconds)


def check_target(
    target: Target,
    order: int = 1,
    seed: int = 0,
    budget: int | None = None,
    seconds: float = SECONDS,
    regimes: bool = True,
) -> Report:
    """The same for a Target, which can also declare domain, kinks and constant inputs.

    Without `regimes` it is looked at on its example alone.
    """
    examination = examined(target, order, seed, budget, seconds, regimes)
    with shielded():
        return report_of(examination, seed)


def examined(
    target: Target,
    order: int = 1,
    seed: int = 0,
    budget: int | None = None,
    seconds: float = SECONDS,
    regimes: bool = True,
) -> Examination:
    """The examination alone: what is wrong is known, but not yet made small and explained."""
    with shielded():
        examination = Examination.begin(target, seed, budget or BUDGET, seconds)
        try:
            _phases(examination, order, regimes)
        finally:
            examination.runner.restore_random_state()
    return examination


@contextmanager
def shielded() -> Iterator[None]:
    """Nothing that the code under test does to the random state and to NumPy's warnings is left behind.

    Nor does what NumPy does about infinities and underflows outside have a say in the verdict.
    """
    numpy_state, python_state = np.random.get_state(), random.getstate()  # noqa: NPY002
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            np.random.set_state(numpy_state)  # noqa: NPY002
            random.setstate(python_state)


def _phases(examination: Examination, order: int, regimes: bool) -> None:
    target, rng = examination.target, examination.rng
    side_effects(examination, "the example", examination.inputs)
    point = examination.point("the example", examination.inputs)
    if point is None:
        reason = next(iter(examination.skipped))
        raise ValueError(
            f"check: {target.name} cannot be run on the example in float64 ({reason}); give inputs inside "
            "its domain, at which fprop is finite"
        )
    examination.leave_out_settings(point)
    examination.find_slope(point)
    examination.find_unit(point)
    examination.find_tangents(point)
    inputs, active = examination.inputs, examination.active
    coordinates = 6 if point.slower_than(SLOW) else 24
    examination.visit("the example", inputs, coordinates=coordinates, single=4)
    contract(examination, "the example", inputs)
    if examination.broken or not regimes:
        return
    other_types(examination)
    structures = examination.structures
    _visit(examination, value_regimes(inputs, active, target.names, structures, rng), 0.4)
    constants = [*target.kinks, *numbers_in(target.code)]
    _visit(examination, constant_regimes(inputs, active, constants, rng), 0.52)
    words = words_in(target.code, inputs)
    settings = _visit(examination, setting_regimes(inputs, active, target.names, words, rng), 0.65)
    shapes = _visit(examination, shape_regimes(inputs, structures, sizes_in(target.code), rng), 0.78)
    _visit(examination, crossed_regimes([inputs, *shapes], active, target.names, words, rng), 0.88)
    for changed in _sample(examination, [*shapes, *settings], 6 if examination.runner.used() < 0.9 else 0):
        contract(examination, "another regime", changed)
    joint = joint_regimes(shapes, settings, active, structures, inputs, rng, 60)
    _visit(examination, joint, 0.95)
    if order >= 2:
        second_order(examination)


def _sample(examination: Examination, found: list[Inputs], count: int) -> list[Inputs]:
    return [found[k] for k in examination.rng.permutation(len(found))[:count]]


def _visit(examination: Examination, regimes: Any, share: float) -> list[Inputs]:
    """Visits regimes until this phase's share of the budget is used; the legal ones are handed on to later phases."""
    legal: list[Inputs] = []
    after_failure = 0
    for regime, inputs in regimes:
        if examination.runner.used() > share or examination.broken:
            examination.warn("budget", "the budget was used up before all regimes were visited")
            break
        if not examination.target.keeps_shapes(inputs):
            continue
        side_effects(examination, regime, inputs)
        if examination.visit(regime, inputs) is not None:
            legal.append(inputs)
        after_failure += bool(examination.wrong)
        if after_failure > 30 or (after_failure and examination.runner.elapsed() > examination.runner.seconds / 2):
            break
    return legal
