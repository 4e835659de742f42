"""The inputs that the checker draws are what their labels say: values, shapes and settings."""

from typing import Annotated, Any, Literal

import numpy as np
import pytest

import flowgraph as fg
from flowgraph import Interval
from flowgraph.checking.example_contract import fits
from flowgraph.checking.families import (
    DRAWS,
    JOINT,
    MODES,
    SIZES,
    Source,
    alternatives,
    as_input,
    axis_groups,
    first_values,
    joint,
    near_numbers,
    resample,
    settings,
    shapes,
    values,
)
from flowgraph.checking.properties import structure_of

X = np.random.default_rng(1).normal(size=(4, 3))
ROWS, COLUMNS = np.random.default_rng(2).normal(size=(4, 3)), np.random.default_rng(3).normal(size=3)


def rng(seed=0):
    return np.random.default_rng(seed)


def source(inputs, active, names, structures=None, legal=None, seed=0, **known):
    return Source(inputs, active, names, structures or {}, {}, True, rng(seed), legal=legal or {}, **known)


def count(drawn, value):
    return int(np.count_nonzero(drawn == value))


def changed_rows(drawn, x):
    return [i for i in range(len(x)) if not np.array_equal(drawn[i], x[i])]


LABELS = {
    "normal": lambda d, x: d.min() < -1 and d.max() > 1 and np.abs(d).max() < 6,
    "uniform (0, 1)": lambda d, x: 0.02 <= d.min() < 0.2 and 0.8 < d.max() <= 0.98,
    "negated": lambda d, x: np.all(d == -x),
    "absolute": lambda d, x: np.all(d == np.abs(x)),
    "all negative": lambda d, x: np.all(d == -np.abs(x)),
    "all zeros": lambda d, x: not d.any(),
    "some zeros": lambda d, x: count(d, 0) == d.size // 3 and count(d, x) == d.size - d.size // 3,
    "one zero": lambda d, x: count(d, 0) == 1 and count(d, x) == d.size - 1,
    "two zeros": lambda d, x: count(d, 0) == 2 and count(d, x) == d.size - 2,
    "ones": lambda d, x: np.all(d == 1),
    "some ones": lambda d, x: count(d, 1) == d.size // 3 and count(d, x) == d.size - d.size // 3,
    "constant": lambda d, x: np.all(d == 0.7),
    "equal rows": lambda d, x: np.all(d == x[:1]),
    "equal columns": lambda d, x: np.all(d == x[:, :1]),
    "a row of zeros": lambda d, x: [d[i].any() for i in changed_rows(d, x)] == [False],
    "a tie": lambda d, x: count(d, x.max()) == 2 and count(d, x) == d.size - 1,
    "a row twice": lambda d, x: len(changed_rows(d, x)) == 1 and len(np.unique(d, axis=0)) == len(x) - 1,
    "small integers": lambda d, x: set(d.ravel()) == set(range(-3, 4)),
    "positive integers": lambda d, x: set(d.ravel()) == {1, 2, 3, 4},
    "two-valued": lambda d, x: set(d.ravel()) == {0.4, 1.3},
    "two-valued, signed": lambda d, x: set(d.ravel()) == {-0.6, 0.9},
    "×1e-6": lambda d, x: np.allclose(d, x * 1e-6, rtol=1e-12, atol=0),
    "×1e-3": lambda d, x: np.allclose(d, x * 1e-3, rtol=1e-12, atol=0),
    "×0.01": lambda d, x: np.allclose(d, x * 0.01, rtol=1e-12, atol=0),
    "×5": lambda d, x: np.all(d == x * 5),
    "×30": lambda d, x: np.all(d == x * 30),
    "×1e3": lambda d, x: np.all(d == x * 1e3),
    "×3e4": lambda d, x: np.all(d == x * 3e4),
    "log-uniform": lambda d, x: 1e-5 <= abs(d).min() < 1e-3 and 10 < abs(d).max() <= 1e3 and d.min() < 0 < d.max(),
    "log-uniform, positive": lambda d, x: 1e-5 <= d.min() < 1e-3 and 1 < d.max() <= 100,
    "large": lambda d, x: np.allclose(d, np.abs(x) * 100 + 3),
    "large negative": lambda d, x: np.allclose(d, -np.abs(x) * 100 - 3),
    "one large": lambda d, x: count(d, 800) == 1 and count(d, x) == d.size - 1,
    "one large negative": lambda d, x: count(d, -800) == 1 and count(d, x) == d.size - 1,
    "uniform (-1, 1)": lambda d, x: -0.98 <= d.min() < -0.7 and 0.7 < d.max() <= 0.98,
    "above 1": lambda d, x: 1 <= d.min() < 1.3 and 2 < d.max() < 6,
    "sorted": lambda d, x: np.all(d == np.sort(x, axis=-1)),
    "sorted, descending": lambda d, x: np.all(d == np.sort(x, axis=-1)[:, ::-1]),
    "shifted": lambda d, x: np.all(d == x + 4),
}  # fmt: skip


