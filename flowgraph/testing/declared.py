"""Checks that a box is what it declares, slopes included, and does not depend on how arrays are given."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Array, Box, Constant, Elementwise, Value
from flowgraph.box.leaves import Input
from flowgraph.box.vocabulary import CONSTANT, FINITE, SHARE
from flowgraph.checking.cases import Case, rows_of
from flowgraph.checking.contract import LAYOUTS, lay_out
from flowgraph.debugging.zero import is_flat
from flowgraph.graph import Graph
from flowgraph.graph.topology import debug
from flowgraph.shapes.size import Size


def require(holds: object, problem: str) -> None:
    """Raise an AssertionError unless something holds; `assert` would be silent under `python -O`."""
    if not holds:
        raise AssertionError(problem)


def parts(value: Value) -> tuple[Any, ...]:
    """The outputs of a box, one or several."""
    return value if isinstance(value, tuple) else (value,)


def seeds(value: Value, number: int = 0) -> Any:
    """Random gradients for a value."""
    rng = np.random.default_rng(number)
    drawn = tuple(draw(rng, v) for v in parts(value))
    return drawn if isinstance(value, tuple) else drawn[0]


def draw(rng: np.random.Generator, like: Value) -> Array:
    """Normal numbers of the shape and dtype of an array."""
    real = np.asarray(rng.normal(size=np.shape(like)))
    return (real + 1j * rng.normal(size=np.shape(like)) if np.iscomplexobj(like) else real).astype(like.dtype)


def product(a: Value, b: Value) -> Any:
    """Σ a b of real numbers, Re Σ conj(a) b of complex ones: how much an output of gradient `a` moves along `b`."""
    return np.sum(np.conjugate(a) * b).real


def differentiable(case: Case) -> bool:
    """Whether the box has a gradient at all here."""
    return bool(case.floats) and all(spec.dtype.kind in "fc" for spec in case.box.outputs)


def outputs_of(box: Box) -> Sequence[Box]:
    """The box itself, or a box for each of its outputs."""
    return [box] if len(box.outputs) == 1 else list(box)


def grads_of(case: Case, grad: Value) -> list[Any]:
    """The gradients of the children, through the engine: broadcasting undone, None for constants."""
    box = case.box
    run = Graph(*outputs_of(box)).fprop()
    wrt = [box.children[i] for i in case.floats]
    grads = run.bprop(grad=parts(grad) if len(box.outputs) > 1 else grad, wrt=wrt, unused="zeros")
    return [grads[child] for child in wrt]


def symbolic(case: Case) -> tuple[Box, list[Box], list[Box]]:
    """The box on inputs where there were arrays, the inputs that have a gradient, and inputs for the gradients."""
    leaves: list[Box] = [
        Input(f"child{i}", shape=a.shape, dtype=a.dtype) if i in case.floats else Constant(a)
        for i, a in enumerate(case.children)
    ]
    box = case.cls(*leaves, **case.settings)
    values = parts(case.box.fprop(*case.children))
    grads: list[Box] = [Input(f"grad{i}", shape=v.shape, dtype=v.dtype) for i, v in enumerate(values)]
    return box, [leaves[i] for i in case.floats], grads


def assert_same(found: Value, needed: Value, case: Case, what: str, rtol: float = 1e-9) -> None:
    """Equal up to rounding, and no NaN on one side only."""
    for f, n in zip(parts(found), parts(needed), strict=True):
        require(np.shape(f) == np.shape(n), f"{case}: {what} has the shape {np.shape(f)}, needs {np.shape(n)}")
        np.testing.assert_allclose(f, n, rtol=rtol, atol=rtol, err_msg=f"{case}: {what}", strict=False)


Formulas = Mapping[str, Callable[..., Any]]


def value_by_an_independent_formula(case: Case, formulas: Formulas) -> None:
    """The value agrees with an independent formula, since a gradient test cannot see a wrong fprop."""
    name = case.cls.__name__
    require(name in formulas, f"{name}: has no independent value formula; add one under {name!r} to the formulas")
    settings = case.box.setting_values()
    assert_same(case.box.fprop(*case.children), formulas[name](*case.children, **settings), case, "value")


def shape_and_dtype_as_built(case: Case) -> None:
    """The inferred shape and dtype are those of the value of fprop."""
    for dtype in (np.float64, np.float32):
        cast = case.cast(dtype)
        box = cast.box
        for spec, value in zip(box.outputs, parts(box.fprop(*cast.children)), strict=True):
            require(value.dtype == spec.dtype, f"{case}: dtype {value.dtype}, built with {spec.dtype}")
            require(len(spec.shape) == value.ndim, f"{case}: shape {value.shape}, built with {spec.shape}")
            for size, actual in zip(spec.shape, value.shape, strict=True):
                known = not isinstance(size, Size) or not size.unknown
                require(size == actual or not known, f"{case}: shape {value.shape}, built with {spec.shape}")


def one_gradient_per_child(case: Case) -> None:
    """bprop returns a tuple: None exactly for constant children, else the dtype of the child, in both precisions.

    The gradient of a child is the same where `needs` asks for it alone.
    """
    if not differentiable(case) or not case.cls.has_bprop:
        return
    for dtype in (np.float64, np.float32):
        cast = case.cast(dtype)
        box: Any = cast.box
        value = box.fprop(*cast.children)
        returned = box.bprop(seeds(value), value, *cast.children)
        require(type(returned) is tuple, f"{case}: bprop returned {type(returned).__name__}, needs a tuple")
        count = len(box.children)
        require(len(returned) == count, f"{case}: bprop returned {len(returned)} gradients, needs {count}")
        for constant, child, grad in zip(box.constant, cast.children, returned, strict=True):
            require(not (constant and grad is not None), f"{case}: a constant child got a gradient")
            if not constant and child.dtype.kind == "f":
                _require_dtype(case, cast, value, child, grad)
        for place in range(count) if box.takes_needs else ():
            if not box.constant[place]:
                needs = tuple(other == place for other in range(count))
                alone = box.bprop(seeds(value), value, *cast.children, needs=needs)[place]
                same = alone is not None and np.allclose(alone, returned[place], rtol=1e-4, equal_nan=True)
                require(same, f"{case}: another gradient of child {place} where it alone is needed, needs={needs}")


def _require_dtype(case: Case, cast: Case, value: Value, child: Value, grad: Value) -> None:
    """The gradient of a child has its dtype, or one that the engine casts to it without further loss."""
    require(grad is not None, f"{case}: a child that is no constant got None")
    common = np.result_type(*(a.dtype for a in cast.children))
    of_complex = np.result_type(child.dtype, *(v.dtype for v in parts(value) if np.iscomplexobj(v)))
    require(grad.dtype in (child.dtype, common, of_complex), f"{case}: gradient {grad.dtype} for {child.dtype}")


def pure(case: Case) -> None:
    """fprop and bprop accept read-only arrays, change nothing, and are deterministic bit by bit."""
    children = [a.copy() for a in case.children]
    for array in children:
        array.setflags(write=False)
    box: Any = case.box
    first, second = box.fprop(*children), box.fprop(*children)
    for a, b in zip(parts(first), parts(second), strict=True):
        require(np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"), f"{case}: fprop gives other bits the second time")
    if differentiable(case) and case.cls.has_bprop:
        grad = seeds(first)
        for array in parts(grad):
            array.setflags(write=False)
        first_sent, two = box.bprop(grad, first, *children), box.bprop(grad, first, *children)
        for a, b in zip(first_sent, two, strict=True):
            same = (a is None and b is None) or np.array_equal(a, b)
            require(same, f"{case}: bprop gives other bits the second time")
    for array, original in zip(children, case.children, strict=True):
        unchanged = np.array_equal(array, original, equal_nan=array.dtype.kind in "fc")
        require(unchanged, f"{case}: fprop or bprop changed a child")


def postconditions_hold(case: Case) -> None:
    """A run in debug mode passes, where shapes, purity and NaN are looked at."""
    with debug():
        value = case.box.fprop(*case.children)
        if differentiable(case):
            grads_of(case, seeds(value))
        else:
            Graph(*outputs_of(case.box)).fprop()


# What a box declares of its slopes is so.


def slopes_as_declared(case: Case) -> None:
    """`slopes` is true: elementwise, finite where children are, and 0 sent on as 0 by a constant; no share below 0."""
    silent = case.cls.slopes == "" and case.cls.slopes_of is Box.slopes_of
    if silent or not differentiable(case):
        return
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values at the edges of the domain
        if issubclass(case.cls, Elementwise):
            _require_finite(case)
            _require_zeros(case)
        if case.cls.slopes in SHARE:
            shares = _grads(case, 1)
            negative = any(np.any(np.real(share) < 0) for share in shares)
            require(not negative, f"{case}: declares slopes = {case.cls.slopes!r}, sends on {shares} of ones")


def saturation_as_declared(case: Case) -> None:
    """A unit of a box that `saturates` is flat far from 0 on one side at least; one that can die has no slope there."""
    if not case.cls.saturates or not differentiable(case):
        return
    with np.errstate(all="ignore"):
        slopes = [_grads(moved, 1)[0] for moved in _fill_child(case, (-1e3, 1e3))]
    flat = any(np.all(is_flat(case.box, slope)) for slope in slopes)
    listed = ", ".join(f"{float(np.max(np.abs(slope), initial=0)):.3g}" for slope in slopes)
    require(flat, f"{case}: declares saturates = {case.cls.saturates!r}, has the slopes {listed} at -1000 and 1000")


def _require_finite(case: Case) -> None:
    """Gradients that are declared finite are so, at 0 and at finite numbers on both sides of it."""
    for moved in _fill_child(case, (0.0, -1.0, 1.0, 30.0, -30.0)):
        box = moved.box
        if all(box.slopes_of(i) in FINITE for i in case.floats):
            results = (*parts(moved.value), *_grads(moved, 1))
            finite = all(np.all(np.isfinite(result)) for result in results)
            require(finite, f"{case}: declares finite slopes, gives {results} at {_numbers(moved)}")


def _require_zeros(case: Case) -> None:
    """Where slopes are declared constant, at numbers that would make a NaN of 0 times a slope."""
    for moved in _fill_child(case, (0.0, np.inf, -np.inf, np.nan)):
        box = moved.box
        for i, grad in zip(case.floats, _grads(moved, 0), strict=True):
            if box.slopes_of(i) in CONSTANT:
                label = box.names_of_children()[i]
                require(
                    not np.any(grad),
                    f"{case}: declares slopes by {label} that send 0 on as 0, sends {grad} at {_numbers(moved)}",
                )


def _fill_child(case: Case, numbers: tuple[float, ...]) -> Iterator[Case]:
    """The case with one child after the other full of one number."""
    for i in case.floats:
        for number in numbers:
            children = list(case.children)
            children[i] = np.full_like(children[i], number)
            yield case.replace(*children)


def _grads(case: Case, number: int) -> list[Any]:
    """The gradients of the children for a gradient full of one number."""
    value = case.value
    filled = tuple(np.full_like(part, number) for part in parts(value))
    return grads_of(case, filled if isinstance(value, tuple) else filled[0])


def _numbers(case: Case) -> str:
    return ", ".join(np.array2string(a, threshold=6) for a in case.children)


def rows_at_once(case: Case) -> None:
    """Over rows of its children it gives each row's value: elementwise, signature and core are as declared."""
    for names, alone, over in rows_of(case):
        assert_same(over(), alone(), case, f"value over rows of {names}")


