"""Every rule of boxes over rows, on each example of its box: the numbers of one row after the other, found at once."""

import itertools

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.boxes.engine.passing_on import Part
from flowgraph.boxes.linear_algebra.matrices import GaugeInvarianceCheck
from flowgraph.derivatives.batching import _rules, over_rows
from flowgraph.derivatives.matrices import PerRow
from flowgraph.loops.boxes import Scan, While
from tests.cases import cases

ROWS = 3
ELSEWHERE = (GaugeInvarianceCheck, Part, Scan, While)
"""Classes without examples, which have tests of their own here or in tests/loops."""
RULES = [*(cls for cls in _rules if cls not in ELSEWHERE), fg.Multiply, fg.Divide, fg.Where]
ONE_BY_ONE = {
    **dict.fromkeys(
        ("CumSum", "CumProd", "ArgMax", "ArgMin", "NanArgMax", "NanArgMin", "ArgSort"),
        lambda box, chosen: box.axis is None or not box.children[0].shape,
    ),
    "TensorDot": lambda box, chosen: chosen == (0, 1),
    "Solve": lambda box, chosen: 0 in chosen or box.children[1].ndim == 1,
    "Index": lambda box, chosen: len(box.index) == 3 and isinstance(box.index[2], str),
}


def assert_rows(build, arrays, chosen):
    """Over rows of the chosen children each row is that of the box; the boxes of the graph over rows are returned."""
    rng = np.random.default_rng(0)
    arrays = [np.asarray(a) for a in arrays]
    leaves = [fg.Input(f"child{i}", shape=a.shape, dtype=a.dtype) for i, a in enumerate(arrays)]
    rows, feeds = {}, dict(zip(leaves, arrays, strict=True))
    for i in chosen:
        a, leaf = arrays[i], leaves[i]
        rows[leaf] = fg.Input(f"rows{i}", shape=(ROWS, *a.shape), dtype=a.dtype)
        feeds[rows[leaf]] = (a * rng.uniform(0.9, 1.1, (ROWS, *a.shape))).astype(a.dtype)
    box = build(*leaves)
    outputs = list(box) if len(box.outputs) > 1 else [box]
    over, single = fg.Graph(*over_rows(outputs, rows)), fg.Graph(*outputs)
    found = over.fprop({leaf: a for leaf, a in feeds.items() if leaf in over})
    for r in range(ROWS):
        one = {leaf: feeds[rows[leaf]][r] if leaf in rows else feeds[leaf] for leaf in leaves}
        needed = single.fprop({leaf: a for leaf, a in one.items() if leaf in single})
        for part, whole in zip(over.outputs, single.outputs, strict=True):
            assert np.shape(found[part][r]) == np.shape(needed[whole])
            np.testing.assert_allclose(found[part][r], needed[whole], rtol=1e-10, atol=1e-12, err_msg=str(chosen))
    return box, over


@pytest.mark.parametrize("cls", RULES, ids=lambda cls: cls.__name__)
def test_a_rule_gives_the_rows_at_once(cls):
    for case in cases(cls):
        free = [i for i, a in enumerate(case.children) if np.asarray(a).dtype.kind in "fc"]
        for chosen in itertools.chain(*(itertools.combinations(free, n + 1) for n in range(len(free)))):
            box, over = assert_rows(lambda *leaves, case=case: cls(*leaves, **case.settings), case.children, chosen)
            slow = any(isinstance(one, PerRow) for one in over)
            assert slow == ONE_BY_ONE.get(cls.__name__, lambda *_: False)(box, chosen), (case, chosen)


@pytest.mark.parametrize(
    "build",
    [
        lambda x, zeros: np.split(x, 3)[2] + zeros,
        lambda x, zeros: np.unstack(x, axis=1)[1] @ (x + zeros),
        lambda x, zeros: GaugeInvarianceCheck(x, zeros, what="the sign of a vector"),
    ],
    ids=["part of a split", "part of rows", "gauge"],
)
def test_parts_and_looks_at_a_gauge(build):
    for chosen in ((0,), (0, 1)):
        assert_rows(build, (np.arange(12.0).reshape(3, 4), np.zeros((3, 4))), chosen)


def test_what_reads_no_row_is_repeated():
    x, y = fg.Input("x", shape=(2,)), fg.Input("y", shape=(2,))
    rows = fg.Input("rows", shape=("R", 2))
    once, each = over_rows([np.sin(y), y * x], {x: rows})
    run = fg.Graph(once, each).fprop(y=[0.5, 2.0], rows=[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    np.testing.assert_array_equal(run[once], np.tile(np.sin([0.5, 2.0]), (3, 1)))
    np.testing.assert_array_equal(run[each], [[0.5, 4.0], [1.5, 8.0], [2.5, 12.0]])


@pytest.mark.parametrize(
    "loss",
    [
        lambda x: np.einsum("ij,kj,kl->il", x, x, x),
        lambda x: x @ x.T @ x,
        lambda x: x[[0, 2]] * x[1:, ::-1] + x[:, [0, 1, 0]].T[:2],
        lambda x: np.reshape(np.transpose(x) ** 3, (1, -1)),
        lambda x: np.concatenate([np.cumsum(x * x, axis=1), np.flip(x**3)]),
        lambda x: np.real(np.fft.ifft2(np.fft.fft2(x) * x)),
        lambda x: np.stack([np.triu(x @ x), np.diag(np.diagonal(x * x))]),
    ],
)
def test_a_hessian_runs_no_row_by_itself(loss):
    x = fg.Parameter(np.random.default_rng(0).normal(size=(3, 3)), name="x")
    output = np.sum(loss(x) ** 2)
    H, (product,) = fg.hessian(output, x), fg.hvp(output, [x], [np.eye(3)])
    graph = fg.Graph(H, product)
    assert not any(isinstance(box, PerRow) for box in graph)
    run = graph.fprop()
    np.testing.assert_allclose(run[H] @ np.ravel(np.eye(3)), np.ravel(run[product]), rtol=1e-9, atol=1e-9)
