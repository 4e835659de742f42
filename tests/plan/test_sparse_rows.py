"""Tables of which few rows are looked up: a plan changes these alone, and gives the numbers of all rows."""

import copy

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.plan.numpy import sparse_rows as in_memory
from flowgraph.plan.passes import sparse_rows
from tests.registry import unregister

ROWS, WIDTH = 50, 3


@pytest.fixture(autouse=True)
def _small_tables(monkeypatch):
    monkeypatch.setattr(sparse_rows, "SMALLEST", 0)
    monkeypatch.setattr(sparse_rows, "FEWER", 2)


class Model:
    """A table, of whose rows the mean goes through a layer; its steps, and the same in plain NumPy.

    With `lazy` the table has a velocity, of which the rows that are looked up change alone.
    """

    def __init__(self, dtype=np.float64, width=(WIDTH,), lazy=False, **settings):
        rng = np.random.default_rng(0)
        self.table = fg.Parameter(rng.normal(size=(ROWS, *width)).astype(dtype), name="table")
        self.w = fg.Parameter(rng.normal(size=width).astype(dtype), name="w")
        self.x, self.rate = fg.Input("x", shape=("N", 2), dtype=int), fg.Input("rate", dtype=dtype)
        self.guard = fg.Input("guard", dtype=dtype)
        loss = fg.sum(np.tanh(self.table[self.x] * self.w)) * Refuses(self.guard)
        self.loss, (slope, of_w) = loss, fg.gradient(loss, [self.table, self.w])
        self.updates = {self.table: self.table - self.rate * slope, self.w: self.w - self.rate * of_w}
        self.lazy = lazy
        if lazy:
            self.updates |= fg.Momentum(0.5, lazy=True).updates({self.table: slope}, self.rate)
            self.velocity = next(p for p in self.updates if p not in {self.table, self.w})
        self.step = fg.compile([loss], updates=self.updates, **settings)
        self.buffers = {}

        self.other = fg.compile([], updates={self.table: self.table * 0.5})

    def steps(self, x, rate):
        """A step gives what NumPy gives."""
        table, w, velocity = self.needed(x, rate)
        batch = self.buffers.setdefault(x.shape, np.empty_like(x))  # as of a loader that fills one array again
        batch[...] = x
        self.step(x=batch, rate=rate, guard=1.0)
        tolerance = 1e-12 if self.table.dtype == np.float64 else 1e-5
        np.testing.assert_allclose(self.table.value, table, rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(self.w.value, w, rtol=10 * tolerance, atol=10 * tolerance)
        if self.lazy:
            np.testing.assert_allclose(self.velocity.value, velocity, rtol=tolerance, atol=tolerance)

    def fails(self, x, kind, monkeypatch):
        """A step that is refused or interrupted leaves everything as it was."""
        before = [parameter.value for parameter in self.updates]
        with monkeypatch.context() as patch:
            if kind == "broken":
                patch.setattr(in_memory.NewRows, "_put", _interrupted)
            try:
                self.step(x=x, rate=0.5, guard=-1.0 if kind == "refused" else 1.0)
            except (ValueError, KeyboardInterrupt):
                for parameter, value in zip(self.updates, before, strict=True):
                    np.testing.assert_array_equal(parameter.value, value)

    def needed(self, x, rate):
        """The parameters after a step."""
        table, w = self.table.value, self.w.value
        slope = 1 - np.tanh(table[x] * w) ** 2
        change = np.zeros_like(table)
        np.add.at(change, x, slope * w)
        velocity = None
        if self.lazy:
            rows = np.unique(np.where(x < 0, x + ROWS, x))
            velocity = np.array(self.velocity.value)
            velocity[rows] = change[rows] + 0.5 * velocity[rows]
            change[rows] = velocity[rows]
        axes = tuple(range(x.ndim))
        return table - rate * change, w - rate * np.sum(slope * table[x], axis=axes), velocity


@unregister
class Refuses(fg.Elementwise):
    """A number that is refused where it is negative, after the gradients have been computed."""

    def fprop(self, a):
        if np.any(np.asarray(a) < 0):
            raise ValueError("negative")
        return np.asarray(a) * 1.0

    def bprop(self, grad, h, a):
        return (grad * np.ones_like(a),)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("dtype", "width"), [(np.float64, (3,)), (np.float32, (2, 2)), (np.float64, ())])
def test_any_sequence_of_steps_gives_the_numbers_of_all_rows(seed, dtype, width, lazy, monkeypatch):
    model = Model(dtype, width, lazy, without=["flat_parameters"])
    rng = np.random.default_rng(seed)
    few = 0
    for _ in range(60):
        kind = rng.choice(["step", "step", "step", "many", "assign", "refused", "broken", "other", "copy"])
        size = 60 if kind == "many" else int(rng.integers(0, 9))
        x = rng.integers(-ROWS if rng.random() < 0.3 else 0, ROWS if rng.random() < 0.7 else 4, (size, 2))
        if kind == "assign":
            model.table.value = rng.normal(size=model.table.shape).astype(dtype)
        elif kind == "other":
            model.other()
        elif kind == "copy":
            model = copy.deepcopy(model)
        elif kind in ("refused", "broken"):
            model.fails(x, kind, monkeypatch)
        else:
            model.steps(x, dtype(rng.choice([0.5, -0.25, 0.0])))
            few += ("find_rows" if lazy else "add_rows") in model.step.source
    assert few > 5


def _interrupted(self, places, values):
    raise KeyboardInterrupt


