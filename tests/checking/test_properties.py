"""Properties of the example are seen, kept by every test case, named in the report, and broken by `vary=`."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as drawn

import flowgraph as fg
from flowgraph.checking.properties import equal_inputs, keeping, keeps, properties_of

from .test_structures import EXAMPLES

rng = np.random.default_rng(0)
FLOATS = {name: found[0] for name, found in EXAMPLES.items()} | {
    "is positive": np.array([0.5, 2.0, 0.1, 3.0]),
    "is negative": -np.array([0.5, 2.0, 0.1, 3.0]),
    "is nowhere negative": np.array([0.5, 0.0, 0.1, 3.0]),
    "has the entries 0 and 1 alone": np.array([0.0, 1.0, 1.0, 0.0, 1.0]),
    "has the entries -1 and 1 alone": np.array([-1.0, 1.0, 1.0, -1.0]),
    "has one 1 a row": np.eye(3)[[2, 0, 0, 1]],
}
WHOLE = {
    "is a permutation": np.array([2, 0, 1]),
    "has one 1 a row": np.eye(3, dtype=int)[[2, 0, 0]],
    "has whole numbers from 0 to 1 alone": np.array([0, 1, 1, 0]),
    "has whole numbers from 2 to 7 alone": np.array([2, 7, 7, 3]),
    "has whole numbers from -1 to 3 alone": np.array([[3, -1], [0, 2]]),
}


@pytest.mark.parametrize("name", FLOATS)
def test_each_is_kept_by_every_test_case_and_named(name):
    example = FLOATS[name]
    seen = []

    def fprop(x):
        return (x * x).sum()

    def bprop(grad, out, x):
        seen.append(x)
        return (2 * grad * x,)

    report = fg.check(fprop, example, bprop=bprop, seed=3)
    assert report.passed, str(report)
    assert report.kept == [f"x {name}"]
    assert f"kept as in the example: x {name}" in str(report)
    found = properties_of((example,), (0,))[0]
    assert found.name == name
    cases = [x for x in seen if x.shape == example.shape and x.dtype == np.float64]
    assert len({x.tobytes() for x in cases}) > 5


@pytest.mark.parametrize("name", WHOLE)
def test_labels_and_indices_stay_what_they_are(name):
    example, seen = WHOLE[name], []

    def fprop(x, i):
        seen.append(i)
        return 2 * x

    report = fg.check(fprop, rng.normal(size=(7, 2)), example, bprop=lambda grad, out, x, i: (2 * grad, None))
    assert report.passed, str(report)
    assert f"i {name}" in report.kept
    (found,) = (one for k, one in properties_of((None, example), ()).items() if k == 1)
    assert found.name == name
    assert all(found.holds(i) for i in seen if i.size)
    assert len({i.tobytes() for i in seen}) > 1
    seen.clear()
    fg.check(fprop, rng.normal(size=(7, 2)), example, bprop=lambda grad, out, x, i: (2 * grad, None), vary="i")
    assert not all(found.holds(i) for i in seen if i.size)


def test_what_is_wrong_without_the_property_alone_is_no_mistake_unless_it_is_asked_for():
    def wrong_below_0(grad, out, x):
        return (np.where(x > 0, 2 * x, 0.0) * grad,)

    def square(x):  # NumPy 2.3 does not say how the argument of its own is called
        return np.square(x)

    example = np.array([0.5, 2.0, 0.1, 3.0])
    assert fg.check(square, example, bprop=wrong_below_0).passed
    for options in ({"vary": "x"}, {"strict": True}, {"valid": lambda x: True}):
        assert fg.check(square, example, bprop=wrong_below_0, **options).verdict == "fail"


def test_a_sign_of_few_numbers_is_an_accident_unless_others_have_both():
    assert properties_of((np.array([0.5, 2.0]),), (0,)) == {}
    assert properties_of((np.array([0.5, 2.0]), np.array([-1.0, 2.0])), (0, 1))[0].name == "is positive"
    assert properties_of((np.ones(5),), (0,)) == {}


def test_inputs_that_are_equal_in_the_example_stay_equal():
    x = rng.normal(size=4)

    def bprop(grad, out, a, b):
        return 2 * grad * b, 0 * grad  # right for a = b, where the slopes add up, and nowhere else

    seen = []

    def fprop(a, b):
        seen.append(np.array_equal(a, b))
        return a * b

    fg.check(fprop, x, x.copy(), bprop=lambda grad, out, a, b: (grad * b, grad * a))
    assert sum(seen) > 5
    assert equal_inputs((x, x.copy(), x + 1), (0, 1, 2)) == {1: 0}
    assert fg.check(fprop, x, x.copy(), bprop=bprop).verdict == "fail"


@given(st.data())
def test_whatever_is_drawn_is_given_the_properties(data):
    name = data.draw(st.sampled_from(sorted(FLOATS)))
    found = properties_of((FLOATS[name],), (0,))
    shape = FLOATS[name].shape
    x = data.draw(drawn.arrays(np.float64, shape, elements=st.floats(-100, 100, width=32), unique=True))
    assert keeps(keeping((x,), found, {}), found, {})
