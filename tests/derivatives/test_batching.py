"""Boxes over rows: the numbers of one row after the other, found at once, and their gradients."""

import functools
import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.box.axes import core_of
from flowgraph.boxes.engine.passing_on import Part
from flowgraph.boxes.linear_algebra.matrices import GaugeInvarianceCheck
from flowgraph.derivatives.batching import PerRow, _rules, over_rows
from flowgraph.loops.boxes import Scan, While
from tests.cases import cases
from tests.test_contract import BOXES

ROWS = 3
ELSEWHERE = (GaugeInvarianceCheck, Part, Scan, While)
"""Classes without examples, which have tests of their own here or in tests/loops."""
DECLARED = [cls for cls in fg.registry.values() if cls.built_in and (core_of(cls) or cls.signature)]
DECLARED = [cls for cls in DECLARED if cls.examples is not None]
WITH_RULES = dict.fromkeys([*_rules, *DECLARED, fg.Multiply, fg.Divide, fg.Where])
RULES = [cls for cls in WITH_RULES if cls not in ELSEWHERE]
ONE_BY_ONE = {
    **dict.fromkeys(
        ("CumSum", "CumProd", "ArgMax", "ArgMin", "NanArgMax", "NanArgMin", "ArgSort"),
        lambda box, chosen: box.axis is None or not box.children[0].shape,
    ),
    "Index": lambda box, chosen: len(box.index) == 3 and isinstance(box.index[2], str),
}


def assert_rows(build, arrays, chosen, constant=()):
    """Over rows of the chosen children each row is that of the box, and so are gradients, but of what is constant.

    The box and the graph over rows are returned.
    """
    rng = np.random.default_rng(0)
    arrays = [np.asarray(a) for a in arrays]
    leaves = [fg.Input(f"child{i}", shape=a.shape, dtype=a.dtype) for i, a in enumerate(arrays)]
    rows, feeds = {}, dict(zip(leaves, arrays, strict=True))
    for i in chosen:
        a, leaf = arrays[i], leaves[i]
        rows[leaf] = fg.Input(f"rows{i}", shape=(ROWS, *a.shape), dtype=a.dtype)
        near = np.ones((ROWS, *a.shape)) if i in constant else rng.uniform(0.9, 1.1, (ROWS, *a.shape))
        feeds[rows[leaf]] = (a * near).astype(a.dtype)
    box = build(*leaves)
    outputs = list(box) if len(box.outputs) > 1 else [box]
    over, single = fg.Graph(*over_rows(outputs, rows)), fg.Graph(*outputs)
    found = over.fprop({leaf: a for leaf, a in feeds.items() if leaf in over})
    sent = {part: rng.uniform(0.5, 1.5, np.shape(found[part])) for part in over.outputs if part.dtype.kind in "fc"}
    wrt = [leaves[i] for i in chosen if i not in constant and rows[leaves[i]] in over] if sent else []
    whole = found.bprop(sent, wrt=[rows[leaf] for leaf in wrt], unused="zeros") if wrt else {}
    for r in range(ROWS):
        one = {leaf: feeds[rows[leaf]][r] if leaf in rows else feeds[leaf] for leaf in leaves}
        needed = single.fprop({leaf: a for leaf, a in one.items() if leaf in single})
        for part, alone in zip(over.outputs, single.outputs, strict=True):
            assert np.shape(found[part][r]) == np.shape(needed[alone])
            np.testing.assert_allclose(found[part][r], needed[alone], rtol=1e-10, atol=1e-12, err_msg=str(chosen))
        share = {alone: sent[part][r] for part, alone in zip(over.outputs, single.outputs, strict=True) if part in sent}
        grads = needed.bprop(share, wrt=wrt, unused="zeros") if wrt else {}
        for leaf in wrt:
            np.testing.assert_allclose(whole[rows[leaf]][r], grads[leaf], rtol=1e-9, atol=1e-9, err_msg=str(chosen))
    return box, over


@pytest.mark.parametrize("name", [name for name, cls in BOXES.items() if cls.examples is not None])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_values_and_gradients_of_all_rows_are_those_of_each_and_a_rule_gives_them_at_once(name):
    for case in cases(BOXES[name]):
        constant = [i for i, fixed in enumerate(case.box.constant) if fixed]
        free = [i for i, a in enumerate(case.children) if np.asarray(a).dtype.kind in "fc"]
        for chosen in itertools.chain(*(itertools.combinations(free, n + 1) for n in range(len(free)))):
            box, over = assert_rows(functools.partial(case.cls, **case.settings), case.children, chosen, constant)
            slow = any(isinstance(one, PerRow) for one in over)
            if case.cls in RULES:
                assert slow == ONE_BY_ONE.get(case.cls.__name__, lambda *_: False)(box, chosen), (case, chosen)


