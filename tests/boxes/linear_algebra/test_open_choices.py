"""Losses of what a decomposition leaves open, such as phases and bases of equal eigenvalues."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import NotDifferentiableError, OpenChoiceError
from tests.boxes.linear_algebra.test_decompositions import SQUARE, TALL, WIDE, gradient_of, normal, polar

TURNING = np.array([[0.3, -1.0, 0.2], [1.2, 0.1, 0.4], [0.0, 0.5, 2.0]])


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
