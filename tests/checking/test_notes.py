"""Far beyond the example, where a value overflows or saturates, numbers are noted; those that count fail as before."""

from __future__ import annotations

import sys
from importlib.machinery import EXTENSION_SUFFIXES
from types import ModuleType

import numpy as np
import pytest

import flowgraph as fg

x = np.array([0.4, -1.3, 2.1])
logits = np.array([[0.3, -1.2, 0.8], [1.5, 0.4, -0.7]])
labels = np.eye(3)[[2, 0]]


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def logistic(x):
    return 1 / (1 + np.exp(-x))


GUARDED = (lambda z: -np.sum(labels * np.log(softmax(z) + 2e-16)), lambda g, y, z: (g * (softmax(z) - labels),), logits)
CUT = (lambda x: np.exp(np.minimum(x, 700.0)).sum(), lambda g, y, x: (g * np.exp(x),), x)
SATURATED = (logistic, lambda g, y, x: (g * np.exp(-x) / (1 + np.exp(-x)) ** 2,), x)


@pytest.mark.parametrize("case", [GUARDED, SATURATED], ids=["guard of a logarithm", "exp(800)"])
def test_where_a_value_saturates_far_beyond_the_example_a_wrong_number_is_noted(case):
    fprop, bprop, example = case
    report = fg.check(fprop, example, bprop=bprop)
    assert report.passed, str(report)
    assert any("fprop takes values so large that it" in note for note in report.notes)
    assert fg.check(fprop, example, bprop=bprop, strict=True).verdict == "fail"


@pytest.mark.parametrize(
    "case", [GUARDED, SATURATED, CUT], ids=["guard of a logarithm", "exp(800)", "number in the code"]
)
@pytest.mark.parametrize("factor", [1.01, -1.0])
def test_a_mistake_at_the_examples_own_size_fails_whatever_happens_far_out(case, factor):
    fprop, bprop, example = case
    report = fg.check(fprop, example, bprop=lambda *arguments: (factor * bprop(*arguments)[0],))
    assert report.verdict == "fail"


@pytest.mark.parametrize(("edge", "verdict"), [(3.0, "fail"), (12.0, "fail"), (40.0, "pass"), (300.0, "pass")])
def test_a_clip_is_a_mistake_near_the_example_and_a_note_far_out_whoever_makes_it(edge, verdict):
    for clip in (lambda x: np.clip(x, -edge, edge), lambda x: np.clip(x, -edge * len("x"), float(str(edge)))):
        report = fg.check(clip, x, bprop=lambda g, y, x: (g,))
        assert report.verdict == verdict, str(report)


COUNTS = np.array([2.0, 0.0, 4.0])


def guarded(value, slope):
    """A sum over counts of a function of 1 + θ count, where that is above the guard."""

    def fprop(theta):
        return value(1 + theta * COUNTS).sum() - theta**2

    return fprop, lambda g, y, theta: (g * ((slope(1 + theta * COUNTS) * COUNTS).sum() - 2 * theta),)


@pytest.mark.parametrize(
    ("value", "slope"),
    [
        (lambda s: np.log(np.maximum(s, 1e-20)), lambda s: 1 / s),
        (lambda s: 1 / np.maximum(s, 1e-12), lambda s: -1 / s**2),
        (lambda s: -np.sqrt(1 / np.clip(s, 1e-15, None)), lambda s: 0.5 * np.abs(s) ** -1.5),
        (lambda s: np.sqrt(np.maximum(s, 1e-15)), lambda s: 0.5 * np.abs(s) ** -0.5),
        (lambda s: np.log(np.maximum(s, 1e-5)), lambda s: 1 / s),
    ],
    ids=["logarithm", "quotient", "root of a quotient", "root", "wide guard"],
)
def test_beyond_the_guard_of_a_singularity_within_fprop_numbers_are_noted(value, slope):
    fprop, bprop = guarded(value, slope)
    report = fg.check(fprop, np.array(0.3), bprop=bprop)
    assert report.passed, str(report)
    assert any("cut off" in note for note in report.notes)
    assert fg.check(fprop, np.array(0.3), bprop=bprop, strict=True).verdict == "fail"
    wrong = fg.check(fprop, np.array(0.3), bprop=lambda *given: (1.01 * bprop(*given)[0],))
    assert wrong.verdict == "fail"


