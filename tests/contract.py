"""What every box keeps: a list of checks, each a function of a case that raises where the box breaks it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

import flowgraph as fg
from flowgraph.derivatives.opaque import BpropOf
from tests.cases import Case
from tests.values import VALUES

CHECKS: list[Callable[[Case], None]] = []


def check(function: Callable[[Case], None]) -> Callable[[Case], None]:
    """Add a check to the list."""
    CHECKS.append(function)
    return function


def parts(value: Any) -> tuple[Any, ...]:
    """The outputs of a box, one or several."""
    return value if isinstance(value, tuple) else (value,)


def seeds(value: Any, number: int = 0) -> Any:
    """Random gradients for a value."""
    rng = np.random.default_rng(number)
    drawn = tuple(draw(rng, v) for v in parts(value))
    return drawn if isinstance(value, tuple) else drawn[0]


def draw(rng: np.random.Generator, like: Any) -> np.ndarray:
    """Normal numbers of the shape and dtype of an array."""
    real = np.asarray(rng.normal(size=np.shape(like)))
    return (real + 1j * rng.normal(size=np.shape(like)) if np.iscomplexobj(like) else real).astype(like.dtype)


def product(a: Any, b: Any) -> Any:
    """Σ a b of real numbers, Re Σ conj(a) b of complex ones: how much an output of gradient `a` moves along `b`."""
    return np.sum(np.conjugate(a) * b).real


def differentiable(case: Case) -> bool:
    """Whether the box has a gradient at all here."""
    return bool(case.floats) and all(spec.dtype.kind in "fc" for spec in case.box.outputs)


def grads_of(case: Case, grad: Any) -> list[Any]:
    """The gradients of the children, through the engine: broadcasting undone, None for constants."""
    box = case.box
    run = fg.Graph(*_outputs(box)).fprop()
    wrt = [box.children[i] for i in case.floats]
    grads = run.bprop(grad=parts(grad) if len(box.outputs) > 1 else grad, wrt=wrt, unused="zeros")
    return [grads[child] for child in wrt]


def _outputs(box: fg.Box) -> Sequence[fg.Box]:
    return [box] if len(box.outputs) == 1 else list(box)


def slope(case: Case, directions: Sequence[np.ndarray], grad: Any) -> tuple[float, float]:
    """The directional derivative of <grad, value>, by central differences with Richardson extrapolation, and its
    error: the difference of the last two rows of the tableau and the rounding that the smallest step amplifies."""

    def objective(step: float) -> float:
        moved = list(case.children)
        for i, direction in zip(case.floats, directions, strict=True):
            moved[i] = case.children[i] + step * direction
        value = case.box.fprop(*moved)
        return float(sum(product(g, v) for g, v in zip(parts(grad), parts(value), strict=True)))

    steps = [3e-3 / 2**k for k in range(5)]
    row = [(objective(h) - objective(-h)) / (2 * h) for h in steps]
    best, error = row[-1], np.inf
    for order in range(1, len(row)):
        before, row = row, [(4**order * b - a) / (4**order - 1) for a, b in pairwise(row)]
        if abs(row[-1] - before[-1]) < error:
            best, error = row[-1], abs(row[-1] - before[-1])
    size = sum(np.sum(np.abs(g * v)) for g, v in zip(parts(grad), parts(case.box.fprop(*case.children)), strict=True))
    return best, error + 1e-15 * float(size) / steps[-1]


def assert_same(found: Any, needed: Any, case: Case, what: str, rtol: float = 1e-9) -> None:
    """Equal up to rounding, and no NaN on one side only."""
    for f, n in zip(parts(found), parts(needed), strict=True):
        assert np.shape(f) == np.shape(n), f"{case}: {what} has the shape {np.shape(f)}, needs {np.shape(n)}"
        np.testing.assert_allclose(f, n, rtol=rtol, atol=rtol, err_msg=f"{case}: {what}", strict=False)


@check
def value_by_an_independent_formula(case: Case) -> None:
    """The value agrees with the one line in tests/values."""
    name = case.cls.__name__
    assert name in VALUES, f"{name}: has no independent value formula; add one line to tests/values"
    settings = case.box.setting_values()
    assert_same(case.box.fprop(*case.children), VALUES[name](*case.children, **settings), case, "value")


@check
def shape_and_dtype_as_built(case: Case) -> None:
    """What is inferred when the box is built is what fprop gives."""
    for dtype in (np.float64, np.float32):
        cast = case.cast(dtype)
        box = cast.box
        for spec, value in zip(box.outputs, parts(box.fprop(*cast.children)), strict=True):
            assert value.dtype == spec.dtype, f"{case}: dtype {value.dtype}, built with {spec.dtype}"
            assert len(spec.shape) == value.ndim, f"{case}: shape {value.shape}, built with {spec.shape}"
            for size, found in zip(spec.shape, value.shape, strict=True):
                assert size == found or (isinstance(size, fg.Size) and size.unknown), f"{case}: {spec.shape}"


@check
def one_gradient_per_child(case: Case) -> None:
    """bprop returns a tuple: None exactly for constant children, else the dtype of the child, in both precisions."""
    if not differentiable(case) or not case.cls.has_bprop:
        return
    for dtype in (np.float64, np.float32):
        cast = case.cast(dtype)
        box = cast.box
        value = box.fprop(*cast.children)
        returned = box.bprop(seeds(value), value, *cast.children)
        assert type(returned) is tuple, f"{case}: bprop returned {type(returned).__name__}"
        assert len(returned) == len(box.children), f"{case}: bprop returned {len(returned)} gradients"
        for constant, child, grad in zip(box.constant, cast.children, returned, strict=True):
            assert not (constant and grad is not None), f"{case}: a constant child got a gradient"
            if not constant and child.dtype.kind == "f":
                assert grad is not None, f"{case}: a child that is no constant got None"
                common = np.result_type(*(a.dtype for a in cast.children))
                of_complex = np.result_type(child.dtype, *(v.dtype for v in parts(value) if np.iscomplexobj(v)))
                assert grad.dtype in (child.dtype, common, of_complex), (
                    f"{case}: gradient {grad.dtype} for {child.dtype}"
                )


@check
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
        assert abs(sum(terms) - numeric) <= 10 * error + 1e-9 * (1 + size), (
            f"{case}: bprop gives the slope {sum(terms)}, central differences {numeric} ± {error}"
        )


@check
def gradient_by_complex_step(case: Case) -> None:
    """<bprop(g), v> = Im <g, fprop(x + ihv)> / h, exact to rounding, wherever fprop takes complex values."""
    if not differentiable(case) or any(np.iscomplexobj(v) for v in (*case.children, *parts(case.value))):
        return
    rng = np.random.default_rng(2)
    moved = list(case.children)
    directions = [np.asarray(rng.normal(size=case.children[i].shape)) for i in case.floats]
    for i, direction in zip(case.floats, directions, strict=True):
        moved[i] = case.children[i] + 1e-30j * direction
    grad = seeds(case.box.fprop(*case.children))
    try:
        with np.errstate(all="ignore"):
            value = case.replace(*moved).box.fprop(*moved)
        numeric = sum(np.sum(g * np.imag(v)) / 1e-30 for g, v in zip(parts(grad), parts(value), strict=True))
    except (TypeError, ValueError, np.exceptions.ComplexWarning):
        return
    if not all(np.iscomplexobj(v) for v in parts(value)) or case.cls.__name__ in NOT_ANALYTIC:
        return
    terms = [np.sum(d * g) for d, g in zip(directions, grads_of(case, grad), strict=True)]
    assert abs(sum(terms) - numeric) <= 1e-10 * (1 + sum(abs(t) for t in terms)), (
        f"{case}: bprop gives the slope {sum(terms)}, the complex step {numeric}"
    )


NOT_ANALYTIC: frozenset[str] = frozenset(
    {"Abs", "Absolute", "Sign", "Maximum", "Minimum", "Max", "Min", "Clip", "Fmax", "Fmin", "Conjugate", "Real", "Imag"}
    | {"Pinv", "Cofactors", "CofactorSlopes", "Cholesky", "QR", "BesselJ", "BesselI"}
)
"""Boxes whose fprop takes complex values but compares, conjugates or takes moduli, or rounds an imaginary part of 1e-30
with the real one: no complex step."""


@check
def linear_in_grad(case: Case) -> None:
    """bprop(a g + b k) = a bprop(g) + b bprop(k), and powers of two pass exactly."""
    if not differentiable(case):
        return
    value = case.box.fprop(*case.children)
    g, k = seeds(value, 3), seeds(value, 4)

    def combined(function: Callable[[Any, Any], Any]) -> Any:
        joined = tuple(function(a, b) for a, b in zip(parts(g), parts(k), strict=True))
        return joined if isinstance(value, tuple) else joined[0]

    for one, two, both, scaled, zero in zip(
        grads_of(case, g), grads_of(case, k), grads_of(case, combined(lambda a, b: 3 * a - b)),
        grads_of(case, combined(lambda a, b: a * 1024)), grads_of(case, combined(lambda a, b: 0 * a)), strict=True,
    ):  # fmt: skip
        assert_same(both, 3 * one - two, case, "bprop(3g - k)")
        assert_same(scaled, 1024 * one, case, "bprop(1024 g)", 1e-13)
        assert not np.any(zero), f"{case}: bprop(0) is not 0"


@check
def pure(case: Case) -> None:
    """Read-only children pass, nothing is changed, and twice gives the same bits."""
    children = [a.copy() for a in case.children]
    for array in children:
        array.setflags(write=False)
    box = case.box
    first, second = box.fprop(*children), box.fprop(*children)
    for a, b in zip(parts(first), parts(second), strict=True):
        assert np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"), f"{case}: fprop differs the second time"
    if differentiable(case) and case.cls.has_bprop:
        grad = seeds(first)
        for array in parts(grad):
            array.setflags(write=False)
        one, two = box.bprop(grad, first, *children), box.bprop(grad, first, *children)
        for a, b in zip(one, two, strict=True):
            assert (a is None and b is None) or np.array_equal(a, b), f"{case}: bprop differs the second time"
    for array, original in zip(children, case.children, strict=True):
        assert np.array_equal(array, original, equal_nan=array.dtype.kind in "fc")


@check
def any_memory_layout(case: Case) -> None:
    """Fortran order, negative strides and gaps give the same value and the same gradients."""
    value = case.box.fprop(*case.children)
    for lay in (_fortran, _reversed, _gaps):
        laid = case.replace(*(lay(a) for a in case.children))
        assert_same(laid.box.fprop(*laid.children), value, case, f"value on {lay.__name__[1:]} memory")
        if differentiable(case):
            grad = seeds(value)
            laid_grad = tuple(map(lay, grad)) if isinstance(grad, tuple) else lay(grad)
            for a, b in zip(grads_of(laid, laid_grad), grads_of(case, grad), strict=True):
                assert_same(a, b, case, f"gradient on {lay.__name__[1:]} memory")


@check
def float32_like_float64(case: Case) -> None:
    """float32 gives what float64 gives, with fewer digits."""
    if not differentiable(case):
        return
    narrow = case.cast(np.float32)
    wide = narrow.cast(np.float64)
    value = narrow.box.fprop(*narrow.children)
    assert_same(value, wide.box.fprop(*wide.children), case, "float32 value", 2e-4)
    grad = seeds(value)
    wide_grad = tuple(map(doubled, grad)) if isinstance(grad, tuple) else doubled(grad)
    for a, b in zip(grads_of(narrow, grad), grads_of(wide, wide_grad), strict=True):
        assert a.dtype in (np.float32, np.complex64), f"{case}: the gradient of float32 is {a.dtype}"
        assert_same(a, b, case, "float32 gradient", 2e-3)


def doubled(array: np.ndarray) -> np.ndarray:
    """The array in double precision."""
    return array.astype(np.result_type(array.dtype, np.float64))


@check
def empty_arrays(case: Case) -> None:
    """With one axis of size 0, where fprop takes it, gradients are empty or zero, of the right shape."""
    for size in sorted({n for a in case.children for n in a.shape}):
        emptied = case.replace(*(a[tuple(slice(0 if n == size else None) for n in a.shape)] for a in case.children))
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # NumPy warns of the mean of nothing, and so may a box
                value = emptied.box.fprop(*emptied.children)
        except (ValueError, IndexError, TypeError, ZeroDivisionError, np.linalg.LinAlgError):
            continue
        if not all(np.all(np.isfinite(v)) for v in parts(value)) or not differentiable(emptied):
            continue
        for i, grad in zip(emptied.floats, grads_of(emptied, seeds(value)), strict=True):
            assert grad.shape == emptied.children[i].shape, f"{case} with {size} -> 0: {grad.shape}"
            assert np.all(np.isfinite(grad)), f"{case} with {size} -> 0: gradient {grad}"


@check
def gradient_graph_equals_bprop(case: Case) -> None:
    """bprop on boxes builds a graph that gives the numbers of bprop on arrays, and that can be differentiated again."""
    if not differentiable(case):
        return
    box, wrt, grads = symbolic(case)
    seed = seeds(case.box.fprop(*case.children))
    feeds = {leaf: a for leaf, a in zip(box.children, case.children, strict=True) if isinstance(leaf, fg.Input)}
    feeds |= dict(zip(grads, parts(seed), strict=True))
    built = fg.gradients(_outputs(box), wrt, grads)
    called = [one for one in fg.Graph(*built) if isinstance(one, BpropOf)]
    assert not called, f"{case}: its bprop does not run on boxes: {called[0].why}"
    leaves = set(fg.Graph(*built).inputs)
    run = fg.Graph(*built).fprop({leaf: a for leaf, a in feeds.items() if leaf in leaves})
    for one, needed in zip(built, grads_of(case, seed), strict=True):
        assert_same(run[one], needed, case, "gradient graph")


def symbolic(case: Case) -> tuple[fg.Box, list[fg.Box], list[fg.Box]]:
    """The box on inputs where there were arrays, the inputs that have a gradient, and inputs for the gradients."""
    leaves = [
        fg.Input(f"child{i}", shape=a.shape, dtype=a.dtype) if i in case.floats else fg.Constant(a)
        for i, a in enumerate(case.children)
    ]
    box = case.cls(*leaves, **case.settings)
    values = parts(case.box.fprop(*case.children))
    grads = [fg.Input(f"grad{i}", shape=v.shape, dtype=v.dtype) for i, v in enumerate(values)]
    return box, [leaves[i] for i in case.floats], grads


@check
def second_derivative(case: Case) -> None:
    """The gradient of the gradient graph is the slope of bprop, by central differences."""
    if not differentiable(case):
        return
    box, wrt, sent = symbolic(case)
    seed = seeds(case.box.fprop(*case.children))
    rng = np.random.default_rng(5)
    weights = [draw(rng, case.children[i]) for i in case.floats]
    total = 0.0
    for one, weight in zip(fg.gradients(_outputs(box), wrt, sent), weights, strict=True):
        total = total + fg.sum(np.real(one * np.conjugate(weight)))
    graph = fg.Graph(total)
    feeds = {leaf: case.children[i] for i, leaf in zip(case.floats, wrt, strict=True)}
    feeds |= dict(zip(sent, parts(seed), strict=True))
    run = graph.fprop({leaf: a for leaf, a in feeds.items() if leaf in graph})
    reached = [leaf for leaf in (*wrt, *sent) if leaf in graph]
    found = run.bprop(wrt=reached, unused="zeros") if reached else {}
    for i, leaf in zip(case.floats, wrt, strict=True):
        direction = draw(rng, case.children[i])
        analytic = float(product(found[leaf], direction)) if leaf in graph else 0.0

        def objective(step: float, i: int = i, direction: np.ndarray = direction) -> float:
            moved = list(case.children)
            moved[i] = case.children[i] + step * direction
            grads = grads_of(case.replace(*moved), seed)
            return float(sum(product(w, g) for w, g in zip(weights, grads, strict=True)))

        coarse, fine = [(objective(h) - objective(-h)) / (2 * h) for h in (2e-4, 1e-4)]
        numeric = (4 * fine - coarse) / 3
        scale = 1 + abs(numeric) + sum(float(np.sum(np.abs(w))) for w in weights)
        assert abs(analytic - numeric) <= 3e-7 * scale + abs(fine - coarse), (
            f"{case}: the second derivative is {analytic}, central differences of bprop give {numeric}"
        )


@check
def postconditions_hold(case: Case) -> None:
    """A run in debug mode, where shapes, purity and NaN are looked at."""
    with fg.debug():
        value = case.box.fprop(*case.children)
        if differentiable(case):
            grads_of(case, seeds(value))
        else:
            fg.Graph(*_outputs(case.box)).fprop()


def _fortran(array: np.ndarray) -> np.ndarray:
    return np.asfortranarray(array) if array.ndim else array


def _reversed(array: np.ndarray) -> np.ndarray:
    turn = (slice(None, None, -1),) * array.ndim
    return array[turn].copy()[turn]


def _gaps(array: np.ndarray) -> np.ndarray:
    wide = np.zeros([2 * n for n in array.shape], array.dtype)
    wide[(slice(None, None, 2),) * array.ndim] = array
    return wide[(slice(None, None, 2),) * array.ndim]
