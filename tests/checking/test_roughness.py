"""Values that jump a little, climb by stairs, or stand alone: what a slope can say there."""

import numpy as np
import pytest

from flowgraph.checking import check
from flowgraph.checking.compare import compare
from flowgraph.checking.examination import Examination
from flowgraph.checking.exemptions import settle
from flowgraph.checking.point import Measured, Point, Runner, coordinate
from flowgraph.checking.target import Target

pytestmark = pytest.mark.no_cover  # other tests run the same lines, and measuring takes long

A = np.random.default_rng(0).uniform(0.2, 1.5, (3, 4))


def point_at(function, x):
    target = Target.of_functions(function, lambda g, y, x: (g,), (x,))
    point = Point.at(Runner(target, 10_000, 10.0), (x,), "here", (0,))
    point.runner.measured = Measured(size=1.0)
    return point


def settled(tolerance):
    """x = a cos(x) / 2 by repetition, until it moves by less than the tolerance."""

    def fprop(a):
        x = np.ones_like(a)
        for _ in range(500):
            x, before = np.cos(x) * a / 2, x
            if np.max(np.abs(x - before), initial=0.0) < tolerance:
                return x
        raise ValueError("does not settle")

    return fprop


def settled_back(g, x, a, factor=1.0):
    return (factor * g * np.cos(x) / 2 / (1 + a / 2 * np.sin(x)),)


@pytest.mark.parametrize("tolerance", [1e-8, 1e-10])
def test_the_gradient_of_what_an_iteration_goes_to_is_no_mistake(tolerance):
    for seed in range(3):
        assert check(settled(tolerance), A, bprop=settled_back, seed=seed).verdict != "fail"


def test_the_turns_may_be_decided_by_other_elements():
    """An element that settles first has a smooth value, with the slope of some turns, while all others stay."""
    target = Target.of_functions(settled(1e-8), settled_back, (A,))
    for seed in range(8):
        examination = Examination.begin(target, seed, 60_000, 20.0)
        point = examination.point("the example", (A,))
        for k in range(A.size):  # each as the first that is looked at, when no jump is known yet
            point.runner.jump = 0.0
            one = [np.eye(A.size)[k]]
            for mismatch in compare(point, one, [coordinate(point, 0, k)], examination.tally):
                assert settle(mismatch, examination.rng).kind != "wrong"


@pytest.mark.parametrize("factor", [1.01, 1 + 1e-5])
def test_a_wrong_gradient_of_an_iteration_is_found(factor):
    report = check(settled(1e-10), A, bprop=lambda g, x, a: settled_back(g, x, a, factor))
    assert report.verdict == "fail"


def solved_together(step, tolerance):
    """y³ + 2 y = a, for all elements by one iteration; nothing but its last digits makes one depend on another."""

    def fprop(a):
        y = 0.3 * a
        state = np.eye(y.size)
        for _ in range(300):
            residual = y**3 + 2 * y - a
            if np.abs(residual).max(initial=0.0) < tolerance:
                return y
            y, state = step(y, residual, state, a)
        raise ValueError("does not settle")

    return fprop


def steepest(y, residual, state, a):
    length = (residual**2).sum() / (residual**2 * (3 * y * y + 2)).sum()
    return y - length * residual, state


def broyden(y, residual, inverse, a):
    move = -inverse @ residual
    moved = y + move
    change = inverse @ (moved**3 + 2 * moved - a - residual)
    return moved, inverse + np.outer(move - change, move @ inverse) / (move @ change)


@pytest.mark.parametrize(("step", "tolerance"), [(steepest, 1e-6), (broyden, 1e-8), (broyden, 1e-13)])
def test_what_one_iteration_makes_of_elements_that_are_independent_is_no_slope(step, tolerance):
    def back(g, y, a, factor=1.0):
        return (factor * g / (3 * y * y + 2),)

    fprop, a = solved_together(step, tolerance), np.array([0.5, 0.8, 0.3])
    assert check(fprop, a, bprop=back).verdict != "fail"
    assert check(fprop, a, bprop=lambda g, y, a: back(g, y, a, 1.01)).verdict == "fail"
    assert check(fprop, a, bprop=lambda g, y, a: (back(g, y, a)[0] + 0.01 * g.sum(),)).verdict == "fail"


