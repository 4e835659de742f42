"""Products of stacks of vectors with each other and with matrices, and the product of vectors in space."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from flowgraph.box.axes import axis_of
from flowgraph.box.numpy_dispatch import implements
from flowgraph.box.value import Value
from flowgraph.boxes.elementwise.complex_numbers import conjugate
from flowgraph.boxes.linear_algebra.products import MatMul
from flowgraph.boxes.numpy_api.array_arguments import as_box
from flowgraph.shapes.spec import same


@implements(np.linalg.outer)
def linalg_outer(x1: Value, x2: Value, /) -> Any:
    """np.linalg.outer of boxes: vectors only."""
    for x in map(as_box, (x1, x2)):
        if x.ndim != 1:
            raise x.shape_error(f"np.linalg.outer needs one axis, found {x.ndim}; np.outer takes any array in rows")
    return outer(x1, x2)


@implements(np.outer)
def outer(a: Value, b: Value) -> Any:
    """np.outer of boxes: every product of an element of a and one of b."""
    return np.expand_dims(np.ravel(a), 1) * np.ravel(b)


@implements(np.vdot)
def vdot(a: Value, b: Value, /) -> Any:
    """np.vdot of boxes: the sum of all products, conjugate of a first."""
    return MatMul(np.ravel(conjugate(a)), np.ravel(b))


@implements(np.vecdot)
def vecdot(x1: Value, x2: Value, /) -> Any:
    """np.vecdot of boxes: sums of products along the last axis, conjugate of the first."""
    x1, x2 = as_box(x1), as_box(x2)
    if not (x1.ndim and x2.ndim):
        raise (x2 if x1.ndim else x1).shape_error("np.vecdot needs vectors, found a number")
    if not same(x1.shape[-1], x2.shape[-1]):
        raise x2.shape_error(f"np.vecdot: found {x2.shape[-1]} elements along the last axis, needs {x1.shape[-1]}")
    products = conjugate(x1) * x2
    return np.sum(products, axis=-1).astype(products.dtype)


@implements(np.linalg.vecdot)
def linalg_vecdot(x1: Value, x2: Value, /, *, axis: int = -1) -> Any:
    """np.linalg.vecdot of boxes."""
    last: Any = [np.moveaxis(cast(Any, as_box(x)), axis, -1) for x in (x1, x2)]
    return np.vecdot(*last)


@implements(np.cross)
def cross(a: Value, b: Value, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """np.cross of boxes: vectors of 3 elements, or of 2, whose third is 0; of two of 2 the third element alone."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = _elements(a, axisa), _elements(b, axisb)
    third = a[0] * b[1] - a[1] * b[0]
    if len(a) == len(b) == 2:
        return third
    if len(a) == 2:
        first, second = a[1] * b[2], -(a[0] * b[2])
    elif len(b) == 2:
        first, second = -(a[2] * b[1]), a[2] * b[0]
    else:
        first, second = a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2]
    return np.stack([first, second, third], axis=axisc)


@implements(np.linalg.cross)
def linalg_cross(x1: Value, x2: Value, /, *, axis: int = -1) -> Any:
    """np.linalg.cross of boxes: vectors of 3 elements along one axis."""
    for x in (x1, x2):
        if np.shape(x)[axis] != 3:
            raise as_box(x).shape_error(f"np.linalg.cross needs 3 elements along axis {axis}")
    return np.cross(x1, x2, axis=axis)


if hasattr(np, "matvec"):  # NumPy 2.2

    @implements(np.matvec)
    def matvec(x1: Value, x2: Value, /) -> Any:
        """np.matvec of boxes: each matrix of a stack times its vector."""
        _check_axes("np.matvec", (x1, 2), (x2, 1))
        return np.squeeze(np.matmul(x1, np.expand_dims(x2, -1)), -1)

    @implements(np.vecmat)
    def vecmat(x1: Value, x2: Value, /) -> Any:
        """np.vecmat of boxes: the conjugate of each vector times its matrix."""
        _check_axes("np.vecmat", (x1, 1), (x2, 2))
        return np.squeeze(np.matmul(np.expand_dims(conjugate(as_box(x1)), -2), x2), -2)


def _check_axes(who: str, *sides: tuple[Any, int]) -> None:
    """Refuse a vector in the place of a matrix, and a number in that of a vector."""
    for side, needed in sides:
        if np.ndim(side) < needed:
            raise as_box(side).shape_error(f"{who} needs {needed} axes or more here, found {np.ndim(side)}")


def _elements(a: Value, axis: int) -> list[Any]:
    """The elements of the vectors along an axis."""
    a = as_box(a)
    axis = axis_of(a, axis, a.ndim)
    if a.shape[axis] not in (2, 3):
        raise a.shape_error(f"np.cross needs vectors of 2 or 3 elements, found {a.shape[axis]} along axis {axis}")
    return [np.take(a, i, axis=axis) for i in range(a.shape[axis])]