class Centred(fg.Box):
    """h = a - mean of a along an axis"""

    axis: int = -1
    core = fg.Core("axis")

    def fprop(self, a):
        return a - np.mean(a, axis=self.axis, keepdims=True)


class Scaled(fg.Box):
    """h_ij = u_i a_ij, with axes in front"""

    signature = "(m),(m,n)->(m,n)"

    def fprop(self, u, a):
        return u[..., None] * a


class Weighted(fg.Box):
    """h = left right, where either may be a vector"""

    signature = "(m?,k),(k,n?)->(m?,n?)"

    def fprop(self, left, right):
        return np.matmul(left, right)


class Both(fg.Box):
    """h = (a, 2 a) of a vector or of vectors"""

    signature = "(m?,k)->(m?,k),(m?,k)"

    def fprop(self, a):
        return a, 2 * a

    def bprop(self, grad, h, a):
        return (grad[0] + 2 * grad[1],)


class OfAll(Centred):
    """h = a - mean of all, whose fprop is not that of the class which declares the core axes"""

    def fprop(self, a):
        return a - np.mean(a)


@pytest.mark.parametrize(
    ("build", "arrays", "slow"),
    [
        (lambda a: Centred(a, axis=0), [(3, 4)], False),
        (lambda a: Centred(a), [(2, 3, 4)], False),
        (Scaled, [(3,), (3, 4)], False),
        (Scaled, [(2, 3), (3, 4)], False),
        (Scaled, [(3,), (5, 2, 3, 4)], False),
        (lambda a: OfAll(a, axis=0), [(3, 4)], True),
        (Weighted, [(3, 4), (4,)], False),
        (Weighted, [(4,), (5, 4, 2)], False),
        (Both, [(3, 4)], False),
        (Both, [(4,)], True),
    ],
)
def test_boxes_of_users_that_declare_their_axes_take_the_rows_at_once(build, arrays, slow):
    values = [np.random.default_rng(i).normal(size=shape) for i, shape in enumerate(arrays)]
    for chosen in itertools.chain(*(itertools.combinations(range(len(arrays)), n + 1) for n in range(len(arrays)))):
        _, over = assert_rows(build, values, chosen)
        assert any(isinstance(one, PerRow) for one in over) == slow


class Paired(fg.Box):
    """h = Σ a b along axes, where one child may have fewer axes than the other"""

    axis: int | None = -1
    core = fg.Core("axis")

    def fprop(self, a, b):
        return np.sum(a * b, axis=self.axis)


class Running(fg.Box):
    """h = the sums of a up to each element of the last axis, times b"""

    core = fg.Core(last=1)

    def fprop(self, a, b):
        return np.cumsum(a, -1) * b


@given(st.data())
def test_children_of_any_numbers_of_axes_are_taken_over_rows(data):
    size = st.sampled_from([1, ROWS])  # where an axis meets that of the rows, sizes do not show it
    whole = data.draw(st.lists(size, min_size=1, max_size=3))
    part = [n if data.draw(st.booleans()) else 1 for n in whole][data.draw(st.integers(0, len(whole))) :]
    shapes = data.draw(st.permutations([tuple(whole), tuple(part)]))
    axes = st.sampled_from([None, *range(-len(whole), len(whole))])
    build = data.draw(st.one_of(st.just(Running), axes.map(lambda axis: functools.partial(Paired, axis=axis))))
    values = [np.random.default_rng(i).normal(size=shape) for i, shape in enumerate(shapes)]
    try:
        build(*values)
    except fg.ShapeError:
        assume(False)
    for chosen in ((0,), (1,), (0, 1)):
        assert_rows(build, values, chosen)


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


RNG = np.random.default_rng(0)


def test_rows_without_a_number_are_run_one_by_one():
    x, w = fg.Input("x", shape=(1, 1, 4, 4)), fg.Input("w", shape=(1, 1, 2, 2))
    (out,) = over_rows([fg.Conv2d(x, w)], {x: fg.Input("xs", shape=("R", 1, 1, 4, 4)),
                                           w: fg.Input("ws", shape=("R", 1, 1, 2, 2))})  # fmt: skip
    xs, ws = RNG.normal(size=(3, 1, 1, 4, 4)), RNG.normal(size=(3, 1, 1, 2, 2))
    found = fg.Graph(out).fprop(xs=xs, ws=ws)[out]
    np.testing.assert_allclose(found[2], fg.Conv2d.apply(xs[2], ws[2]))
