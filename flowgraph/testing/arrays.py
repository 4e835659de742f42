"""Checks that value and gradients do not depend on how arrays are given: memory layout, precision, size 0."""

from __future__ import annotations

import warnings

import numpy as np

from flowgraph.box import Array
from flowgraph.checking.cases import Case
from flowgraph.checking.contract import LAYOUTS, laid
from flowgraph.testing.probes import assert_same, differentiable, grads_of, parts, require, seeds


def any_memory_layout(case: Case) -> None:
    """Fortran order, negative strides, gaps and read-only memory give the same value and the same gradients."""
    value = case.box.fprop(*case.children)
    for label, arrange in LAYOUTS.items():
        other = case.replace(*(laid(a, arrange) for a in case.children))
        assert_same(other.box.fprop(*other.children), value, case, f"value of arrays with {label}")
        if differentiable(case):
            grad = seeds(value)
            for a, b in zip(grads_of(other, laid(grad, arrange)), grads_of(case, grad), strict=True):
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
    wide_grad = tuple(map(_doubled, grad)) if isinstance(grad, tuple) else _doubled(grad)
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


def _doubled(array: Array) -> Array:
    return array.astype(np.result_type(array.dtype, np.float64))
