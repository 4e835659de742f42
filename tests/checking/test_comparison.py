"""The cheap comparison: which gradients and directions it tries, what it says of an answer, when it looks closer."""

from dataclasses import replace

import numpy as np
import pytest

from flowgraph.checking.compare import (
    FormFault,
    Tally,
    ValueMismatch,
    _wide,
    ask,
    compare,
    copies_of,
    deviation,
    gaps,
    judge,
    read_gradients,
)
from flowgraph.checking.difference import Slopes
from flowgraph.checking.point import Point, Runner, directions_for, grads_for, random_direction
from flowgraph.checking.target import Target
from flowgraph.errors import OpenChoiceError

X, Y = np.array([[0.5, -1.0], [2.0, 0.25]]), np.array([3.0, -0.1, 0.7])


def point_of(fprop, bprop, *inputs):
    target = Target.of_functions(fprop, bprop, inputs)
    active = tuple(i for i, x in enumerate(inputs) if np.asarray(x).dtype.kind == "f")
    return Point.at(Runner(target, 100_000, 100.0), tuple(inputs), "here", active)


def products(x, y):
    return x.sum() * y


def products_back(g, h, x, y, factor=1.0):
    return np.full(x.shape, factor * (g * y).sum()), g * x.sum()


def slopes_of(value, error, kinked=(), low=None, high=None):
    value, error = np.array(value, float), np.array(error, float)
    marks = np.zeros(value.shape, bool)
    marks[list(kinked)] = True
    return Slopes(
        value, error, value if low is None else np.array(low), value if high is None else np.array(high), marks
    )


@pytest.mark.parametrize("single", [0, 1, 2, 7])
def test_gradients_at_all_outputs_and_at_single_ones(single):
    point = point_of(products, products_back, X, Y)
    first, *others = grads_for(point, np.random.default_rng(0), single)
    assert first.shape == (3,)
    assert np.all(first)
    assert len(others) == min(single, 3)
    assert all(np.count_nonzero(grad) == 1 for grad in others)
    assert len({int(np.flatnonzero(grad)[0]) for grad in others}) == len(others)
    assert all(0.5 <= np.abs(grad).max() <= 2 for grad in others)
    alone = point_of(lambda x: x.sum(), lambda g, h, x: (g * np.ones(x.shape),), X)
    assert len(grads_for(alone, np.random.default_rng(0), single)) == 1


def test_single_outputs_are_tried_with_both_signs():
    point = point_of(products, products_back, X, Y)
    tried = {(int(np.flatnonzero(g)[0]), np.sign(g.sum())) for seed in range(40) for g in
             grads_for(point, np.random.default_rng(seed), 1)[1:]}  # fmt: skip
    assert tried == {(k, sign) for k in range(3) for sign in (-1, 1)}


@pytest.mark.parametrize("coordinates", [0, 1, 3, 99])
def test_directions_move_all_inputs_then_each_then_single_elements(coordinates):
    point = point_of(products, products_back, X, Y)
    up, of_x, of_y, *singles = directions_for(point, np.random.default_rng(1), coordinates)
    assert set(up) == {0, 1}
    assert np.all(up[0] > 0)
    assert np.all(up[1] > 0)
    assert (set(of_x), set(of_y)) == ({0}, {1})
    assert len(singles) == min(coordinates, 7)
    moved = [(i, int(k)) for one in singles for i, d in one.items() for k in np.flatnonzero(d)]
    assert len(set(moved)) == len(moved) == len(singles)
    assert all(np.abs(one[i]).max() in point.scales(i) for one in singles for i in one)
    empty = point_of(lambda x, y: y, lambda g, h, x, y: (np.zeros(x.shape), g), np.zeros((0, 2)), Y)
    assert all(set(one) == {1} for one in directions_for(empty, np.random.default_rng(1), 2))


def test_a_random_direction_moves_each_element_by_about_its_size_either_way():
    point = point_of(products, products_back, X, Y)
    drawn = np.array([random_direction(point, 1, np.random.default_rng(k)) for k in range(200)]) / np.abs(Y)
    assert 0.5 <= np.abs(drawn).min() < 0.55
    assert 1.45 < np.abs(drawn).max() <= 1.5
    assert np.all(np.abs(np.sign(drawn).mean(axis=0)) < 0.3)