# Value and gradients do not depend on memory layout and precision; an array may be empty.


def any_memory_layout(case: Case) -> None:
    """Fortran order, negative strides, gaps and read-only memory give the same value and the same gradients."""
    value = case.box.fprop(*case.children)
    for label, arrange in LAYOUTS.items():
        other = case.replace(*(lay_out(a, arrange) for a in case.children))
        assert_same(other.box.fprop(*other.children), value, case, f"value of arrays with {label}")
        if differentiable(case):
            grad = seeds(value)
            for a, b in zip(grads_of(other, lay_out(grad, arrange)), grads_of(case, grad), strict=True):
                assert_same(a, b, case, f"gradient of arrays with {label}")


def float32_like_float64(case: Case) -> None:
    """float32 gives what float64 gives, with fewer digits."""
    if not differentiable(case):
        return
    narrow = case.cast(np.float32)
    wide = narrow.cast(np.float64)
    value = narrow.box.fprop(*narrow.children)
    # 2,000 units of float32 for a value, ten times as many for a gradient: sums and decompositions lose some digits
    assert_same(value, wide.box.fprop(*wide.children), case, "float32 value", 2e-4)
    grad = seeds(value)
    wide_grad = tuple(map(_in_double_precision, grad)) if isinstance(grad, tuple) else _in_double_precision(grad)
    for a, b in zip(grads_of(narrow, grad), grads_of(wide, wide_grad), strict=True):
        require(a.dtype in (np.float32, np.complex64), f"{case}: the gradient of float32 is {a.dtype}")
        assert_same(a, b, case, "float32 gradient", 2e-3)


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
            require(grad.shape == emptied.children[i].shape, f"{case} with {size} -> 0: gradient of {grad.shape}")
            require(np.all(np.isfinite(grad)), f"{case} with {size} -> 0: gradient {grad}")


def _in_double_precision(array: Array) -> Array:
    return array.astype(np.result_type(array.dtype, np.float64))
