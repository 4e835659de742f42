"""Slopes, their error bars and the rounding in them, of functions whose slopes and rounding are known."""

import numpy as np
import pytest

from flowgraph.checking.compare import ValueMismatch
from flowgraph.checking.contract import slope_rounding
from flowgraph.checking.difference import SHRINK, STEP, Stencil, extrapolate, trusted_by_finer
from flowgraph.checking.exemptions import Evidence, careful_slopes
from flowgraph.checking.point import UNIT, Measured, Point, Runner
from flowgraph.checking.roughness import (
    SPACINGS,
    _of_differences,
    analytic_roughness,
    jitter_point,
    measured_noise,
    rounded_otherwise,
)
from flowgraph.checking.target import Target

EXACT = np.zeros(1)
SMOOTH = {
    "sin": (np.sin, 0.7, np.cos(0.7)),
    "exp": (np.exp, -0.3, np.exp(-0.3)),
    "cube": (lambda x: x**3, 2.0, 12.0),
    "steep": (lambda x: np.tanh(30 * x), 0.01, 30 / np.cosh(0.3) ** 2),
    "zero": (lambda x: x**2, 0.0, 0.0),
}


def line(function, x, legal=lambda x: True, start=STEP):
    """The function of one number along the line of x, and the steps at which it was asked for."""
    steps = []

    def along(h):
        steps.append(h)
        return np.atleast_1d(function(x + h)) if legal(x + h) else None

    return Stencil(along, np.atleast_1d(function(x)), start), steps


def point_of(function, *inputs, bprop=None):
    target = Target.of_functions(function, bprop or (lambda g, y, *given: given), inputs)
    point = Point.at(Runner(target, 1_000_000, 100.0), inputs, "here", tuple(range(len(inputs))))
    point.runner.measured = Measured(size=float(np.abs(point.value).max()))
    return point


def pseudo(x):
    """A number of [-1, 1] that changes with the last digits of x."""
    return np.modf(np.abs(np.sin(np.asarray(x) * 1e13) * 43758.5453))[0] * 2 - 1


def test_steps_shrink_by_four_to_both_sides_and_are_asked_for_once():
    stencil, steps = line(np.sin, 0.5)
    stencil.extend(3)
    stencil.extend(2)
    stencil.extend(4)
    sizes = STEP * SHRINK ** -np.arange(4.0)
    np.testing.assert_allclose(sorted(steps), sorted([*sizes, *-sizes]), rtol=1e-15)
    np.testing.assert_allclose(np.ravel(stencil.plus), np.sin(0.5 + sizes))
    np.testing.assert_allclose(np.ravel(stencil.minus), np.sin(0.5 - sizes))
    np.testing.assert_allclose(stencil.quotients(0)[2], sizes)


@pytest.mark.parametrize("side", [1, -1])
def test_sides_that_are_not_legal_are_left_out(side):
    stencil, _ = line(np.sin, 0.5, lambda x: side * (x - 0.5) >= 0 or abs(x - 0.5) > STEP / 2)
    stencil.extend(5)
    np.testing.assert_allclose(stencil.quotients(side)[2], STEP * SHRINK ** -np.arange(5.0))
    assert stencil.quotients(0) is None
    assert stencil.quotients(-side) is None
    assert not stencil.stands_alone
    found = stencil.slopes(EXACT)
    assert found.one_sided
    assert abs(found.value[0] - np.cos(0.5)) <= found.error[0] < 1e-6
    alone, _ = line(np.sin, 0.5, lambda x: abs(x - 0.5) > STEP / 8)
    alone.extend(2)
    assert not alone.stands_alone
    alone.extend(5)
    assert alone.stands_alone


def test_quotients_and_their_floors():
    stencil, _ = line(lambda x: x**3, 2.0)
    stencil.extend(3)
    h = STEP * SHRINK ** -np.arange(3.0)
    noise = np.full(1, 1e-3)
    quotients, floors, _ = stencil.quotients(0, noise)
    np.testing.assert_allclose(quotients[:, 0], 12 + h**2, rtol=1e-12)
    np.testing.assert_allclose(floors[:, 0], 1e-3 / h, rtol=1e-8)
    for side in (1, -1):
        quotients, floors, _ = stencil.quotients(side, noise)
        np.testing.assert_allclose(quotients[:, 0], 12 + side * 6 * h + h**2, rtol=1e-11)
        np.testing.assert_allclose(floors[:, 0], 2e-3 / h, rtol=1e-8)


