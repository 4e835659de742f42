"""Lazy rules: only rows that are looked up move, by the numbers of the same rule in plain NumPy and in PyTorch."""

import copy
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import flowgraph as fg
from flowgraph.errors import UsageError
from flowgraph.plan.passes import sparse_rows
from flowgraph.training import State, Trainer
from tests.training.rules_by_hand import RATE, STATES, cases

CASES = cases(lazy=True)
RULES = [case[0] for case in CASES]


class Table:
    """A table of random shape and dtype, looked up once or several times, beside a parameter that is not looked up."""

    def __init__(self, rng, rule, dtype=None, terms=None):
        dtype = dtype or rng.choice([np.float32, np.float64])
        self.count, width = int(rng.choice([1, 5, 40, 300])), [(), (3,), (2, 2)][rng.integers(3)]
        self.table = fg.Parameter(rng.normal(size=(self.count, *width)).astype(dtype), name="table")
        self.w = fg.Parameter(rng.normal(size=width).astype(dtype), name="w")
        shapes = [[("N",), ("N", 2), ()][i] for i in rng.integers(0, 3, terms or rng.integers(1, 4))]
        kinds = rng.choice([np.int64, np.int32, np.int8, np.uint8, np.uint64], len(shapes))
        self.rows = [
            fg.Input(f"x{i}", shape=s, dtype=kind) for i, (s, kind) in enumerate(zip(shapes, kinds, strict=True))
        ]
        self.fixed = int(rng.integers(-self.count, self.count)) if rng.random() < 0.3 else None
        parts = [fg.sum(np.tanh(self.table[x] * self.w)) for x in self.rows]
        parts += [] if self.fixed is None else [fg.sum(np.tanh(self.table[self.fixed] * self.w))]
        loss = sum(parts[1:], start=parts[0]) * dtype(0.5)
        self.rate = fg.Input("rate", dtype=dtype)
        grads = dict(zip([self.table, self.w], fg.gradient(loss, [self.table, self.w]), strict=True))
        self.updates = rule.of_weights([self.table, self.w]).updates(grads, self.rate)
        self.loss = loss

    def drawn(self, rng):
        """Numbers of rows, from either end, some several times."""
        n, found = int(rng.integers(0, 5)), {}
        for x in self.rows:
            low = 0 if x.dtype.kind == "u" or rng.random() < 0.5 else -self.count
            shape = tuple(n if size == "N" else size for size in map(_plain, x.shape))
            found[x.name] = rng.integers(low, rng.integers(1, self.count + 1), shape).astype(x.dtype)
        return found

    def gradient(self, fed, table, w):
        """The gradient of the table, that of w, and the rows that are looked up."""
        named = [np.asarray(rows).astype(int).reshape(-1) for rows in fed.values()]
        rows = np.concatenate([*named, *([] if self.fixed is None else [[self.fixed]])]).astype(int)
        slope = 0.5 * (1 - np.tanh(table[rows] * w) ** 2)
        g = np.zeros_like(table)
        np.add.at(g, rows, slope * w)
        return g, (slope * table[rows]).sum(0), np.unique(rows % self.count)


def _plain(size):
    return size if isinstance(size, int) else "N"


class Reference:
    """The same rule in plain NumPy: the table moves where it is looked up, the other parameter as a whole."""

    def __init__(self, model, step):
        self.model, self.step, self.t = model, step, 0
        self.table, self.w = (np.array(p.value, float) for p in (model.table, model.w))
        self.of_table, self.of_w = ({name: np.zeros_like(one) for name in STATES} for one in (self.table, self.w))

    def move(self, fed):
        self.t += 1
        g, of_w, rows = self.model.gradient(fed, self.table, self.w)
        memory = {name: value[rows] for name, value in self.of_table.items()}
        self.table[rows] = self.step(self.table[rows], g[rows], memory, self.t)
        for name, value in memory.items():
            self.of_table[name][rows] = value
        self.w = self.step(self.w, of_w, self.of_w, self.t)
        return np.setdiff1d(np.arange(self.model.count), rows)

    def agrees(self):
        tolerance = {"rtol": 1e-3, "atol": 1e-4} if self.model.table.dtype == np.float32 else {"rtol": 1e-9}
        tolerance.setdefault("atol", 1e-11)
        np.testing.assert_allclose(self.model.table.value, self.table, **tolerance)
        np.testing.assert_allclose(self.model.w.value, self.w, **tolerance)
        for parameter in self.model.updates:
            if parameter.name.startswith("table/"):
                name = parameter.name.removeprefix("table/")
                np.testing.assert_allclose(parameter.value, self.of_table[name], **tolerance)


def in_graph(model):
    """The step of the graph, without a plan."""
    graph = fg.Graph(*model.updates.values())

    def step(rate, **fed):
        run = graph.fprop(**{name: value for name, value in {**fed, "rate": rate}.items() if name in graph})
        for parameter, value in [(parameter, run[box]) for parameter, box in model.updates.items()]:
            parameter.value = value

    return step


