"""A plan that computes shards of the batch in threads gives what one gives that computes the batch at once."""

import itertools

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.box.axes import core_of
from flowgraph.derivatives.batching import over_rows
from flowgraph.plan.shards.box import cut_of
from flowgraph.plan.shards.rules import NUMBERS, PARTIAL, BatchAxis, way_of
from tests.cases import cases
from tests.plan.agreement import assert_agree
from tests.plan.in_pieces import split_into
from tests.test_contract import BOXES

N, D, C = 7, 5, 3


def leaf(*shape, name="x", dtype=float):
    return fg.Input(name, shape=shape, dtype=dtype)


def parameter(*shape, name):
    return fg.Parameter(np.random.default_rng(sum(map(ord, name))).standard_normal(shape), name=name)


def labels():
    return leaf("N", name="y", dtype=int)


def training(scores, *parameters, targets=None, rate=0.1):
    """Loss and updates of a step of descent."""
    y = labels() if targets is None else targets
    loss = fg.mean(fg.SoftmaxCrossEntropy(scores, y))
    grads = fg.gradient(loss, list(parameters))
    return [loss, *grads], {p: p - rate * g for p, g in zip(parameters, grads, strict=True)}


def mlp(hidden=np.tanh, shape=("N", D)):
    w, b, v = parameter(D, 4, name="w"), parameter(4, name="b"), parameter(4, C, name="v")
    return training(hidden(leaf(*shape) @ w + b) @ v, w, b, v)


def square_batch():
    """As many examples as features: the axes differ by what they are, not by their sizes."""
    w = parameter(N, N, name="w")
    x = leaf(N, N)
    h = np.tanh(x @ w) @ w.T + w
    return [h, fg.sum(h, axis=0), fg.sum(h, axis=1), h.T @ x, np.tanh(x.T) @ x + np.cos(x.T) @ w, np.exp(x.T)[1:]], {}


def unnamed():
    x, w = leaf(6, D), parameter(D, name="w")
    error = fg.mean((x @ w - leaf(6, name="t")) ** 2)
    (grad,) = fg.gradient(error, [w])
    return [error, grad], {w: w - 0.1 * grad}


def batch_second():
    x, w = leaf(4, "N", D), parameter(D, 2, name="w")
    h = np.maximum(x @ w, 0).mean(axis=0)
    loss = fg.mean(np.sum(h**2, axis=1))
    return [h, loss, *fg.gradient(loss, [w])], {}


def transposed():
    x, w = leaf(D, "N"), parameter(D, C, name="w")
    return training(x.T @ w, w)


def examples_in_columns():
    """Products whose right operand has the batch as its last axis, alone, in a stack, and beside a vector."""
    x, w, v = leaf(D, "N"), parameter(C, D, name="w"), parameter(C, name="v")
    h = np.tanh(w @ np.sin(x))
    loss = fg.mean((v @ h) ** 2) + fg.mean(np.exp(w @ np.stack([h.T @ w, -x.T]).mT))
    return [h, loss, *fg.gradient(loss, [w, v])], {}


def columns_alone():
    return [parameter(C, D, name="w") @ leaf(D, "N")], {}


def broadcasts():
    x, row, one = leaf("N", D), parameter(1, D, name="row"), leaf(1, 1, name="one")
    h = np.exp(-(x**2)) * row + one + np.arange(float(D)) + np.ones((D, 1)).T
    return [h, fg.mean(h), fg.gradient(fg.mean(h), [row])[0], x - np.mean(x, axis=0)], {}


def full_batch_parameter():
    """A parameter with a row for each example, and constants that differ from example to example."""
    x, p = leaf(N, D), parameter(N, D, name="p")
    loss = fg.sum((x * p) ** 2 * np.arange(1.0, N + 1)[:, None]) / N
    return [loss, *fg.gradient(loss, [p])], {}


def convolution():
    w, c, v = parameter(2, 1, 3, 3, name="w"), parameter(2, 1, 1, name="c"), parameter(18, C, name="v")
    h = fg.MaxPool(np.maximum(fg.Conv2d(leaf("N", 1, 6, 6), w, padding=1) + c, 0))
    u = parameter(2, 2, 1, 1, name="u")
    return training(fg.Conv2d(h, u).reshape(-1, 18) @ v, w, c, u, v)


def mean_pooling():
    w, v = parameter(2, 1, 3, name="w"), parameter(4, C, name="v")
    h = fg.MeanPool(np.tanh(fg.Conv1d(leaf("N", 1, 6), w)), size=(2,))
    return training(h.reshape(-1, 4) @ v, w, v)


