"""Points at which differences say nothing, or a right gradient looks wrong; what is wrong there still fails."""

import time

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.checking.check_target import examine_target
from flowgraph.checking.code_contents import Code
from flowgraph.checking.families import alternatives
from flowgraph.checking.point import Point, Runner, Stopwatch
from flowgraph.checking.target import Target

rng = np.random.default_rng(5)


def is_wrong(fprop, bprop, *inputs, seed=0):
    """Whether something is wrong at the example itself."""
    return bool(examine_target(Target.of_functions(fprop, bprop, inputs), seed=seed, test_cases=False).wrong)


def of_condition(condition, size=5):
    u, v = (np.linalg.qr(rng.normal(size=(size, size)))[0] for _ in range(2))
    return u @ (np.geomspace(1, 1 / condition, size)[:, None] * v)


def solve_back(g, y, a, b):
    db = np.linalg.solve(a.T, g)
    return -np.outer(db, y), db


@pytest.mark.parametrize("condition", [1e6, 1e9, 1e11, 1e13])
def test_a_solve_of_any_condition_is_not_wrong(condition):
    """What it answers is the solution of a system close by, and no difference of answers shows how close."""
    for seed in range(3):
        a, b = of_condition(condition), rng.normal(size=5)
        assert not is_wrong(np.linalg.solve, solve_back, a, b, seed=seed)


def test_a_wrong_solve_is_wrong_where_it_is_conditioned_well():
    a, b = of_condition(1e4), rng.normal(size=5)
    assert is_wrong(np.linalg.solve, lambda *given: tuple(-g for g in solve_back(*given)), a, b)


@pytest.mark.parametrize("condition", [1e8, 5e9, 1e11, 1e13])
def test_the_logarithm_of_a_determinant_close_to_0_is_not_wrong(condition):
    """Its central differences vanish until the step is as small as the smallest singular value."""
    for seed in range(3):
        a = of_condition(condition, 4)
        assert not is_wrong(lambda a: np.linalg.slogdet(a)[1], lambda g, y, a: (g * np.linalg.inv(a).T,), a, seed=seed)


def test_among_many_ties_each_element_may_be_the_one_that_wins():
    def highest_two(x):
        return np.where(x >= np.sort(x)[-2], x, 0)

    def bprop(g, y, x, factor=1):
        return (factor * g * (x >= np.sort(x)[-2]),)

    for seed in range(4):
        assert not is_wrong(highest_two, bprop, np.zeros(40), seed=seed)
    assert is_wrong(highest_two, lambda g, y, x: bprop(g, y, x, factor=2), np.zeros(40))


def test_bprop_may_lose_digits_by_quanta_that_its_inputs_do_not_show():
    """x - 800 of an x near 1 moves by ulps of 800, so that a few ulps of x change nothing, or a lot."""

    def bprop(g, y, x):
        gap = (x[1] - x[2]) - (x[0] - x[2])
        return (g * np.array([1, -1, 0]) / gap**2,)

    def fprop(x):
        return 1 / (x[1] - x[0]) + 0.0 * x[2]

    assert not is_wrong(fprop, bprop, np.array([1.8236, 1.8448, 800.0]))


def test_an_edge_of_the_domain_that_only_one_input_is_on_is_undecided():
    """x log(x / y) is 0 at (0, 0) and beside it for no x: slopes by y are those along the edge alone."""

    def entropy(x, y):
        return np.where((x > 0) & (y > 0), x * np.log(x / y), np.where((x == 0) & (y >= 0), 0.0, np.inf))

    def bprop(g, h, x, y):
        return g * (np.log(x / y) + 1), -g * x / y

    assert not is_wrong(entropy, bprop, np.array([0.0, 0.4]), np.array([0.0, 0.7]))
    assert is_wrong(lambda x, y: x * y, lambda g, h, x, y: (g * h / x, g * x), np.zeros(2), np.array([0.3, 0.4]))


def test_an_incoming_gradient_of_0_hides_an_infinite_slope():
    x = fg.Parameter(np.array([0.0, 0.5]))
    report = fg.check(fg.sum(fg.BesselJ(np.array([1.08, 1.08]), x)), order=2, budget=1500)
    assert report.verdict != "fail"


def test_integer_arrays_keep_what_a_draw_seldom_keeps():
    order = np.array([1, 0, 3, 2])
    drawn = [tuple(one) for one in alternatives(order, [], rng)]
    assert (2, 1, 0, 3) in drawn  # a cycle through all places: a permutation that is not its own inverse
    offsets = [one.tolist() for one in alternatives(np.array([0, 2, 3, 4]), [], rng)]
    assert any(np.all(np.diff(one) >= 0) and one[-1] == 4 and 0 in np.diff(one) for one in offsets)


def test_what_the_code_looks_for_is_put_into_integer_arrays():
    def picked(scores, labels, left_out=-100):
        return np.where(labels == left_out, 0.0, scores[labels]).sum()

    words = Code((picked,)).words(())
    assert -100 in words
    drawn = [np.count_nonzero(one == -100) for one in alternatives(np.array([1, 0, 2, 1]), words, rng)]
    assert {1, 3} <= set(drawn)


def test_time_that_others_have_does_not_count():
    watch = Stopwatch()
    time.sleep(0.2)
    assert watch.wall() >= 0.2
    assert watch.seconds() < 0.1


def test_a_function_that_was_held_up_is_not_slow():
    """Which way a check goes must not depend on what else the machine does."""
    target = Target.of_functions(np.sin, lambda g, y, x: (g * np.cos(x),), (np.ones(2),))
    point = Point.at(Runner(target, 100, 10.0), target.inputs, "here", (0,))
    point.seconds = 5.0
    assert not point.slower_than(1.0)
    target = Target.of_functions(lambda x: time.sleep(0.05) or np.sin(x), lambda g, y, x: (g,), (np.ones(2),))
    held_up = Point.at(Runner(target, 100, 10.0), target.inputs, "here", (0,))
    assert held_up.seconds >= 0.05
    assert not held_up.slower_than(0.04)
    assert held_up.runner.evaluations == 1