def in_plan(model):
    return fg.compile([model.loss], model.updates)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("path", ["graph", "plan", "plan of rows"])
@pytest.mark.parametrize(("rule", "loop"), CASES, ids=lambda case: getattr(case, "name", ""))
def test_rows_move_as_in_numpy_and_no_other(rule, loop, path, seed, monkeypatch):
    """Of any table, looked up in any way: what a step does not name keeps its bits, in the state of the rule too."""
    rng = np.random.default_rng([seed, len(path)])
    if path == "plan of rows":
        monkeypatch.setattr(sparse_rows, "SMALLEST", 0)
        monkeypatch.setattr(sparse_rows, "FEWER", int(rng.integers(3)))
    model = Table(rng, rule)
    step, reference = in_graph(model) if path == "graph" else in_plan(model), Reference(model, loop)
    of_table = [parameter for parameter in model.updates if parameter.name.startswith("table")]
    for _ in range(4 if path == "graph" else 8):
        fed, before = model.drawn(rng), [parameter.value for parameter in of_table]
        step(rate=RATE, **fed)
        untouched = reference.move(fed)
        reference.agrees()
        for parameter, value in zip(of_table, before, strict=True):
            np.testing.assert_array_equal(parameter.value[untouched], value[untouched])


def without_laziness(rule):
    """The rule that moves every row."""
    inner = getattr(rule, "rule", None)
    return replace(rule, rule=without_laziness(inner)) if inner is not None else replace(rule, lazy=False)


def one_table(rule, dtype=float, **settings):
    """A table of 5 rows, the plan of a step, and its updates."""
    table = fg.Parameter(np.linspace(-1, 1, 10).reshape(5, 2).astype(dtype), name="table")
    x, y = fg.Input("x", shape=("N",), dtype=int), fg.Input("y", shape=("N", 2), dtype=dtype)
    loss = fg.sum((table[x] - y) ** 2)
    updates = rule.of_weights([table]).updates({table: fg.gradient(loss, [table])[0]}, fg.Constant(dtype(RATE)))
    return table, fg.compile([loss], updates, **settings)


DRAWN = [(np.array(rows), np.sin(np.arange(2.0 * len(rows)).reshape(-1, 2) * k)) for k, rows in enumerate(
    [[1, 3], [1, 1, 4], [0, 4, 4, 4], [2], [3, 0, 3]], 1)]  # fmt: skip


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.is_lazy], ids=lambda rule: rule.name)
def test_where_all_rows_are_looked_up_the_table_moves_as_a_whole(rule):
    found = []
    for one in (rule, without_laziness(rule)):
        table, step = one_table(one)
        for rows, targets in DRAWN:
            step(x=np.concatenate([rows, np.arange(5)]), y=np.concatenate([targets, targets[:1].repeat(5, 0)]))
        found.append(table.value)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12)


@pytest.mark.parametrize(
    ("rule", "peer"),
    [
        (fg.Adam(0.8, 0.9, 1e-30, lazy=True), lambda p: torch.optim.SparseAdam([p], RATE, (0.8, 0.9), 1e-30)),
        (fg.Adagrad(), lambda p: torch.optim.Adagrad([p], RATE)),
        (fg.SGD(), lambda p: torch.optim.SGD([p], RATE)),
    ],
    ids=["SparseAdam", "Adagrad", "SGD"],
)  # SparseAdam does not correct the mean square before it adds epsilon
@pytest.mark.filterwarnings("ignore:Sparse invariant checks:UserWarning")
def test_as_in_pytorch(rule, peer):
    table, step = one_table(rule)
    other = torch.nn.Embedding(5, 2, sparse=True, _weight=torch.tensor(table.value.copy()))
    optimizer = peer(other.weight)
    for rows, targets in DRAWN:
        step(x=rows, y=targets)
        optimizer.zero_grad()
        ((other(torch.from_numpy(rows)) - torch.from_numpy(targets)) ** 2).sum().backward()
        optimizer.step()
        np.testing.assert_allclose(table.value, other.weight.detach().numpy(), rtol=1e-10)


@pytest.mark.parametrize("backend", ["numba", "jax"])
def test_other_back_ends(backend):
    """The rule changes the rows that are named in the memory of each back end."""
    found = []
    for one in ("numpy", backend):
        table, step = one_table(fg.Adam(0.8, 0.9, 1e-3, lazy=True), backend=one)
        for rows, targets in DRAWN:
            step(x=rows, y=targets)
        found.append(table.value)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9)


