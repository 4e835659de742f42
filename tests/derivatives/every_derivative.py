"""Every way to a derivative of a function, held against the others: rows against columns, products against matrices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import flowgraph as fg
from flowgraph import functional as F

Arrays = Sequence[np.ndarray]


def assert_functional(part: Callable[..., Any], arrays: Arrays, smooth: bool) -> None:
    """All transforms of a function of arrays with one result: none raises, and they agree.

    First order: J from `jacobian`, jvp = J d, vjp = Jᵀ w, grad of <w, part>. Second order of <w, part>: H from
    `hessian`, hvp = H d, jvp of grad, grad of jvp. Where it is `smooth`, both are held against central differences.
    """
    by = tuple(range(len(arrays)))
    rng = np.random.default_rng(0)
    directions = tuple(rng.normal(size=a.shape) for a in arrays)
    value = np.asarray(evaluated(part, arrays))
    weights = rng.normal(size=value.shape), rng.normal(size=value.shape)

    def total(*boxes: Any) -> Any:
        return weighted(part(*boxes), weights)

    slope = F.jvp(part, by)(*arrays, directions)
    grad = F.grad(total, by)(*arrays)
    sent = F.vjp(part, by)(*arrays, cotangent(value, weights))
    if value.dtype.kind == "f":
        rows = F.jacobian(part, by)(*arrays)
        assert_near(slope, sum(map(contracted, rows, directions)), "jvp", "jacobian")
        for one, row in zip(sent, rows, strict=True):
            assert_near(one, np.tensordot(weights[0], row, value.ndim), "vjp", "jacobian")
    for one, other in zip(grad, sent, strict=True):
        assert_near(one, other, "grad", "vjp")
    assert_near(weighted(slope, weights), along(grad, directions), "jvp", "grad")
    product = F.hvp(total, by)(*arrays, directions)
    lines = F.hessian(total, by)(*arrays)
    forward = F.jvp(F.grad(total, by), by)(*arrays, directions)
    back = F.grad(lambda *boxes: F.jvp(total, by)(*boxes, directions), by)(*arrays)
    for i, line in enumerate(lines):
        assert_near(product[i], sum(map(contracted, line, directions)), "hvp", "hessian")
        assert_near(forward[i], product[i], "jvp of grad", "hvp")
        assert_near(back[i], product[i], "grad of jvp", "hvp")
    if smooth:
        total_at = moved(lambda *boxes: [total(*boxes)], arrays, directions)
        assert_slope(total_at, along(grad, directions), "grad")
        x = [fg.Input(f"x{i}", shape=a.shape) for i, a in enumerate(arrays)]
        built = F.grad(total, by)(*x)
        inside = sum((np.sum(one * d) for one, d in zip(built, directions, strict=True)), start=np.zeros(()))
        assert_slope(moved(lambda *boxes: [inside], arrays, directions, x), along(product, directions), "hvp")


def assert_of_boxes(output: fg.Box, wrt: Sequence[fg.Box]) -> None:
    """The same of a graph of parameters: all forms that take boxes, in both directions of the Jacobian.

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


def assert_forms_agree(found: Any, directions: Arrays) -> None:
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


def evaluated(part: Callable[..., Any], arrays: Arrays) -> Any:
    """The value of a function, by way of its graph."""
    output = part(*(fg.Constant(a) for a in arrays))
    return fg.Graph(output).fprop()[output]


def weighted(output: Any, weights: Any) -> Any:
    """The real number <weights, output> that is differentiated."""
    real = np.sum(np.real(output) * weights[0])
    return real + np.sum(np.imag(output) * weights[1]) if output.dtype.kind == "c" else real


def cotangent(value: np.ndarray, weights: Any) -> np.ndarray:
    """What vjp is sent for <weights, output>."""
    return weights[0] + 1j * weights[1] if value.dtype.kind == "c" else weights[0]


def along(grads: Sequence[Any], directions: Arrays) -> float:
    """<gradients, directions>"""
    return float(sum(np.sum(g * d) for g, d in zip(grads, directions, strict=True)))


def contracted(rows: np.ndarray, direction: np.ndarray) -> Any:
    """J d"""
    return np.tensordot(rows, direction, direction.ndim)


def moved(
    function: Callable[..., Any], arrays: Arrays, directions: Arrays, leaves: Any = None
) -> Callable[[float], float]:
    """The value of a function at the arrays moved along the directions."""
    leaves = leaves or [fg.Input(f"x{i}", shape=a.shape) for i, a in enumerate(arrays)]
    (output,) = function(*leaves)
    graph = fg.Graph(output)

    def at(step: float) -> float:
        there = zip(leaves, arrays, directions, strict=True)
        return float(graph.fprop({leaf: a + step * d for leaf, a, d in there if leaf in graph})[output])

    return at


def assert_slope(function: Callable[[float], float], found: float, what: str) -> None:
    """The slope at 0 is what central differences give, extrapolated, as far as these agree."""
    rows = [(function(h) - function(-h)) / (2 * h) for h in (2e-4, 1e-4)]
    numeric = (4 * rows[1] - rows[0]) / 3
    bound = 1e-6 * (1 + abs(numeric)) + abs(rows[1] - rows[0])
    assert abs(found - numeric) <= bound, f"{what}: {found}, central differences give {numeric}"


def assert_near(one: Any, other: Any, what: str, than: str) -> None:
    np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-8, err_msg=f"{what} against {than}")
