"""Kernels in NumPy's plan: groups of lines, pooling, rows of tables, reductions; Python runs them here."""

import importlib.util

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.plan.numba import emitter
from flowgraph.plan.passes import sparse_rows
from tests.plan.native_in_python import is_native

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="Numba is not installed"),
    pytest.mark.usefixtures("interpreted"),
]
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def kernels_only(monkeypatch):
    """No graph is one function, and the smallest groups of lines are kernels."""
    for module, name, value in (
        (emitter, "LARGEST", 0), (emitter, "FEWEST", 1), (emitter, "LONG", 0), (sparse_rows, "SMALLEST", 0),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, value)


def assert_is_graph(outputs, feeds, says, **settings):
    """The plan has kernels whose call `says` so, and gives the numbers of the graph, NaN and infinities too."""
    graph, plan = fg.Graph(*outputs), fg.compile(outputs, backend="numba", **settings)
    with np.errstate(all="ignore"):
        expected, found = graph.fprop(feeds).outputs, plan(feeds)
    assert is_native(plan)
    assert says in plan.source
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("shape", [(4, 3), (1, 3), (4, 1), (3,), ()])
def test_a_kernel_reads_broadcast_transposed_and_strided_arrays(shape):
    x, y = fg.Input("x", shape=(4, 3)), fg.Input("y", shape=shape)
    a = np.tanh(x * y) - y
    outputs = [a, np.where(x > y, a, -x), a.T[::-1] * 2, (x[::2, ::-1] + a[1::2]).T + 1, x >= a]
    given = RNG.normal(size=(3, 8))[:, ::-2].T  # neither in rows nor in columns without gaps
    assert not given.flags.forc
    assert_is_graph(outputs, {x: given, y: RNG.normal(size=shape)}, "kernel(")


def test_a_group_writes_over_no_array_that_it_reads_elsewhere():
    x = fg.Input("x", shape=(4, 4))
    a = x @ x
    b = a * 2
    c = b + a.T
    d = np.tanh(c) + c.T
    e = d - d.T @ x
    assert_is_graph([e * b[:1], np.exp(-(e * e))], {x: RNG.normal(size=(4, 4))}, "kernel(")


STEPS = {
    "transposed": lambda a, b: a.T, "reversed": lambda a, b: a[::-1], "flipped": lambda a, b: np.flipud(a),
    "product": lambda a, b: a * b, "sum": lambda a, b: a + b, "sine": lambda a, b: np.sin(a),
    "matrix product": lambda a, b: a @ b,
}  # fmt: skip


@given(
    st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=9)
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_lines_that_read_one_array_in_several_ways(steps):
    """A kernel does not write over what it reads later through a view: transposed, or from behind."""
    x = fg.Input("x", shape=(6, 6))
    made = [x]
    for name, one, other in steps:
        made.append(STEPS[name](made[one % len(made)], made[other % len(made)]))
    loss = fg.sum(np.tanh(made[-1]))
    outputs = [made[-1], *fg.gradients([loss], [x], [None], unused="zeros")]
    value = np.random.default_rng(0).normal(size=(6, 6))
    plan, graph = fg.compile(outputs, backend="numba"), fg.Graph(*outputs)
    for found, needed in zip(plan(x=value), graph.fprop(x=value).outputs, strict=True):
        np.testing.assert_allclose(found, needed, rtol=1e-9, atol=1e-9 * np.max(np.abs(needed)))


SPECIAL = np.array([0.0, -0.0, 1.0, 1.0, 2.0, -1.0, np.nan, np.inf, -np.inf])


@pytest.mark.parametrize("values", ["ties", "special", "arriving"])
@pytest.mark.parametrize("settings", [{}, {"size": (3, 2), "stride": (3, 2)}, {"size": 2, "stride": 3}])
def test_pooling_over_a_rectifier_and_its_gradient(settings, values):
    x, w = fg.Input("x", shape=(2, 2, 8, 7)), fg.Parameter(np.eye(2).reshape(2, 2, 1, 1), name="w")
    arriving = fg.Input("g", shape=(2, 2, *fg.MaxPool(x, **settings).shape[2:]))
    pooled = fg.MaxPool(np.maximum(fg.Conv2d(x, w), 0), **settings)
    (dx,) = fg.gradients([pooled], [x], [arriving])
    given = RNG.choice(SPECIAL if values == "special" else SPECIAL[:6], x.shape)
    g = RNG.choice(SPECIAL if values == "arriving" else [-1.5, 2.0, 0.25], arriving.shape)
    assert_is_graph([pooled, dx], {x: given, arriving: g}, "SpreadToRectified(")