@pytest.mark.parametrize("label", DRAWS)
def test_values_are_what_the_label_says(label):
    x = np.random.default_rng(5).normal(size=(12, 7))
    before = x.copy()
    for seed in range(3):
        drawn = DRAWS[label](x, rng(seed))
        assert drawn.shape == x.shape
        assert LABELS[label](drawn, x), seed
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("label", DRAWS)
def test_values_of_any_shape_can_be_drawn(label):
    for shape in ((), (1,), (5,), (0,), (2, 0), (1, 1, 3)):
        x = np.asarray(rng().normal(size=shape))
        assert DRAWS[label](x, rng()).shape == shape
        for example in (x.astype(np.float32), 0.5 if shape == () else x):
            found = as_input(example, DRAWS[label](np.asarray(example), rng()))
            assert type(found) is type(example)
            assert np.shape(found) == shape
            assert np.asarray(found).dtype == np.asarray(example).dtype


def test_inputs_are_drawn_together_then_one_at_a_time_then_equal_to_one_another():
    symmetric = ROWS.T @ ROWS
    inputs = (symmetric, COLUMNS, 3, np.arange(2))
    structures = {0: structure_of(symmetric)}
    assert structures[0] is not None
    given = source(inputs, (0, 1), ("p", "q", "n", "i"), structures)
    found = {**dict(first_values(given)), **dict(values(given))}
    wanted = [f"{first}{label}{last}" for label in DRAWS for first, last in
              (("", ""), ("", ", keeping what the example has"), ("p ", ""), ("q ", ""))]  # fmt: skip
    wanted += [f"{x} {how} {y}" for x, y in ("pq", "qp") for how in ("equal to", "partly equal to")]
    wanted += ["a neighbour without structure"]
    assert set(found) <= set(wanted)
    assert set(wanted) - set(found) <= {"q equal to p", "q partly equal to p"}  # a matrix is no vector
    for label, drawn in found.items():
        assert drawn[2:] == inputs[2:]
        if label.startswith("p "):
            np.testing.assert_array_equal(drawn[1], COLUMNS)
        if label == "a neighbour without structure":
            assert not np.allclose(drawn[0], drawn[0].T)
        elif label.endswith("example has") or (label[:2] in ("p ", "q ") and "equal to" not in label):
            np.testing.assert_allclose(drawn[0], drawn[0].T)
    for how in ("equal to", "partly equal to"):
        np.testing.assert_allclose(found[f"p {how} q"][0], found[f"p {how} q"][0].T)
    assert list(values(source((COLUMNS,), (0,), ("a",))))[-1][0] == list(DRAWS)[-1]


@pytest.mark.parametrize("c", [0.37, -5.0, 0.0])
def test_values_on_both_sides_of_a_number_in_the_code(c):
    width = abs(c) or 0.1
    inputs = (np.linspace(7, 9, 60), COLUMNS, 2)
    found = {label: (x - c) / width for label, (x, *_) in near_numbers(source(inputs, (0,), "xyn", constants=[c]))}
    around, beside, above, on = (found[f"{label} {c:g}"] for label in ("around", "beside", "above", "on"))
    assert -0.6 <= around.min() < -0.4
    assert 0.4 < around.max() <= 0.6
    assert np.all((np.abs(beside) > 1.9e-4) & (np.abs(beside) <= 1e-3))
    assert beside.min() < 0 < beside.max()
    assert 0.01 <= above.min() < 0.2
    assert 0.6 < above.max() <= 0.8
    assert np.count_nonzero(on == 0) == 20


