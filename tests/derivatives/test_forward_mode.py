"""Every derivative of every box: reverse, forward, forward over reverse and reverse over forward."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph import functional as F
from flowgraph.errors import NotDifferentiableError, UnknownBoxError
from tests.cases import cases
from tests.test_contract import BOXES

pytestmark = [pytest.mark.no_cover, pytest.mark.sampled(one_in=12)]  # other tests run the same lines

VECTOR = np.array([0.31, 0.83, 0.57])


def assert_of_boxes(output, wrt):
    """All forms of derivatives of a graph of parameters agree, in both directions of the Jacobian.

    There are no matrices of derivatives by complex parameters.
    """
    rng = np.random.default_rng(1)
    directions = [rng.normal(size=box.shape).astype(box.dtype) for box in wrt]
    real = all(box.dtype.kind == "f" for box in wrt)
    value = np.asarray(fg.Graph(output).fprop()[output])
    weights = rng.normal(size=value.shape), rng.normal(size=value.shape)
    total = weighted(output, weights)
    if not isinstance(total, fg.Box):
        return
    grad = fg.gradient(total, wrt)
    forms = {"vjp": fg.vjp(output, wrt, cotangent(value, weights)), "jvp": [fg.jvp(output, wrt, directions)]}
    if real and value.dtype.kind == "f":
        forms["rows"] = fg.jacobian(output, wrt, mode="rows")
        forms["columns"] = fg.jacobian(output, wrt, mode="columns")
    forms["hvp"] = fg.hvp(total, wrt, directions)
    if real:
        forms["hessian"] = [fg.hessian(total, wrt)]
        forms["jacobian of grad"] = [fg.jacobian(one, box)[0] for one, box in zip(grad, wrt, strict=True)]
    forms["jvp of grad"] = [fg.jvp(one, wrt, directions) for one in grad]
    forms["grad of jvp"] = fg.gradient(fg.jvp(total, wrt, directions), wrt)
    boxes = [*grad, *(box for form in forms.values() for box in form)]
    run = fg.Graph(*(box for box in boxes if isinstance(box, fg.Box))).fprop()
    found = {name: [run[box] if isinstance(box, fg.Box) else box for box in form] for name, form in forms.items()}
    for one, other in zip(found["vjp"], [run[box] for box in grad], strict=True):
        assert_near(one, other, "vjp", "gradient")
    assert_forms_agree(found, directions)


def assert_forms_agree(found, directions):
    """Matrices of derivatives hold the products, and second order by one way holds that by another."""
    if "rows" in found:
        for row, column in zip(found["rows"], found["columns"], strict=True):
            assert_near(row, column, "jacobian by rows", "by columns")
        assert_near(found["jvp"][0], sum(map(contracted, found["rows"], directions)), "jvp", "jacobian")
    flat = np.concatenate([np.ravel(d) for d in directions])
    product = np.concatenate([np.ravel(one) for one in found["hvp"]])
    if "hessian" in found:
        assert_near(product, found["hessian"][0] @ flat, "hvp", "hessian")
    assert_near(product, np.concatenate([np.ravel(one) for one in found["jvp of grad"]]), "hvp", "jvp of grad")
    assert_near(product, np.concatenate([np.ravel(one) for one in found["grad of jvp"]]), "hvp", "grad of jvp")


def weighted(output, weights):
    """The real number <weights, output> that is differentiated."""
    real = np.sum(np.real(output) * weights[0])
    return real + np.sum(np.imag(output) * weights[1]) if output.dtype.kind == "c" else real


def cotangent(value, weights):
    """What vjp is sent for <weights, output>."""
    return weights[0] + 1j * weights[1] if value.dtype.kind == "c" else weights[0]


def contracted(rows, direction):
    """J d"""
    return np.tensordot(rows, direction, direction.ndim)


def assert_near(one, other, what, than):
    np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-8, err_msg=f"{what} against {than}")


@pytest.mark.parametrize("name", BOXES)
def test_all_derivatives_of_a_box_agree(name):
    for case in cases(BOXES[name])[: 1 if issubclass(BOXES[name], fg.Elementwise) else 2]:
        leaves = [fg.Parameter(a) if i in case.floats else fg.Constant(a) for i, a in enumerate(case.children)]
        box = case.cls(*leaves, **case.settings)
        wrt = [leaves[i] for i in case.floats]
        for output in box if len(box.outputs) > 1 else [box]:
            if wrt and output.dtype.kind in "fc":
                assert_of_boxes(output, wrt)


ZERO = {
    "sign": np.sign, "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc, "rint": np.rint, "round": np.round,
    "heaviside": lambda x: np.heaviside(x, 0.5), "floor_divide": lambda x: x // 0.4,
    "divmod": lambda x: np.divmod(x, 0.4)[0], "modf": lambda x: np.modf(x)[1],
    "norm(ord=0)": lambda x: np.linalg.norm(x, ord=0), "slogdet": lambda x: np.linalg.slogdet(np.diag(x))[0],
}  # fmt: skip
ZERO_TWICE = {
    "abs": np.abs, "fabs": np.fabs, "mod": lambda x: np.mod(x, 0.4), "remainder": lambda x: np.remainder(x, 0.4),
    "fmod": lambda x: np.fmod(x, 0.4), "divmod": lambda x: np.divmod(x, 0.4)[1],
    "norm(1)": lambda x: np.linalg.norm(x, 1), "norm(inf)": lambda x: np.linalg.norm(x, np.inf),
    "relu": fg.relu, "linear": lambda x: 3.0 * x, "max": np.max, "shape": lambda x: x * np.ones_like(x),
}  # fmt: skip


@pytest.mark.parametrize("name", [*ZERO, *(f"{name} twice" for name in ZERO_TWICE)])
def test_a_derivative_that_is_zero_everywhere_is_zero(name):
    """In every direction, of functions and of boxes, and again of what comes out."""
    function = ZERO[name] if name in ZERO else ZERO_TWICE[name.removesuffix(" twice")]
    once = name in ZERO
    direction = np.array([1.0, -2.0, 0.5])

    def total(x):
        return np.sum(function(x))

    if once:
        assert not np.any(F.jvp(function)(VECTOR, direction))
        assert not np.any(F.jacobian(function)(VECTOR))
    for zero in (
        F.jvp(F.grad(total))(VECTOR, direction), F.hvp(total)(VECTOR, direction), F.hessian(total)(VECTOR),
        F.grad(lambda x: F.jvp(total)(x, direction))(VECTOR), F.jacobian(F.grad(total))(VECTOR),
        F.jvp(F.jvp(F.grad(total)))(VECTOR, direction, direction),
    ):  # fmt: skip
        assert not np.any(zero)
    x = fg.Input("x", shape=("N",))
    box = np.sum(function(fg.set_at(np.zeros_like(x), slice(0, 3), x[:3]))) if "slogdet" in name else total(x)
    (dx,) = fg.gradient(box, [x])
    forms = [
        fg.jvp(dx, [x], [x]), fg.jacobian(dx, [x])[0], fg.jacobian(dx, [x], mode="columns")[0],
        fg.hvp(box, [x], [x])[0], fg.hessian(box, [x]), fg.gradient(fg.jvp(box, [x], [x * 0 + 1]), [x])[0],
        *([fg.jvp(box, [x], [x])] if once else []),
    ]  # fmt: skip
    (twice,) = fg.gradient(np.sum(forms[0]), [x])
    for size in (3, 5):
        run = fg.Graph(*forms, twice).fprop({x: np.resize(VECTOR, size)} if x in fg.Graph(*forms, twice) else None)
        for form in forms:
            assert not np.any(run[form])


def test_what_a_derivative_by_another_box_would_be_is_still_an_error():
    """Zeros are for derivatives: a loss that only reads the shape of a parameter, or compares it, is a mistake."""
    w, v = fg.Parameter(VECTOR, name="w"), fg.Parameter(VECTOR, name="v")
    for loss in (np.sum(np.ones_like(w) * v), np.sum(np.where(w > 0, v, 1.0))):
        for derivative in (
            lambda loss=loss: fg.gradient(loss, [w]), lambda loss=loss: fg.jvp(loss, [w], [VECTOR]),
            lambda loss=loss: fg.hvp(loss, [w], [VECTOR]), lambda loss=loss: fg.jacobian(loss, [w], mode="columns"),
            lambda loss=loss: fg.hessian(loss, [w]), lambda loss=loss: fg.Graph(loss).fprop().bprop(wrt=[w]),
        ):  # fmt: skip
            with pytest.raises(NotDifferentiableError, match="Parameter 'w': no gradient reaches it"):
                derivative()
    with pytest.raises(UnknownBoxError, match="Parameter 'w': is not in this graph"):
        fg.gradient(np.sum(v * v), [w])


@pytest.mark.parametrize("power", [np.power, np.float_power], ids=lambda power: power.__name__)
def test_rows_hold_exact_zeros_beside_elements_without_a_derivative(power):
    """A negative base has no derivative by the exponent, and a root none at all: that is said of these elements."""
    base, exponent = np.array([-0.9, 0.5, -2.0]), np.array([2.0, 3.0, 2.0])
    expected = np.diag([np.nan, 0.5**3 * np.log(0.5), np.nan])
    with np.errstate(invalid="ignore"):
        by_base, by_exponent = F.jacobian(power, (0, 1))(base, exponent)
        np.testing.assert_allclose(by_base, np.diag(exponent * base ** (exponent - 1)))
        np.testing.assert_allclose(by_exponent, expected)
        (_, mixed), (mirrored, _) = F.hessian(lambda a, b: np.sum(power(a, b)), (0, 1))(base, exponent)
        expected = np.diag([np.nan, 0.5**2 * (1 + 3 * np.log(0.5)), np.nan])
        np.testing.assert_allclose(mixed, expected)
        np.testing.assert_allclose(mirrored, expected)
        x, y = fg.Input("x", shape=(3,)), fg.Input("y", shape=(3,))
        halves = np.diag([np.nan, 0.5 / np.sqrt(0.5), np.nan])
        for output, needed in (
            (power(x, 0.5), halves), (np.sqrt(x), halves),
            (3 * np.sqrt(x) + y[::-1] * x, 3 * halves + np.diag(base[::-1])),
            (np.sqrt(x)[::-1], halves[::-1]), (np.sqrt(x)[::-1] + x, halves[::-1] + np.eye(3)),
        ):  # fmt: skip
            for mode in ("rows", "columns"):
                (rows,) = fg.jacobian(output, [x], mode=mode)
                found = fg.Graph(rows).fprop({b: base for b in (x, y) if b in fg.Graph(rows)})[rows]
                np.testing.assert_allclose(found, needed)
