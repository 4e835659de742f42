"""Complex values inside a real loss: by hand, by differences on every box, against PyTorch; what is refused."""

import warnings

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import NotDifferentiableError
from flowgraph.functional import elementwise_grad, grad, jvp, value_and_grad
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
    def test_of_a_squared_modulus_it_points_outwards(self):
        z = fg.Parameter(Z)
        (found,) = gradients_of(fg.sum(np.abs(z) ** 2), z)
        np.testing.assert_allclose(found, 2 * Z)

    def test_of_an_analytic_function_it_is_the_conjugate_of_the_derivative(self):
        z = fg.Parameter(Z)
        (found,) = gradients_of(fg.sum(np.real(z**3)), z)
        np.testing.assert_allclose(found, np.conj(3 * Z**2))

    def test_a_real_child_of_a_complex_box_gets_the_real_part(self):
        a, b = fg.Parameter(Z.real), fg.Parameter(Z.imag)
        da, db = gradients_of(fg.sum(np.abs(a + 1j * b) ** 2 + np.imag(a + 1j * b)), a, b)
        np.testing.assert_allclose(da, 2 * Z.real)
        np.testing.assert_allclose(db, 2 * Z.imag + 1)

    def test_single_precision_stays(self):
        z = fg.Parameter(Z.astype(np.complex64))
        loss = fg.sum(np.abs(z * 2.0j + 1.0))
        assert loss.dtype == np.float32
        (found,) = gradients_of(loss, z)
        assert found.dtype == np.complex64

    def test_what_arrives_at_a_complex_output_is_of_the_same_kind(self):
        z, seed = fg.Parameter(Z), np.array([1.0 - 2.0j, 0.5j, -1.0])
        found = fg.Graph(z * (2 + 1j)).fprop().bprop(grad=seed)[z]
        np.testing.assert_allclose(found, seed * (2 - 1j))
        (box,) = fg.vjp(z * (2 + 1j), [z], seed)
        np.testing.assert_allclose(fg.Graph(box).fprop()[box], found)

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


class TestNumPy:
    def test_parts_by_attribute_and_function(self):
        z = fg.Input("z", shape=(3,), dtype=complex)
        for box, needed in (
            (z.real, Z.real), (z.imag, Z.imag), (z.conj(), Z.conj()), (np.conjugate(z), Z.conj()),
            (np.angle(z), np.angle(Z)), (np.angle(z, deg=True), np.angle(Z, deg=True)), (np.abs(z), np.abs(Z)),
            (np.var(z), np.var(Z)), (np.std(z, ddof=1), np.std(Z, ddof=1)), (np.sign(z), np.sign(Z)),
            (np.vdot(z, 1j * z), np.vdot(Z, 1j * Z)), (fg.L2(z), np.vdot(Z, Z).real), (fg.L1(z), np.abs(Z).sum()),
            (2.0**z, 2.0**Z), (np.float64(-2.0) ** z, (-2.0 + 0j) ** Z),
        ):  # fmt: skip
            value = fg.Graph(box).fprop(z=Z)[box]
            np.testing.assert_allclose(value, needed)
            assert value.dtype == box.dtype == np.asarray(needed).dtype

    def test_twice_conjugated_is_the_box_itself(self):
        z = fg.Input("z", dtype=complex)
        assert np.conj(np.conj(z)) is z


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

    @pytest.mark.sampled(one_in=6)
    def test_functions_agree_with_the_conjugate_of_jax(self):
        jax = pytest.importorskip("jax")
        jnp = jax.numpy
        with jax.enable_x64(True):
            slope = jax.grad(
                lambda z: jnp.sum(jnp.abs(jnp.tanh(z) * jnp.exp(1j * z)) ** 2 + jnp.real(jnp.log(z + 3) / z))
            )(jnp.asarray(Z))
        own = grad(lambda z: np.sum(np.abs(np.tanh(z) * np.exp(1j * z)) ** 2 + np.real(np.log(z + 3) / z)))(Z)
        np.testing.assert_allclose(own, np.conj(slope), rtol=1e-10)

    def test_forward_slopes_of_complex_values(self):
        v, step = np.array([0.3 - 1.0j, 1.0 + 0.5j, -0.2j]), 1e-6

        def f(z):
            return np.conj(z) * np.abs(z) + np.exp(z)

        needed = (f(Z + step * v) - f(Z - step * v)) / (2 * step)
        np.testing.assert_allclose(jvp(f)(Z, v), needed, rtol=1e-8)

    def test_a_row_of_a_jacobian_is_the_gradient_of_its_element(self):
        z = fg.Parameter(Z)
        output = np.abs(z) * np.array([[1.0], [2.0]])
        (J,) = fg.jacobian(output, [z])
        rows = fg.Graph(J).fprop()[J]
        assert rows.shape == (2, 3, 3)
        np.testing.assert_allclose(rows[1], 2 * np.diag(Z / np.abs(Z)))

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


def test_a_plan_descends_in_complex_parameters():
    z = fg.Parameter(Z, name="z")
    loss = fg.sum(np.abs(np.fft.ifft(np.fft.fft(z) * np.exp(1j * z)) - 1) ** 2)
    (dz,) = fg.gradient(loss, [z])
    step = fg.compile([loss], updates={z: z - 1e-3 * dz})
    losses = [float(step()[0]) for _ in range(5)]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] == pytest.approx(float(fg.Graph(loss).fprop({z: Z})))


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
