"""Parameters side by side: one line for several, arrays joined without a copy; the graph's numbers in every case."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.plan.store import Store, flat_view
from tests.plan.test_plan import batch, network


def checked(plan, times=3, **feeds):
    """The source after some steps, each held against the graph."""
    for _ in range(times):
        with fg.debug():
            plan(**feeds)
    return plan.source


def vectors(*names, size=3):
    return [fg.Parameter(np.arange(size) + place + 0.5, name=name) for place, name in enumerate(names)]


def lines_with(source, text):
    return sum(text in line for line in source.splitlines())


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_small_weights_are_decayed_and_changed_in_one_line(count, dtype):
    _, loss, _, updates = network(dtype, sizes=(6, 5, 4, 3))
    source = checked(fg.compile([loss], updates=updates), **batch(count, dtype), rate=0.1)
    assert lines_with(source, "W1_W3.dot(W1_W3)") == 1
    assert lines_with(source, "new_W1_W3 = add(") == lines_with(source, "new_b1_b3 = add(") == 1
    assert lines_with(source, "    new_") == 2
    assert "copyto" not in source
    assert "concatenate" not in source


def adam(loss, parameters, rate):
    updates = {}
    for p, g in zip(parameters, fg.gradient(loss, parameters), strict=True):
        m, v = (fg.Parameter(np.zeros(p.shape, p.dtype), name=f"{kind}_{p.name.split('/')[-1]}") for kind in "mv")
        new_m, new_v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g * g
        updates |= {p: p - rate * new_m / (np.sqrt(new_v) + 1e-8), m: new_m, v: new_v}
    return updates


def test_moments_are_flat_parameters_too():
    x, y, rate = fg.Input("x", shape=("N", 4)), fg.Input("y", shape=("N", 2)), fg.Input("rate")
    w, c, d, b = (fg.Parameter(np.linspace(-1, 1, int(np.prod(shape))).reshape(shape), name=name) for name, shape in (
        ("w", (4, 3)), ("c", (3,)), ("d", (3, 2)), ("b", (2,))))  # fmt: skip
    loss = np.sum(np.exp(np.tanh(x @ w + c) @ d + b - y))
    plan = fg.compile([loss], updates=adam(loss, [w, c, d, b], rate))
    source = checked(plan, x=np.ones((5, 4)), y=np.arange(10.0).reshape(5, 2), rate=0.1)
    assert lines_with(source, "sqrt(") == 1, source
    assert lines_with(source, "    new_") == 3, source


def test_a_gradient_that_is_kept_and_read_later_is_still_right():
    a, b = vectors("a", "b")
    x = fg.Input("x", shape=(3,))
    grads = fg.gradient(np.sum(np.exp(np.ones((2, 3)) * a * x) * np.tanh(np.ones((2, 3)) * b + x)), [a, b])
    outputs = [*grads, np.cumsum(grads[0]) * np.sum(grads[1]), np.tanh(grads[0]) * 2]
    updates = {p: p - 0.1 * g for p, g in zip((a, b), grads, strict=True)}
    for borrow in (False, True):
        source = checked(fg.compile(outputs, updates=updates, borrow=borrow), x=np.ones(3))
        assert lines_with(source, "new_a_b = ") == 1, source


@pytest.mark.parametrize(
    "build",
    [
        lambda a, b, x: {a: a * 2 + np.cumsum(a), b: b * 2 + np.cumsum(a * 2 + np.cumsum(a))},
        lambda a, b, x: {a: a + b, b: b + a},
        lambda a, b, x: {a: b, b: a},
        lambda a, b, x: {a: a + x, b: b + x},
        lambda a, b, x: {a: 2 * x + a * a, b: 2 * x + a * a},
        lambda a, b, x: {a: a + np.cumsum(x), b: b + np.cumsum(x)},
        lambda a, b, x: {a: a + np.arange(3.0), b: b + np.cumsum(np.exp(x))},
        lambda a, b, x: {a: a + x[::-1], b: b + np.tanh(x)[::-1]},
        lambda a, b, x: {a: a - x[0] * np.tanh(a), b: b - x[1] * np.tanh(b)},
        lambda a, b, x: {a: a - np.max(b) * np.tanh(a), b: b - np.max(b) * np.tanh(b)},
        lambda a, b, x: {a: np.tanh(a), b: np.tanh(np.tanh(a)) * np.sum(a * a)},
    ],
)
@pytest.mark.parametrize("order", [1, -1])
def test_updates_that_depend_on_one_another(build, order):
    a, b = vectors("a", "b")
    x = fg.Input("x", shape=(3,))
    updates = dict(list(build(a, b, x).items())[::order])
    plan = fg.compile([np.sum(a * a) + np.sum(x) + np.sum(b * b), *updates.values()], updates=updates, inputs=[x])
    checked(plan, x=np.array([1.0, -2.0, 0.25]))
    a.value = np.zeros(3)
    checked(plan, x=np.array([0.5, 1.5, 0.25]))


def test_arrays_are_joined_where_they_are_computed():
    x = fg.Input("x", shape=(2, 3))
    h, g = np.tanh(x), np.exp(x)
    joined = np.concatenate([h, x, g * 2])
    plan = fg.compile([np.sin(joined), h * 3 + np.cos(h), np.concatenate([h, g]), joined.reshape((-1,))[4:]])
    source = checked(plan, x=np.linspace(-1, 1, 6).reshape(2, 3))
    assert "[2:4] = x" in source, source
    again = fg.compile([np.concatenate([np.tanh(x), np.exp(x)], axis=0), np.concatenate([x, h], axis=1)])
    assert lines_with(checked(again, x=np.ones((2, 3))), "concatenate((") == 1


def test_neighbours_lie_next_to_one_another_in_their_order():
    w1, w2 = (fg.Parameter(np.ones((2, 3)), name=name) for name in ("w1", "w2"))
    b1, b2 = vectors("b1", "b2")
    half = fg.Parameter(np.ones(3, np.float32), name="half")
    updates = {p: p * 2.0 for p in (b1, w1, half, b2, w2)}
    store = Store(updates)
    assert [p.name for p in store.order] == ["w1", "w2", "b1", "b2", "half"]
    assert store.are_adjacent([w1, w2, b1, b2])
    assert not store.are_adjacent([w2, w1])
    assert not store.are_adjacent([w1, b1])
    assert not store.are_adjacent([b2, half])
    store.take()
    places = dict(zip(store.parameters, store.old, strict=True))
    np.testing.assert_array_equal(flat_view([places[w2], places[b1]]), [1] * 6 + [0.5, 1.5, 2.5])


def test_large_parameters_are_left_alone():
    updates = {p: p * 2.0 + 1.0 for p in vectors("a", "b", size=20_000)}
    source = checked(fg.compile([], updates=updates), 1)
    assert lines_with(source, "new_a = ") == lines_with(source, "new_b = ") == 1, source


def test_the_order_of_a_graph_follows_what_is_wanted_early():
    x = fg.Input("x", shape=(3,))
    first, second = np.tanh(x), np.exp(x)
    boxes = fg.Graph(first * second, along=[second, first]).boxes
    assert boxes.index(second) < boxes.index(first)


@given(st.lists(st.sampled_from([(0, 3), (0,), (3,), (1,), (3, 2), (2, 2), ()]), min_size=2, max_size=4), st.data())
def test_parameters_of_any_shapes_are_updated_as_the_graph_says(shapes, data):
    """What is joined of new values is read by the next update, and must not be written over by it."""
    parameters = [fg.Parameter(np.ones(shape), name=f"p{i}") for i, shape in enumerate(shapes)]
    loss = sum(
        (data.draw(st.sampled_from([np.sum(p * p), 0.5 * np.sum(p), 0.0 * np.sum(p)])) for p in parameters),
        fg.Constant(0.0),
    )
    updates = {}
    for p, grad in zip(parameters, fg.gradient(loss, parameters), strict=True):
        first = fg.Parameter(np.full(p.shape, 0.25), name=f"{p.name}/first")
        second = fg.Parameter(np.full(p.shape, 0.25), name=f"{p.name}/second")
        mean, square = 0.9 * first + 0.1 * grad, 0.99 * second + 0.01 * (grad * grad)
        updates |= {first: mean, second: square, p: p - 0.1 * mean / (np.sqrt(np.abs(square)) + 1e-3)}
    outputs = [loss, *(p for p in parameters if data.draw(st.booleans()))]
    checked(fg.compile(outputs, updates=updates), times=2)
