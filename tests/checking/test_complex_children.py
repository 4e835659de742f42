"""fg.check of boxes with complex children and complex values: by their real and imaginary parts."""

import numpy as np
import pytest

import flowgraph as fg

Z = np.array([1.0 + 2.0j, 0.5 - 1.0j])
BUDGET = 20_000


@pytest.mark.parametrize("cls", [fg.Conjugate, fg.Imag, fg.Angle])
def test_boxes_of_complex_children_are_compared(cls):
    report = fg.check(cls, order=2, budget=BUDGET)
    assert report.passed
    assert report.comparisons > 20


def test_a_gradient_that_points_to_the_conjugate_is_found():
    class ConjugatedModulus(fg.Elementwise):
        examples = (fg.example(Z),)

        def fprop(self, z):
            return np.abs(z)

        def bprop(self, grad, h, z):
            return (grad * np.sign(z),)

    report = fg.check(ConjugatedModulus, budget=BUDGET)
    assert not report.passed
    assert report.failures[0].child == "z_im"
    assert "the sign is wrong" in str(report)


def test_a_real_child_beside_a_complex_one():
    class Scaled(fg.Elementwise):
        examples = (fg.example(Z, (2,)),)

        def fprop(self, z, a):
            return z * z * a

        def bprop(self, grad, h, z, a):
            return (grad * 2 * z * a, grad * z * z)

    assert fg.check(Scaled, order=2, budget=BUDGET).passed

    class Halved(Scaled):
        def bprop(self, grad, h, z, a):
            return (grad * 2 * z * a, grad * z * z / 2)

    report = fg.check(Halved, budget=BUDGET)
    assert not report.passed
    assert {failure.child for failure in report.failures} == {"a"}


def test_a_constant_child_beside_a_complex_one_gets_none():
    class Raised(fg.Elementwise):
        constant_children = frozenset({"n"})
        examples = (fg.example(Z, np.array([2.0, 3.0])),)

        def fprop(self, z, n):
            return z**n

        def bprop(self, grad, h, z, n):
            return (grad * n * z ** (n - 1), None)

    report = fg.check(Raised, budget=BUDGET)
    assert report.passed
    assert report.comparisons > 10


def test_a_complex_value_of_real_children():
    class Turned(fg.Elementwise):
        examples = (fg.example((3,)),)

        def fprop(self, a):
            return np.exp(1j * a)

        def bprop(self, grad, h, a):
            return (grad * 1j * h,)

    assert fg.check(Turned, order=2, budget=BUDGET).passed

    class Backwards(Turned):
        def bprop(self, grad, h, a):
            return (grad * -1j * h,)

    assert not fg.check(Backwards, budget=BUDGET).passed


def test_parts_of_different_shapes_are_no_complex_child():
    from flowgraph.checking.complex_parts import OfParts

    with pytest.raises(fg.FlowgraphError, match="the real and the imaginary part of a child differ in shape"):
        OfParts(np.ones(2), np.ones(3), inner="Conjugate", given={}, pairs=(True,))


def test_graphs_with_complex_parameters_and_inputs():
    z, x = fg.Parameter(Z, name="z"), fg.Input("x", shape=("N", 2), dtype=complex)
    good = fg.mean(np.abs(np.fft.fft(x) * z) ** 2)
    report = fg.check(
        fg.Graph(good), x=np.array([[1.0, 2.0j], [0.5, -1.0 + 1.0j]]), order=2, budget=BUDGET, effort="thorough"
    )
    assert report.passed
    alone = fg.sum(np.abs(np.exp(x)))
    assert fg.check(fg.Graph(alone), {x: np.array([[1.0, 2.0j]])}, budget=BUDGET, effort="thorough").passed

    class Forgets(fg.Elementwise):
        examples = (fg.example(Z),)

        def fprop(self, z):
            return np.conj(z)

        def bprop(self, grad, h, z):
            return (grad,)

    bad = fg.mean(np.abs(Forgets(z) + 1j) ** 2)
    assert not fg.check(fg.Graph(bad), budget=BUDGET, effort="thorough").passed


def test_functions_are_checked_by_their_parts():
    def f(z):
        return np.sum(np.abs(np.exp(z)) ** 2)

    with pytest.raises(TypeError, match=r"check the function of real and imaginary parts, lambda re, im: f\(re \+ 1j"):
        fg.check(f, Z)
    assert fg.check(lambda re, im: f(re + 1j * im), Z.real, Z.imag, budget=BUDGET).passed