@pytest.mark.parametrize(
    ("slopes", "wide"),
    [
        (slopes_of([1.0, 2.0], [1e-9, 1e-9]), False),
        (slopes_of([1.0, 2.0], [1e-9, 1e-6]), True),
        (slopes_of([1.0, 2.0], [1e-9, 1.0], kinked=[1]), False),
        (slopes_of([0.0, 2.0], [1e-10, 1e-9]), False),
        (slopes_of([0.0, 2.0], [1e-9, 1e-9]), True),
        (slopes_of([0.0, 0.0], [0.0, 0.0]), False),
        (slopes_of([], []), False),
    ],
)
def test_a_slope_is_wide_whose_bar_is_above_1e_7_of_it(slopes, wide):
    assert _wide(slopes) is wide


def test_a_wide_slope_is_looked_at_with_finer_steps():
    rough = point_of(lambda x: np.sin(900 * x), lambda g, h, x: (900 * g * np.cos(900 * x),), np.array([0.5, 0.3]))
    plain = point_of(lambda x: 3 * x, lambda g, h, x: (3 * g,), np.array([0.3, -0.2]))
    for point, depth in ((rough, 10), (plain, 4)):
        direction = {0: np.array([1.0, 0.5]) * point.scales(0)}
        assert compare(point, [np.ones(2)], [direction], Tally()) == []
        assert len(point.stencil(direction).plus) == depth


def test_deviation_counts_from_the_hull_of_the_slopes():
    grad = np.array([2.0, 0.0, -1.0])
    smooth = slopes_of([1.0, 100.0, 3.0], [1e-3, 9.0, 1e-2])
    numeric, excess, tolerance, size = deviation(grad, smooth, -0.5, 0.0)
    assert (numeric, excess, size) == (-1.0, 0.5, 5.0)
    assert tolerance == pytest.approx(4 * (2e-3 + 1e-2), rel=1e-9)
    kinked = slopes_of([1.0, 0.0, 3.0], [0.0, 0.0, 0.0], [0, 2], [0.5, 0.0, 2.0], [1.5, 0.0, 4.0])
    for analytic, needed in ((-3.0, 0.0), (1.0, 0.0), (-3.5, 0.5), (1.25, 0.25), (-1.0, 0.0)):
        assert deviation(grad, kinked, analytic, 0.0)[1] == needed
    assert deviation(grad, slopes_of([1.0, 0.0, 3.0], [np.inf, 0, 0]), 5.0, 0.0)[1:3] == (0.0, np.inf)
    terms = 1e6
    assert deviation(grad, smooth, 0.0, terms)[2] - tolerance == pytest.approx(64 * 2.0**-53 * terms, rel=1e-4)


@pytest.mark.parametrize(("factor", "wrong"), [(1.0, False), (1 + 1e-14, False), (1 + 1e-6, True), (-1.0, True)])
def test_a_mismatch_is_a_suspicion_about_its_direction(factor, wrong):
    point = point_of(products, lambda *given: products_back(*given, factor=factor), X, Y)
    rng, tally = np.random.default_rng(0), Tally()
    directions = directions_for(point, rng, 2)
    found = compare(point, grads_for(point, rng, 1), directions, tally)
    assert bool(found) is wrong
    assert tally.comparisons == 2 * len(directions)
    for one in found:
        assert (one.kind, one.kinked) == ("value", False)
        assert 0 in one.direction
        if set(one.direction) == {0}:
            assert one.analytic / one.numeric == pytest.approx(factor, rel=1e-8)
            assert one.clear(3.0) is (factor == -1.0)


def test_a_mismatch_is_clear_far_from_kinks_alone():
    point = point_of(products, products_back, X, Y)
    direction = {0: np.ones(np.shape(X))}
    one = ValueMismatch(point, np.ones(point.value.shape), direction, analytic=1.0, numeric=1.1, tolerance=1e-3)
    assert one.clear(10)
    assert not one.clear(200)
    assert not replace(one, kinked=True).clear(10)
    assert not replace(one, numeric=1.001, tolerance=1e-9).clear(10)
    assert not FormFault("shape", point).clear(10)


