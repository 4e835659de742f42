"""Checks of the first derivative: against central differences, against the complex step, linear in the gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Array, Value
from flowgraph.checking.cases import Case
from flowgraph.checking.check import check_case
from flowgraph.checking.difference import Stencil
from flowgraph.checking.scope import Asked
from flowgraph.testing.probes import assert_same, differentiable, draw, grads_of, parts, product, require, seeds


def slope(case: Case, directions: Sequence[Array], grad: Value) -> tuple[float, float]:
    """The directional derivative of <grad, value> and its error, by central differences with extrapolation."""

    def objective(step: float) -> Array:
        moved = list(case.children)
        for i, direction in zip(case.floats, directions, strict=True):
            moved[i] = case.children[i] + step * direction
        value = case.box.fprop(*moved)
        return np.array([sum(product(g, v) for g, v in zip(parts(grad), parts(value), strict=True))], np.float64)

    # from 3e-3 down to 1e-5, where children are of size 1
    stencil = Stencil(lambda steps: [objective(h) for h in steps], objective(0.0), start=3e-3)
    stencil.extend(5)
    size = sum(np.sum(np.abs(g * v)) for g, v in zip(parts(grad), parts(case.value), strict=True))
    slopes = stencil.slopes(np.array([1e-15 * float(size)]))
    assert slopes is not None  # a box on its own example is defined to both sides
    return float(slopes.value[0]), float(slopes.error[0])


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
    return [str(failure) for failure in check_case(case, Asked(), vary=False, regimes=False).failures]


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
            value = case.replace(*moved).box.fprop(*moved)
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

    def combined(function: Callable[[Any, Any], Any]) -> Any:
        joined = tuple(function(a, b) for a, b in zip(parts(g), parts(k), strict=True))
        return joined if isinstance(value, tuple) else joined[0]

    for first, two, both, scaled, zero in zip(
        grads_of(case, g), grads_of(case, k), grads_of(case, combined(lambda a, b: 3 * a - b)),
        grads_of(case, combined(lambda a, b: a * 1024)), grads_of(case, combined(lambda a, b: 0 * a)), strict=True,
    ):  # fmt: skip
        assert_same(both, 3 * first - two, case, "bprop(3g - k)")
        assert_same(scaled, 1024 * first, case, "bprop(1024 g)", 1e-13)
        require(not np.any(zero), f"{case}: bprop(0) is not 0")
