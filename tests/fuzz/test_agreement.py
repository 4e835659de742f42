"""What the harness takes for one answer: rounding, signs of zeros, slopes at ties, choices that are left open."""

import numpy as np
import pytest

import flowgraph as fg
from tests.fuzz import outside
from tests.fuzz.agreement import Rounding
from tests.fuzz.built import SKIPPED, Built
from tests.fuzz.found import case, leaf

ZERO = np.array([0.0, 1.0, 2.0])


def difference(made, found, exact):
    """What is wrong with a value of a program of x, of which one element is a zero."""
    box = made(fg.Parameter(ZERO, name="x"))
    graph = fg.Graph(box)
    with np.errstate(all="ignore"):
        return Rounding(graph, graph.fprop(), exact).difference(box, np.asarray(found, box.dtype))


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize(
    ("made", "found"),
    [
        (lambda x: 1 / (x - x), [-np.inf, np.inf, -np.inf]),
        (lambda x: np.copysign(2.0, x * 0), [-2.0, 2.0, 2.0]),
        (lambda x: np.signbit(x - x), [True, False, True]),
        (lambda x: np.arctan2(x - x, -1.0), [np.pi, -np.pi, np.pi]),
    ],
)
def test_the_sign_of_a_zero_that_is_computed_is_free(made, found, exact):
    assert difference(made, found, exact) is None


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize(
    ("made", "found"),
    [
        (lambda x: 1 / x, [-np.inf, 1.0, 0.5]),
        (lambda x: 1 / (x - x), [-np.inf, 5.0, np.inf]),
        (lambda x: np.copysign(2.0, x + 1), [2.0, -2.0, 2.0]),
        (lambda x: x * 3, [0.0, 3.0, 6.0 + 1e-13]),
    ],
)
def test_the_sign_of_a_zero_excuses_nothing_else(made, found, exact):
    assert difference(made, found, exact) is not None


def test_a_sum_that_overflows_may_be_added_in_more_digits():
    x = fg.Parameter(np.array([[1e30, 1e30, -1e30]], np.float32), name="x")
    sums = x @ np.array([[1e20], [1e20], [3e20]], np.float32)  # infinity less infinity, or less than any number
    box = sums - sums @ np.array([[-1.0]], np.float32)
    graph = fg.Graph(box)
    with np.errstate(all="ignore"):
        rounding = Rounding(graph, graph.fprop())
        assert np.isnan(rounding.run[box])
        assert rounding.difference(box, np.array([[-np.inf]], np.float32)) is None


def outcome(path, program):
    """What a path yields for a program, and what it returns."""
    found, texts = path(Built(program, np.random.default_rng(0)), np.random.default_rng(0)), []
    while True:
        try:
            texts.append(next(found))
        except StopIteration as end:
            return texts, end.value


def test_a_choice_that_is_left_open_is_not_compared():
    pytest.importorskip("autograd", reason="autograd is not installed")
    open_choice = case("open", [leaf("x", np.outer([1.0, 2.0, 3.0], [1.0, 1.0, 2.0]))], "v = np.linalg.svd(x)[0]")
    assert outcome(outside.autograd, open_choice) == ([], SKIPPED)


def test_where_kinks_meet_a_product_of_slopes_may_be_no_slope():
    pytest.importorskip("jax", reason="JAX is not installed")
    kinks = case(
        "kinks", [leaf("x", [1.0, -1.0, 0.5])], "v0 = np.max(x * x, axis=-1)", "v1 = np.clip(v0 - x, 0.25, 2.0)",
        "v2 = np.ediff1d(v1)", "v3 = v2[None, 0]"
    )  # fmt: skip
    assert outcome(outside.jax, kinks) == ([], None)


def test_what_is_exact_here_may_be_rounded_by_another_formula():
    pytest.importorskip("torch", reason="PyTorch is not installed")
    quotient = case("quotient", [leaf("x", 0.8935124518717775)], "v0 = x / x", "v1 = (v0 / 0.25) * 3e10")
    assert outcome(outside.torch, quotient) == ([], None)


@pytest.mark.parametrize("wrong", [False, True])
def test_elements_that_tie_may_share_a_slope_otherwise(wrong, monkeypatch):
    """Ours goes to one of them, autograd's to another; a slope that no point near by has is a mistake."""
    pytest.importorskip("autograd", reason="autograd is not installed")
    tie = case("tie", [leaf("x", [1.0, 1.0, 1.0, 1.0, 0.0, 4.0])], "v3 = np.sort(x)", "v4 = v3[(3,)]")
    if wrong:
        right = fg.TakeAlongAxis.bprop

        def doubled(self, grad, h, a, index):
            return 2 * right(self, grad, h, a, index)[0], None

        monkeypatch.setattr(fg.TakeAlongAxis, "bprop", doubled)
    texts, value = outcome(outside.autograd, tie)
    assert (bool(texts), value) == (wrong, None)