def attention():
    q, k, v, o = (parameter(4, 4, name=name) for name in "qkvo")
    x = leaf("N", 3, 4)
    a, b, c = ((x @ p).reshape(-1, 3, 2, 2).transpose(0, 2, 1, 3) for p in (q, k, v))
    mixed = fg.softmax(a @ b.transpose(0, 1, 3, 2), axis=-1) @ c
    h = x + mixed.transpose(0, 2, 1, 3).reshape(-1, 3, 4) @ o
    d = h - np.mean(h, axis=-1, keepdims=True)
    h = d / np.sqrt(np.mean(d * d, axis=-1, keepdims=True) + 1e-5)
    last = parameter(4, C, name="last")
    return training(np.mean(h, axis=1) @ last, q, k, v, o, last)


def recurrent():
    x, w, u = leaf("N", 4, D), parameter(D, 8, name="w"), parameter(2, 8, name="u")
    h = c = x[:, 0, :1] * np.zeros(2)
    for t in range(4):
        gates = x[:, t] @ w + h @ u
        i, f, o, g = (gates[:, k : k + 2] for k in range(0, 8, 2))
        c = fg.sigmoid(f) * c + fg.sigmoid(i) * np.tanh(g)
        h = fg.sigmoid(o) * np.tanh(c)
    v = parameter(2, C, name="v")
    return training(h @ v, w, u, v)


def embedding():
    table, v = parameter(9, 4, name="table"), parameter(4, C, name="v")
    words = leaf("N", 3, name="words", dtype=int)
    return training(np.mean(table[words], axis=1) @ v, table, v)


def batch_norm():
    w, v = parameter(D, 4, name="w"), parameter(4, C, name="v")
    h = leaf("N", D) @ w
    d = h - np.mean(h, axis=0)
    return training(np.tanh(d / np.sqrt(np.mean(d * d, axis=0) + 1e-5)) @ v, w, v)


def dropout():
    w, v = parameter(D, 4, name="w"), parameter(4, C, name="v")
    x = leaf("N", D)
    return training(fg.dropout(np.tanh(x @ w), 0.5) @ v, w, v)


def picked():
    """The lecture's loss by the places of the labels."""
    x, y, w = leaf("N", D), labels(), parameter(D, C, name="w")
    p = fg.softmax(x @ w)
    loss = fg.mean(fg.NegativeLogLikelihood(p, y))
    taken = np.exp(x)[fg.arange_like(y), y]
    return [loss, *fg.gradient(loss, [w]), taken, *fg.gradient(fg.sum(taken), [x]), x[:, 1:3], x[:, ::-1]], {}


def per_example():
    """Values that are not reduced, whole numbers among them, and sums of these."""
    x, w = leaf("N", D), parameter(D, C, name="w")
    h = x @ w
    best = np.argmax(h, axis=1)
    return [np.sin(x), h.T, best, np.sum(best == labels()), np.max(h), np.cumsum(x, axis=1), x[1:]], {}


def second_order():
    x, w = leaf("N", D), parameter(D, 2, name="w")
    loss = fg.mean(np.tanh(x @ w) ** 2)
    (grad,) = fg.gradient(loss, [w])
    return [grad, *fg.gradient(fg.sum(grad**2), [w])], {}


def regularised():
    w, v = parameter(D, 4, name="w"), parameter(4, C, name="v")
    scale = w / np.sqrt(fg.sum(w**2))
    loss = fg.mean(fg.SoftmaxCrossEntropy(np.tanh(leaf("N", D) @ scale) @ v, labels())) + 0.1 * fg.L2(w, v)
    grads = fg.gradient(loss, [w, v])
    norm = np.sqrt(sum(fg.sum(g**2) for g in grads))
    return [loss, norm], {p: p - 0.1 * g / np.maximum(norm, 1.0) for p, g in zip((w, v), grads, strict=True)}


def joined():
    x, w = leaf("N", D), parameter(2 * D, C, name="w")
    h = np.concatenate([x, np.sin(x)], axis=1) @ w
    return [np.stack([h, -h]), np.stack([h, h], axis=-1), fg.sum(h**2), np.tril(h[:, None] * h[:, :, None])], {}


PROGRAMS = [
    mlp, square_batch, unnamed, batch_second, transposed, examples_in_columns, columns_alone, broadcasts,
    full_batch_parameter, convolution, mean_pooling, attention, recurrent, embedding, batch_norm, dropout, picked,
    per_example, second_order, regularised, joined,
]  # fmt: skip