def test_rows_that_are_not_named_are_not_written():
    """A row that a step does not name keeps its bits: 0 · ∞ of the gradient of another one does not reach it."""
    model = Model(without=["flat_parameters"])
    untouched = np.delete(np.arange(ROWS), [3, 7])
    before = model.table.value
    for x in ([[3, 7]], [[7, 7]], [[3, 3]]):
        model.step(x=x, rate=0.5, guard=1.0)
        np.testing.assert_array_equal(model.table.value[untouched], before[untouched])
    model.step(x=[[3, 3]], rate=0.5, guard=np.inf)
    assert np.isnan(model.table.value[3]).any() or np.isinf(model.table.value[3]).any()
    np.testing.assert_array_equal(model.table.value[untouched], before[untouched])


def test_two_tables_and_a_table_that_is_looked_up_with_another_update():
    rng = np.random.default_rng(1)
    one, two = (fg.Parameter(rng.normal(size=(40, 2)), name=name) for name in ("one", "two"))
    x = fg.Input("x", shape=("N",), dtype=int)
    loss = fg.sum(one[x] * two[x] ** 2)
    slopes = fg.gradient(loss, [one, two])
    velocity = fg.Parameter(np.ones((40, 2)), name="velocity")
    new = 0.5 * velocity + slopes[1]
    step = fg.compile([loss], updates={one: one + -0.5 * slopes[0], two: two - new, velocity: new})
    step(x=[1, 2, 2])
    assert step.source.count("add_rows") == 1
    for _ in range(3):
        graph = fg.Graph(one - 0.5 * slopes[0], two - new).fprop(x=[5, 1, 5])
        step(x=[5, 1, 5])
        for parameter, value in zip((one, two), graph.outputs, strict=True):
            np.testing.assert_allclose(parameter.value, value)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("seed", range(4))
def test_rows_that_several_lookups_of_a_table_name(seed, backend):
    """Their numbers are joined in memory of the plan, which the next step overwrites before it reads the table."""
    if backend == "numba":
        pytest.importorskip("numba", reason="numba is not installed")
    rng = np.random.default_rng(seed)
    table = fg.Parameter(rng.normal(size=(ROWS, WIDTH)), name="table")
    inputs = [fg.Input(f"x{i}", shape=("N",), dtype=int) for i in range(2 + seed % 2)]
    loss = fg.sum(sum([table[x] ** 2 for x in inputs[1:]], start=table[inputs[0]] ** 2))
    step = fg.compile([], {table: table - 0.25 * fg.gradient(loss, [table])[0]}, backend=backend)
    for _ in range(20):
        fed = {x.name: rng.integers(0, ROWS, 2) for x in inputs}
        change = np.zeros_like(table.value)
        for rows in fed.values():
            np.add.at(change, rows, -0.5 * table.value[rows])
        needed = table.value + change
        step(**fed)
        np.testing.assert_allclose(table.value, needed)
    assert "add_rows" in step.source


def test_two_parameters_with_the_same_new_value():
    table, twin = fg.Parameter(np.ones((40, 2)), name="table"), fg.Parameter(np.zeros((40, 2)), name="twin")
    x = fg.Input("x", shape=("N",), dtype=int)
    (slope,) = fg.gradient(fg.sum(table[x] ** 2), [table])
    new = table - 0.25 * slope
    for updates in ({table: new, twin: new}, {twin: new, table: new}):
        step = fg.compile([], updates=updates)
        for rows in ([1, 2], [2, 2], [3]):
            needed = table.value.copy()
            np.add.at(needed, rows, -0.5 * table.value[rows])
            step(x=rows)
            np.testing.assert_allclose(table.value, needed)
            np.testing.assert_allclose(twin.value, needed)


def test_large_batches_small_tables_and_plans_without_the_pass_go_over_all_rows(monkeypatch):
    assert "add_rows" not in Model(without=["sparse_rows"]).step.prepare(x=[[1, 2]], rate=1.0, guard=1.0).source
    model = Model(without=["flat_parameters"])
    assert "add_rows" in model.step.prepare(x=[[1, 2]], rate=1.0, guard=1.0).source
    assert "add_rows" not in model.step.prepare(x=np.zeros((30, 2), int), rate=1.0, guard=1.0).source
    monkeypatch.undo()
    assert "add_rows" not in Model().step.prepare(x=[[1, 2]], rate=1.0, guard=1.0).source


def test_an_index_that_is_out_of_the_table_is_refused():
    table = fg.Parameter(np.ones((40, 2)), name="table")
    x, change = fg.Input("x", shape=("N",), dtype=int), fg.Input("change", shape=("N", 2))
    step = fg.compile([], updates={table: fg.boxes.AddAtRows(table, change, x)})
    step(x=[-40, 39], change=np.ones((2, 2)))
    for rows in ([40], [-41]):
        with pytest.raises(IndexError):
            step(x=rows, change=np.ones((1, 2)))
    np.testing.assert_array_equal(table.value[[0, 39, 1]], [[2, 2], [2, 2], [1, 1]])


def test_the_box_in_other_places_than_a_new_value():
    a, change = fg.Input("a", shape=(40, 2)), fg.Input("change", shape=("N", 2))
    x = fg.Input("x", shape=("N",), dtype=int)
    plan = fg.compile(np.exp(fg.boxes.AddAtRows(a, change, x)))
    for rows in ([1, 1, 5], [2, 7, 7]):
        needed = np.zeros((40, 2))
        np.add.at(needed, rows, 0.5)
        np.testing.assert_allclose(plan(a=np.zeros((40, 2)), change=np.full((3, 2), 0.5), x=rows), np.exp(needed))
