"""Factorisations, eigenvalues and singular values: NumPy's calls, what they leave open, what they read."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import NotDifferentiableError, ShapeError, UsageError
from tests.boxes.numpy_calls import assert_as_numpy

pytestmark = pytest.mark.no_cover  # other tests run the same lines, and measuring takes long

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(size=shape)


def positive(a):
    return a @ np.conjugate(a).mT + 0.5 * np.eye(a.shape[-1])


def polar(a):
    u, _, vh = np.linalg.svd(a, full_matrices=False)
    return u @ vh


SQUARE, STACK, TALL, WIDE = normal(3, 3), normal(2, 3, 3), normal(2, 5, 3), normal(2, 3, 5)


@pytest.mark.parametrize(
    "function",
    [
        lambda a: np.abs(np.linalg.eigvals(a) - 0.7),
        lambda a: np.real(np.sum(np.linalg.eig(a)[0] ** 3)),
        lambda a: np.abs(np.linalg.eig(a).eigenvectors),
        lambda a: np.linalg.cholesky(positive(a), upper=True),
        lambda a: np.linalg.qr(a[..., :2, :])[0],
        lambda a: np.linalg.svd(a + a.mT, hermitian=True),
        lambda a: np.linalg.svd(a, compute_uv=False, hermitian=True),
        lambda a: np.linalg.pinv(a + a.mT, hermitian=True),
        lambda a: np.linalg.tensorsolve(np.reshape(a[0] @ a[1], (3, 3, 1)), a[0, 0], axes=(0,)),
        lambda a: np.real(polar(a + 1j * a.mT)),
        lambda a: np.abs(np.linalg.eig(a + 1j * a.mT)[1]),
        lambda a: np.abs(np.linalg.svd(a + 1j * a.mT, False)[2]),
    ],
)
def test_what_is_left_open_cancels_in_what_is_asked(function):
    assert_as_numpy(function, STACK, rtol=1e-9)


def test_a_triangle_that_is_not_read_has_no_gradient():
    a = fg.Parameter(positive(SQUARE))
    for h, unread in (
        (np.linalg.cholesky(a), np.triu),
        (np.linalg.cholesky(a, upper=True), np.tril),
        (np.linalg.eigvalsh(a), np.triu),
        (np.linalg.eigvalsh(a, "U"), np.tril),
    ):
        grad = fg.Graph(np.sum(h * h * h)).fprop().bprop()[a]
        assert not unread(grad, 1 if unread is np.triu else -1).any()
        assert grad.any()


@pytest.mark.parametrize("shape", [(5, 3), (2, 3, 5), (2, 4, 3)])
def test_full_matrices_for_losses_of_the_null_space(shape):
    def of_space(a):
        u, s, vh = np.linalg.svd(a)
        k = min(shape[-2:])
        null = u[..., k:] @ u[..., k:].mT if shape[-2] > k else vh[..., k:, :].mT @ vh[..., k:, :]
        return null, s, u[..., :k], vh[..., :k, :]

    assert_as_numpy(of_space, normal(*shape), rtol=1e-9)


def test_a_complete_qr_for_losses_of_the_null_space():
    def of_space(a):
        q, r = np.linalg.qr(a, mode="complete")
        return q[..., 3:] @ q[..., 3:].mT, q[..., :3], r

    assert_as_numpy(of_space, TALL, rtol=1e-9)


def gradient_of(loss, a):
    return fg.Graph(loss).fprop().bprop(wrt=[a])[a]


def test_eigenvalues_are_complex_whatever_they_are():
    a = np.diag([1.0, 2.0])
    for array, dtype in ((a, np.complex128), (a.astype(np.float32), np.complex64)):
        w, v = np.linalg.eig(fg.Parameter(array))
        assert w.dtype == v.dtype == dtype
        run = fg.Graph(w, v).fprop()
        np.testing.assert_allclose(run[w], [1, 2])
        assert run[v].dtype == dtype


def test_results_have_numpys_names():
    a = fg.Parameter(SQUARE)
    assert np.linalg.svd(a)._fields == np.linalg.svd(SQUARE)._fields
    assert np.linalg.qr(a)._fields == np.linalg.qr(SQUARE)._fields
    assert np.linalg.eigh(a)._fields == np.linalg.eigh(SQUARE)._fields
    assert np.linalg.eig(a)._fields == np.linalg.eig(SQUARE)._fields
    assert np.linalg.slogdet(a)._fields == np.linalg.slogdet(SQUARE)._fields


@pytest.mark.parametrize("function", [lambda a: np.linalg.qr(a)[1], lambda a: np.linalg.svd(a)[0][:, :2] ** 2])
@pytest.mark.parametrize("shape", [("N", 2), (2, "N")])
def test_of_unknown_height_it_is_right_and_says_why_it_has_no_second_derivative(function, shape):
    a = fg.Input("a", shape=shape)
    loss = np.sum(function(a) ** 3)
    array = normal(*(5 if size == "N" else size for size in shape))
    (da,) = fg.gradient(loss, [a])
    known = fg.Parameter(array)
    needed = gradient_of(np.sum(function(known) ** 3), known)
    np.testing.assert_allclose(fg.Graph(da).fprop(a=array)[da], needed)
    with pytest.raises(NotDifferentiableError, match="whether a is tall or wide is not known before a run"):
        fg.gradient(np.sum(da), [a])


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda x: np.linalg.eigh(x), ShapeError, "found matrices of 2 rows and 3 columns, needs square ones"),
        (lambda x: np.linalg.svd(x[0]), ShapeError, "found 1 axes, needs matrices on the last two"),
        (lambda x: np.linalg.eigh(x, "D"), UsageError, "found UPLO='D', needs 'L', 'U', "),
        (
            lambda x: np.linalg.qr(x, "full"),
            UsageError,
            "found mode='full', needs 'reduced', 'complete', 'r' or 'raw'",
        ),
        (lambda x: np.linalg.cholesky(x), ShapeError, "n = "),
    ],
)
def test_what_does_not_fit_is_refused(call, error, text):
    with pytest.raises(error, match=text):
        call(fg.Parameter(normal(2, 3), name="x"))