def test_settings_that_could_stand_where_one_stands():
    assert list(alternatives(True, [], rng())) == [False]
    assert list(alternatives(2, [7, "same", 1], rng())) == [-4, -3, -2, -1, 0, 1, 3, 4, 5, 7, None, (2,)]
    assert set(alternatives(2.0, [], rng())) == {0.0, 1.0, -1.0, 4.0, -2.0, 3.0, 0.3}
    assert list(alternatives("C", ["A", 3], rng())) == ["A", "F"]
    for modes in MODES:
        assert {*alternatives(modes[0], [], rng()), modes[0]} >= set(modes)
    assert set(alternatives(None, [], rng())) == {0, -1, -2, (0,), (0, 1), (-1,), (-2, -1), True}
    assert list(alternatives(object(), [], rng())) == []


HINTS = (
    Annotated[int, Interval(0, 8)],
    Annotated[float, Interval(0.0, open=True)],
    Annotated[Any, Interval(0, 1)],
    Annotated[int | None, Interval(0)],
    Annotated[tuple[int, ...], "not an interval"],
)


@pytest.mark.parametrize("hint", HINTS, ids=str)
@pytest.mark.parametrize("value", [3, 0.5, True, "same", None, (2, 1), [1], np.arange(3)], ids=str)
def test_every_other_setting_is_within_an_annotation_or_it_is_not(hint, value):
    """An interval speaks of numbers; whatever stands where one stood is compared with the type alone."""
    for other in alternatives(value, [9], np.random.default_rng(0)):
        assert fits(hint, other) in (True, False)


def test_an_annotated_number_has_its_type_and_its_range():
    whole, either = Annotated[int, Interval(0, 8)], Annotated[int | None, Interval(0)]
    assert [fits(whole, other) for other in (0, 8, 9, -1, 2.0, None, (3,), True)] == [True, True] + 6 * [False]
    assert [fits(either, other) for other in (None, 3, -3, "3")] == [True, True, False, False]


def test_tuples_are_reordered_counted_from_the_end_moved_and_made_longer_and_shorter():
    found = list(alternatives((0, 2), [], rng()))
    assert {(2, 0), (0, -2), (-2, 0), (0, 0), (-1, -3), (0,), (2,), (0, 2, 3), (1, 3), (0, 4), 0, None} <= set(found)
    assert {(0, k) for k in (-2, -1, 0, 1, 3)} | {(k, 2) for k in (-2, -1, 1, 2, 3)} <= set(found)
    assert [0, 1] in list(alternatives([1, 0], [], rng()))
    nested = list(alternatives(((1, 2), "F"), [], rng()))
    assert ((2, 1), "F") in nested
    assert ((1, 2), "C") in nested
    assert list(alternatives((), [], rng())) == []


def test_masks_and_indices_keep_their_shape_and_kind():
    mask = np.array([[True, False, True], [False, False, True]])
    found = [one.tolist() for one in alternatives(mask, [], rng())]
    assert {True} == {np.shape(one) == mask.shape for one in found}
    for one in (~mask, np.ones((2, 3), bool), np.zeros((2, 3), bool)):
        assert one.tolist() in found
    for dtype in (np.int64, np.uint8):
        index = np.array([3, 0, 2, 1, 2], dtype)
        found = list(alternatives(index, [9, -5], rng()))
        assert all(one.dtype == dtype and one.shape == index.shape for one in found)
        lists = [one.tolist() for one in found]
        for one in ([3] * 5, [0] * 5, [2, 1, 2, 0, 3], [4, 1, 3, 2, 3], [0, 1, 2, 3, 4], [2, 3, 0, 2, 1]):
            assert one in lists, one
        assert any(one.count(9) == 1 for one in lists)
        assert any(one.count(9) == 4 for one in lists)
        assert any(min(one) < 0 for one in lists) is (dtype is np.int64)
        assert np.iinfo(dtype).max not in np.ravel(lists)
        assert any(sum(a != b for a, b in zip(one, index.tolist(), strict=True)) == 1 for one in lists)
    assert all(one.size == 0 for one in alternatives(np.zeros(0, int), [], rng()))
    assert all(one.dtype == np.uint8 for one in alternatives(np.array([255, 0, 1], np.uint8), [], rng()))


