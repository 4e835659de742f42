"""Convolutions and pooling over rows: the numbers of one row after the other, without running them so."""

import itertools

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.derivatives.batching import over_rows
from flowgraph.derivatives.matrices import PerRow

RNG = np.random.default_rng(0)
ROWS = 3
SHAPES = {
    fg.Conv2d: ((2, 4, 5, 6), (6, 2, 3, 2)),
    fg.boxes.ConvInput: ((2, 6, 5, 7), (6, 2, 3, 2), (2, 4, 5, 6)),
    fg.boxes.ConvFilters: ((2, 6, 5, 7), (2, 4, 5, 6), (6, 2, 3, 2)),
}
POOLS = {
    fg.MaxPool: ((2, 4, 4),),
    fg.MeanPool: ((2, 4, 4),),
    fg.boxes.SpreadEvenly: ((2, 2, 2), (2, 4, 4)),
    fg.boxes.SpreadToLargest: ((2, 2, 2), (2, 4, 4)),
    fg.boxes.SpreadToRectified: ((2, 2, 2), (2, 4, 4), (2, 2, 2)),
    fg.boxes.MeanOfLargest: ((2, 4, 4), (2, 4, 4)),
}


def assert_rows(cls, shapes, batched, **settings):
    leaves = [fg.Input(f"child{i}", shape=shape) for i, shape in enumerate(shapes)]
    box = cls(*leaves, **settings)
    rows = {leaves[i]: fg.Input(f"rows{i}", shape=(ROWS, *shapes[i])) for i, free in enumerate(batched) if free}
    (out,) = over_rows([box], rows)
    graph = fg.Graph(out)
    arrays = [RNG.normal(size=rows.get(leaf, leaf).shape) for leaf in leaves]
    feeds = {rows.get(leaf, leaf): a for leaf, a in zip(leaves, arrays, strict=True)}
    found = graph.fprop({leaf: a for leaf, a in feeds.items() if leaf in graph})[out]
    for r in range(ROWS):
        one = [a[r] if leaf in rows else a for leaf, a in zip(leaves, arrays, strict=True)]
        np.testing.assert_allclose(found[r], box.fprop(*one), rtol=1e-12, atol=1e-12)
    assert not any(isinstance(one, PerRow) for one in graph)


@pytest.mark.parametrize("batched", [(0, 1), (1, 0), (1, 1)], ids=str)
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("cls", SHAPES)
def test_convolutions(cls, groups, batched):
    shapes = [(6, 2 if groups == 2 else 4, 3, 2) if shape[0] == 6 else shape for shape in SHAPES[cls]]
    assert_rows(cls, shapes, (*batched, 0)[: len(shapes)], groups=groups, padding=1)


@pytest.mark.parametrize("cls", POOLS)
def test_pooling(cls):
    for batched in itertools.product((0, 1), repeat=len(POOLS[cls])):
        if any(batched):
            assert_rows(cls, POOLS[cls], batched)


def test_hessian_of_a_net_of_images_of_any_size():
    x = fg.Input("x", shape=("N", 1, "H", 6))
    w = fg.Parameter(RNG.normal(size=(2, 1, 2, 3)), name="w")
    v = fg.Parameter(RNG.normal(size=(3, 2, 2, 2)), name="v")
    h = fg.MaxPool(np.tanh(fg.Conv2d(x, w)), size=2, stride=1)
    loss = fg.mean(np.exp(fg.MeanPool(fg.Conv2d(h, v, padding=1), size=2)))
    H = fg.hessian(loss, [w, v])
    graph = fg.Graph(H)
    assert not any(isinstance(one, PerRow) for one in graph)
    value = RNG.normal(size=(2, 1, 5, 6))
    found, step = graph.fprop(x=value)[H], 1e-5
    slopes = fg.Graph(loss)
    for leaf, place in ((w, (0, 0, 1, 1)), (v, (0, 1, 0, 1))):
        rows = []
        for sign in (1, -1):
            moved = leaf.value.copy()
            moved[place] += sign * step
            grads = slopes.fprop({x: value, leaf: moved}).bprop()
            rows.append(np.concatenate([grads[w].ravel(), grads[v].ravel()]))
        index = np.ravel_multi_index(place, leaf.shape) + (0 if leaf is w else w.size)
        np.testing.assert_allclose(found[index], (rows[0] - rows[1]) / (2 * step), rtol=1e-6, atol=1e-9)


def test_rows_without_a_number_are_run_one_by_one():
    x, w = fg.Input("x", shape=(1, 1, 4, 4)), fg.Input("w", shape=(1, 1, 2, 2))
    (out,) = over_rows([fg.Conv2d(x, w)], {x: fg.Input("xs", shape=("R", 1, 1, 4, 4)),
                                           w: fg.Input("ws", shape=("R", 1, 1, 2, 2))})  # fmt: skip
    xs, ws = RNG.normal(size=(3, 1, 1, 4, 4)), RNG.normal(size=(3, 1, 1, 2, 2))
    found = fg.Graph(out).fprop(xs=xs, ws=ws)[out]
    np.testing.assert_allclose(found[2], fg.Conv2d.apply(xs[2], ws[2]))
