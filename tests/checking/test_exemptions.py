"""Each exemption has a name, a reason and a cost, can be switched off, and is counted where it decides."""

from __future__ import annotations

import numpy as np
import pytest

from flowgraph.checking.check_target import check_target, examine_target, measure
from flowgraph.checking.compare import compare
from flowgraph.checking.examination import Examination
from flowgraph.checking.exemptions import EXEMPTIONS, settle
from flowgraph.checking.point import directions_for, generator
from flowgraph.checking.scope import Scope
from flowgraph.checking.target import Target

NAMES = [exemption.name for exemption in EXEMPTIONS]


X = np.array([0.7, 1.9, 1.2])


def rippled(x):
    return (np.exp(x) + 1e-8 * np.sin(1e5 * np.asarray(x, float))).sum()


def exp_backward(grad, out, x):
    return (grad * np.exp(x),)


def test_names_are_unique_and_every_exemption_gives_its_reason_and_cost():
    assert len(set(NAMES)) == len(NAMES)
    for exemption in EXEMPTIONS:
        assert exemption.reason
        assert exemption.cost >= 0
        assert exemption.verdict in ("fine", "rounding", "kink", "undecided")


def test_what_an_exemption_decides_is_counted():
    target = Target.of_functions(rippled, exp_backward, (X,))
    found = examine_target(target, test_cases=False)
    assert not found.wrong
    assert found.exempted.total() > 0
    assert set(found.exempted) <= set(NAMES)
    without = examine_target(target, test_cases=False, scope=Scope(without=frozenset(found.exempted)))
    assert not set(found.exempted) & set(without.exempted)


def mismatches_at_the_example(fprop, bprop, x):
    target = Target.of_functions(fprop, bprop, (x,))
    examination = Examination.begin(target, 0, 60_000, 20.0)
    point = examination.point("the example", examination.inputs)
    examination.runner.measured = measure(examination, point)
    rng = generator(0)
    grads = [np.ones(point.value.shape)]
    return compare(point, grads, directions_for(point, rng, 3), examination.tally)


def test_an_exemption_that_is_switched_off_is_not_made():
    for mismatch in mismatches_at_the_example(rippled, exp_backward, X):
        off = set()
        while (ruling := settle(mismatch, generator(1), off)).kind != "wrong":
            assert ruling.exemption not in off
            off.add(ruling.exemption)
        assert off


@pytest.mark.parametrize("exemption", EXEMPTIONS, ids=lambda exemption: exemption.name)
def test_no_exemption_explains_a_gross_mistake(exemption):
    for bprop in (lambda g, y, x: (2 * g * y,), lambda g, y, x: (-g * y,), lambda g, y, x: (g * x,)):
        for mismatch in mismatches_at_the_example(np.exp, bprop, X):
            others = [name for name in NAMES if name != exemption.name]
            assert settle(mismatch, generator(0), others).kind == "wrong"


@pytest.mark.parametrize("stairs", [1e9, 1e11])
@pytest.mark.parametrize(("factor", "verdict"), [(0.0, "undecided"), (2.0, "fail"), (-1.0, "fail")])
def test_stairs_that_are_finer_than_steps_have_the_slope_of_one_stair(stairs, factor, verdict):
    def fprop(x):
        return np.floor(stairs * x) + 1e6 * x

    def bprop(grad, y, x):
        return (grad * (1e6 + factor * stairs) * np.ones_like(x),)

    for seed in range(5):
        target = Target.of_functions(fprop, bprop, (np.random.default_rng(seed).normal(size=3),))
        report = check_target(target, seed=seed, test_cases=False)
        assert (report.verdict == "fail") == (verdict == "fail"), str(report)


@pytest.mark.parametrize(
    ("fprop", "unit"),
    [
        (lambda x: ((x + 0.7) - x - 0.7).sum(), 2.0**-53),
        (lambda x: (x - 1e3 * (x / 1e3)) * np.ones(2), 2.0**-53),
        (np.sin, 2.0**-53),
        (lambda x: np.sin(x).astype(np.float32).astype(float), 2.0**-23),
        (lambda x: np.sin(x).astype(np.float16).astype(float), 2.0**-10),
    ],
    ids=["sum", "elements", "float64", "float32", "float16"],
)
def test_what_is_left_of_cancelling_is_of_no_narrow_type(fprop, unit):
    """A few powers of 2 fit into float16 too, in which fprop would be said to tell no slopes."""
    target = Target.of_functions(fprop, exp_backward, (np.array([0.3, 1.7]),))
    for seed in range(5):
        examination = Examination.begin(target, seed, 60_000, 20.0)
        assert measure(examination, examination.point("the example", examination.inputs)).unit == unit


def verdict_at_zeros(slope, arriving=1, factor=1):
    """Of bprop(grad, a) = slope(grad, a) as an operation at zeros, with its derivative times a factor."""

    def derivative(g, _, grad, a):
        return factor * np.where(a == 0, g, 0), np.zeros_like(a)

    inputs, names = (np.zeros(3), np.zeros(3)), ("grad", "a")
    target = Target(slope, derivative, inputs, names, "bprop", (0, 1), arriving=arriving)
    return check_target(target, test_cases=False).verdict


def test_an_incoming_gradient_of_0_hides_that_a_bprop_jumps():
    """Of a bprop that jumps for every other gradient there is no derivative; of another operation nothing is known."""
    assert verdict_at_zeros(lambda grad, a: np.where(a == 0, grad, 0)) == "pass"
    assert verdict_at_zeros(lambda grad, a: np.where(a == 0, grad, 0), arriving=0) == "fail"


def test_a_wrong_derivative_of_a_bprop_that_does_not_jump_is_found_at_zeros():
    assert verdict_at_zeros(lambda grad, a: grad * np.cos(a)) == "pass"
    assert verdict_at_zeros(lambda grad, a: grad * np.cos(a), factor=2) == "fail"