@pytest.mark.parametrize("name", SMOOTH)
def test_a_smooth_slope_is_within_its_bar_and_has_no_kink(name):
    function, x, slope = SMOOTH[name]
    stencil, _ = line(function, x)
    stencil.extend(10)
    found = stencil.slopes(np.full(1, 1e-16))
    assert abs(found.value[0] - slope) <= found.error[0] + 1e-14
    assert found.error[0] < 1e-9 * (1 + abs(slope))
    assert not found.kinked.any()
    assert not found.one_sided
    np.testing.assert_array_equal(found.low, found.value)
    np.testing.assert_array_equal(found.high, found.value)


@pytest.mark.parametrize(("left", "right"), [(-1.0, 1.0), (2.0, 2.5), (3.0, -1.0)])
def test_a_kink_has_the_hull_of_its_two_slopes(left, right):
    stencil, _ = line(lambda x: np.stack([np.where(x > 0, right * x, left * x) + x * x, np.sin(x)]), 0.0)
    stencil.extend(5)
    found = stencil.slopes(np.full(2, 1e-16))
    np.testing.assert_array_equal(found.kinked, [True, False])
    low, high = sorted((left, right))
    assert low - 0.01 < found.low[0] <= low
    assert high <= found.high[0] < high + 0.01
    assert found.low[1] == found.high[1] == found.value[1]


def test_extrapolation_removes_the_powers_of_the_step():
    h = SHRINK ** -np.arange(5.0)
    floors = np.full((5, 1), 1e-18)
    even = (3 + 2 * h**2 - h**4 + h**6)[:, None]
    value, bar = extrapolate(even, floors, SHRINK**2)
    assert abs(value[0] - 3) <= bar[0] < 1e-8
    every = (3 + 2 * h - h**2 + h**3)[:, None]
    value, bar = extrapolate(every, floors, SHRINK)
    assert abs(value[0] - 3) <= bar[0] < 1e-4
    value, bar = extrapolate(np.full((5, 1), 3.0), 1e-3 / h[:, None], SHRINK**2)
    assert bar[0] == pytest.approx(1e-3 * SHRINK, rel=0.2)


def test_an_estimate_counts_only_if_finer_steps_agree():
    """Three coarse steps say 5 and the finer ones say 2: the coarse ones have the smaller bar."""
    quotients = np.array([5.0, 5.0, 5.0, 2.2, 2.1, 2.05, 2.0])[:, None]
    floors = np.full((7, 1), 1e-6)
    assert extrapolate(quotients, floors, 16.0)[0][0] == pytest.approx(5.0)
    value, bar = extrapolate(quotients, floors, 16.0, trusted_by_finer(quotients, floors))
    assert value[0] < 2.3
    assert bar[0] > 1e-3
    vague = np.array([1e-6, 1e-6, 1e-6, 1.0, 1.0, 1.0, 1.0])[:, None]  # finer steps that cannot tell do not count
    value, _ = extrapolate(quotients, vague, 16.0, trusted_by_finer(quotients, vague))
    assert value[0] == pytest.approx(5.0)


@pytest.mark.parametrize("level", [1e-4, 1e-7, 1e-10])
def test_the_noise_of_a_function_is_measured(level):
    """A number drawn from [-1, 1] has the standard deviation 1 / √3."""
    point = point_of(lambda x: np.stack([np.sin(x[0]) + level * pseudo(x[0]), np.cos(x[0])]), np.array([0.8]))
    noise = measured_noise(point, {0: point.scales(0)})
    assert 0.3 * level < noise[0] < 1.5 * level
    assert noise[1] < 1e-15
    kinked = point_of(lambda x: np.abs(x - 0.8), np.array([0.8]))
    assert measured_noise(kinked, {0: kinked.scales(0)})[0] < 1e-15


def test_the_noise_is_measured_once_for_a_direction():
    calls = []
    point = point_of(lambda x: (calls.append(1), np.sin(x))[1], np.array([0.8]))
    direction = {0: np.ones(1)}
    first = measured_noise(point, direction)
    count = len(calls)
    assert count > 9 * len(SPACINGS)
    assert measured_noise(point, direction) is first
    assert len(calls) == count


def test_differences_of_high_order_see_noise_alone():
    grid = np.arange(9.0)[:, None]
    assert _of_differences(1 + grid - 2 * grid**2 + grid**3)[0] < 1e-10
    levels = [_of_differences(np.random.default_rng(k).normal(size=(400, 1)))[0] for k in range(5)]
    np.testing.assert_allclose(levels, 1.0, rtol=0.2)


