"""What the derivatives of a graph take and choose: given gradients, complex boxes, rows or columns, settings."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph import derivatives, functional
from flowgraph.boxes.engine.shape_like import UnitRows
from flowgraph.derivatives.batching import over_rows
from flowgraph.derivatives.matrices import hessian_blocks
from flowgraph.errors import DtypeError, FlowgraphError, ShapeError, UsageError
from tests.registry import unregister

X = np.array([0.5, -1.5, 2.0])


def value(box, **feeds):
    graph = fg.Graph(box)
    return np.asarray(graph.fprop({name: a for name, a in feeds.items() if name in graph})[box])


def test_a_gradient_that_is_given_is_no_derivative():
    """What does not reach a box is an error, except in a derivative, whose own derivative is 0 there."""
    x, sent = fg.Input("x", shape=(3,)), fg.Input("sent", shape=(3,)) * 2
    for output in (x, x * 1, x + x):
        fg.gradients([output], [x], [sent])
        with pytest.raises(FlowgraphError, match="'x'"):
            fg.gradient(fg.sum(sent), [x])
    (dx,) = fg.gradients([3 * x], [x], [sent])
    np.testing.assert_array_equal(value(fg.gradient(fg.sum(dx), [x])[0], x=X, sent=X), np.zeros(3))


@unregister
class Flat(fg.Elementwise):
    """Whose bprop reads nothing, and gives an array where others give boxes."""

    def fprop(self, a):
        return np.sign(a)

    def bprop(self, grad, h, a):
        return (np.zeros(3),)


@pytest.mark.parametrize("output", [lambda x: Flat(x), lambda x: Flat(x) + Flat(x), lambda x: Flat(2 * x) * 3])
def test_a_gradient_is_a_box_whatever_a_bprop_returns(output):
    x = fg.Parameter(X, name="x")
    loss = fg.sum(output(x))
    (dx,) = fg.gradient(loss, [x])
    (ddx,) = fg.gradient(fg.sum(dx), [x])
    for found in (dx, ddx, *fg.hvp(loss, [x], [np.ones(3)]), *fg.vjp(output(x), [x], np.ones(3))):
        assert isinstance(found, fg.Box)
        np.testing.assert_array_equal(value(found), np.zeros(3))
    np.testing.assert_array_equal(fg.compile([loss, dx])()[1], np.zeros(3))


@pytest.mark.parametrize("mode", [None, "rows"])
def test_the_jacobian_by_a_complex_box_is_a_gradient_per_row(mode):
    z = fg.Parameter(np.array([1 + 2j, 0.5 - 1j]), name="z")
    x = fg.Parameter(np.array([0.5, 2.0]), name="x")
    output = np.stack([np.sum(np.abs(z * x)), np.real(z[0] * z[1]) * x[0], np.sum(np.imag(z)), x[1], x[0]])
    for J, box in zip(fg.jacobian(output, [z, x], mode=mode), (z, x), strict=True):
        rows = [fg.gradients([one], [box], [None], unused="zeros")[0] for one in output]
        np.testing.assert_allclose(value(J), [value(row) for row in rows])


@pytest.mark.parametrize("mode", [None, "rows", "columns"])
def test_a_complex_output_has_no_jacobian_and_a_complex_box_no_columns(mode):
    z = fg.Parameter(np.array([1 + 2j, 0.5 - 1j]), name="z")
    with pytest.raises(DtypeError, match=r"jacobian: .* has dtype complex128, needs real values"):
        fg.jacobian(z * 2, [z], mode=mode)
    if mode == "columns":
        with pytest.raises(DtypeError, match="Parameter 'z' has dtype complex128"):
            fg.jacobian(np.real(z), [z], mode=mode)


@pytest.mark.parametrize(("outputs", "columns"), [(3, False), (10, False), (11, True), (40, True)])
def test_a_jacobian_is_found_by_the_fewer_of_rows_and_columns(outputs, columns):
    """A column costs about two rows; the columns of all boxes count."""
    x, y = fg.Parameter(X, name="x"), fg.Parameter(X[:2], name="y")
    A = np.arange(5.0 * outputs).reshape(outputs, 5)
    found = fg.jacobian(A @ np.concatenate([np.sin(x), np.cos(y)]), [x, y])
    units = [len(value(box)) for box in fg.Graph(*found) if isinstance(box, UnitRows)]
    assert set(units) == ({3, 2} if columns else {outputs})
    np.testing.assert_allclose(value(found[0]), A[:, :3] * np.cos(X))
    np.testing.assert_allclose(value(found[1]), A[:, 3:] * -np.sin(X[:2]))


VECTORS = {
    "vjp": lambda x, v: fg.vjp(x * 2, [x], v),
    "jvp": lambda x, v: fg.jvp(x * 2, [x], [v]),
    "hvp": lambda x, v: fg.hvp(fg.sum(x * x), [x], [v]),
    "gradient": lambda x, v: fg.gradient(x * 2, [x], v),
    "functional.vjp": lambda x, v: functional.vjp(lambda x: x * 2)(X, v),
    "functional.jvp": lambda x, v: functional.jvp(lambda x: x * 2)(X, v),
    "functional.hvp": lambda x, v: functional.hvp(lambda x: np.sum(x * x))(X, v),
}


@pytest.mark.parametrize("shape", [(), (1,), (2,), (3, 1), (1, 3), (3, 3)])
@pytest.mark.parametrize("name", VECTORS)
def test_a_vector_of_another_shape_is_refused(name, shape):
    VECTORS[name](fg.Input("x", shape=(3,)), np.ones(3))
    with pytest.raises(ShapeError, match=r"needs \(3,\)"):
        VECTORS[name](fg.Input("x", shape=(3,)), np.ones(shape))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, ">f8"])
@pytest.mark.parametrize("name", ["vjp", "jvp", "hvp"])
def test_a_vector_of_another_dtype_is_taken_whatever_came_before(name, dtype):
    def f(x):
        return np.sum(x**3) if name == "hvp" else x**3

    x, made = X.astype(np.float32), getattr(functional, name)
    needed = made(lambda x: f(x))(x, np.ones(3, dtype))
    call = made(f)
    for other in (np.float64, np.float32, dtype, np.float64, dtype):
        found = call(x, np.ones(3, other))
    np.testing.assert_allclose(found, needed, rtol=1e-6)
    assert found.dtype == needed.dtype == np.float32


def test_the_zeros_of_an_argument_that_is_not_read_have_its_shape_whatever_came_before():
    slope = functional.grad(lambda x, y: np.sum(y), 0)
    for given in (np.ones(3), np.ones((5, 2)), np.ones(3, np.float32), np.ones(3)):
        for _ in range(4):
            found = slope(given, X)
            assert (np.shape(found), found.dtype) == (given.shape, given.dtype)


@pytest.mark.parametrize("flipped", [False, True])
def test_a_hessian_by_boxes_of_known_and_of_named_sizes(flipped):
    x, w, v = fg.Input("x", shape=("N",)), fg.Parameter(X, name="w"), fg.Input("v", shape=("M",))
    total = np.sum(np.outer(x * x, w**3)) * np.sum(v**2)
    blocks = hessian_blocks(total, [v, w, x][:: -1 if flipped else 1])
    feeds, numbers = {"x": [1.0, 2.0], "v": [3.0]}, {x: np.array([1.0, 2.0]), w: X, v: np.array([3.0])}
    parts = {x: (np.sum(numbers[x] ** 2), 2 * numbers[x]), w: (np.sum(X**3), 3 * X**2), v: (9.0, np.array([6.0]))}
    listed = [v, w, x][:: -1 if flipped else 1]
    for i, one in enumerate(listed):
        for j, other in enumerate(listed):
            if i != j:
                (third,) = (box for box in listed if box is not one and box is not other)
                needed = np.outer(parts[one][1], parts[other][1]) * parts[third][0]
                np.testing.assert_allclose(value(blocks[i][j], **feeds), needed)


@pytest.mark.parametrize("optimize", [True, False])
def test_what_a_contraction_is_told_about_its_order_stays_over_rows(optimize):
    x, y, rows = fg.Input("x", shape=(3, 3)), fg.Parameter(np.eye(3), name="y"), fg.Input("rows", shape=(2, 3, 3))
    (out,) = over_rows([np.einsum("ij,jk,kl->il", x, y, x, optimize=optimize)], {x: rows})
    assert [box.optimize for box in fg.Graph(out) if isinstance(box, fg.Einsum)] == [optimize]


@pytest.mark.parametrize("module", [derivatives, functional])
def test_a_module_holds_what_it_lists(module):
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


UNDERIVED = [
    (name, cls.child_names.index(child))
    for name, cls in sorted(fg.registry.items())
    if name.isidentifier()
    for child in sorted(cls.not_implemented_children)
]
TRANSFORMS = ("grad", "value_and_grad", "elementwise_grad", "jacobian", "hessian", "vjp", "jvp", "hvp")
CUTS = {
    "a comparison": lambda h, x: np.where(h > 9, x, 3 * x),
    "a logical function": lambda h, x: np.arctan(np.logical_and(h, h)) * x,
    "a cast": lambda h, x: x * h.astype(int),
    "an index": lambda h, x: x * np.argmax(np.stack([h, -h])),
    "a child that gives its shape": lambda h, x: fg.boxes.BroadcastLike(x, h),
}


@pytest.mark.parametrize(("name", "position"), UNDERIVED)
class TestADerivativeThatIsNotImplemented:
    """It is refused, not taken for 0, in whatever way it is asked for."""

    def output(self, name, position, w):
        cls = getattr(fg.boxes, name)
        return cls(*[w if i == position else 0.75 for i in range(len(cls.child_names))])

    @pytest.mark.parametrize("unused", ["raise", "zeros"])
    def test_of_a_graph(self, name, position, unused):
        w = fg.Parameter(1.0, name="w")
        output = self.output(name, position, w)
        for derive in (
            lambda: fg.Graph(output).fprop().bprop(unused=unused),
            lambda: fg.gradients([output], [w], [None], unused=unused),
        ):
            with pytest.raises(FlowgraphError, match=r"implemented"):
                derive()

    @pytest.mark.parametrize("transform", TRANSFORMS)
    def test_of_a_function(self, name, position, transform):
        derivative = getattr(functional, transform)(lambda a: self.output(name, position, a))
        with pytest.raises(FlowgraphError, match=r"its derivative by .* is not implemented"):
            derivative(1.0, *[1.0] * (transform in ("vjp", "jvp", "hvp")))

    @pytest.mark.parametrize("cut", CUTS)
    @pytest.mark.parametrize("everywhere", [False, True])
    def test_behind_what_no_gradient_passes_it_is_zero(self, name, position, cut, everywhere):
        """Also where another child of the same box would pass a gradient on to the parameter."""
        w, x = fg.Parameter(1.0), fg.Parameter(2.0)
        cls = getattr(fg.boxes, name)
        made = cls(*[w] * len(cls.child_names)) if everywhere else self.output(name, position, w)
        output = CUTS[cut](made, x)
        dw, dx = fg.gradients([output], [w, x], [None], unused="zeros")
        grads = fg.Graph(output).fprop().bprop(wrt=[w, x], unused="zeros")
        assert (value(dw), grads[w]) == (0, 0)
        assert value(dx) == grads[x] == value(fg.gradients([output], [x], [None])[0])
        with pytest.raises(FlowgraphError, match="no gradient reaches it"):
            fg.Graph(output).fprop().bprop(wrt=[w, x])


@pytest.mark.parametrize("wrt", ["w", ["w"], 3, [3.0], [np.ones(3)], None], ids=repr)
@pytest.mark.parametrize(
    "derivative",
    [
        fg.gradient, fg.jacobian, fg.hessian, lambda loss, wrt: fg.hvp(loss, wrt, [np.ones(3)]),
        lambda loss, wrt: fg.jvp(loss, wrt, [np.ones(3)]), lambda loss, wrt: fg.gradients([loss], wrt, [None]),
    ],
)  # fmt: skip
def test_what_is_no_box_is_refused_by_every_derivative(derivative, wrt):
    w = fg.Parameter(np.ones(3), name="w")
    with pytest.raises(UsageError, match=r"found .* in wrt, needs boxes; fg.Graph\(output\).box\(name\)"):
        derivative(fg.sum(w * w), wrt)