def test_one_setting_at_a_time_then_two():
    inputs = (X, 2, "same", COLUMNS, 0.5)
    found = list(settings(source(inputs, (0, 4), ("x", "axis", "mode", "held", "f"))))
    moved = [tuple(k for k in range(5) if drawn[k] is not inputs[k]) for _, drawn in found]
    assert set(moved) == {(1,), (2,), (1, 2)}
    assert moved.count((1, 2)) > 10
    for (label, drawn), which in zip(found, moved, strict=True):
        assert all(f"{('axis', 'mode')[k - 1]} = {drawn[k]!r}" in label for k in which)
    one = list(settings(source((X, 2), (0,), ("x", "axis"))))
    assert {label for label, _ in one} == {f"axis = {v!r}" for v in (*range(-4, 2), *range(3, 6), None, (2,))}


def test_axes_of_one_size_belong_together():
    groups = axis_groups((np.zeros((3, 4)), np.zeros(3), 2, np.zeros((4, 3))))
    assert groups[:2] == [((0, 0), (1, 0), (3, 1)), ((0, 1), (3, 0))]
    assert set(groups[2:]) == {
        ((0, 0),), ((1, 0),), ((3, 1),), ((0, 1),), ((3, 0),),
        ((0, 0), (1, 0)), ((0, 0), (3, 1)), ((1, 0), (3, 1)),
    }  # fmt: skip


def test_shapes_are_tried_once_each_and_are_not_too_large():
    inputs = (X, np.array([1.0, 2.0, 4.0]), "n")
    found = list(shapes(source(inputs, (0, 1), "xyn", sizes=[11])))
    seen = [(x.shape, y.shape) for _, (x, y, _) in found]
    assert len(set(seen)) == len(seen)
    assert (X.shape, (3,)) not in seen
    assert all(np.prod(s, dtype=float) <= 20000 for pair in seen for s in pair)
    for size in (*(n for n in SIZES if n != 3), 11):
        assert ((4, size), (size,)) in seen
        assert (X.shape, (size,)) in seen
    for pair in (((3,), ()), ((2, 4, 3), (2, 3)), ((3, 4), (3,)), ((1, 3), (3,)), ((4, 1), (3,)), ((4, 3), (4, 3)),
                 ((4, 3), (2, 4, 3)), ((4, 3), (1, 1)), ((4, 1, 3), (2, 1)), ((2, 1), (1, 3)), ((), ()),
                 ((2, 3, 2, 3), (2, 3, 2, 3)), ((4, 3, 3), (3, 3)), ((4, 3, 1), (3, 1)), ((4,), ())):  # fmt: skip
        assert pair in seen, pair


def test_what_is_drawn_for_another_shape_stays_within_the_example():
    for seed in range(5):
        drawn = resample(np.array([2.0, 5.0, 3.0]), (40, 2), rng(seed))
        assert drawn.shape == (40, 2)
        assert 2 <= drawn.min() < 2.6
        assert 4.2 < drawn.max() <= 5
        alike = resample(np.full(3, -2.0), (50,), rng(seed))
        assert -2.4 <= alike.min() < -2.2
        assert -1.8 < alike.max() <= -1.6
        assert resample(np.zeros(3), (50,), rng(seed)).std() > 0.5
        assert resample(np.zeros((0, 2)), (50,), rng(seed)).std() > 0.1
        assert sorted(resample(np.array([2, 0, 1]), (6,), rng(seed))) == list(range(6))
        assert set(resample(np.array([7, 0, 7]), (60,), rng(seed)).tolist()) == {0, 7}
        assert resample(np.array([7, 1]), (), rng(seed)).tolist() == 7
        narrow = resample(np.ones(3, np.float32), (2, 2), rng(seed))
        assert narrow.dtype == np.float32
    matrix = structure_of(ROWS.T @ ROWS)
    other = dict(shapes(source((ROWS.T @ ROWS,), (0,), ("x",), {0: matrix})))["shape (5,5)"][0]
    np.testing.assert_allclose(other, other.T)