@pytest.mark.parametrize(
    ("value", "slope"),
    [
        (lambda s: np.log(np.abs(s)), lambda s: np.where(s > 0, 1 / s, 2 / s)),
        (lambda s: np.where(s > 0, s, -1.0), lambda s: np.ones_like(s)),
        (lambda s: np.where(s > 0, -np.log(np.abs(s)), s), lambda s: np.where(s > 0, -1 / s, 2.0)),
        (lambda s: np.maximum(s, 1e-12), lambda s: np.ones_like(s)),
        (lambda s: np.log(np.maximum(s, 0.1)), lambda s: 1 / s),
    ],
    ids=["both sides", "jump", "begins anew", "no singularity", "wide"],
)
def test_what_is_no_guard_of_a_singularity_hides_no_mistake(value, slope):
    fprop, bprop = guarded(value, slope)
    report = fg.check(fprop, np.array(0.3), bprop=bprop)
    assert report.verdict == "fail", str(report)


def test_a_domain_that_is_a_ball_is_seen_in_rows_of_any_length():
    """Forty numbers of the size of the example's three are far outside of it, though none of them is large."""

    def room(x):
        return 1 - np.clip((x * x).sum(axis=-1), 0, 1 - 1e-5)

    def bprop(g, y, x):
        return (2 * (g / room(x))[:, None] * x,)

    inside = np.random.default_rng(0).uniform(-0.4, 0.4, (4, 3))
    report = fg.check(lambda x: -np.log(room(x)), inside, bprop=bprop)
    assert report.passed, str(report)
    assert any("cut off" in note for note in report.notes)
    wrong = fg.check(lambda x: -np.log(room(x)), inside, bprop=lambda *given: (1.01 * bprop(*given)[0],))
    assert wrong.verdict == "fail"


def test_a_mistake_close_to_a_guard_on_the_side_of_the_example_fails():
    def fprop(p):
        return np.log(np.maximum(p + 0.25, 1e-12)).sum()

    def bprop(g, y, p):
        return (g / np.maximum(p + 0.25, 0.06),)

    # one seed in five draws nothing between the guard and the example's side of it
    verdicts = [fg.check(fprop, np.array([0.3, -0.1]), bprop=bprop, seed=seed).verdict for seed in range(3)]
    assert verdicts.count("fail") >= 2
    report = fg.check(lambda p: fprop(p - 0.25), np.array([0.3, 0.6]), bprop=lambda g, y, p: (g / np.maximum(p, 0.02),))
    assert report.verdict == "fail", str(report)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0, 1e-6, "pass"), (0, 1e-2, "fail"), (1e5, np.inf, "pass"), (100, np.inf, "fail"), (-1, 1e-30, "fail")],
    ids=["tiny", "small", "huge", "large", "zero"],
)
@pytest.mark.parametrize("scale", [1.0, 1e-4])
def test_a_mistake_at_numbers_of_another_order_than_the_examples_and_1_is_noted(low, high, verdict, scale):
    """Zero is of every order; the range of ordinary numbers grows with the example's."""

    def bprop(g, y, x):
        least = low * scale if high < 1 else low
        most = high * scale if high < 1 else high
        return (g * np.where((np.abs(x) > least) & (np.abs(x) <= most), 2.0, 1.0),)

    report = fg.check(lambda x: 1.0 * x, scale * x, bprop=bprop)
    assert report.verdict == verdict, str(report)
    assert verdict == "fail" or any("another order of magnitude" in note for note in report.notes)
    assert fg.check(lambda x: 1.0 * x, scale * x, bprop=bprop, strict=True).verdict == "fail"


def test_a_value_that_moves_is_not_saturated():
    report = fg.check(lambda x: x**3, x, bprop=lambda g, y, x: (g * 3 * np.minimum(x**2, 1e4),))
    assert report.verdict == "fail"


def test_an_overflow_that_is_of_bprop_alone_fails_up_to_thirty_times_the_example():
    def slope(g, y, x):
        return (g * np.exp(x) / (1 + np.exp(x)) ** 2,)

    assert "nonfinite" in [one.kind for one in fg.check(logistic, 20 * x, bprop=slope).failures]
    report = fg.check(logistic, x, bprop=slope)
    assert report.passed, str(report)
    assert any("more than 30 times as large as the example's, bprop gives a NaN" in note for note in report.notes)
    assert fg.check(logistic, x, bprop=slope, strict=True).verdict == "fail"
    wrong = fg.check(logistic, x, bprop=lambda *given: (1.01 * slope(*given)[0],))
    assert wrong.verdict == "fail"