@pytest.mark.parametrize(
    ("answer", "kinds", "usable"),
    [
        (lambda g: (X, Y), [], True),
        (lambda g: [X, Y], [], True),
        (lambda g: (X, None), [], True),
        (lambda g: X, ["count"], False),
        (lambda g: (X,), ["count"], False),
        (lambda g: (X, Y, None), ["count"], False),
        (lambda g: (X.T[:1], Y), ["shape"], False),
        (lambda g: (X, Y.astype(np.float32)), ["dtype"], True),
        (lambda g: (X.astype(np.float32), Y[:2]), ["dtype", "shape"], False),
        (lambda g: (X, Y.astype(complex)), ["numbers"], False),
        (lambda g: (X.astype(int), Y), ["dtype"], True),
        (lambda g: (X, [[1.0], [2.0, 3.0]]), ["shape"], False),
    ],
)
def test_what_is_wrong_with_the_form_of_an_answer(answer, kinds, usable):
    point = point_of(products, lambda g, h, x, y: answer(g), X, Y)
    gradients, faults = ask(point, np.ones(3))
    assert [fault.kind for fault in faults] == kinds
    assert (gradients is not None) is usable
    assert all(fault.grad is not None for fault in faults)
    assert read_gradients(point, answer(None))[0] is None or len(gradients) == 2


def test_a_bprop_that_raises_and_one_without_an_answer():
    def raising(g, h, x, y):
        raise (ZeroDivisionError("none") if g[0] > 0 else OpenChoiceError("any"))

    point = point_of(products, raising, X, Y)
    gradients, (fault,) = ask(point, np.ones(3))
    assert (gradients, fault.kind, fault.note) == (None, "raised", "bprop raised ZeroDivisionError: none")
    assert ask(point, -np.ones(3)) == (None, [])


def test_gaps_between_answers():
    one = [np.array([1.0, -5.0]), None, np.zeros(0), np.ones(2), np.ones(2)]
    other = [np.array([1.5, -4.0]), np.ones(2), np.zeros(0), None, np.ones(3)]
    assert gaps(one, other) == [(1.0, 5.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0)]
    assert gaps(one, None)[0] == (0.0, 5.0)
    copied = copies_of(one)
    one[0][:] = 7.0
    np.testing.assert_array_equal(copied[0], [1.0, -5.0])
    assert copied[1] is None
    assert copies_of(None) is None


def test_what_is_not_finite_is_said_with_its_input():
    point = point_of(products, lambda g, h, x, y: (X, Y * np.nan if g[0] > 1 else g * x.sum()), X, Y)
    (fault,) = compare(point, [np.full(3, 2.0)], [], Tally())
    assert (fault.kind, fault.child) == ("nonfinite", 1)


def test_a_kink_is_judged_by_the_slopes_on_its_sides():
    point = point_of(lambda x: np.abs(x), lambda g, h, x: (g * np.sign(x),), np.array([0.0, 1.0]))
    slopes = slopes_of([0.0, 1.0], [0.0, 0.0], [0], [-1.0, 1.0], [1.0, 1.0])
    direction = {0: np.ones(2)}
    for slope, wrong in ((0.0, False), (1.0, False), (-1.0, False), (1.5, True)):
        found = judge(point, np.ones(2), [np.array([slope, 1.0])], direction, slopes)
        assert (found is not None) is wrong
        assert found is None or found.kinked
    tally = Tally()
    judge(point, np.ones(2), [np.ones(2)], direction, slopes, tally)
    judge(point, np.ones(2), [np.ones(2)], direction, slopes_of([0.0, 1.0], [0.0, 1.0]), tally)
    assert (tally.comparisons, tally.kinks, tally.weak, len(tally.resolutions)) == (2, 1, 1, 1)
    found = judge(point, np.array([0.0, 1.0]), [np.array([0.0, 3.0])], direction, slopes)
    assert not found.kinked
