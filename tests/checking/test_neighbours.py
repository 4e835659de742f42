"""Around a kink slopes are read close to the point, on every side of it, and a gradient outside of them is wrong."""

import numpy as np
import pytest

from flowgraph.checking import check
from flowgraph.checking.point import Point, Runner
from flowgraph.checking.roughness import (
    COARSE,
    FINE,
    SPAN,
    has_ties,
    hull,
    neighbour_slopes,
    winner_slopes,
)
from flowgraph.checking.target import Target

ONES = np.ones(1)


def watched(function, *inputs):
    """The point of a function at some inputs, and all inputs at which the function is called from now on."""
    calls = []

    def fprop(*given):
        calls.append(given)
        return function(*given)

    target = Target.of_functions(fprop, lambda g, y, *given: tuple(np.ones(np.shape(x)) for x in given), inputs)
    active = tuple(i for i, x in enumerate(inputs) if isinstance(x, np.ndarray))
    point = Point.at(Runner(target, 100_000, 100.0), inputs, "here", active)
    calls.clear()
    return point, calls


def farthest(point, calls):
    """Of each call, how far its inputs are from the point, in their own scales."""
    return np.array([
        max(float(np.abs((one[i] - point.inputs[i]) / point.scales(i)).max()) for i in point.active) for one in calls
    ])  # fmt: skip


FINDERS = {
    "neighbours": lambda p, d, rng: neighbour_slopes(p, d, rng, 40),
    "coarse": lambda p, d, rng: neighbour_slopes(p, d, rng, 40, COARSE),
    "winners": lambda p, d, rng: winner_slopes(p, d, np.ones(p.value.size), rng),
}
RADII = {"neighbours": FINE, "coarse": COARSE}


@pytest.mark.parametrize("size", [1.0, 1e-3, 1e4])
@pytest.mark.parametrize("name", FINDERS)
def test_neighbours_are_near_in_the_scale_of_each_input(name, size):
    x, y = size * np.array([0.0, 1.0, -2.0]), np.array([3.0, 0.5])
    point, calls = watched(lambda x, y: x[:2] * y / size + x.sum() / size, x, y)
    direction = {0: point.scales(0) * [1.0, -1.0, 1.0], 1: 0 * y}
    rows = FINDERS[name](point, direction, np.random.default_rng(0))
    assert len(rows) >= 20
    needed = (direction[0][:2] * y + direction[0].sum()) / size
    np.testing.assert_allclose(rows, np.broadcast_to(needed, rows.shape), rtol=1e-2)
    centres = farthest(point, calls)[::3]
    if name in RADII:
        assert np.all(np.abs(np.log10(centres[:2] / RADII[name])) <= 0.5)
        assert np.all(centres < 4 * 10**0.5 * RADII[name])
    else:
        np.testing.assert_allclose(centres, FINE, rtol=1e-5)
    moved = np.diff(farthest(point, calls).reshape(-1, 3), axis=1)
    assert np.all(np.abs(moved) <= 5 * SPAN * centres[:, None])


def test_the_first_neighbours_are_above_below_ahead_and_behind():
    point, calls = watched(lambda x: np.abs(x), np.zeros(3))
    direction = {0: np.array([1.0, -1.0, 1.0])}
    rows = neighbour_slopes(point, direction, np.random.default_rng(0), 4)
    np.testing.assert_allclose(rows, [[1, -1, 1], [-1, 1, -1], [1, 1, 1], [-1, -1, -1]], rtol=1e-6)
    assert len(calls) == 12


def test_every_element_is_a_winner_and_a_loser_in_turn():
    point, _ = watched(lambda x: np.array([x.max(), x.min()]), np.zeros(20))
    weights = np.arange(1.0, 21.0)
    rows = winner_slopes(point, {0: weights}, np.array([1.0, 0.0]), np.random.default_rng(0))
    assert set(weights) <= set(np.round(rows[:, 0], 3))
    assert set(weights) <= set(np.round(rows[:, 1], 3))


@pytest.mark.parametrize(("x", "ties"), [([1.0, 2.0], False), ([1.0, 1.0], True), ([0.0, 2.0], True), ([3.0], False)])
def test_ties_are_equal_elements_and_zeros(x, ties):
    assert has_ties(watched(np.sin, np.array(x))[0]) is ties


def test_the_hull_lets_every_output_pick_its_own_row():
    rows = np.array([[1.0, 5.0], [2.0, -1.0]])
    assert hull(rows, np.array([1.0, 1.0])) == (0.0, 7.0)
    assert hull(rows, np.array([-2.0, 0.0])) == (-4.0, -2.0)


@pytest.mark.parametrize(("slope", "verdict"), [(0.0, "pass"), (0.2, "pass"), (2.0, "fail")])
def test_what_a_norm_answers_at_0_must_lie_within_the_slopes_around(slope, verdict):
    def back(g, y, x):
        return (g * (x / y if y else np.full(x.shape, slope)),)

    x = np.array([0.4, -1.0, 0.8])
    assert check(lambda x: np.sqrt(np.sum(x * x)), x, bprop=back).verdict == verdict


@pytest.mark.parametrize(("low", "high", "edge"), [(0, np.inf, 0.0), (-np.inf, 1, 1.0), (0, 1, 0.0), (0, 1, 1.0)])
@pytest.mark.parametrize("others", [0, 4])
def test_ties_at_the_edge_of_a_domain_are_parted_in_every_order(low, high, edge, others):
    """Of many elements at the edge a random neighbour nearly always has one outside."""

    def share(x):
        if np.any((x < low) | (x > high)):
            raise ValueError("outside")
        return (np.arange(x.size) * np.sort(x)).sum()

    x = np.concatenate([np.full(14, edge), np.linspace(0.2, 0.8, others)])
    point, _ = watched(share, x)
    first = {0: np.eye(x.size)[0]}
    for rows in (
        neighbour_slopes(point, first, np.random.default_rng(0), 64),
        winner_slopes(point, first, ONES, np.random.default_rng(0)),
    ):
        ranks = set(np.round(rows[:, 0] - rows.min()).astype(int))
        assert {0, 13} <= ranks
    assert len(set(np.round(neighbour_slopes(point, first, np.random.default_rng(0), 64)[:, 0]))) > 8
