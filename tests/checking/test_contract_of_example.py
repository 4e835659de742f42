"""Wrong numbers at inputs like the example fail; refusals, and all that is beyond the example, are noted."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import UsageError

x = np.array([[0.3, -1.2, 0.8], [1.5, 0.4, -0.7]])
row = np.array([0.5, 1.5, -2.0])


def mean(x, axis=0):
    return np.mean(x, axis=axis)


def mean_backward(grad, out, x, axis=0):
    n = x.shape[axis]  # no axis is a TypeError here
    return np.broadcast_to(np.expand_dims(grad, axis), x.shape) / n, None


def product(x, y):
    return x * y


def product_backward(grad, out, x, y):
    return grad * y, grad * x


def mixed(x, w, b):
    return x @ w + b


def mixed_backward(grad, out, x, w, b):
    return grad @ w.T, x.T @ grad, grad.sum(axis=0)


MATMUL = (x, np.array([[1.0, 0.2], [0.5, -0.3], [0.1, 2.0]]), np.array([0.3, 0.9]))


def test_what_bprop_refuses_beyond_the_example_is_a_note():
    report = fg.check(mean, x, 0, bprop=mean_backward)
    assert report.passed, str(report)
    assert "fprop takes axis=None, bprop does not (TypeError)" in report.notes
    assert "notes:" in str(report)
    assert "axis=None" in str(report)
    assert report.as_dict()["notes"] == report.notes


def test_strict_makes_failures_of_notes():
    report = fg.check(mean, x, 0, bprop=mean_backward, strict=True)
    assert report.verdict == "fail"
    assert not report.notes


def test_another_shape_beyond_the_example_is_a_note():
    report = fg.check(mixed, *MATMUL, bprop=mixed_backward)
    assert report.passed, str(report)
    assert any("of shape" in note for note in report.notes)
    assert fg.check(mixed, *MATMUL, bprop=mixed_backward, strict=True).verdict == "fail"


def test_a_wrong_number_beyond_the_example_is_noted_and_fails_under_that_heading_where_strict():
    def flip(x, axis):
        return np.flip(x, axis)

    def backward(grad, out, x, axis):
        return (grad if axis is None else np.flip(grad, axis)), None

    assert "fprop takes axis=None, bprop gives wrong numbers there" in fg.check(flip, x, 1, bprop=backward).notes
    report = fg.check(flip, x, 1, bprop=backward, strict=True)
    assert report.verdict == "fail"
    assert [failure.beyond for failure in report.failures] == ["axis=None"]
    assert "beyond the example (axis=None)" in str(report)


def test_to_broadcast_is_beyond_an_example_that_does_not():
    report = fg.check(product, x, x + 1, bprop=product_backward)
    assert report.passed, str(report)
    assert any("bprop gives y a gradient of shape" in note or "gives x" in note for note in report.notes)
    strict = fg.check(product, x, x + 1, bprop=product_backward, strict=True)
    assert "shape" in {failure.kind for failure in strict.failures}
    assert fg.check(product, x, row, bprop=product_backward).verdict == "fail"


def test_what_only_looks_elementwise_at_one_output_does_not():
    def inner(x, y):
        return np.sum(x * y)

    assert fg.check(inner, x, x + 1, bprop=lambda g, out, x, y: (g * y, g * x)).passed


REFUSALS = {
    "a size": lambda x, w, b: len(x) == 5,
    "a rank": lambda x, w, b: x.ndim > 2,
    "an empty array": lambda x, w, b: x.size == 0,
    "a domain": lambda x, w, b: np.any(x < -20),
    "zeros": lambda x, w, b: not np.all(x),
}


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("error", [ValueError, AssertionError, FloatingPointError, np.linalg.LinAlgError])
def test_a_refusal_of_any_kind_is_a_failure_at_the_example_alone(refusal, error):
    def backward(grad, out, x, w, b):
        if REFUSALS[refusal](x, w, b):
            raise error("not these")
        return mixed_backward(grad, out, x, w, b)

    inputs = (np.vstack([x, x[:1] + 0.1]), *MATMUL[1:])
    report = fg.check(mixed, *inputs, bprop=backward)
    assert report.passed, str(report)
    assert not REFUSALS[refusal](*inputs)
    assert error is np.linalg.LinAlgError or fg.check(mixed, *inputs, bprop=backward, strict=True).verdict == "fail"

    def at_the_example(grad, out, x, w, b):
        raise ValueError("nothing")

    assert [one.kind for one in fg.check(mixed, *inputs, bprop=at_the_example).failures] == ["raised"]


def test_settings_keep_the_type_that_is_annotated():
    def power(x, mode: Literal["half", "double"] = "double"):
        return x * (0.5 if mode == "half" else 2.0)

    seen = []

    def backward(grad, out, x, mode):
        seen.append(mode)
        return grad * (0.5 if mode == "half" else 2.0), None

    assert fg.check(power, x, "double", bprop=backward).passed
    assert set(seen) == {"half", "double"}

    def rolled(x, axis: int):
        return np.roll(x, 1, axis)

    def rolled_back(grad, out, x, axis):
        seen.append(axis)
        return np.roll(grad, -1, axis), None

    seen.clear()
    assert fg.check(rolled, x, 0, bprop=rolled_back).passed
    assert {type(axis) for axis in seen} == {int}
    assert len(set(seen)) > 1


@pytest.mark.parametrize(
    ("options", "varied"),
    [
        ({"fixed": "settings"}, {"values", "shapes"}),
        ({"fixed": ("values", "shapes")}, {"settings"}),
        ({"vary": "shapes"}, {"shapes"}),
        ({"vary": ["values", "settings"]}, {"values", "settings"}),
        ({"fixed": "x"}, {"settings"}),
        ({"vary": "x"}, {"values", "shapes"}),
        ({"vary": ("x", "values")}, {"values"}),
    ],
)
def test_what_is_varied_is_chosen_by_kind_and_by_name(options, varied):
    seen = set()

    def scaled(x, n):
        seen.add("shapes" if x.shape != (2, 3) else "")
        seen.add("settings" if n != 3 else "")
        seen.add("values" if x.shape == (2, 3) and x[0, 0] < -100 else "")
        return x * n

    report = fg.check(scaled, x, 3, bprop=lambda g, out, x, n: (g * n, None), **options)
    assert report.passed
    assert seen - {""} == varied


def test_other_types_are_left_out_where_they_are_held_fixed():
    seen = set()

    def double(x):
        seen.add(x.dtype)
        return 2 * x

    def backward(grad, out, x):
        return (2 * grad,)

    fg.check(double, x, bprop=backward, fixed="dtypes")
    assert np.dtype(np.float32) not in seen
    fg.check(double, x, bprop=backward)
    assert np.dtype(np.float32) in seen


@pytest.mark.parametrize("option", ["vary", "fixed"])
def test_unknown_words_are_refused_with_those_that_there_are(option):
    with pytest.raises(UsageError, match=f"{option}= has 'weights', but .* has the inputs x, axis; .*'values'"):
        fg.check(mean, x, 0, bprop=mean_backward, **{option: "weights"})


class RowSum(fg.Box):
    """h = the sum of each row, of matrices alone"""

    def fprop(self, a):
        return a.sum(axis=-1)

    def bprop(self, grad, h, a):
        if a.ndim != 2:
            raise ValueError("not a matrix")
        return (np.broadcast_to(grad[:, None], a.shape),)


def test_boxes_are_checked_strictly():
    assert fg.check(RowSum).verdict == "fail"
    report = fg.check(RowSum, strict=False)
    assert report.passed, str(report)
    assert report.notes


def test_a_note_is_not_said_again_with_more_around_it():
    def total(x, axis):
        return x.sum(axis=axis)

    def backward(grad, out, x, axis):
        return np.broadcast_to(np.expand_dims(grad, axis), x.shape), None

    report = fg.check(total, x, 0, bprop=backward)
    assert report.passed
    about_none = [note for note in report.notes if "axis=None" in note]
    assert about_none == ["fprop takes axis=None, bprop does not (TypeError)"]


def test_flags_beside_the_operands_of_an_elementwise_function_do_not_hide_that_it_broadcasts():
    flags = np.array([[True, False, True], [False, False, True]])

    def backward(grad, out, flags, x, y):
        return None, np.where(flags, grad, 0.0), np.where(flags, 0.0, grad)

    report = fg.check(np.where, flags, x, x + 1, bprop=backward, strict=True)
    assert {failure.kind for failure in report.failures} == {"shape"}


def test_an_array_that_the_function_holds_ties_its_sizes():
    held, seen = np.array([0.5, -1.0, 2.0, 0.25, 1.0]), set()

    def forward(raw):
        seen.add(np.shape(raw))
        return (raw - held[: len(raw)]) ** 2

    assert fg.check(forward, held + 0.3, bprop=lambda grad, out, raw: (2 * grad * (raw - held[: len(raw)]),)).passed
    assert seen == {(5,)}


CLIPPED = np.array([0.2, 0.5, 0.7])


def test_a_clip_that_guards_a_singularity_shows_the_domain():
    def forward(p):
        return np.log(np.clip(p, 1e-12, 1 - 1e-12))

    report = fg.check(forward, CLIPPED, bprop=lambda grad, out, p: (grad / np.clip(p, 1e-12, 1 - 1e-12),))
    assert report.passed
    assert "fprop takes values of p that it clips, bprop gives wrong numbers there" in report.notes


def test_a_clip_that_is_part_of_the_function_is_none():
    report = fg.check(lambda p: np.clip(p, 0.0, 1.0), CLIPPED, bprop=lambda grad, out, p: (grad,))
    assert report.verdict == "fail"


@pytest.mark.parametrize(("x", "verdict"), [(np.array([0.3, -1.2]), "pass"), (np.array([0.3, 1.2]), "fail")])
def test_a_positive_input_beside_one_of_both_signs_keeps_its_sign(x, verdict):
    def forward(x, scale):
        return x * np.abs(scale)

    report = fg.check(forward, x, np.array(1.5), bprop=lambda grad, out, x, scale: (grad * scale, np.sum(grad * x)))
    assert report.verdict == verdict


def test_a_wrong_number_for_a_stack_is_noted_since_its_rank_is_another_one():
    def rows(x):
        return x / np.linalg.norm(x, axis=-1, keepdims=True)

    def rows_backward(grad, out, x):
        axis = 1 if x.ndim == 2 else 0  # of a stack of matrices not the last one
        return (
            (grad - out * np.sum(grad * out, axis=axis, keepdims=True)) / np.linalg.norm(x, axis=-1, keepdims=True),
        )

    example = np.array([[0.5, -1.0, 2.0], [0.25, 1.0, -0.5]])
    assert any("wrong numbers" in note for note in fg.check(rows, example, bprop=rows_backward).notes)
    assert fg.check(rows, example, bprop=rows_backward, strict=True).verdict == "fail"

    def mean(x):
        return np.sum(x**2) / len(x)

    report = fg.check(mean, example[0], bprop=lambda grad, out, x: (2 * grad * x / x.size,))
    assert report.passed
    assert any("bprop gives wrong numbers there" in note for note in report.notes)


def test_none_for_an_array_leaves_it_out_and_says_so():
    report = fg.check(product, x, x + 1, bprop=lambda grad, out, a, b: (grad * b, None))
    assert report.passed or report.failures
    assert "bprop gives None for" in report.notes[0]
    assert len(report.checked) == len(report.not_differentiated) == 1


def test_the_sizes_of_a_square_example_are_made_unequal_where_fprop_takes_them():
    square = np.random.default_rng(0).normal(size=(3, 3))

    def wrong_axis(grad, out, x):
        return (2 * x * grad / x.shape[1],)

    report = fg.check(lambda x: (x * x).mean(axis=0), square, bprop=wrong_axis)
    assert report.verdict == "fail", str(report)
    assert fg.check(lambda x: (x * x).mean(axis=0), square, bprop=lambda g, y, x: (2 * x * g / len(x),)).passed
    assert fg.check(lambda x: np.trace(x @ x), square, bprop=lambda g, y, x: (2 * g * x.T,)).passed


def test_an_axis_of_1_that_fprop_only_broadcasts_is_no_size_of_it():
    targets = [0.5, -1.0, 2.0]

    def squares(x):
        return ((x - np.array(targets)) ** 2).sum()

    def backward(grad, out, x):
        return (2 * grad * (x - np.array(targets)[: len(x)]),)

    assert fg.check(squares, np.array([0.1, 0.4, -0.3]), bprop=backward).passed
