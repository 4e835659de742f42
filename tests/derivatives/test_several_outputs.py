"""Boxes of several outputs at second order: believed where they are right, found out where they keep something."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import NotDifferentiableError
from tests.derivatives.several_outputs import OPAQUE, CachesOfOneOutput, Clean, Swaps
from tests.derivatives.test_what_is_asked import value

A, B = np.array([0.5, -1.5, 2.0]), np.array([1.0, 0.3, -0.7])


@pytest.fixture(params=OPAQUE, ids=lambda cls: cls.__name__)
def box(request):
    return request.param


def leaves(shape=(3,)):
    return fg.Input("a", shape=shape), fg.Input("b", shape=shape)


def loss(cls, a, b):
    cubes, products = cls(a, b)
    return fg.sum(np.sin(cubes) + products**2)


@pytest.mark.parametrize("output", [0, 1])
def test_a_gradient_may_arrive_at_one_output_alone(box, output):
    """Whether its bprop runs on boxes or is called on arrays."""
    a, b = leaves(("N",))
    sent = fg.Input("sent", shape=("N",))
    da, db = fg.gradients([box(a, b)[output]], [a, b], [sent])
    for one, other in ((A, B), (B[:2], A[:2])):
        arriving = np.arange(1.0, 1 + len(one))
        needed = ((3 * one**2, 0 * one), (2 * one * other, one**2))[output]
        for found, slope in zip((da, db), needed, strict=True):
            np.testing.assert_allclose(value(found, a=one, b=other, sent=arriving), arriving * slope, rtol=1e-12)


def curvature(a, b):
    """The Hessian of the loss by a and b, written out."""
    aa = np.cos(a**3) * 6 * a - np.sin(a**3) * 9 * a**4 + 12 * a**2 * b**2
    ab = 8 * a**3 * b
    bb = 2 * a**4
    return np.block([[np.diag(aa), np.diag(ab)], [np.diag(ab), np.diag(bb)]])


@pytest.mark.parametrize("output", [0, 1])
def test_one_output_alone(output):
    a, b = leaves()
    H = fg.hessian(fg.sum(Clean(a, b)[output]), [a])
    np.testing.assert_allclose(value(H, a=A, b=B), np.diag((6 * A, 2 * B)[output]), atol=1e-12)


def test_what_one_output_does_not_read_is_no_memory_of_it():
    a, b = leaves()
    H = fg.hessian(fg.sum(CachesOfOneOutput(a, b)[0]), [a])
    np.testing.assert_allclose(value(H, a=A, b=B), np.diag(6 * A), atol=1e-12)


def test_second_order_names_the_box_and_the_way_out(box):
    a, b = leaves()
    with pytest.raises(NotDifferentiableError) as error:
        fg.hessian(loss(box, a, b), [a, b])
    assert box.__name__ in str(error.value)
    assert "fallback='central differences'" in str(error.value)


def test_the_fallback_is_right_to_many_digits(box):
    a, b = leaves()
    H = fg.hessian(loss(box, a, b), [a, b], fallback="central differences")
    np.testing.assert_allclose(value(H, a=A, b=B), curvature(A, B), rtol=1e-6, atol=1e-6)
    directions = [np.array([1.0, 0.0, 2.0]), np.array([0.5, 1.0, 0.0])]
    products = fg.hvp(loss(box, a, b), [a, b], directions, fallback="central differences")
    needed = curvature(A, B) @ np.concatenate(directions)
    np.testing.assert_allclose(np.concatenate([value(p, a=A, b=B) for p in products]), needed, rtol=1e-6, atol=1e-6)


def test_forward_mode_is_exact(box):
    a, b = leaves()
    cubes, products = box(a, b)
    slope = fg.jvp(cubes * 2 + products, [a, b], [np.array([1.0, 0.0, 2.0]), np.ones(3)])
    needed = (6 * A**2 + 2 * A * B) * [1, 0, 2] + A**2
    np.testing.assert_allclose(value(slope, a=A, b=B), needed, rtol=1e-12)


def test_jacobians_go_row_by_row(box):
    a, b = leaves()
    for cls in (box, Clean):
        cubes, products = cls(a, b)
        J, K = fg.jacobian(cubes + products, [a, b])
        np.testing.assert_allclose(value(J, a=A, b=B), np.diag(3 * A**2 + 2 * A * B), atol=1e-12)
        np.testing.assert_allclose(value(K, a=A, b=B), np.diag(A**2), atol=1e-12)


def test_boxes_of_several_outputs_of_boxes_of_several_outputs():
    a, b = leaves()
    cubes, products = Clean(a, b)
    again = Clean(products, cubes)
    H = fg.hessian(fg.sum(again[0] * again[1]), [a])

    def first(one):
        cube, product = one**3, one**2 * B
        h = product**5 * cube
        return h * (10 / one + 3 / one)

    step = 1e-6
    numeric = (first(A + step) - first(A - step)) / (2 * step)
    np.testing.assert_allclose(value(H, a=A, b=B), np.diag(numeric), rtol=1e-6)


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_a_box_of_several_outputs_in_a_bprop_over_rows(rows, monkeypatch):
    monkeypatch.setattr(fg.boxes.Split, "core", None)  # as of a box of a user
    x = fg.Input("x", shape=(3,))
    h = Swaps(x * x)
    (J,) = fg.jacobian(h[:rows], [x], mode="rows")
    assert any(box.symbol == "per row" and len(box.outputs) == 2 for box in fg.Graph(J))
    needed = 2 * np.roll(np.eye(3), 1, axis=1) * A
    np.testing.assert_allclose(value(J, x=A), needed[:rows])
    (again,) = fg.gradient(fg.sum(J * J * J), [x])
    np.testing.assert_allclose(value(again, x=A), 24 * A**2 * (needed[:rows] != 0).any(axis=0))