def fed(outputs, updates, n):
    rng = np.random.default_rng(4)
    found = {}
    for box in fg.Graph(*outputs, *updates.values()).inputs:
        shape = [n if isinstance(size, str) or not isinstance(size, int) else size for size in box.shape]
        whole = box.dtype.kind == "i"
        found[box.name] = rng.integers(0, C, shape) if whole else rng.standard_normal(shape)
    return found


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_pieces_give_what_the_batch_gives(program, count):
    outputs, updates = program()
    whole = fg.compile(outputs, threads=1)
    news = fg.compile([*updates.values()], threads=1) if updates else lambda feeds, seed: ()
    with split_into(count, whole=False):
        step = fg.compile(outputs, updates)
        for n in (2, 6, N, N):
            feeds = fed(outputs, updates, n)
            needed, new = whole(feeds, seed=3), news(feeds, seed=3)
            found = step(feeds, seed=3)
            for i, (one, other) in enumerate(zip(found, needed, strict=True)):
                assert_agree(one, other, f"{n} examples: output {i}", scale=1.0)
            for p, other in zip(updates, new, strict=True):
                assert_agree(p.value, other, f"{n} examples: new {p.name}", scale=1.0)
        assert "sharded(" in step.source


def ways(box):
    """Where the batch may lie in the children such that shards of the box can be computed, its size, and how."""
    shapes = [child.shape for child in box.children]
    for count in sorted({n for size in set().union(*shapes) for n in range(2, size + 1) if size % n == 0}):
        places = [
            [None, *(BatchAxis(i, n // count) for i, n in enumerate(shape) if n % count == 0)] for shape in shapes
        ]
        for cuts in itertools.product(*places):
            way = way_of(box, cuts, count) if any(cuts) else None
            if way is not None:
                yield cuts, count, way


def in_shard(box, way, start, stop):
    """The value of a box on a shard of its children."""
    given = [
        np.arange(stop - start) if need is NUMBERS else cut_of(child.value, need, start, stop)
        for child, need in zip(box.children, way.needs, strict=True)
    ]
    settings = box.setting_values() | (dict(way.settings(stop - start)) if way.settings else {})
    return fg.Graph(type(box)(*given, **settings)).fprop().outputs[0]


OF_ITS_OWN = "PlacesOf"
"""Its numbers count from the first example of a shard, which the boxes that read them know: see `picked`."""


@pytest.mark.parametrize("name", [name for name, cls in BOXES.items() if cls.examples and name != OF_ITS_OWN])
def test_the_value_of_a_shard_is_the_shard_of_the_value_or_its_part_of_the_sum(name):
    for case in cases(BOXES[name]):
        box = case.cls(*map(fg.Constant, case.children), **case.settings)
        whole = None if len(box.outputs) > 1 else fg.Graph(box).fprop().outputs[0]
        for cuts, count, way in ways(box):
            edges = [0, count // 2, count]
            shards = [in_shard(box, way, *edge) for edge in itertools.pairwise(edges)]
            if way.result is PARTIAL:
                assert_agree(sum(shards), whole, f"{case}, {cuts}", scale=1.0)
            for shard, edge in zip(shards, itertools.pairwise(edges), strict=True):
                if way.result is not PARTIAL:
                    assert_agree(shard, cut_of(whole, way.result, *edge), f"{case}, {cuts}", scale=1.0)


OVER_ROWS = [cls for cls in fg.registry.values() if cls.built_in and (core_of(cls) or cls.signature)]


@pytest.mark.parametrize("cls", [cls for cls in OVER_ROWS if cls.examples is not None], ids=lambda cls: cls.__name__)
def test_a_box_over_rows_is_the_same_in_pieces_of_them(cls):
    """The core axes say of a box where rows go in front of it, and where the batch is in its value."""
    scales = np.random.default_rng(0).uniform(0.9, 1.1, 5)  # one for a row: a child may be the largest of another
    for case in cases(cls):
        arrays = [np.asarray(a) for a in case.children]
        leaves = [fg.Input(f"child{i}", shape=a.shape, dtype=a.dtype) for i, a in enumerate(arrays)]
        rows = {one: fg.Input(f"rows_{one.name}", shape=("N", *one.shape), dtype=one.dtype) for one in leaves}
        box = cls(*leaves, **case.settings)
        over = over_rows(list(box) if len(box.outputs) > 1 else [box], rows)
        feeds = {
            rows[one].name: (a * scales.reshape(5, *[1] * a.ndim)).astype(a.dtype)
            for one, a in zip(leaves, arrays, strict=True)
        }
        feeds = {name: value for name, value in feeds.items() if name in {one.name for one in fg.Graph(*over).inputs}}
        with split_into(2, whole=False):
            found = fg.compile(over)(feeds)
        for one, other in zip(found, fg.Graph(*over).fprop(feeds).outputs, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12, err_msg=str(case))