def reader(rule, **settings):
    """The training of a classifier of texts of 3 words; a word that has not occurred keeps its vector."""
    rng = np.random.default_rng(0)
    with fg.scope("words"):
        words = fg.Embedding(30, 4, rng=1)
    out = fg.Linear(4, 2, rng=2)
    x, y = fg.Input("x", shape=("N", 3), dtype=int), fg.Input("y", shape=("N",), dtype=int)
    loss = fg.mean(fg.SoftmaxCrossEntropy(out(np.mean(words(x), axis=1)), y))
    data = {x: rng.integers(0, 20, (23, 3)), y: rng.integers(0, 2, 23)}
    return words, Trainer(loss, data, rule=rule, batch_size=5, seed=3, learning_rate=0.05, **settings)


@pytest.mark.parametrize("rule", [fg.Adam(lazy=True), fg.Momentum(lazy=True), fg.Adagrad()], ids=lambda rule: rule.name)
@pytest.mark.parametrize("updates", [3, 7])
def test_a_training_goes_on_from_its_state_and_in_its_copy(rule, updates):
    (words, whole), (_, first), (_, second) = (reader(rule, clip_norm=0.5, average=0.5) for _ in range(3))
    start = words.W.value
    expected = whole.run(3)
    moved = (words.W.value != start).any(axis=1)
    np.testing.assert_array_equal(moved.nonzero()[0], np.unique(whole.train.arrays[whole.problem.graph["x"]]))
    while first.updates < updates:
        first.step()
        if not first.batches.more:
            first.end_epoch()
    arrays, record = first.state()
    copied = copy.deepcopy(first)
    second.restore(State({name: array.copy() for name, array in arrays.items()}, json.loads(json.dumps(record))))
    for one in (first, second, copied):
        found = one.run(3)
        assert found["train_loss"] == expected["train_loss"]
        assert found["gradient_norm words"] == expected["gradient_norm words"]
        for name, value in whole.values().items():
            np.testing.assert_array_equal(one.values()[name], value)


def test_a_state_says_whether_its_rule_is_lazy():
    _, lazy = reader(fg.Adam(lazy=True))
    with pytest.raises(UsageError, match=r"found a state with rule 'Adam\(.*lazy=True\)', but this trainer has 'Adam"):
        reader(fg.Adam())[1].restore(lazy.state())


def refused(rule, objective, parameters):
    with pytest.raises(UsageError) as caught:
        rule.updates(dict(zip(parameters, fg.gradient(objective, parameters), strict=True)), fg.Input("rate"))
    return str(caught.value)


@pytest.mark.parametrize("rule", [fg.Adam(lazy=True), fg.Clipped(fg.Momentum(lazy=True), norm=1.0)])
def test_a_table_that_is_read_as_a_whole_too_is_refused(rule):
    table, w = fg.Parameter(np.ones((4, 3)), name="table"), fg.Parameter(np.ones(3), name="w")
    x, a = fg.Input("x", shape=("N",), dtype=int), fg.Input("a", shape=(3,))
    looked_up = fg.sum(np.tanh(table[x] * w))
    text = refused(rule, looked_up + fg.L2(table), [table, w])
    assert "found lazy=True and the table Parameter 'table'" in text
    assert "reads as a whole\n  built at test_lookups.py:" in text
    assert "which MatMul reads as a whole" in refused(rule, looked_up + fg.sum(table @ a), [table, w])
    assert "a term of another kind" in refused(rule, looked_up + fg.sum(table), [table, w])
    assert "Parameter 'table'" in refused(rule, looked_up + fg.sum(table[:2]), [w, table])


def test_a_lazy_rule_without_a_table_is_refused():
    w = fg.Parameter(np.ones(3), name="w")
    text = refused(fg.RMSProp(lazy=True), fg.L2(w), [w])
    assert text.startswith("RMSProp: found lazy=True, but of none of the parameters (w) rows are looked up")
    with pytest.raises(UsageError, match="Adam: found lazy='yes', needs True or False"):
        fg.Adam(lazy="yes")
    with pytest.raises(UsageError, match=r"Adam: found the keyword sparse=.*needs lazy="):
        fg.Adam(sparse=True)


def test_adagrad_of_a_table_that_is_read_as_a_whole_too_moves_all_of_it():
    table, x = fg.Parameter(np.ones((4, 3)), name="table"), fg.Input("x", shape=("N",), dtype=int)
    loss = fg.sum(table[x]) + fg.sum(table * table)
    updates = fg.Adagrad().updates({table: fg.gradient(loss, [table])[0]}, fg.Constant(0.5))
    fg.compile([], updates)(x=[1])
    np.testing.assert_allclose(table.value, 0.5)


def test_a_rule_shows_that_it_is_lazy():
    assert repr(fg.Adam(lazy=True)) == "Adam(beta1=0.9, beta2=0.999, epsilon=1e-08, lazy=True)"
    assert repr(fg.Adam()) == "Adam(beta1=0.9, beta2=0.999, epsilon=1e-08)"
    graph = fg.Momentum(lazy=True).graph((5, 2))
    assert [box.name for box in graph.inputs] == ["rows", "rate", "grad"]
    assert [output.shape for output in graph.outputs] == [(5, 2), (5, 2)]