@pytest.mark.parametrize("step", [1e-9, 1e-8])
def test_stairs_of_rounding_are_no_slope(step):
    def fprop(x):
        return np.round(np.asarray(x, np.float64) / step) * step

    assert check(fprop, A, bprop=lambda g, y, x: (g,)).verdict != "fail"
    assert check(fprop, A, bprop=lambda g, y, x: (1.01 * g,)).verdict == "fail"


def test_a_rounded_value_with_the_gradient_of_its_input_is_a_mistake():
    assert check(np.round, 3 * A, bprop=lambda g, y, x: (g,)).verdict == "fail"


@pytest.mark.parametrize(("slope", "verdict"), [(1.0, "pass"), (1.1, "fail")])
def test_a_point_that_stands_alone_says_nothing(slope, verdict):
    """A width of 0 means none, and is no limit of small ones, which are refused."""

    def bent(x, width):
        if width and not 1e-3 < width < 100:
            raise ValueError("too narrow")
        return np.abs(x) if not width else np.sqrt(x * x + width * width)

    def back(g, y, x, width):
        return g * (slope * np.sign(x) if not width else x / y), float((g * width / y).sum()) if width else 0.0

    assert check(bent, A, 0.0, bprop=back).verdict == verdict


def test_around_a_kink_the_slopes_climb_towards_what_bprop_says():
    """Around a matrix of zeros the singular values have all slopes of a ball."""

    def values(a):
        if a.ndim != 2:
            raise ValueError("a matrix is needed")
        return np.linalg.svd(a, compute_uv=False)

    def back(g, y, a):
        u, _, v = np.linalg.svd(a, full_matrices=False)
        return ((u * g) @ v,)

    x = np.random.default_rng(3).normal(size=(3, 4))
    assert all(check(values, x, bprop=back, seed=seed).verdict != "fail" for seed in (2, 19))


def test_zeros_beside_small_numbers_are_moved_by_as_little():
    target = Target.of_functions(lambda a, b: a + b, lambda g, y, a, b: (g, g), (np.zeros(2), np.array([3e-7, -5e-7])))
    point = Point.at(Runner(target, 100, 1.0), target.inputs, "here", (0, 1))
    assert np.all(point.scales(0) == 4e-7)
    alone = point_at(lambda x: x, np.zeros(2))
    assert np.all(alone.scales(0) == 1.0)


def test_a_winner_drawn_by_lot_is_found_where_there_are_ties():
    def back(g, y, x):
        lots = np.where(x == x.max(), np.random.default_rng().random(x.shape), 0)
        return (g * (lots == lots.max()),)

    def largest(x):
        return x.max()

    kinds = {failure.kind for failure in check(largest, A, bprop=back).failures}
    assert "determinism" in kinds


def test_what_is_kept_by_the_identity_of_an_array_is_found():
    slopes = {}

    def back(g, y, x):
        return (g * slopes.setdefault((id(x), x.shape), np.cos(x)),)

    report = check(np.sin, A, bprop=back)
    assert report.verdict == "fail"


def test_a_constant_in_the_place_of_a_gradient_of_0_is_a_mistake():
    def back(g, y, x):
        return (2 * g * (x - x.mean()) / x.size if y else x + 1,)

    assert check(lambda x: x.var(), A[0], bprop=back).verdict == "fail"


def test_a_setting_need_not_be_an_array():
    def fprop(x, shape):
        return np.reshape(x, shape[0] if shape[1] is None else shape)

    report = check(fprop, A, ((4, 3), None), bprop=lambda g, y, x, shape: (np.reshape(g, x.shape), None))
    assert report.passed


def test_arrays_without_axes_stay_arrays_in_the_contract():
    """What takes arrays alone, as tensors of other frameworks, is never given a NumPy scalar by it."""

    def back(g, y, x):
        if not isinstance(x, np.ndarray):
            raise TypeError("an array is needed")
        return (np.asarray(g * np.cos(x)),)

    assert check(np.sin, np.array(0.7), bprop=back).passed
