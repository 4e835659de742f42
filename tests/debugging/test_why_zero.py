"""Why a gradient is zero: dead and saturated units, casts, rows never indexed."""

import numpy as np
import pytest

import flowgraph as fg
from tests.debugging.test_debugging import x

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def parameter(*shape, scale=1.0, name="W"):
    return fg.Parameter(scale * np.random.default_rng(0).normal(size=shape), name=name)


def why(output, key="W", unused="zeros", **feeds):
    return fg.Graph(output).fprop(**feeds).bprop(unused=unused).why_zero(key)


X = np.ones((5, 3))


def test_dead_units():
    hidden = fg.relu(x @ parameter(3, 4) - 100.0)
    found = why(fg.sum(hidden), x=X)
    assert found.zero
    assert (found.reason, found.causes[0].box, found.causes[0].share) == ("dead units", hidden, 1.0)
    assert "why_zero: the gradient of Parameter 'W' is zero\n" in str(found)
    assert "4 of 4 units for every one of 5 examples" in str(found)
    assert "fg.LeakyReLU" in str(found)


def test_some_dead_units():
    found = why(fg.sum(fg.relu(x @ parameter(3, 4) + np.array([-100.0, -100, 100, 100]))), x=X)
    assert (found.status, found.share, found.reason) == ("partly zero", 0.5, "dead units")
    assert "2 of 4 units for every one of 5 examples" in str(found)


def test_saturated_units():
    for activation in (fg.sigmoid, np.tanh):
        found = why(fg.sum(activation(x @ parameter(3, 4) - 100.0)), x=X)
        assert found.status in ("vanishing", "zero")
        assert found.reason == "saturated units"
        assert "100% of its elements have a slope below 6% of that at 0" in str(found)


def test_an_integer_cast_a_comparison_a_constant_child():
    a = x @ parameter(3, 4)
    cast = why(fg.sum(a.astype(int).astype(float)), x=X)
    assert (cast.reason, cast.causes[0].child) == ("integer cast", "a")
    assert "MatMul '@' becomes int64 here, and no gradient passes" in str(cast)
    assert why(fg.sum((a > 0).astype(float)), x=X).reason == "no gradient passes"
    constant = why(fg.sum(fg.boxes.BroadcastLike(fg.sum(x), a)), x=X)
    assert constant.reason == "constant child"
    assert "is its child 'like', which it takes as a constant" in str(constant)


def test_rows_that_are_never_indexed():
    rows = fg.Input("rows", shape=("N",), dtype=int)
    found = why(fg.sum(parameter(5, 2)[rows]), rows=[0, 3, 3])
    assert (found.status, found.reason, found.causes[0].share) == ("partly zero", "never indexed", 0.6)
    assert "3 of 5 rows are never indexed in this run (rows 1, 2, 4)" in str(found)


def test_multiplied_by_zeros():
    found = why(fg.sum((x @ parameter(3, 4)) @ fg.Parameter(np.zeros((4, 1)), name="V")), x=X)
    assert found.reason == "multiplied by zeros"
    assert "it multiplies by Parameter 'V', which is all zeros" in str(found)
    assert why(fg.sum(parameter(3) * np.zeros(3))).reason == "multiplied by zeros"
    half = why(fg.sum(fg.relu(x @ np.diag([1.0, -1, 1])) @ parameter(3, 2)), x=X)
    assert (half.reason, half.causes[0].share) == ("multiplied by zeros", 1 / 3)


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (lambda w: fg.sum(np.floor(w)), "staircase"),
        (lambda w: fg.sum(np.where(np.array([False] * 3), w, 1.0)), "branch not taken"),
        (lambda w: fg.sum(np.clip(w, 10.0, 11.0)), "dead units"),
        (lambda w: fg.sum(np.cos(w * 0.0)), "flat"),
        (lambda w: fg.mean(fg.SquaredError(w, w.value)), "flat"),
        (lambda w: fg.sum(w) - fg.sum(w), "zero"),
        (lambda w: fg.sum(w * np.array(1.0) * 2.0), "not zero"),
    ],
)
def test_the_reason(build, reason):
    assert why(build(parameter(3))).reason == reason


def test_a_sum_that_cancels_is_said_to_cancel():
    w = fg.Parameter(1.0, name="W")
    assert why(fg.sum(w * np.array([1.0, -1.0]))).reason == "adds up to zero"


def test_a_gradient_of_zeros_given_to_bprop():
    w = parameter(3)
    found = fg.Graph(w * 2.0).fprop().bprop(np.zeros(3)).why_zero(w)
    assert found.reason == "nothing arrives"


def test_a_box_of_several_outputs_is_asked_for_by_part():
    parts = np.split(parameter(4), 2)
    whole = parts[0].children[0]
    grads = fg.Graph(fg.sum(parts[0])).fprop().bprop(wrt=[whole])
    with pytest.raises(fg.FlowgraphError, match="has several outputs; ask for one of its parts"):
        grads.why_zero(whole)


def test_a_gradient_that_is_not_zero_is_said_so():
    found = why(fg.sum(parameter(3) * 2.0))
    assert not found.zero
    assert str(found) == "why_zero: the gradient of Parameter 'W' is not zero; its largest element is 2"
    assert str(why(fg.sum(fg.Parameter(np.zeros(0), name="W")))).endswith("has no elements")


def test_a_box_whose_gradient_was_not_kept_is_refused():
    w = parameter(3)
    h = w * 2.0
    grads = fg.Graph(fg.sum(h)).fprop().bprop()
    with pytest.raises(fg.FlowgraphError, match="this bprop did not keep its gradient"):
        grads.why_zero(h)
    assert fg.Graph(fg.sum(h)).fprop().bprop(keep="all").why_zero(h).status == "not zero"
