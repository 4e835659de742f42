"""What a plan computes in another way than the box does: sums as products with ones, sigmoids without a choice."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg
from tests.plan.agreement import assert_agree

SPECIAL = [-np.inf, -800.0, -90.0, -20.0, -1.0, -1e-30, -0.0, 0.0, 1e-30, 1.0, 20.0, 90.0, 800.0, np.inf, np.nan]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_a_sigmoid_has_the_bits_of_the_box(dtype):
    a = fg.Input("a", shape=("N",), dtype=dtype)
    plan = fg.compile(fg.sigmoid(a))
    values = np.concatenate([np.array(SPECIAL), np.random.default_rng(0).normal(scale=8, size=1000)]).astype(dtype)
    np.testing.assert_array_equal(plan(a=values), fg.Sigmoid(a).fprop(values))
    assert "where" not in plan.source


@pytest.mark.parametrize("given_array", [np.array([-3, 0, 2]), np.empty(0), np.float32([[1, -1]]).T])
def test_a_sigmoid_of_whole_numbers_and_of_nothing(given_array):
    a = fg.Input("a", shape=given_array.shape, dtype=given_array.dtype)
    np.testing.assert_array_equal(fg.compile(fg.sigmoid(a))(a=given_array), fg.Sigmoid(a).fprop(given_array))


@given(st.data())
def test_a_sum_over_any_axes_is_that_of_numpy(data):
    shape = tuple(data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=4), label="shape"))
    axes = tuple(data.draw(st.sets(st.integers(0, len(shape) - 1), min_size=1), label="axes"))
    dtype = data.draw(st.sampled_from([np.float32, np.float64]), label="dtype")
    keepdims = data.draw(st.booleans(), label="keepdims")
    turned = data.draw(st.booleans(), label="turned")
    values = np.random.default_rng(0).normal(size=shape).astype(dtype)
    flat = values.reshape(-1)
    for number, place in enumerate(data.draw(st.lists(st.integers(0, 600), max_size=2), label="special")):
        if flat.size:
            flat[place % flat.size] = (np.inf, np.nan)[number]
    x = fg.Input("x", shape=shape, dtype=dtype)
    read = np.exp(x).T if turned else np.exp(x)
    with np.errstate(invalid="ignore"):
        found = fg.compile(fg.sum(read, axis=axes, keepdims=keepdims))(x=values)
        right = np.exp(values).T if turned else np.exp(values)
        assert_agree(found, np.sum(right, axis=axes, keepdims=keepdims))


def test_sums_over_the_first_and_over_the_last_axes_are_products():
    x = fg.Input("x", shape=(3, 4, 5))
    h = np.exp(x)
    plan = fg.compile([fg.sum(h, axis=(0, 1)), fg.sum(h, axis=2), fg.sum(h, axis=(1, 2)), fg.sum(h, axis=1)])
    plan.prepare(x=np.ones((3, 4, 5)))
    assert plan.source.count(".dot(") == 3
    assert plan.source.count("add.reduce") == 1
