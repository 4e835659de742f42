"""Complex values inside a real loss: by hand, by differences on every box, against PyTorch; what is refused."""

import warnings

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import NotDifferentiableError
from flowgraph.functional import elementwise_grad, grad, value_and_grad
from flowgraph.testing.declared import one_gradient_per_child, shape_and_dtype_as_built
from flowgraph.testing.slopes import gradient_by_central_differences, gradient_graph_equals_bprop, second_derivative
from tests.cases import cases

Z = np.array([3.0 + 4.0j, -1.0j, -0.5 + 0.2j])
COMPLEX = {
    *(
        "Add",
        "Subtract",
        "Multiply",
        "Divide",
        "Negative",
        "Positive",
        "Power",
        "ConstantPower",
        "Square",
        "Reciprocal",
    ),
    *("Sqrt", "Exp", "Exp2", "Expm1", "Log", "Log2", "Log10", "Log1p", "Sin", "Cos", "Tan", "Sinh", "Cosh", "Tanh"),
    *("Arcsin", "Arccos", "Arctan", "Arcsinh", "Arccosh", "Arctanh", "Absolute", "Sign", "Conjugate", "Real", "Imag"),
    *("Angle", "Sum", "Mean", "Prod", "Var", "Std", "CumSum", "CumProd", "MatMul", "TensorDot", "Einsum", "Affine"),
    *("Index", "IndexAdd", "Where", "Concatenate", "Stack", "Reshape", "Transpose", "Pad", "Fft", "Ifft", "Irfft"),
    *("L1", "L2", "Erf", "Erfc", "XLogY", "BesselJ"),
}
"""Boxes that have to take complex children; the others may refuse them, but give no wrong gradient."""
BOXES = {
    name: cls
    for name, cls in fg.registry.items()
    if cls.__module__.startswith("flowgraph.boxes.") and not issubclass(cls, fg.Leaf) and cls.examples is not None
}


def in_plane(case):
    """The case with imaginary parts."""
    rng = np.random.default_rng(0)
    parts = [0.7j * rng.normal(size=a.shape) if i in case.floats else 0 for i, a in enumerate(case.children)]
    return case.replace(*(a if np.iscomplexobj(a) or i not in case.floats else a + parts[i] for i, a in
                          enumerate(case.children)))  # fmt: skip


def refuses(case):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert case.value is not None
    except (fg.FlowgraphError, TypeError):
        return True
    return False


@pytest.mark.parametrize("name", BOXES)
def test_complex_children_have_the_gradient_of_their_real_and_imaginary_parts(name):
    for case in cases(BOXES[name]):
        if not case.floats:
            continue
        turned = in_plane(case)
        if refuses(turned):
            assert name not in COMPLEX, f"{name} refuses complex children"
            continue
        for check in (
            shape_and_dtype_as_built, one_gradient_per_child,
            gradient_by_central_differences, gradient_graph_equals_bprop, second_derivative,
        ):  # fmt: skip
            try:
                check(turned)
            except NotDifferentiableError as error:
                assert "left open" in str(error)  # noqa: PT017  (the phase of complex eigenvectors)


def gradients_of(loss, *leaves):
    """By a run and by the gradient graph, which agree."""
    run = fg.Graph(loss).fprop()
    grads = run.bprop(wrt=leaves)
    built = fg.gradient(loss, leaves)
    graph = fg.Graph(*built).fprop()
    for leaf, box in zip(leaves, built, strict=True):
        np.testing.assert_allclose(graph[box], grads[leaf], rtol=1e-12)
        assert grads[leaf].dtype == leaf.dtype == box.dtype
    return [grads[leaf] for leaf in leaves]


