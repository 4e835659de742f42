"""Products with repeated rows, sums before products: the numbers of the graph, with the pass and without it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from tests.plan.agreement import assert_agree

DTYPES = [np.float32, np.float64]


def layer(n, t, k, m, dtype, axis):
    """A product of stacked rows with a matrix, summed over an axis, and all gradients."""
    x, w = fg.Input("x", shape=(n, t, k), dtype=dtype), fg.Input("w", shape=(k, m), dtype=dtype)
    b = fg.Input("b", shape=(m,), dtype=dtype)
    h = np.tanh(x) @ w + b + x[:, :, :1]
    summed = np.mean(h, axis=axis)
    loss = fg.sum(summed * np.cos(summed))
    return [summed, loss, *fg.gradient(loss, [x, w, b])]


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_the_numbers_are_those_of_the_graph(data):
    n, t, k, m = (data.draw(st.integers(low, 4), label="sizes") for low in (1, 1, 1, 1))
    axis = data.draw(st.sampled_from([0, 1, 2, (0, 1), None]), label="axis")
    dtype = data.draw(st.sampled_from(DTYPES), label="dtype")
    outputs = layer(n, t, k, m, dtype, axis)
    rng = np.random.default_rng(0)
    feeds = {box.name: rng.normal(size=box.shape).astype(dtype) for box in fg.Graph(*outputs).inputs}
    special = data.draw(st.sampled_from([None, 1e30, np.inf, np.nan]), label="special")
    if special is not None:
        feeds["b"].flat[0] = special
    with np.errstate(all="ignore"):
        expected = fg.Graph(*outputs).fprop(feeds).outputs
        for without in ((), ("repeated",), ("products",)):
            found = fg.compile(outputs, without=without)(feeds)
            for one, other in zip(found, expected, strict=True):
                if special is None:
                    assert_agree(one, other, f"without {without}", scale=10)
                else:
                    np.testing.assert_array_equal(np.isnan(one), np.isnan(other))
                    np.testing.assert_array_equal(np.isinf(one), np.isinf(other))


def test_rows_are_summed_before_they_are_multiplied():
    outputs = layer(4, 8, 5, 6, np.float64, 1)
    plan, plain = fg.compile(outputs), fg.compile(outputs, without=["repeated"])
    for one in (plan, plain):
        one.prepare(x=np.ones((4, 8, 5)), w=np.ones((5, 6)), b=np.ones(6))
    large = [box.shape for box in plain.graph if isinstance(box, fg.MatMul) and box.size >= 4 * 8 * 5]
    assert len(large) == 2, "forward, and the gradient of x"
    assert not [box for box in plan.graph if isinstance(box, fg.MatMul) and box.size >= 4 * 8 * 5]
    assert max(box.children[0].shape[-1] for box in plan.graph if isinstance(box, fg.MatMul)) < 4 * 8


def test_a_product_that_others_read_is_made_anyway():
    x, w = fg.Input("x", shape=(4, 8, 5)), fg.Input("w", shape=(5, 6))
    h = x @ w
    plan = fg.compile([np.sum(h, axis=1), h])
    plan.prepare(x=np.ones((4, 8, 5)), w=np.ones((5, 6)))
    assert [box.shape for box in plan.graph if isinstance(box, fg.MatMul)].count((4, 8, 6)) + [
        box.shape for box in plan.graph if isinstance(box, fg.MatMul)
    ].count((32, 6)) == 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_sum_that_is_made_first_overflows_no_earlier(dtype):
    """Each row is near the largest number: their sum is none, and the one that stands for it is divided first."""
    largest = np.finfo(dtype).max
    x = fg.Input("x", shape=(1, 3, 2), dtype=dtype)
    w = fg.Constant(np.full((2, 2), 1e-6, dtype))
    given = np.full((1, 3, 2), largest / 2, dtype)
    found = fg.compile(np.sum(x @ w, axis=1))(x=given)
    right = np.sum(given @ w.value, axis=1)
    assert np.isfinite(right).all()
    np.testing.assert_allclose(found, right, rtol=1e-5)


@pytest.mark.parametrize("turned", [False, True])
def test_a_stack_times_a_matrix_is_one_product(turned):
    rng = np.random.default_rng(0)
    x, w = fg.Input("x", shape=(2, 3, 6, 4)), fg.Input("w", shape=(5, 4) if turned else (4, 5))
    product = np.tanh(x) @ (w.T if turned else w)
    feeds = {"x": rng.normal(size=x.shape), "w": rng.normal(size=w.shape)}
    plan = fg.compile([product, *fg.gradient(fg.sum(product**2), [x, w])])
    expected = fg.Graph(product, *fg.gradient(fg.sum(product**2), [x, w])).fprop(feeds).outputs
    for one, other in zip(plan(feeds), expected, strict=True):
        assert_agree(one, other, scale=10)
    assert "(36, 5)" in plan.source


def test_heads_are_joined_once_for_a_product_and_its_gradients():
    """Attention: what is copied into rows is read by a product with a matrix and by the gradient of the matrix."""
    x, w = fg.Input("x", shape=(8, 3, 6, 4)), fg.Parameter(np.ones((12, 5)), name="w")
    joined = np.tanh(x).transpose(0, 2, 1, 3).reshape(8, 6, 12)
    loss = fg.mean((joined @ w) ** 2) + fg.mean(np.cos(joined))
    plan = fg.compile([loss, *fg.gradient(loss, [w])])
    plan.prepare(x=np.ones(x.shape))
    assert plan.source.count("copyto(") == 1


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_sum_of_what_is_repeated_is_that_of_the_graph(data):
    """Over axes of which an array is repeated along some, with infinities and NaN."""
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4), label="shape")
    once = [data.draw(st.sampled_from([1, size]), label="once") for size in sizes]
    source = once[data.draw(st.integers(0, len(once)), label="axes left out") :]
    axes = tuple(data.draw(st.sets(st.integers(0, len(sizes) - 1), min_size=1), label="axes"))
    dtype = data.draw(st.sampled_from([np.float16, *DTYPES, np.int64, np.complex128]), label="dtype")
    keepdims = data.draw(st.booleans(), label="keepdims")
    x = fg.Input("x", shape=source, dtype=dtype)
    values = np.random.default_rng(0).normal(size=source) * 3
    if np.dtype(dtype).kind != "i":
        values.flat[: data.draw(st.integers(0, 1))] = data.draw(st.sampled_from([np.inf, np.nan, 0]), label="special")
    summed = np.sum(np.broadcast_to(x * x, sizes), axis=axes, keepdims=keepdims)
    fed = {"x": values.astype(dtype)}
    with np.errstate(invalid="ignore"):
        assert_agree(fg.compile(summed)(fed), fg.Graph(summed).fprop(fed)[summed], scale=40)


@pytest.mark.parametrize("rate", [1e-3, 0.5])
def test_a_rate_that_is_known_makes_no_value_twice(rate):
    """Attention: the gradient of the scores, scaled for the heads, is read by two products of weights."""
    x, y = fg.Input("x", shape=(8, 6, 12)), fg.Input("y", shape=(8, 6, 12))
    q, k = (fg.Parameter(np.random.default_rng(i).normal(size=(12, 12)), name=f"w{i}") for i in range(2))
    scores = (x @ q).reshape(8, 6, 3, 4).transpose(0, 2, 1, 3) @ (x @ k).reshape(8, 6, 3, 4).transpose(0, 2, 3, 1) / 2.0
    loss = fg.mean((fg.softmax(scores, axis=-1).sum(axis=1) @ x - y) ** 2)
    grads = fg.gradient(loss, [q, k])
    counts = []
    for without in ((), ("scales",)):
        updates = {p: p - rate * d for p, d in zip((q, k), grads, strict=True)}
        plan = fg.compile([loss], updates=updates, without=without)
        plan.prepare(x=np.ones(x.shape), y=np.ones(y.shape))
        counts.append([type(box) for box in plan.graph].count(fg.MatMul))
    assert counts[0] == counts[1]
