"""Gradients of lookups in plans: rows and what is added to them, wherever few rows are read or their squares."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.plan.passes import sparse_rows

ROWS = 60


@pytest.fixture(autouse=True)
def _small_tables(monkeypatch):
    monkeypatch.setattr(sparse_rows, "SMALLEST", 0)
    monkeypatch.setattr(sparse_rows, "FEWER", 2)


def lookups(rng, width, dtype, count):
    """A table, numbers of rows, and the gradient of what is computed with the rows, by any index that names rows."""
    table = fg.Parameter(rng.normal(size=(ROWS, *width)).astype(dtype), name="table")
    inputs = [fg.Input(f"x{i}", shape=[("N",), ("N", 2), ("M",)][i % 3], dtype=int) for i in range(count)]
    looks = [lambda x: table[x], lambda x: table[x, ...], lambda x: table[(x, *(slice(None),) * len(width))]]
    parts = [fg.sum(np.tanh(looks[(i + count) % 3](x)) * (i - 1.5)) for i, x in enumerate(inputs)]
    parts += [fg.sum(table[row] ** 2) for row in rng.integers(-ROWS, ROWS, int(count > 1))]
    (slope,) = fg.gradient(sum(parts[1:], start=parts[0]), [table])
    return table, inputs, slope


def numbers(rng, inputs, most=4):
    n, m = rng.integers(0, most, 2)
    sizes = {"N": int(n), "M": int(m)}
    low, high = -ROWS if rng.random() < 0.5 else 0, ROWS if rng.random() < 0.6 else 3
    return {x.name: rng.integers(low, high, [sizes.get(str(size), size) for size in x.shape]) for x in inputs}


@pytest.mark.parametrize("seed", range(12))
def test_norm_rows_and_update_are_those_of_the_graph(seed):
    """Of one lookup or several, rows named once, several times or from the end, in sums, differences and multiples."""
    rng = np.random.default_rng(seed)
    width, dtype = [(), (3,), (2, 2)][seed % 3], [np.float64, np.float32][seed % 2]
    table, inputs, slope = lookups(rng, width, dtype, 1 + seed % 4)
    at = fg.Input("at", shape=("K",), dtype=int)
    norm = np.sqrt(fg.sum(slope * slope))
    difference = slope - fg.gradient(fg.sum(table[at] ** 2), [table])[0]
    read = [norm, fg.sum(difference * difference), *[(-0.5 * slope)[rows] for rows in (at, inputs[0], (at, ...), 2)]]
    graph, step = fg.Graph(*read, table - 0.25 * slope), fg.compile(read, {table: table - 0.25 * slope})
    for _ in range(6):
        fed = {**numbers(rng, inputs), "at": rng.integers(-ROWS, ROWS, 4)}
        *needed, new = graph.fprop(**fed).outputs
        found = step(**fed)
        for one, other in zip([*found, table.value], [*needed, new], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4 if dtype == np.float32 else 1e-11, atol=1e-6)
        if all(rows.size > 1 for rows in fed.values()):
            assert "find_rows" in step.source
            assert "add_rows" in step.source
            assert "IndexAdd(" not in step.source


@pytest.mark.parametrize("index", [(True,), (None, 1), (slice(2),), (slice(None), 1), (0, 1), (..., 0), ()])
def test_an_index_that_names_other_things_than_whole_rows_is_no_lookup(index):
    table = fg.Parameter(np.random.default_rng(0).normal(size=(ROWS, 3)), name="table")
    (slope,) = fg.gradient(fg.sum(np.tanh(table[index])), [table])
    needed = table.value - fg.Graph(slope).fprop().outputs[0]
    fg.compile([], {table: table - slope})()
    np.testing.assert_allclose(table.value, needed)
    with pytest.raises(fg.FlowgraphError, match="of none of the parameters"):
        fg.Momentum(lazy=True).updates({table: slope}, fg.Constant(1.0))


def test_a_plan_without_the_pass_and_one_of_many_rows_go_over_all():
    _, _, slope = lookups(np.random.default_rng(0), (3,), float, 1)
    norm = fg.sum(slope * slope)
    assert "find_rows" in fg.compile(norm).prepare(x0=np.arange(4)).source
    assert "find_rows" not in fg.compile(norm).prepare(x0=np.zeros(ROWS, int)).source
    assert "find_rows" not in fg.compile(norm, without=["sparse_rows"]).prepare(x0=np.arange(4)).source


def test_what_cancels_in_a_row_has_no_norm():
    """The squares are those of the sums of each row: never below 0, and 0 where what is added is."""
    table, x = fg.Parameter(np.ones((ROWS, 2)), name="table"), fg.Input("x", shape=(3,), dtype=int)
    factors = fg.Input("factors", shape=(3, 1))
    (slope,) = fg.gradient(fg.sum(table[x] * factors), [table])
    step = fg.compile(np.sqrt(fg.sum(slope * slope)))
    for factor in ([1e8, -1e8, 0], [1e16, 3, -1e16], [1, 2, 3]):
        found = step(x=[7, 7, 7], factors=np.array([factor]).T)
        np.testing.assert_allclose(found, np.sqrt(2) * abs(sum(factor)), atol=4)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int64, np.uint64])
def test_rows_by_any_whole_numbers(kind):
    """Also where their dtype does not hold the number of rows, or has no sign that NumPy could compute with."""
    table = fg.Parameter(np.ones((300, 2)), name="table")
    x = fg.Input("x", shape=("N",), dtype=kind)
    (slope,) = fg.gradient(fg.sum(table[x] ** 2), [table])
    lazy = fg.Momentum(0.5, lazy=True).updates({table: slope}, fg.Constant(0.25))
    rows = np.array([5, 100, 5]) if np.dtype(kind).kind == "u" else np.array([5, -1, 5])
    for updates in ({table: table - 0.25 * slope}, lazy):
        table.value = np.ones((300, 2))
        needed = np.ones((300, 2))
        np.subtract.at(needed, rows, 0.5)
        np.testing.assert_allclose(fg.Graph(updates[table]).fprop(x=rows.astype(kind)).outputs[0], needed)
        fg.compile([], updates)(x=rows.astype(kind))
        np.testing.assert_allclose(table.value, needed)


def test_a_row_that_is_none_is_refused_and_nothing_changes():
    table, [x], slope = lookups(np.random.default_rng(0), (3,), float, 1)
    updates = fg.Momentum(lazy=True).updates({table: slope}, fg.Constant(1.0))
    step, before = fg.compile([], updates), table.value
    for row in (ROWS, -ROWS - 1):
        with pytest.raises(IndexError):
            step(x0=[1, row])
        np.testing.assert_array_equal(table.value, before)
    fixed = fg.Input("a", shape=("N", 3))
    plan = fg.compile(fg.add_at(np.zeros((ROWS, 3)), x, fixed)[x])
    plan(a=np.ones((2, 3)), x0=[1, 1])
    for row in (ROWS, -ROWS - 1):
        with pytest.raises(IndexError):
            plan(a=np.ones((2, 3)), x0=[1, row])