@pytest.mark.parametrize("axis", [0, 1, (0, 2), (1, 2), -1, (0, 1, 2)])
@pytest.mark.parametrize("function", [np.sum, np.max, np.min])
def test_reductions_in_the_order_of_memory(function, axis):
    x = fg.Input("x", shape=(3, 4, 5))
    given = RNG.normal(size=(3, 4, 5))
    given[1, 2] = np.nan, np.inf, -np.inf, 0.0, 1.0
    for keepdims in (False, True):
        outputs = [function(one, axis=axis, keepdims=keepdims) for one in (x * 2, x.transpose(2, 0, 1) * 3)]
        assert_is_graph(outputs, {x: given}, "kernel(", without=["products"])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_of_a_table_are_added_and_the_last_ones_brought_up_to_date(dtype):
    start = RNG.normal(size=(400, 3)).astype(dtype)
    tables = []
    steps = [RNG.integers(-400, 400, 6) for _ in range(6)] + [np.array([5, 5, -395, 5, 1, 0])] * 2
    for backend in ("numpy", "numba"):
        table, rows = fg.Parameter(start, name="E"), fg.Input("rows", shape=(6,), dtype=int)
        loss = fg.sum(table[rows] ** 2)
        (grad,) = fg.gradient(loss, [table])
        step = fg.compile([loss], {table: table - dtype(0.1) * grad}, backend=backend)
        for number, one in enumerate(steps):
            step(rows=one)
            if number == 3:
                table.value = table.value * 2  # both buffers of the store are other ones after it
        assert "add_rows_" in step.source
        before = table.value
        with pytest.raises(IndexError):
            step(rows=[0, 1, 2, 3, 4, 400])
        np.testing.assert_array_equal(table.value, before)
        step(rows=steps[0])  # of what the refused step had begun to write nothing is left
        tables.append(table.value)
    np.testing.assert_allclose(tables[0], tables[1], rtol=1e-6 if dtype is np.float32 else 1e-14)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_loop_of_few_numbers_and_its_gradient(reverse):
    a, first, x = fg.Input("a"), fg.Input("z", shape=(2,)), fg.Input("x", shape=(5, 2))

    def body(z, e):
        new = np.tanh(a * z) + e * z[::-1]
        return new, (new[0] * a, np.exp(new))

    last, (one, two) = fg.scan(body, first, x, reverse=reverse)
    loss = fg.sum(last * last) + fg.sum(one) - fg.sum(np.sin(two))
    feeds = {a: 0.7, first: [0.3, -0.2], x: RNG.normal(size=(5, 2))}
    assert_is_graph([last, one, two, loss, *fg.gradient(loss, [a, first, x])], feeds, "Scan(")
    assert_is_graph([last, one, two], {**feeds, x: np.full((5, 2), 1e200)}, "Scan(")


@pytest.mark.parametrize("steps", [0, 3, 700])
def test_a_loop_of_few_numbers_that_a_condition_ends_and_its_gradient(steps):
    a, z = fg.Input("a"), fg.Input("z", shape=(2,))
    n, last = fg.while_loop(
        lambda c: c[0] < steps - 0.5, lambda c: (c[0] + 1.0, np.sin(c[1] * a)), (fg.Constant(0.0), z)
    )
    loss = fg.sum(last * last) + n
    feeds = {a: 1.01, z: [0.3, -0.2]}
    assert_is_graph([n, last, loss, *fg.gradient(loss, [a, z])], feeds, "While(")


def test_a_loop_that_does_not_end_is_refused_by_name():
    a = fg.Input("a")
    last = fg.while_loop(lambda c: c > 0.0, lambda c: c * 1.0 + a, fg.Constant(1.0), max_steps=5)
    plan = fg.compile(last * 2, backend="numba")
    with pytest.raises(fg.FlowgraphError, match="found the condition true after 5 steps"):
        plan(a=1.0)
    assert plan(a=-0.25) == 0  # after 4 steps; and 5 are not too many
    assert plan(a=-0.24) < 0
