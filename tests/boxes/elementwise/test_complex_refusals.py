"""What is refused of complex numbers, and the way out."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.functional import elementwise_grad, grad
from tests.boxes.elementwise.test_complex_numbers import Z


class TestErrors:
    def test_a_complex_output_has_no_gradient_by_itself(self):
        z = fg.Parameter(Z, name="z")
        loss = fg.sum(z)
        with pytest.raises(fg.FlowgraphError, match=r"dtype complex128, and only a real value .* take np.real"):
            fg.Graph(loss).fprop().bprop()
        with pytest.raises(fg.FlowgraphError, match=r"dtype complex128, and only a real value .* take np.real"):
            fg.gradient(loss, [z])
        for transform in (grad, elementwise_grad):
            with pytest.raises(fg.FlowgraphError, match=r"dtype complex128, and only a real value .* return np.real"):
                transform(np.sum)(Z)

    def test_matrices_of_complex_values_are_refused(self):
        z = fg.Parameter(Z, name="z")
        with pytest.raises(fg.FlowgraphError, match=r"jacobian: Multiply .* dtype complex128, needs real values"):
            fg.jacobian(z * z, [z])
        with pytest.raises(fg.FlowgraphError, match=r"hessian: Parameter 'z' .*; differentiate np.real and np.imag"):
            fg.hessian(fg.sum(np.abs(z)), [z])
        with pytest.raises(fg.FlowgraphError, match=r"jacobian: Parameter 'z' has dtype complex128"):
            fg.jacobian(np.abs(z), [z], mode="columns")

    def test_a_complex_gradient_of_a_real_output_is_refused(self):
        x = fg.Parameter([1.0, 2.0], name="x")
        with pytest.raises(fg.FlowgraphError, match=r"grad= of .* has dtype complex128, needs float64"):
            fg.Graph(x * x).fprop().bprop(grad=[1j, 2.0])
        z = fg.Input("z", shape=(2,), dtype=complex)
        with pytest.raises(fg.FlowgraphError, match="grad= has dtype complex128, needs float64 of Multiply"):
            fg.gradient(x * x, [x], z)

    def test_losses_take_real_numbers(self):
        z = fg.Input("z", shape=(2,), dtype=complex)
        with pytest.raises(fg.FlowgraphError, match=r"found complex numbers, needs real ones; .* np.abs"):
            fg.SquaredError(z, [1.0, 2.0])

    def test_a_bprop_of_another_precision_is_still_found_out(self):
        class Wide(fg.Elementwise):
            def fprop(self, z):
                return np.abs(z)

            def bprop(self, grad, h, z):
                return (grad.astype(np.complex128),)

        z = fg.Parameter(Z.astype(np.complex64))
        with pytest.raises(fg.FlowgraphError, match="dtype complex128 for child 'z', needs complex64"):
            fg.Graph(fg.sum(Wide(z))).fprop().bprop()