def cut_off(x):
    """exp, where that fits into float64, else a number near the largest, whose rounding is 1e288."""
    y = np.exp(x)
    return np.where(np.isfinite(y), y, 1.79e304)


def cut_off_backward(g, y, x):
    e = np.exp(x)
    return (g * e * np.where(e > 1, e / e, 1),)


def cholesky(x):
    """Half of a factor, from half of a matrix, also where that is just singular."""
    w, v = np.linalg.eigh(np.array([[x[0], x[1]], [x[1], x[2]]]))
    if w[0] < -1e-12:
        raise np.linalg.LinAlgError("not positive definite")
    factor = np.linalg.qr((v * np.sqrt(np.maximum(w, 0))).T).R
    return (factor * np.where(np.diag(factor) < 0, -1, 1)[:, None])[[0, 0, 1], [0, 1, 1]]


def cholesky_backward(g, y, x):
    a, b, c = y
    return (np.linalg.pinv(np.array([[2 * a, 0, 0], [b, a, 0], [0, 2 * b, 2 * c]])).T @ g,)


def last_vector(a):
    """The right singular vector of the least singular value, which with one row of three numbers is not unique."""
    v = np.linalg.svd(a)[2][-1]
    return v * np.sign(v[0])


def last_vector_backward(g, y, a):
    w, v = np.linalg.eigh(a.T @ a)
    gaps = np.where(np.arange(len(w)) == 0, np.inf, w[0] - w)
    moved = np.outer(v @ (v.T @ g / np.where(gaps == 0, 1, gaps)), y)
    return (a @ (moved + moved.T),)


@pytest.mark.parametrize(
    ("fprop", "bprop", "example"),
    [
        (cut_off, cut_off_backward, np.array([24.0, 31.0, 40.0])),
        (cholesky, cholesky_backward, np.array([1.7, 0.4, 2.3])),
        (last_vector, last_vector_backward, np.random.default_rng(0).normal(size=(4, 3))),
    ],
    ids=["cut off at 1e304", "singular where all entries are equal", "not unique with one row"],
)
def test_a_reference_that_cannot_say_is_not_asked(fprop, bprop, example):
    for seed in range(3):
        report = fg.check(fprop, example, bprop=bprop, seed=seed)
        assert report.passed, str(report)
        wrong = fg.check(fprop, example, bprop=lambda *given: (1.01 * bprop(*given)[0],), seed=seed)
        assert wrong.verdict == "fail"


@pytest.mark.parametrize("case", [lambda x: x.sum() * (x.size > 6), lambda x: x.sum() * (x.shape[0] == 1)])
def test_a_mistake_with_one_row_or_more_entries_than_the_example_fails_at_any_values(case):
    def bprop(g, y, x):
        return (np.full(x.shape, g * (1.01 if case(np.ones(x.shape)) else 1.0)),)

    report = fg.check(np.sum, logits, bprop=bprop)
    assert report.verdict == "fail", str(report)


@pytest.mark.parametrize(
    ("fprop", "bprop"),
    [
        (lambda x: np.log1p(np.exp(x)), lambda g, y, x: (g * logistic(x),)),
        (lambda x: np.sqrt(1 + np.exp(x)), lambda g, y, x: (g * np.exp(x) / (2 * y),)),
    ],
)
def test_an_overflow_that_another_form_avoids_is_a_warning(fprop, bprop):
    report = fg.check(fprop, x, bprop=bprop)
    assert report.passed, str(report)
    assert any("fprop overflows on its way" in warning for warning in report.warnings)


@pytest.mark.parametrize("size", [1.0, 40.0])
def test_a_value_that_float64_has_no_place_for_is_no_overflow_on_the_way(size):
    report = fg.check(np.exp, size * x, bprop=lambda g, y, x: (g * y,))
    assert not any("overflows" in warning for warning in report.warnings)


def test_outside_of_a_domain_nothing_overflows():
    report = fg.check(np.log, np.abs(x), bprop=lambda g, y, x: (g / x,))
    assert not any("overflows" in warning for warning in report.warnings)


def scores(centre, vectors):
    score = vectors @ centre
    p = np.exp(score - score.max(axis=-1, keepdims=True))
    return -np.log((p / p.sum(axis=-1, keepdims=True))[2]).sum()


def scores_backward(grad, loss, centre, vectors):
    score = (vectors @ centre).ravel()
    p = np.exp(score - score.max())
    p = p / p.sum() - (np.arange(len(p)) == 2)
    return (grad * vectors.T @ p).reshape(centre.shape), grad * np.outer(p, centre)