def test_settings_are_crossed_with_the_example_a_square_and_more_and_fewer_axes():
    def given(*shape):
        return rng().normal(size=shape), 1, np.arange(3)

    others = [given(2, 4), given(3, 3), given(5, 5), given(1, 2, 3), given(2, 2, 2), given(4, 2, 3), given(3)]
    found = list(joint(source(given(2, 3), (0,), ("x", "axis", "i"), legal={shapes: others})))
    assert list(dict.fromkeys(drawn[0].shape for _, drawn in found)) == [(2, 3), (3, 3), (1, 2, 3), (2, 2, 2), (3,)]
    for shape in ("(2,3)", "(3,3)", "(3,)"):
        assert {f"{shape}, axis = {other}" for other in (*range(-4, 1), 2, 3, 4, 5, None)} <= {
            ", ".join(label.split(", ")[:2]) for label, _ in found
        }
    assert all(drawn[1] != 1 for _, drawn in found)


def test_a_zero_a_tie_and_one_large_value_come_before_everything_else():
    found = [label for label, _ in first_values(source((X,), (0,), "x"))]
    assert found == ["one zero", "all zeros", "equal rows", "a tie", "one large"]


def test_values_are_drawn_with_other_shapes_and_settings():
    example, legal = (X, 1, COLUMNS), {shapes: [(np.ones((2, 2)), 1, np.ones(2)), (np.ones((5, 1)), 1, np.ones(1))]}
    found = [one for seed in range(4) for one in joint(source(example, (0, 2), "xny", legal=legal, seed=seed))]
    assert {drawn[0].shape for _, drawn in found} == {(4, 3), (2, 2)}
    for shape, old in (((4, 3), X), ((2, 2), np.ones((2, 2)))):
        anew = [not np.array_equal(drawn[0], old) for _, drawn in found if drawn[0].shape == shape]
        assert 0.3 * len(anew) < sum(anew) < 0.7 * len(anew)
    assert all(label.startswith(f"{str(drawn[0].shape).replace(' ', '')} ") for label, drawn in found)
    alone = list(joint(source((X, COLUMNS), (0, 1), "xy")))
    assert len(alone) == JOINT
    assert all(drawn[0].shape == X.shape for _, drawn in alone)


def test_options_that_are_not_given_are_tried_with_their_other_values():
    def fprop(x, mode="mean", squared=True):
        y = x * x if squared else x**3
        return {"mean": np.mean, "sum": np.sum}[mode](y)

    def bprop(grad, output, x, mode="mean", squared=True):
        slope = 2 * x if squared else 3 * x * x
        return (grad * slope / (x.size if mode == "mean" else 1),)

    def bprop_of_mean(grad, output, x, mode="mean", squared=True):
        return (grad * (2 * x if squared else 3 * x * x) / x.size,)

    def bprop_of_square(grad, output, x, mode="mean", squared=True):
        return (grad * 2 * x / (x.size if mode == "mean" else 1),)

    x = np.arange(1.0, 7.0).reshape(2, 3)
    assert fg.check(fprop, x, bprop=bprop).passed
    for wrong, words in ((bprop_of_mean, "mode = 'sum'"), (bprop_of_square, "squared = False")):
        (failure,) = fg.check(fprop, x, bprop=wrong).failures
        assert words in failure.test_case


def test_an_option_is_tried_with_the_members_of_its_literal_type():
    factors = {"once": 1.0, "twice": 2.0}

    def fprop(x, how: Literal["once", "twice"] | None = "once"):
        return x * factors[how]

    (failure,) = fg.check(fprop, np.arange(3.0), bprop=lambda g, h, x, how="once": (g,), vary="settings").failures
    assert failure.test_case == "how = 'twice'"
    assert failure.diagnosis == "a factor: it should be 2 times as large"


def test_a_square_example_gets_unequal_sizes_that_fprop_takes():
    def bprop_by(axis):
        return lambda grad, output, x: (np.broadcast_to(grad[:, None], x.shape) / x.shape[axis],)

    square = np.arange(9.0).reshape(3, 3)
    (failure,) = fg.check(lambda x: x.mean(axis=1), square, bprop=bprop_by(0)).failures
    assert not failure.beyond
    assert fg.check(lambda x: x.mean(axis=1), square, bprop=bprop_by(1)).passed
