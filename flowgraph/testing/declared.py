"""Checks that a box is what it declares: its value, its shape and dtype, one gradient per child, no side effects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Value
from flowgraph.checking.cases import Case
from flowgraph.graph import Graph
from flowgraph.graph.topology import debug
from flowgraph.shapes.size import Size
from flowgraph.testing.probes import assert_same, differentiable, grads_of, outputs_of, parts, require, seeds

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
    """bprop returns a tuple: None exactly for constant children, else the dtype of the child, in both precisions."""
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