def test_a_column_that_no_slice_of_means_anything_is_no_stack():
    """Softmax along the axis of length 1 is 1: the function was written for one word's vector, not for its column."""
    rng = np.random.default_rng(0)
    report = fg.check(scores, rng.normal(size=3), rng.normal(size=(5, 3)), bprop=scores_backward)
    assert report.passed, str(report)


def corner(x):
    return np.sign(x) * (np.abs(x) == np.abs(x).max())


def corner_backward(grad, y, x):
    return (np.zeros((5, 5)) @ grad if grad.ndim == 1 else grad @ x,)  # no rule for matrices


def test_a_value_that_does_not_move_says_nothing_of_being_elementwise():
    report = fg.check(corner, np.array([0.3, -1.7, 0.2, 0.9, -0.1]), bprop=corner_backward)
    assert report.passed, str(report)
    assert any("bprop does not (ValueError)" in note for note in report.notes)


class Made:
    """For so many classes; `table` is of an extension type, whose code does not count the columns it is given."""

    def __init__(self, classes, table):
        self.classes, self.table = classes, table
        self.seen = set()

    def loss(self, raw):
        self.seen.add(raw.shape[1])
        return np.log(np.exp(raw).sum(axis=1))

    def backward(self, grad, out, raw):
        return (grad[:, None] * np.exp(raw - out[:, None]),)


@pytest.mark.parametrize("compiled", [True, False])
def test_columns_stay_as_many_as_compiled_code_was_made_for(compiled, monkeypatch):
    module = ModuleType("made_elsewhere")
    module.__file__ = "made_elsewhere" + (EXTENSION_SUFFIXES[0] if compiled else ".py")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    made = Made(3, type("Table", (), {"__module__": module.__name__})())
    assert fg.check(made.loss, np.random.default_rng(0).normal(size=(4, 3)), bprop=made.backward).passed
    assert (made.seen == {3}) == compiled


PLACES = {
    "positive": (np.array([0.3, 1.2, 2.0, 0.7]), lambda x: bool(np.all(x > 0))),
    "below a bound": (x, lambda x: bool(np.all(x < 2.5))),
    "of a bounded sum": (x, lambda x: abs(x.sum()) < 1.5),
    "in this order": (x, lambda x: bool(x.size != 3 or (x[1] < x[0] < x[2]))),
    "symmetric": (np.array([[2.0, 0.3], [0.3, 1.0]]), lambda x: bool(np.allclose(x, np.swapaxes(x, -1, -2)))),
    "positive definite": (
        np.array([[2.0, 0.3], [0.3, 1.0]]),
        lambda x: bool(np.all(np.linalg.eigvalsh((x + np.swapaxes(x, -1, -2)) / 2) > 0)),
    ),
}


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("seed", range(4))
def test_wherever_but_at_the_example_bprop_refuses_it_is_a_note(name, seed):
    example, taken = PLACES[name]

    def bprop(grad, y, x):
        if not taken(x):
            raise ValueError("no gradient here")
        return (grad * np.cos(x),)

    report = fg.check(np.sin, example, bprop=bprop, seed=seed)
    assert not report.failures, str(report)
    assert fg.check(np.sin, example, bprop=lambda *arguments: (1.01 * bprop(*arguments)[0],), seed=seed).failures


@pytest.mark.parametrize(
    ("bprop", "words"),
    [
        (lambda g, y, x: (g * y / x,), "bprop gives a NaN or infinity there"),
        (lambda g, y, x: (g * y / (x + (x == 0)),), "bprop gives wrong numbers there"),
        (lambda g, y, x: (g * y * np.array([1 / float(v) for v in x]),), "bprop does not (ZeroDivisionError)"),
        (lambda g, y, x: (g * np.array([np.prod(np.delete(x, k)) for k in range(len(x))]),), ""),
    ],
    ids=["quotient", "guarded quotient", "refusal", "right"],
)
def test_what_a_zero_does_to_bprop_is_noted_where_the_example_is_positive(bprop, words):
    report = fg.check(np.prod, np.array([0.3, 1.2, 2.0, 0.7]), bprop=bprop)
    assert report.passed, str(report)
    noted = [note for note in report.notes if "a zero in a, which is positive in the example" in note]
    assert [note.endswith(words) for note in noted] == [True] * bool(words), str(report)
