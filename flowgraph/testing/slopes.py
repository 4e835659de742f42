"""Checks of the first and second derivative: central differences, complex step, linearity, the gradient graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Array, Box, Value
from flowgraph.boxes.reduction.sums import sum as sum_of
from flowgraph.checking.cases import Case
from flowgraph.checking.check import check_case
from flowgraph.checking.difference import Stencil
from flowgraph.checking.scope import Asked
from flowgraph.derivatives import gradients
from flowgraph.derivatives.opaque import BpropOf
from flowgraph.graph import Graph
from flowgraph.testing.declared import (
    assert_same,
    differentiable,
    draw,
    grads_of,
    outputs_of,
    parts,
    product,
    require,
    seeds,
    symbolic,
)

# The first derivative: central differences, the complex step, linear in the gradient.


def slope(case: Case, directions: Sequence[Array], grad: Value) -> tuple[float, float]:
    """The directional derivative of <grad, value> and its error, by central differences with extrapolation."""

    def objective(step: float) -> Array:
        moved = list(case.children)
        for i, direction in zip(case.floats, directions, strict=True):
            moved[i] = case.children[i] + step * direction
        value = function_differentiated(case.box)(*moved)
        return np.array([sum(product(g, v) for g, v in zip(parts(grad), parts(value), strict=True))], np.float64)

    # from 3e-3 down to 1e-5, where children are of size 1
    stencil = Stencil(objective, objective(0.0), start=3e-3)
    stencil.extend(5)
    size = sum(np.sum(np.abs(g * v)) for g, v in zip(parts(grad), parts(case.value), strict=True))
    slopes = stencil.slopes(np.array([1e-15 * float(size)]))
    assert slopes is not None  # a box on its own example is defined to both sides
    return float(slopes.value[0]), float(slopes.error[0])


def function_differentiated(box: Box) -> Callable[..., Any]:
    """What bprop is the gradient of: fprop, or the surrogate that the class declares."""
    return box.fprop if box.surrogate is None else box.surrogate


def gradient_by_central_differences(case: Case) -> None:
    """<bprop(g), v> is the slope of <g, value> along v."""
    if not differentiable(case):
        return
    rng = np.random.default_rng(1)
    for number in range(3):
        directions = [draw(rng, case.children[i]) for i in case.floats]
        grad = seeds(case.box.fprop(*case.children), number)
        numeric, error = slope(case, directions, grad)
        terms = [product(d, g) for d, g in zip(directions, grads_of(case, grad), strict=True)]
        size = sum(abs(t) for t in terms)
        # 10: the error of an extrapolation is an estimate; 1e-9: what fprop itself loses, a thousandth of a wrong digit
        if not abs(sum(terms) - numeric) <= 10 * error + 1e-9 * (1 + size):
            slopes = f"{case}: bprop gives the slope {sum(terms)}, central differences {numeric} ± {error}"
            raise AssertionError("\n".join([slopes, *_told_by_check(case)]))


def _told_by_check(case: Case) -> list[str]:
    """What fg.check says of these values: the child, the element, and what the mistake looks like."""
    return [str(failure) for failure in check_case(case, Asked(), vary=False, test_cases=False).failures]


def gradient_by_complex_step(case: Case) -> None:
    """<bprop(g), v> = Im <g, fprop(x + ihv)> / h, exact to rounding, where fprop is analytic."""
    if not differentiable(case) or any(np.iscomplexobj(v) for v in (*case.children, *parts(case.value))):
        return
    rng = np.random.default_rng(2)
    moved: list[Any] = list(case.children)
    directions = [np.asarray(rng.normal(size=case.children[i].shape)) for i in case.floats]
    for i, direction in zip(case.floats, directions, strict=True):
        # so small that its square is lost: Squire and Trapp 1998, Using complex variables to estimate derivatives
        moved[i] = case.children[i] + 1e-30j * direction
    grad = seeds(case.box.fprop(*case.children))
    try:
        with np.errstate(all="ignore"):
            value = function_differentiated(case.replace(*moved).box)(*moved)
        numeric = sum(np.sum(g * np.imag(v)) / 1e-30 for g, v in zip(parts(grad), parts(value), strict=True))
    except (TypeError, ValueError, np.exceptions.ComplexWarning):
        return
    if not all(np.iscomplexobj(v) for v in parts(value)) or not case.cls.analytic:
        return
    terms = [np.sum(d * g) for d, g in zip(directions, grads_of(case, grad), strict=True)]
    require(
        abs(sum(terms) - numeric) <= 1e-10 * (1 + sum(abs(t) for t in terms)),
        f"{case}: bprop gives the slope {sum(terms)}, the complex step {numeric}; a box whose fprop compares, "
        f"conjugates or takes moduli of complex values declares analytic = False",
    )


def linear_in_grad(case: Case) -> None:
    """bprop(a g + b k) = a bprop(g) + b bprop(k), and powers of two pass exactly."""
    if not differentiable(case):
        return
    value = case.box.fprop(*case.children)
    g, k = seeds(value, 3), seeds(value, 4)

    def combine_parts(function: Callable[[Any, Any], Any]) -> Any:
        joined = tuple(function(a, b) for a, b in zip(parts(g), parts(k), strict=True))
        return joined if isinstance(value, tuple) else joined[0]

    for first, two, both, scaled, zero in zip(
        grads_of(case, g), grads_of(case, k), grads_of(case, combine_parts(lambda a, b: 3 * a - b)),
        grads_of(case, combine_parts(lambda a, b: a * 1024)), grads_of(case, combine_parts(lambda a, b: 0 * a)),
        strict=True,
    ):  # fmt: skip
        assert_same(both, 3 * first - two, case, "bprop(3g - k)")
        assert_same(scaled, 1024 * first, case, "bprop(1024 g)", 1e-13)
        require(not np.any(zero), f"{case}: bprop(0) is not 0")


# bprop, run on boxes, builds a graph of the right gradients, which has the right gradients itself.


def gradient_graph_equals_bprop(case: Case) -> None:
    """bprop on boxes builds a graph that gives the numbers of bprop on arrays, and that can be differentiated again."""
    if not differentiable(case):
        return
    box, wrt, grads = symbolic(case)
    seed = seeds(case.box.fprop(*case.children))
    arrays: dict[Box, Any] = dict(zip([*box.children, *grads], [*case.children, *parts(seed)], strict=True))
    built = gradients(outputs_of(box), wrt, grads)
    called = [node for node in Graph(*built) if isinstance(node, BpropOf)]
    require(not called, f"{case}: its bprop does not run on boxes: {called[0].why if called else ''}")
    graph = Graph(*built)
    run = graph.fprop({leaf: arrays[leaf] for leaf in graph.inputs})
    for gradient, needed in zip(built, grads_of(case, seed), strict=True):
        assert_same(run[gradient], needed, case, "gradient graph")


def second_derivative(case: Case) -> None:
    """The gradient of the gradient graph is the slope of bprop, by central differences."""
    if not differentiable(case):
        return
    seed = seeds(case.box.fprop(*case.children))
    rng = np.random.default_rng(5)
    weights = [draw(rng, case.children[i]) for i in case.floats]
    second = _second_order_grads(case, seed, weights)
    for place, i in enumerate(case.floats):
        direction = draw(rng, case.children[i])
        analytic = 0.0 if second[place] is None else float(product(second[place], direction))
        # of first derivatives in double: the steps are near the cube root of eps, which leaves about ten digits
        coarse, fine = (_difference(case, i, direction, step, seed, weights) for step in (2e-4, 1e-4))
        numeric = (4 * fine - coarse) / 3
        scale = 1 + abs(numeric) + sum(float(np.sum(np.abs(w))) for w in weights)
        require(
            abs(analytic - numeric) <= 3e-7 * scale + abs(fine - coarse),
            f"{case}: the second derivative is {analytic}, central differences of bprop give {numeric}",
        )


def _second_order_grads(case: Case, seed: Value, weights: list[Any]) -> list[Any]:
    """The gradients of Σ weight · gradient by each child, from the graph; None if there is no path to the child."""
    box, wrt, sent = symbolic(case)
    total: Any = 0.0
    for gradient, weight in zip(gradients(outputs_of(box), wrt, sent), weights, strict=True):
        total = total + sum_of(np.real(gradient * np.conjugate(weight)))
    graph = Graph(total)
    feeds: dict[Box, Any] = {leaf: case.children[i] for i, leaf in zip(case.floats, wrt, strict=True)}
    feeds |= dict(zip(sent, parts(seed), strict=True))
    run = graph.fprop({leaf: a for leaf, a in feeds.items() if leaf in graph})
    reached = [leaf for leaf in (*wrt, *sent) if leaf in graph]
    second = run.bprop(wrt=reached, unused="zeros") if reached else None
    return [second[leaf] if second is not None and leaf in graph else None for leaf in wrt]


def _difference(case: Case, i: int, direction: Value, step: float, seed: Value, weights: list[Any]) -> float:
    """The central difference of Σ weight · bprop along a direction of one child."""

    def objective(step: float) -> float:
        moved = list(case.children)
        moved[i] = case.children[i] + step * direction
        grads = grads_of(case.replace(*moved), seed)
        return float(sum(product(w, g) for w, g in zip(weights, grads, strict=True)))

    return (objective(step) - objective(-step)) / (2 * step)