class TestConvention:
    def test_a_real_child_of_a_complex_box_gets_the_real_part(self):
        a, b = fg.Parameter(Z.real), fg.Parameter(Z.imag)
        da, db = gradients_of(fg.sum(np.abs(a + 1j * b) ** 2 + np.imag(a + 1j * b)), a, b)
        np.testing.assert_allclose(da, 2 * Z.real)
        np.testing.assert_allclose(db, 2 * Z.imag + 1)

    def test_at_zero(self):
        z = fg.Parameter(np.zeros(2, complex))
        for loss in (fg.sum(np.abs(z)), fg.sum(np.angle(z)), fg.sum(np.real(np.sign(z)))):
            (found,) = gradients_of(loss, z)
            np.testing.assert_array_equal(found, 0)

    def test_keep_all_and_several_outputs(self):
        z = fg.Parameter(Z, name="z")
        square = z * z
        grads = fg.Graph(fg.sum(np.real(square)), fg.sum(np.imag(square))).fprop().bprop(keep="all")
        np.testing.assert_allclose(grads[square], np.full(3, 1 + 1j))
        np.testing.assert_allclose(grads[z], np.conj(2 * Z) * (1 + 1j))

    def test_a_box_of_several_outputs(self):
        z = fg.Parameter(np.append(Z, 2.0 - 1.0j), name="z")
        first, second = np.split(z * 1j, 2)
        grads = fg.Graph(fg.sum(np.real(first * first)) + fg.sum(np.imag(second))).fprop().bprop(keep="all")
        of_first, of_second = grads[first.children[0]]
        np.testing.assert_allclose(of_first, np.conj(2j * z.value[:2]))
        np.testing.assert_allclose(of_second, [1j, 1j])
        np.testing.assert_allclose(grads[z], np.append(np.conj(-2 * z.value[:2]), [1, 1]))


def test_twice_conjugated_and_a_part_of_real_numbers_is_the_box_itself():
    z, x = fg.Input("z", dtype=complex), fg.Input("x")
    assert np.conj(np.conj(z)) is z
    assert np.conj(x) is np.real(x) is x


class TestDerivatives:
    @staticmethod
    def loss(z):
        return np.sum(np.abs(np.tanh(z) * np.exp(1j * z)) ** 2 + np.real(np.log(z + 3) / z) + np.angle(z + 2))

    def test_functions_agree_with_torch(self):
        torch = pytest.importorskip("torch")
        z = torch.tensor(Z, requires_grad=True)
        loss = torch.sum(
            torch.abs(torch.tanh(z) * torch.exp(1j * z)) ** 2 + torch.real(torch.log(z + 3) / z) + torch.angle(z + 2)
        )
        loss.backward()
        value, slope = value_and_grad(self.loss)(Z)
        assert value == pytest.approx(loss.item())
        np.testing.assert_allclose(slope, z.grad.numpy(), rtol=1e-12)

    def test_a_bprop_that_does_not_run_on_boxes(self):
        class Square(fg.Elementwise):
            def fprop(self, z):
                return z * z

            def bprop(self, grad, h, z):
                return (grad * np.reshape([2 * complex(one) for one in z.ravel()], z.shape),)

        z, v = fg.Parameter(Z), np.array([0.3 - 1.0j, 1.0, 2.0j])
        slope = fg.jvp(Square(z), [z], [v])
        np.testing.assert_allclose(fg.Graph(slope).fprop()[slope], 2 * Z * v)
        loss = fg.sum(np.real(Square(z) * (1 - 2j)))
        (found,) = gradients_of(loss, z)
        np.testing.assert_allclose(found, np.conj(2 * Z * (1 - 2j)))
        (product,) = fg.hvp(loss, [z], [v], fallback="central differences")
        np.testing.assert_allclose(fg.Graph(product).fprop()[product], np.conj(2 * (1 - 2j) * v), rtol=1e-8)


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


@pytest.mark.parametrize("dtype", [">f8", ">f4", ">c16", "<f8"])
def test_a_dtype_of_another_order_of_bytes_is_that_of_this_machine(dtype):
    native = np.dtype(dtype).newbyteorder("=")
    x = fg.Parameter(np.array([1.0, 2.0]), name="x")
    for box in (x.astype(dtype), np.sum(x, dtype=dtype), np.cumsum(x, dtype=dtype), np.mean(x, dtype=dtype)):
        assert box.dtype == native
        run = fg.Graph(fg.sum(np.real(box))).fprop()
        assert run.bprop()[x].dtype == np.float64
    assert x.astype(">f8") is x
