"""Gradients of linear algebra beside those of PyTorch, where it is installed."""

import numpy as np
import pytest

import flowgraph as fg

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)


def positive(xp, a):
    return a @ a.mT + xp.eye(a.shape[-1]) * 0.5


def of_triangle(xp, a):
    return xp.tril(a) + xp.tril(a, -1).mT


LOSSES = {
    "inv": lambda xp, a, b: xp.linalg.inv(a) * b[..., :1],
    "solve": lambda xp, a, b: xp.linalg.solve(a, b),
    "det": lambda xp, a, b: xp.linalg.det(a),
    "slogdet": lambda xp, a, b: xp.linalg.slogdet(a)[1],
    "pinv": lambda xp, a, b: xp.linalg.pinv(a[..., :2]) @ b,
    "matrix_power": lambda xp, a, b: xp.linalg.matrix_power(a, -3),
    "cholesky": lambda xp, a, b: xp.linalg.cholesky(positive(xp, a)),
    "qr, tall": lambda xp, a, b: xp.linalg.qr(b)[0] @ xp.linalg.qr(b)[1].mT[..., :1],
    "qr, wide": lambda xp, a, b: xp.linalg.qr(b.mT)[1],
    "eigvalsh": lambda xp, a, b: xp.linalg.eigvalsh(of_triangle(xp, a)),
    "eigh": lambda xp, a, b: xp.linalg.eigh(of_triangle(xp, a))[1] ** 2 @ b,
    "svdvals": lambda xp, a, b: xp.linalg.svdvals(b),
    "svd": lambda xp, a, b: xp.linalg.svd(b, full_matrices=False)[0] ** 2,
    "nuclear norm": lambda xp, a, b: xp.linalg.matrix_norm(b, ord="nuc"),
    "spectral norm": lambda xp, a, b: xp.linalg.matrix_norm(b, ord=2),
    "condition": lambda xp, a, b: xp.linalg.cond(a),
    "norm of order 3": lambda xp, a, b: xp.linalg.vector_norm(b, ord=3),
    "cross": lambda xp, a, b: xp.linalg.cross(a[..., :3, 0], a[..., :3, 1]),
}
COMPLEX = {
    "eig": lambda xp, a, b: abs(xp.linalg.eig(a)[1]) ** 2 @ b,
    "eigvals": lambda xp, a, b: abs(xp.linalg.eigvals(a) - 0.3),
    "eigh": lambda xp, a, b: abs(xp.linalg.eigh(hermitian(a))[1]) ** 2 @ b,
    "svd": lambda xp, a, b: abs(xp.linalg.svd(a * (1 + 2j), full_matrices=False)[2]) ** 2,
    "cholesky": lambda xp, a, b: abs(xp.linalg.cholesky(hermitian(a) + 9 * xp.eye(a.shape[-1]))),
    "qr": lambda xp, a, b: abs(xp.linalg.qr(turned(a))[0]) ** 2,
}


def turned(a):
    return a + 1j * a.mT**2


def hermitian(a):
    return a + a.mT + 1j * (a - a.mT)


def assert_same_gradients(loss, a, b):
    boxes = [fg.Parameter(a), fg.Parameter(b)]
    tensors = [torch.tensor(x, requires_grad=True) for x in (a, b)]
    ours = np.sum(np.sin(loss(np, *boxes))) + 0 * (np.sum(boxes[0]) + np.sum(boxes[1]))
    theirs = torch.sin(loss(torch, *tensors)).sum()
    run = fg.Graph(ours).fprop()
    assert float(run) == pytest.approx(theirs.item(), rel=1e-9)
    (theirs + 0 * (tensors[0].sum() + tensors[1].sum())).backward()
    for box, tensor in zip(boxes, tensors, strict=True):
        np.testing.assert_allclose(run.bprop()[box], tensor.grad.numpy(), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("n", [3, 5])
@pytest.mark.parametrize("name", LOSSES)
def test_real_matrices(name, n):
    assert_same_gradients(LOSSES[name], RNG.normal(size=(2, n, n)) + 2 * np.eye(n), RNG.normal(size=(2, n, 2)))


@pytest.mark.parametrize("name", COMPLEX)
def test_complex_values_on_the_way(name):
    assert_same_gradients(COMPLEX[name], RNG.normal(size=(2, 4, 4)) + np.eye(4), RNG.normal(size=(2, 4, 2)))
