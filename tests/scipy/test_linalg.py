"""What stands for scipy.linalg on boxes: values of SciPy, gradients that check_grads finds right."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes as broadcast

import flowgraph as fg
from flowgraph.errors import DtypeError
from flowgraph.functional import grad
from flowgraph.interop.autograd import check_grads
from flowgraph.scipy import linalg

DTYPES = st.sampled_from([float, complex])


def drawn(rng, dtype, *shape):
    return rng.normal(size=shape) if dtype is float else rng.normal(size=shape) + 1j * rng.normal(size=shape)


def fronts(count):
    """The shapes of stacks, which are broadcast: those of SciPy, which takes none that is empty."""
    return broadcast(num_shapes=count, max_dims=2, min_side=1, max_side=2).map(lambda drawn: drawn.input_shapes)


def columns(n):
    """The shape of right-hand sides: a vector, or some columns."""
    return st.one_of(st.just((n,)), st.integers(1, 3).map(lambda k: (n, k)))


@settings(max_examples=20)
@given(st.data())
def test_equations_with_a_triangle(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    dtype, n = data.draw(DTYPES), data.draw(st.integers(1, 4))
    right = data.draw(columns(n))
    of_a, of_b = data.draw(fronts(2)) if len(right) == 2 else (data.draw(fronts(1))[0], ())
    a = drawn(rng, dtype, *of_a, n, n) + 3 * np.eye(n)
    b = drawn(rng, data.draw(DTYPES), *of_b, *right)
    chosen = {
        "trans": data.draw(st.sampled_from([0, 1, 2, "N", "T", "C"])),
        "lower": data.draw(st.booleans()),
        "unit_diagonal": data.draw(st.booleans()),
    }
    np.testing.assert_array_equal(
        linalg.solve_triangular(a, b, **chosen), scipy.linalg.solve_triangular(a, b, **chosen)
    )
    check_grads(linalg.solve_triangular, (0, 1))(a, b, **chosen)
    check_grads(lambda x: linalg.solve_triangular(a, x, **chosen))(b)


@settings(max_examples=20)
@given(st.data())
def test_equations_with_a_band(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    dtype, n = data.draw(DTYPES), data.draw(st.integers(1, 5))
    below, above = data.draw(st.integers(0, n - 1)), data.draw(st.integers(0, n - 1))
    ab = drawn(rng, dtype, below + above + 1, n)
    ab[above] += 5 * (below + above + 1)
    right = data.draw(columns(n))
    of_ab, of_b = data.draw(fronts(2)) if len(right) == 2 else (data.draw(fronts(1))[0], ())
    ab, b = np.broadcast_to(ab, (*of_ab, *ab.shape)).copy(), drawn(rng, dtype, *of_b, *right)
    wanted = scipy.linalg.solve_banded((below, above), ab, b)
    np.testing.assert_array_equal(linalg.solve_banded((below, above), ab, b), wanted)
    check_grads(linalg.solve_banded, (1, 2))((below, above), ab, b)


@settings(max_examples=15)
@given(st.integers(0, 99), DTYPES, st.integers(1, 3), st.integers(1, 3), fronts(3))
def test_sylvesters_equation(seed, dtype, m, n, of):
    rng = np.random.default_rng(seed)
    a, b = drawn(rng, dtype, *of[0], m, m) + 4 * np.eye(m), drawn(rng, dtype, *of[1], n, n) + 4 * np.eye(n)
    q = drawn(rng, dtype, *of[2], m, n)
    np.testing.assert_array_equal(linalg.solve_sylvester(a, b, q), scipy.linalg.solve_sylvester(a, b, q))
    check_grads(linalg.solve_sylvester, (0, 1, 2))(a, b, q)


@settings(max_examples=15)
@given(st.integers(0, 99), DTYPES, st.integers(1, 3), fronts(1))
def test_roots_of_matrices(seed, dtype, n, of):
    A = drawn(np.random.default_rng(seed), dtype, *of[0], n, n)
    A = A @ np.swapaxes(A, -1, -2).conj() + np.eye(n)
    np.testing.assert_array_equal(linalg.sqrtm(A), scipy.linalg.sqrtm(A))
    check_grads(linalg.sqrtm)(A)


@settings(max_examples=15)
@given(st.integers(0, 99), DTYPES, st.integers(1, 3), fronts(1), st.sampled_from(["expm", "logm"]))
def test_functions_of_matrices(seed, dtype, n, of, name):
    A = drawn(np.random.default_rng(seed), dtype, *of[0], n, n)
    A = A if name == "expm" else A @ np.swapaxes(A, -1, -2).conj() + np.eye(n)
    np.testing.assert_array_equal(getattr(linalg, name)(A), getattr(scipy.linalg, name)(A))
    check_grads(getattr(linalg, name))(A)


@settings(max_examples=15)
@given(st.data())
def test_equations_with_a_factor_of_cholesky(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    dtype, n, lower = data.draw(DTYPES), data.draw(st.integers(1, 4)), data.draw(st.booleans())
    root, b = drawn(rng, dtype, n, n), drawn(rng, dtype, *data.draw(columns(n)))
    a = root @ root.conj().T + np.eye(n)
    wanted = scipy.linalg.cho_solve(scipy.linalg.cho_factor(a, lower), b)
    np.testing.assert_array_equal(linalg.cho_solve(linalg.cho_factor(a, lower), b), wanted)

    def solution(root, b):
        return linalg.cho_solve(linalg.cho_factor(root @ np.conj(root.T) + np.eye(n), lower), b)

    box = solution(fg.Parameter(root), b)
    np.testing.assert_allclose(fg.Graph(box).fprop()[box], wanted, rtol=1e-9)
    check_grads(solution, (0, 1))(root, b)


def test_a_root_that_is_complex_needs_complex_numbers():
    rotation = np.array([[-1.0, 0.0], [0.0, 2.0]])
    with pytest.raises(DtypeError, match="give complex numbers"):
        grad(lambda A: np.sum(np.abs(linalg.sqrtm(A))))(rotation)
    assert np.iscomplexobj(linalg.sqrtm(rotation))
    check_grads(linalg.sqrtm)(rotation + 0.5j * np.eye(2))


def test_a_graph_of_them_runs_and_the_rest_is_scipys():
    a, b = fg.Input("a", shape=(3, 3)), fg.Input("b", shape=(3, 2))
    box = linalg.solve_triangular(a, b, lower=True)
    assert box.shape == (3, 2)
    A, B = np.tril(np.ones((3, 3))), np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(fg.Graph(box).fprop(a=A, b=B)[box], scipy.linalg.solve_triangular(A, B, lower=True))
    assert linalg.hankel is scipy.linalg.hankel
    assert "solve_sylvester" in dir(linalg)
