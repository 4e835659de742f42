"""Factorisations, eigenvalues and singular values: NumPy's calls, what they leave open, what they read."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import NotDifferentiableError, OpenChoiceError, ShapeError, UsageError
from tests.boxes.numpy_calls import assert_as_numpy, assert_every_batch

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(size=shape)


def positive(a):
    return a @ np.conjugate(a).mT + 0.5 * np.eye(a.shape[-1])


def polar(a):
    u, _, vh = np.linalg.svd(a, full_matrices=False)
    return u @ vh


TURNING = np.array([[0.3, -1.0, 0.2], [1.2, 0.1, 0.4], [0.0, 0.5, 2.0]])
SQUARE, STACK, TALL, WIDE = normal(3, 3), normal(2, 3, 3), normal(2, 5, 3), normal(2, 3, 5)


@pytest.mark.parametrize(
    ("function", "arrays"),
    [
        (lambda a: np.linalg.cholesky(positive(a)), [STACK]),
        (lambda a: np.linalg.cholesky(positive(a), upper=True), [STACK]),
        (lambda a: np.linalg.qr(a), [SQUARE]),
        (lambda a: np.linalg.qr(a), [TALL]),
        (lambda a: np.linalg.qr(a), [WIDE]),
        (lambda a: np.linalg.qr(a)[0], [WIDE]),
        (lambda a: np.linalg.qr(a).R, [TALL]),
        (lambda a: np.linalg.qr(a, "r"), [TALL]),
        (lambda a: np.linalg.qr(a, mode="r"), [WIDE]),
        (lambda a: np.linalg.qr(a, mode="complete"), [WIDE]),
        (lambda a: np.linalg.svd(a, full_matrices=False), [TALL]),
        (lambda a: np.linalg.svd(a, full_matrices=False), [WIDE]),
        (lambda a: np.linalg.svd(a, full_matrices=False)[0], [TALL]),
        (lambda a: np.linalg.svd(a, False).Vh, [TALL]),
        (lambda a: np.linalg.svd(a), [STACK]),
        (lambda a: np.linalg.svd(a).S, [WIDE]),
        (lambda a: np.linalg.svd(a)[0][..., :3], [TALL]),
        (lambda a: np.linalg.svd(a, compute_uv=False), [TALL]),
        (np.linalg.svdvals, [WIDE]),
        (lambda a: np.linalg.svd(a + a.mT, hermitian=True), [STACK]),
        (lambda a: np.linalg.svd(a, compute_uv=False, hermitian=True), [STACK]),
        (lambda a: np.linalg.eigh(a), [STACK]),
        (lambda a: np.linalg.eigh(a, "U"), [STACK]),
        (lambda a: np.linalg.eigh(a, UPLO="u").eigenvectors, [SQUARE]),
        (np.linalg.eigvalsh, [STACK]),
        (lambda a: np.linalg.eigvalsh(a, UPLO="U"), [STACK]),
        (lambda a: np.abs(np.linalg.eigvals(a) - 0.7), [STACK]),
        (lambda a: np.real(np.sum(np.linalg.eig(a)[0] ** 3)), [STACK]),
        (lambda a: np.abs(np.linalg.eig(a).eigenvectors), [STACK]),
    ],
)
def test_numpys_call_forms(function, arrays):
    assert_as_numpy(function, *arrays, rtol=1e-9)


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (lambda a: np.linalg.cholesky(positive(a)), (2, 3, 3)),
        (lambda a: np.linalg.cholesky(positive(a), upper=True), (3, 3)),
        (lambda a: np.linalg.qr(a)[0], (4, 3)),
        (lambda a: np.linalg.qr(a)[1], (2, 3, 4)),
        (lambda a: np.linalg.qr(a)[0] @ np.linalg.qr(a)[1][..., :2], (3, 3)),
        (lambda a: np.linalg.svdvals(a), (4, 3)),
        (lambda a: np.abs(np.linalg.svd(a)[0]), (3, 3)),
        (lambda a: np.abs(np.linalg.svd(a, False)[2]), (4, 2)),
        (lambda a: polar(a), (2, 3, 4)),
        (lambda a: polar(a.mT), (2, 3, 4)),
        (lambda a: np.linalg.eigvalsh(a), (3, 3)),
        (lambda a: np.abs(np.linalg.eigh(a, "U")[1]), (2, 3, 3)),
        (lambda a: np.linalg.eigvals(a), (3, 3)),
        (lambda a: np.abs(np.linalg.eig(a)[1]), (2, 3, 3)),
    ],
)
def test_complex_matrices(function, shape):
    def parts(a, b):
        h = function(a + 1j * b)
        return np.real(h), np.imag(h)

    assert_as_numpy(parts, normal(*shape), normal(*shape), rtol=1e-9)


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


@pytest.mark.parametrize(
    ("loss", "array", "text"),
    [
        (lambda a: np.sum(np.linalg.svd(a)[0] ** 3), TALL, "SVD: the basis of the null space is left open"),
        (lambda a: np.sum(np.linalg.svd(a)[2] ** 3), WIDE, "SVD: the basis of the null space is left open"),
        (lambda a: np.sum(np.linalg.qr(a, "complete")[0] ** 3), TALL, "QR: the basis of the null space is left open"),
        (
            lambda a: np.sum(np.linalg.eigh(a)[1] * SQUARE),
            np.eye(3),
            "Eigh: the bases of the eigenvectors of equal values",
        ),
        (
            lambda a: np.sum(np.abs(np.linalg.eigvals(a))),
            np.eye(3) + np.eye(3, k=1),
            "Eig: the eigenvectors of a defective matrix",
        ),
        (
            lambda a: np.sum(np.abs(np.linalg.eigvals(a) - 1)),
            np.array([[0.0, 1.0], [1e-26, 0.0]]),
            "Eig: the eigenvectors of a defective matrix",
        ),
        (
            lambda a: np.sum(np.abs(np.linalg.eig(a)[1]) ** 2 * SQUARE),
            np.eye(3) + np.outer([1.0, 2.0, -1.0], [0.5, 1.0, 1.0]),
            "Eig: the bases of the eigenvectors of equal values",
        ),
        (lambda a: np.sum(np.linalg.svd(a)[0] * SQUARE), np.eye(3), "SVD: the bases of the singular vectors of equal"),
        (lambda a: np.sum(np.real(np.linalg.eigh(a + 1j * (a - a.mT))[1])), SQUARE, "left open"),
        (lambda a: np.sum(np.real(np.linalg.svd(a * (1 + 1j))[0])), SQUARE, "left open"),
        (
            lambda a: np.sum(np.real(np.linalg.eig(a)[1]) ** 3),
            TURNING,
            "Eig: the phase of the eigenvectors is left open",
        ),
    ],
)
def test_a_loss_of_what_is_left_open_is_refused(loss, array, text):
    a = fg.Parameter(array)
    with pytest.raises(OpenChoiceError, match=text) as error:
        gradient_of(loss(a), a)
    assert "its slope there is" in str(error.value)
    (built,) = fg.gradient(loss(a), [a])
    with pytest.raises(NotDifferentiableError, match=text):
        fg.Graph(built).fprop()


def test_the_checker_does_not_ask_for_what_is_left_open():
    report = fg.check(lambda a: np.abs(np.linalg.eigvals(a)), SQUARE + 2 * np.eye(3))
    assert report.passed, report
    report = fg.check(lambda a: (np.linalg.svd(a)[0][:, 2:] ** 2).sum(axis=1), normal(3, 2))
    assert report.passed, report


def test_equal_eigenvalues_where_their_space_is_all_that_counts():
    turn = np.linalg.qr(normal(4, 4))[0]
    matrix = turn @ np.diag([1.0, 1.0, 2.0, 4.0]) @ turn.T

    def projector(a):
        v = np.linalg.eigh((a + a.mT) / 2)[1][:, :2]
        return v @ v.mT

    a, weights, direction, step = fg.Parameter(matrix), normal(4, 4), normal(4, 4), 1e-5
    grad = gradient_of(np.sum(weights * projector(a)), a)
    numeric = np.sum(weights * (projector(matrix + step * direction) - projector(matrix - step * direction)))
    assert np.sum(grad * direction) == pytest.approx(numeric / (2 * step), rel=1e-7)
    with pytest.raises(NotDifferentiableError, match="equal values are left open"):
        fg.Graph(fg.hessian(np.sum(weights * projector(a)), [a])).fprop()


def test_equal_singular_values_where_the_turn_is_all_that_counts():
    turn = np.linalg.qr(normal(3, 3))[0]

    a, weights = fg.Parameter(turn), normal(3, 3)
    grad = gradient_of(np.sum(weights * polar(a)), a)
    direction = normal(3, 3)
    step = 1e-5
    numeric = np.sum(weights * (polar(turn + step * direction) - polar(turn - step * direction))) / (2 * step)
    assert np.sum(grad * direction) == pytest.approx(numeric, rel=1e-7)


def test_a_function_of_equal_eigenvalues_and_their_vectors_is_refused():
    a = fg.Parameter(np.diag([1.0, 1.0, 3.0]))
    w, v = np.linalg.eigh(a)
    root = (v * np.sqrt(w)) @ v.mT
    with pytest.raises(NotDifferentiableError, match="Eigh: the bases of the eigenvectors of equal values"):
        gradient_of(np.sum(root * normal(3, 3)), a)
    u, s, vh = np.linalg.svd(a)
    with pytest.raises(NotDifferentiableError, match="SVD: the bases of the singular vectors of equal values"):
        gradient_of(np.sum((u * s**3) @ vh * normal(3, 3)), a)


def test_vectors_of_a_singular_value_of_zero():
    turn = np.linalg.qr(normal(4, 4))[0]
    a = fg.Parameter(turn[:, :2] @ np.diag([3.0, 1.0]) @ normal(2, 3))
    u, _, vh = np.linalg.svd(a.value, full_matrices=False)
    np.testing.assert_allclose(gradient_of(np.linalg.norm(a, "nuc"), a), u[:, :2] @ vh[:2], atol=1e-12)
    with pytest.raises(OpenChoiceError, match="SVD: the singular vectors of a value of 0 are left open"):
        gradient_of(np.sum(polar(a) ** 3), a)
    zeros = fg.Parameter(np.zeros((2, 2)))
    with pytest.raises(OpenChoiceError, match="SVD: the bases of the singular vectors of equal values"):
        gradient_of(np.sum(polar(zeros) * normal(2, 2)), zeros)
    space = np.linalg.svd(a, full_matrices=False)[0][:, :2]
    weights, direction, step = normal(4, 4), a.value @ normal(3, 3), 1e-6
    grad = gradient_of(np.sum(weights * (space @ space.T)), a)

    def projected(x):
        v = np.linalg.svd(x, full_matrices=False)[0][:, :2]
        return np.sum(weights * (v @ v.T))

    numeric = (projected(a.value + step * direction) - projected(a.value - step * direction)) / (2 * step)
    assert np.sum(grad * direction) == pytest.approx(numeric, rel=1e-6, abs=1e-8)


def test_a_singular_value_of_zero_has_the_slope_zero():
    a = fg.Parameter(np.zeros((3, 2)))
    np.testing.assert_array_equal(gradient_of(np.sum(np.linalg.svdvals(a)), a), np.zeros((3, 2)))


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


@pytest.mark.parametrize("cls", [fg.FullSVD, fg.CompleteQR, fg.Eig])
def test_empty_matrices_and_purity(cls):
    empty = fg.Parameter(np.zeros((0, 3, 3)))
    parts = list(cls(empty))
    total = sum(np.sum(np.abs(part)) for part in parts)
    assert gradient_of(total, empty).shape == (0, 3, 3)
    a = SQUARE.copy()
    a.setflags(write=False)
    one, two = cls(a).fprop(a), cls(a).fprop(a)
    assert all(np.array_equal(x, y) for x, y in zip(one, two, strict=True))


def test_float32_stays_float32():
    a = fg.Parameter(SQUARE.astype(np.float32) + np.eye(3, dtype=np.float32))
    for loss in (
        np.sum(np.linalg.qr(a)[0] ** 3),
        np.sum(np.abs(np.linalg.eig(a)[0])),
        np.sum(np.linalg.svd(a)[0] ** 2),
        np.linalg.slogdet(a)[1],
    ):
        assert loss.dtype == np.float32
        assert gradient_of(loss, a).dtype == np.float32


def test_sizes_that_follow_the_batch():
    batches = {"batches": (1, 4)}
    assert assert_every_batch(lambda a: np.linalg.svdvals(a), ("N", 2, 3), **batches) == [("N", 2)]
    assert assert_every_batch(lambda a: np.abs(np.linalg.qr(a)[1]), ("N", 3, 2), **batches) == [("N", 2, 2)]
    assert assert_every_batch(lambda a: np.linalg.eigvalsh(a), ("N", 2, 2), **batches) == [("N", 2)]
    (shape,) = assert_every_batch(lambda a: np.abs(np.linalg.svd(a, False)[2]), ("N", 2), batches=(3, 4))
    assert shape[1] == 2


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


@pytest.mark.parametrize(
    "function",
    [
        lambda a: np.linalg.svd(a, full_matrices=False)[0],
        lambda a: np.linalg.svd(a)[1],
        lambda a: polar(a),
        lambda a: np.linalg.qr(a)[1],
        lambda a: np.linalg.eigh(a.mT @ a)[1],
        lambda a: np.real(np.linalg.eigvals(a.mT @ a + a[:3])),
        lambda a: np.linalg.cholesky(a.mT @ a),
        lambda a: np.linalg.lstsq(a, a[:, 0] ** 2)[0],
        lambda a: np.linalg.norm(a, "nuc"),
    ],
)
def test_forward_mode(function):
    array, direction, step = TALL[0], normal(5, 3), 1e-6
    a = fg.Parameter(array)
    slope = fg.jvp(function(a), [a], [direction])
    numeric = (function(array + step * direction) - function(array - step * direction)) / (2 * step)
    np.testing.assert_allclose(fg.Graph(slope).fprop()[slope], numeric, rtol=1e-6, atol=1e-7)
