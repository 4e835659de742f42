"""Boolean predicates, such as isclose and isreal; not differentiable."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box.numpy_dispatch import implements
from flowgraph.box.value import Value
from flowgraph.boxes.numpy_api.array_arguments import as_box
from flowgraph.errors import DtypeError
from flowgraph.shapes.spec import same


@implements(np.isclose)
def isclose(a: Value, b: Value, rtol: Value = 1e-05, atol: Value = 1e-08, equal_nan: bool = False) -> Any:
    """np.isclose of boxes."""
    a, b = as_box(a), as_box(b)
    b = b if b.dtype.kind in "fc" else b.astype(np.result_type(b.dtype, 1.0))
    near = (np.abs(a - b) <= atol + rtol * np.abs(b)) & np.isfinite(b)
    near = near | (a == b)
    return near | (np.isnan(a) & np.isnan(b)) if equal_nan else near


@implements(np.allclose)
def allclose(a: Value, b: Value, rtol: Value = 1e-05, atol: Value = 1e-08, equal_nan: bool = False) -> Any:
    """np.allclose of boxes: a box of one boolean."""
    return np.all(np.isclose(as_box(a), b, rtol, atol, equal_nan))


@implements(np.array_equal)
def array_equal(a1: Value, a2: Value, equal_nan: bool = False) -> Any:
    """np.array_equal of boxes: a box of one boolean, False at once where the shapes differ."""
    a1, a2 = as_box(a1), as_box(a2)
    if len(a1.shape) != len(a2.shape) or not all(map(same, a1.shape, a2.shape)):
        return False
    equal: Any = a1 == a2
    return np.all(equal | (np.isnan(a1) & np.isnan(a2)) if equal_nan else equal)


@implements(np.isposinf)
def isposinf(x: Value) -> Any:
    """np.isposinf of a box."""
    return np.isinf(_real(x, "np.isposinf")) & (x > 0)


@implements(np.isneginf)
def isneginf(x: Value) -> Any:
    """np.isneginf of a box."""
    return np.isinf(_real(x, "np.isneginf")) & (x < 0)


@implements(np.iscomplex)
def iscomplex(x: Value) -> Any:
    """np.iscomplex of a box: whether there is an imaginary part."""
    return np.imag(x) != 0


@implements(np.isreal)
def isreal(x: Value) -> Any:
    """np.isreal of a box: whether there is no imaginary part."""
    return np.imag(x) == 0


def _real(x: Value, who: str) -> Any:
    if x.dtype.kind == "c":
        raise DtypeError(f"{who}: found {x.title} of dtype {x.dtype}, which has no sign; take np.real or np.imag of it")
    return x
