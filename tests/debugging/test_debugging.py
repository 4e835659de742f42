"""run.explain_nan names the element that went bad first; grads.why_zero the place where a gradient is lost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


a = fg.Input("a", shape=("N",))


x = fg.Input("x", shape=("N", 3))


def explained(output, key=None, **feeds):
    return fg.Graph(output).fprop(**feeds).explain_nan(key)


def test_the_logarithm_of_zero_is_found_through_a_sum_and_a_product():
    p = np.abs(x @ np.ones((3, 2)))
    found = explained(fg.mean(np.log(p) * 2.0), x=[[1.0, 1, 1], [0, 0, 0]])
    assert (type(found.box), found.phase, found.index, found.value, found.kind) == (
        fg.Log, "fprop", (1, 0), -np.inf, "inf",
    )  # fmt: skip
    assert [(one.name, one.index) for one in found.fed_by][-2:] == [("@", (1, 0)), ("|a|", (1, 0))]
    assert [type(one.box).__name__ for one in found.spread] == ["Multiply", "Mean"]
    assert "logarithm of 0" in found.remedy
    assert "SoftmaxCrossEntropy" in found.remedy
    text = str(found)
    assert "the first inf is made by the fprop of Log 'log'" in text
    assert "Log 'log'[1, 0] = -inf" in text
    assert "built at test_debugging.py:" in text
    assert text in found._repr_html_().replace("&#x27;", "'").replace("&gt;", ">")


def test_an_infinity_is_named_before_the_nan_that_comes_of_it():
    found = explained(fg.sum(np.exp(a) - np.exp(a * 1.0)), a=[1.0, 800.0])
    assert (type(found.box), found.index, found.kind) == (fg.Exp, (1,), "inf")
    assert [one.kind for one in found.spread] == ["nan", "nan"]
    assert "overflow" in found.remedy


@pytest.mark.parametrize(
    ("build", "value", "box", "advice"),
    [
        (np.log, -1.0, fg.Log, "negative number"),
        (lambda b: 1.0 / b, 0.0, fg.Divide, "division by 0"),
        (np.reciprocal, 0.0, fg.Reciprocal, "division by 0"),
        (np.sqrt, -1.0, fg.Sqrt, "square root of a negative number"),
        (np.cosh, 1000.0, fg.Cosh, "overflow"),
        (np.square, 1e200, fg.Square, "product beyond the largest"),
        (lambda b: b**-1.5, 0.0, fg.ConstantPower, "power of 0"),
        (np.arccos, 2.0, fg.Arccos, "is defined for a in"),
        (lambda b: fg.mean(b[:0]), 1.0, fg.Mean, "no elements"),
        (lambda b: b + b, 1e308, fg.Add, "sum beyond the largest"),
        (lambda b: b / 1e-300, 1e10, fg.Divide, "a quotient beyond the largest"),
        (np.hypot, 1.7e308, fg.Hypot, "Hypot overflowed"),
        (np.sin, np.inf, fg.Input, "it was fed in"),
    ],
)
def test_the_remedy_fits_the_box(build, value, box, advice):
    found = explained(fg.sum(build(a, a) if build is np.hypot else build(a)), a=[value])
    assert type(found.box) is box
    assert advice in found.remedy


def test_what_is_fed_bad_is_said_to_be_fed():
    found = explained(fg.sum(np.exp(a)), a=[1.0, np.nan, 2.0])
    assert (found.box, found.index, found.kind) == (a, (1,), "nan")
    assert "it was fed in" in found.remedy
    w = fg.Parameter([np.inf, 1.0], name="w")
    found = explained(fg.sum(w * 2.0))
    assert found.box is w
    assert "an earlier update wrote it" in found.remedy


def test_elements_are_traced_through_broadcasts_and_moves():
    b = fg.Input("b", shape=(2, 3))
    moved = np.concatenate([b.T[::-1], b.T], axis=0)
    found = explained(fg.sum(1.0 / (moved + np.zeros(2))), b=[[1.0, 2, 3], [4, 0, 6]])
    assert type(found.box) is fg.Divide
    assert found.index == (1, 1)
    assert any(one.box is b and one.index == (1, 1) for one in found.fed_by)


def test_a_nan_of_the_gradient_alone_is_followed_to_the_value_that_a_where_hides():
    pair = fg.Input("pair", shape=(2,))
    run = fg.Graph(np.where(np.all(pair > 0), (pair * np.log(pair)) @ np.ones(2), 0.0)).fprop(pair=[1.0, 0.0])
    assert float(run) == 0
    found = run.explain_nan()
    assert (type(found.box), found.phase, found.index) == (fg.Log, "fprop", (1,))
    assert "np.where(ok, f(np.where(ok, a, 1)), 0)" in found.remedy
    assert str(found).splitlines()[-1].strip() == "gradient of Input 'pair'[1] = nan"


def test_what_a_where_hides_element_by_element_makes_no_nan_to_explain():
    run = fg.Graph(fg.sum(np.where(a > 0, a * np.log(a), 0.0))).fprop(a=[1.0, 0.0])
    np.testing.assert_array_equal(run.bprop(wrt=[a])[a], [1, 0])
    assert "it reaches neither an output nor a gradient" in str(run.explain_nan())


def test_the_slope_of_a_root_at_zero_is_found_in_bprop():
    w = fg.Parameter([4.0, 0.0], name="w")
    found = fg.Graph(fg.sum(np.sqrt(w * 2.0) * 0.5)).fprop().explain_nan()
    assert (type(found.box), found.phase, found.index, found.kind) == (fg.Sqrt, "bprop", (1,), "inf")
    assert type(found.child) is fg.Multiply
    assert "the slope of a root at 0 is infinite" in found.remedy
    assert [str(one) for one in found.chain][-1] == "gradient of Parameter 'w'[1] = inf"


def test_a_users_box_is_named_as_any_other():
    class Lossy(fg.Elementwise):
        def fprop(self, a):
            return a * 1.0

        def bprop(self, grad, h, a):
            return (grad / (a - 1.0),)

    w = fg.Parameter([2.0, 1.0], name="w")
    found = fg.Graph(fg.sum(Lossy(w))).fprop().explain_nan()
    assert (type(found.box), found.phase, found.index) == (Lossy, "bprop", (1,))
    assert "the derivative of Lossy has no value there" in found.remedy


def test_a_bad_gradient_that_was_given_is_said_to_be_given():
    run = fg.Graph(a * 2.0).fprop(a=[1.0, 2.0])
    found = run.explain_nan(grad=[np.nan, 1.0])
    assert (found.phase, found.index) == ("bprop", (0,))
    assert "given to bprop as grad=" in found.remedy


STEPS = (  # none that lets a finite number overflow, whichever follow each other
    lambda a: np.exp(-a), np.tanh, np.square, fg.sigmoid, np.transpose, np.ravel,
    lambda a: a[::-1], lambda a: a[..., None], lambda a: a * 0.5, lambda a: a + np.ones(a.shape[-1]),
    lambda a: np.concatenate([a, a]), lambda a: np.stack([np.ones(a.shape), a]), lambda a: np.roll(a, 1),
    lambda a: np.cumsum(a, 0), lambda a: fg.Softmax(a, axis=0),
)  # fmt: skip


@given(st.lists(st.sampled_from(STEPS), max_size=6), st.integers(0, 5), st.sampled_from([np.nan, np.inf]))
def test_a_bad_input_is_found_through_any_chain_of_boxes(steps, place, bad):
    b = fg.Input("b", shape=(2, 3))
    box = b * 1.0
    for step in steps:
        box = step(box)
    fed = np.linspace(0.1, 0.6, 6)
    fed[place] = bad
    run = fg.Graph(box).fprop(b=fed.reshape(2, 3))
    if np.isfinite(run[box]).all():
        assert bad == np.inf
        return
    found = run.explain_nan(box)
    assert found.box is b
    assert found.index == divmod(place, 3)
    assert all(one.kind != "finite" for one in found.spread)
    assert found.spread[-1].box is box


def test_boxes_of_several_outputs_are_passed():
    b = fg.Input("b", shape=(4,))
    p, q = np.split(b, 2)
    found = explained(fg.sum(p / q), b=[1.0, 2.0, 0.0, 3.0])
    assert type(found.box) is fg.Divide
    assert [str(one) for one in found.fed_by[:2]] == ["Input 'b'[0] = 1", "Input 'b'[2] = 0"]
    found = explained(fg.sum(q), b=[1.0, 2.0, 0.0, np.nan])
    assert (found.box, found.index) == (b, (3,))


def test_the_warning_of_bprop_points_to_the_explanation():
    w = fg.Parameter([4.0, 0.0], name="w")
    run = fg.Graph(fg.sum(np.sqrt(w) * np.array([1.0, 0.0]))).fprop()
    with pytest.warns(fg.GradientWarning, match=r"run.explain_nan\(\) shows the element"):
        run.bprop()
    found = run.explain_nan()
    assert (type(found.box), found.phase, found.index, found.kind) == (fg.Sqrt, "bprop", (1,), "nan")
    assert "a branch that is not taken" in found.remedy


def test_one_box_can_be_asked_for():
    p = np.log(a)
    run = fg.Graph(fg.sum(p), fg.sum(1.0 / a)).fprop(a=[0.0, 1.0])
    assert run.explain_nan(p).box is p
    assert type(run.explain_nan("Σ_2").box) is fg.Divide
    with pytest.raises(fg.FlowgraphError, match="no box of the graph is called 'q'"):
        run.explain_nan("q")


def test_what_reaches_no_output_is_said_so():
    run = fg.Graph(fg.sum(np.where(a > 0, 1.0, np.log(a)) * 0 + np.isnan(np.log(a)))).fprop(a=[0.0])
    assert run.explain_nan()
    hidden = fg.Graph(fg.sum(np.isnan(np.log(a)).astype(float))).fprop(a=[-1.0]).explain_nan()
    assert type(hidden.box) is fg.Log
    assert "it reaches neither an output nor a gradient" in str(hidden)


def test_a_clean_run_has_nothing_to_explain():
    found = explained(fg.sum(a), a=[1.0])
    assert not found
    assert found.chain == ()
    assert str(found) == "explain_nan: no value or gradient in this run is NaN or infinite"


def test_a_long_chain_is_shortened_and_explained_without_recursion():
    box = np.log(a)
    for _ in range(3000):
        box = box + 1.0
    found = explained(fg.sum(box), a=[1.0, 0.0])
    assert type(found.box) is fg.Log
    assert len(found.spread) == 3001
    assert "more ..." in str(found)
    assert len(str(found).splitlines()) < 30


def test_values_that_were_not_kept_are_asked_for():
    run = fg.Graph(fg.sum(a)).fprop(a=[1.0], keep="outputs")
    with pytest.raises(fg.FlowgraphError, match="explain_nan: needs the values of every box; run"):
        run.explain_nan()


class TestUsersBoxes:
    def test_one_that_declares_a_remedy_is_explained_by_it(self):
        class Logit(fg.Elementwise):
            remedies = {"fprop": lambda fed: f"it read {fed[0]}", "bprop": "keep probabilities away from 0 and 1"}

            def fprop(self, p):
                return np.log(p) - np.log1p(-p)

            def bprop(self, grad, h, p):
                return (grad / (p * (1 - p)),)

        class Finite(Logit):
            def fprop(self, p):
                return p * 1.0

        assert explained(fg.sum(Logit(a)), a=[0.5, -2.0]).remedy == "it read -2.0"
        w = fg.Parameter([0.5, 1.0], name="w")
        found = fg.Graph(fg.sum(Finite(w))).fprop().explain_nan()
        assert (type(found.box), found.phase) == (Finite, "bprop")
        assert found.remedy.startswith("keep probabilities away from 0 and 1")

    def test_remedies_for_what_nobody_asks_are_refused(self):
        with pytest.raises(fg.FlowgraphError, match=r"Odd: found remedies for 'backward', needs 'fprop' or 'bprop'"):

            class Odd(fg.Elementwise):
                remedies = {"backward": "less"}

                def fprop(self, a):
                    return a * 1.0

    def test_units_of_one_that_chooses_are_dead_or_not_taken(self):
        class Larger(fg.Elementwise):
            slopes = "choice"

            def fprop(self, a, b):
                return np.maximum(a, b)

        class Taken(fg.Elementwise):
            slopes = "choice"
            constant_children = {"mask"}

            def fprop(self, mask, a):
                return np.where(mask, a, 0.0)

        w = fg.Parameter([-1.0, -2.0], name="w")
        for box, kind in ((Larger(w, 0.5), "dead units"), (Taken(np.zeros(2, bool), w), "branch not taken")):
            assert fg.Graph(fg.sum(box)).fprop().bprop().why_zero(w).causes[0].kind == kind