def test_jitter_is_a_few_units_of_each_element():
    point = point_of(lambda x, y: x.sum() * y, np.array([0.5, -3.0, 1e6, 0.0]), np.float64(2.0))
    signs = set()
    for seed in range(20):
        near = jitter_point(point, np.random.default_rng(seed), 1e-8)
        moved = np.array([*near.inputs[0][:3] / point.inputs[0][:3], near.inputs[1] / 2.0]) - 1
        assert np.all((np.abs(moved) > 0.99e-8) & (np.abs(moved) < 4.01e-8))
        assert np.ptp(moved) > 1e-12
        assert near.inputs[0][3] == 0.0
        signs.add(np.sign(moved[0]))
    assert signs == {1.0, -1.0}
    narrow = point_of(np.sin, np.ones(2, np.float32))
    assert jitter_point(narrow, np.random.default_rng(0), 1e-6).inputs[0].dtype == np.float32


def test_an_incoming_gradient_is_rounded_otherwise():
    grad = np.array([1.0, -5.0, 0.0])
    moved = np.array([rounded_otherwise(grad, np.random.default_rng(k), 1e-6) for k in range(200)])
    assert np.all(np.abs(moved - grad) <= 8.01e-6 * np.abs(grad))
    assert np.abs(moved[:, 0] - 1).max() > 7e-6
    assert moved.min(axis=0)[0] < 1 < moved.max(axis=0)[0]


def test_the_noise_of_a_slope_is_that_of_bprop():
    rng, direction = np.random.default_rng(0), {0: np.ones(1)}
    plain = point_of(np.sin, np.array([0.7]), bprop=lambda g, y, x: (g * np.cos(x),))
    assert analytic_roughness(plain, np.ones(1), direction, rng, (1e-10,)) < 1e-15
    lossy = point_of(np.sin, np.array([0.7]), bprop=lambda g, y, x: (g * (np.cos(x) + 1e8 - 1e8),))
    assert 1e-9 < analytic_roughness(lossy, np.ones(1), direction, rng, (1e-10, 1e-8)) < 1e-7
    raising = point_of(np.sin, np.array([0.7]), bprop=lambda g, y, x: 1 / 0)
    assert analytic_roughness(raising, np.ones(1), direction, rng, (1e-10,)) == 0


def test_a_unit_of_a_slope():
    point = point_of(lambda x, y: 3 * x.sum() + 0 * y, np.array([0.5, -2.0]), np.array([4.0]))
    size = float(np.abs(point.value).max())
    np.testing.assert_allclose(slope_rounding(point, np.array([-7.0])), [UNIT * 7 * size / 0.5, UNIT * 7 * size / 4])


def test_careful_slopes_are_within_their_bars():
    point = point_of(lambda x: np.stack([np.sin(x[0]) + 1e-9 * pseudo(x[0]), np.exp(x[0])]), np.array([0.8]))
    direction = {0: np.array([2.0])}
    found = careful_slopes(point, direction, measured_noise(point, direction))
    needed = 2 * np.array([np.cos(0.8), np.exp(0.8)])
    assert np.all(np.abs(found.value - needed) <= found.error)
    assert 1e-9 < found.error[0] < 1e-4
    assert found.error[1] < 1e-9
    assert not found.one_sided


X, ONE = np.array([0.7]), np.ones(1)


def missing(function, slope, reach=0.3, gap=1e-3):
    """How far a function of one number moves otherwise than the integral of a slope, around 0.7."""
    point = point_of(function, X, bprop=lambda g, y, x: (g * slope(x),))
    return Evidence(ValueMismatch(point, ONE, {0: X}, 0.0, 0.0, 0.0), np.random.default_rng(0)).missing(reach, gap)


def test_the_integral_of_a_right_slope_is_the_change_of_the_value():
    assert missing(np.sin, np.cos)[0] < 1e-14
    for noise in (pseudo, lambda x: np.floor(9 * x)):
        found, rough = missing(lambda x, noise=noise: np.sin(x) + 1e-8 * noise(x), np.cos)
        assert 0.9e-8 < found < 3e-8
        assert rough > found / 8


@pytest.mark.parametrize("reach", [0.5, 0.03])
def test_a_wrong_slope_misses_as_much_over_every_stretch(reach):
    found, rough = missing(lambda x: 3 * x, lambda x: 3.001 + 0 * x, reach)
    assert found == pytest.approx(1e-3 * 0.7 * reach, rel=1e-2)
    assert rough < 1e-6 * found


def test_the_integral_of_a_slope_that_is_not_smooth_says_nothing():
    assert missing(np.sin, lambda x: np.where(x > 0.71, 2.0, np.cos(x))) is None
    assert missing(np.sin, lambda x: np.where(x == X, 2.0, np.cos(x))) is None
    assert missing(lambda x: np.log(x - 0.6), lambda x: 1 / (x - 0.6)) is None
