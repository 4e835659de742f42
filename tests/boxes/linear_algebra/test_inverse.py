"""Inverses, determinants, equations and powers, as NumPy calls them: values, gradients, second derivatives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.errors import ShapeError, UsageError
from tests.boxes.numpy_calls import assert_as_numpy

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(size=shape)


def regular(*stack, n=3):
    return normal(*stack, n, n) + 2 * np.eye(n)


SQUARE, STACK = regular(), regular(2)


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e-110])
def test_cofactors_of_regular_and_nearly_singular_matrices(scale):
    diagonal = np.array([scale, 2 * scale, 1e-9 * scale])
    left, right = np.linalg.qr(normal(3, 3))[0], np.linalg.qr(normal(3, 3))[0]
    turn = np.linalg.det(left) * np.linalg.det(right)
    for sizes in (diagonal, diagonal * [1, 1, 1e9], diagonal * [1, 1, 0]):
        a = left @ np.diag(sizes) @ right
        needed = turn * left @ np.diag([sizes[1] * sizes[2], sizes[0] * sizes[2], sizes[0] * sizes[1]]) @ right
        found = fg.Cofactors(a).fprop(a)
        np.testing.assert_allclose(found, needed, rtol=1e-9, atol=1e-12 * np.max(np.abs(needed)))


def test_a_singular_matrix_has_no_logarithm_to_differentiate():
    a = fg.Parameter(np.zeros((2, 2)), name="a")
    log = np.linalg.slogdet(a).logabsdet
    run = fg.Graph(log).fprop()
    assert run[log] == -np.inf
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix") as error:
        run.bprop()
    assert "in bprop of SlogDet" in str(error.value)


def test_lstsq_gives_four_results():
    a, b = normal(5, 3), normal(5, 2)
    a[:, 2] = a[:, 0] - a[:, 1]
    needed = np.linalg.lstsq(a, b)
    result = np.linalg.lstsq(fg.Parameter(a), b)
    run = fg.Graph(*result).fprop()
    np.testing.assert_allclose(run[result.x], needed[0], atol=1e-12)
    assert run[result.rank] == needed[2] == 2
    np.testing.assert_allclose(run[result.s], needed[3], atol=1e-12)
    assert np.linalg.lstsq(fg.Parameter(a[:2]), b[:2]).residuals.shape == np.linalg.lstsq(a[:2], b[:2])[1].shape == (0,)


@pytest.mark.parametrize(
    "shapes",
    [[(3,), (3, 2), (2,)], [(9, 2), (2, 9), (9, 1), (1, 5)], [(2, 3), (3,)], [(1, 7), (7, 2), (2, 8), (8, 3), (3, 2)]],
)
def test_chains_of_matrices(shapes):
    assert_as_numpy(lambda *chain: np.linalg.multi_dot(chain), *(normal(*shape) for shape in shapes))


def test_a_chain_is_multiplied_in_the_cheapest_order():
    a, b, c = (
        fg.Parameter(np.ones(shape), name=name) for name, shape in (("a", (50, 2)), ("b", (2, 50)), ("c", (50, 1)))
    )
    product = np.linalg.multi_dot([a, b, c])
    assert product.children[0] is a
    assert product.children[1].children == (b, c)
    batch = fg.Input("batch", shape=("N", 2))
    assert np.linalg.multi_dot([batch, b, c]).children[0].children == (batch, b)


def test_flops():
    a = fg.Input("a", shape=(4, 3, 3))
    assert fg.Inv(a).flops((4, 3, 3), (4, 3, 3)) == 4 * 2 * 27
    assert fg.Det(a).flops((4,), (4, 3, 3)) == 4 * 27
    assert fg.Solve(a, np.ones((3, 2))).flops((4, 3, 2), (4, 3, 3), (3, 2)) == 4 * (18 + 2 * 9 * 2)
    batch = fg.Input("batch", shape=("N", 3, 3))
    assert fg.Solve(batch, np.ones((3, 2))).flops((batch.shape[0], 3, 2), batch.shape, (3, 2)) == "54*N"


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda x: np.linalg.inv(x), ShapeError, r"has n = 3|n = 2"),
        (lambda x: np.linalg.inv(x[0]), ShapeError, "has 1 axes but needs at least 2"),
        (lambda x: np.linalg.solve(x @ x.T, np.ones(3)), ShapeError, r"child 'b' has n = 3 but child 'a' has n = 2"),
        (lambda x: np.linalg.matrix_power(x, 2), ShapeError, "needs square matrices"),
        (lambda x: np.linalg.tensorinv(x, ind=0), UsageError, "found ind=0"),
        (lambda x: np.linalg.pinv(x, 0.1, rtol=0.2), UsageError, "found rcond= and rtol="),
        (lambda x: np.linalg.pinv(x, [0.1, 0.2]), UsageError, "needs a number or None, such as rcond=1e-15"),
        (lambda x: np.linalg.multi_dot([x, x[0, 0], x]), ShapeError, r"found arrays of \[2, 0, 2\] axes"),
        (lambda x: np.linalg.matrix_rank(x, 1, rtol=1), UsageError, "found tol= and rtol="),
        (lambda x: np.linalg.lstsq(x[None], np.ones(2)), ShapeError, "needs a matrix a"),
    ],
)
def test_what_does_not_fit_is_refused(call, error, text):
    with pytest.raises(error, match=text):
        call(fg.Parameter(normal(2, 3), name="x"))


def test_the_third_derivative_of_a_determinant_is_that_of_singular_matrices_too():
    """d³ det(a)[x, y, z] of 3×3 matrices does not depend on a: at a regular one it is had by differences."""
    rng = np.random.default_rng(4)
    x, y, z = rng.normal(size=(3, 3, 3))
    a = fg.Input("a", shape=(3, 3))
    along = np.linalg.det(a)
    for direction in (x, y, z):
        along = fg.sum(fg.gradient(along, [a])[0] * direction)
    graph = fg.Graph(along)
    signs = [(i, j, k) for i in (1, -1) for j in (1, -1) for k in (1, -1)]
    needed = sum(i * j * k * np.linalg.det(i * x + j * y + k * z) for i, j, k in signs) / 8
    for rank in range(4):
        singular = rng.normal(size=(3, rank)) @ rng.normal(size=(rank, 3))
        assert float(graph.fprop(a=singular)) == pytest.approx(needed, rel=1e-10)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**31))
def test_second_derivatives_of_a_cut_inverse_are_those_of_differences(m, n, rank, seed):
    """Where singular values are left out that are equal, or 0, too: their vectors are not unique."""
    rng = np.random.default_rng(seed)
    s = np.array([3.0, 2.0, 0.5, 0.0])[: min(m, n, rank)]
    u, v = (np.linalg.qr(rng.normal(size=(size, size)))[0][:, : len(s)] for size in (m, n))
    a = fg.Parameter((u * s) @ v.T, name="a")
    weights, along, other = rng.normal(size=(n, m)), rng.normal(size=(m, n)), rng.normal(size=(m, n))
    (slope,) = fg.gradient(fg.sum(np.linalg.pinv(a, rcond=0.4) * weights), [a])
    found = fg.Graph(fg.sum(slope * along)).fprop().bprop()[a]
    ends = [np.asarray(fg.Graph(slope).fprop({a: a.value + step * other})[slope]) for step in (1e-5, -1e-5)]
    needed = np.sum((ends[0] - ends[1]) * along) / 2e-5
    assert np.sum(found * other) == pytest.approx(needed, rel=1e-5, abs=1e-6)
