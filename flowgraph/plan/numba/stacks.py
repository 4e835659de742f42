"""Products of stacks of matrices: one call of BLAS for each matrix, or one for all where they are multiplied by one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flowgraph.boxes.linear_algebra.products import MatMul
from flowgraph.plan.blas import routine
from flowgraph.plan.numba.numbers import number_name
from flowgraph.plan.numba.places import Place, flat_text, is_rows, own_index, rows_of
from flowgraph.plan.numba.writing import Writing
from flowgraph.plan.rebuild import elements, shape_of

if TYPE_CHECKING:
    from flowgraph.box import Box

LARGE = 1 << 10
"""Multiplications from which a product is left to BLAS, whose call takes longer than a smaller product.

An estimate, which no benchmark has tuned.
"""


class Matrices(NamedTuple):
    """Where the matrices of a stack are, as BLAS takes each: the numbers from row to row, or column to column."""

    place: Place
    shape: tuple[int, ...]
    step: int
    turned: bool


def write_stack(writer: Writing, box: MatMul) -> bool:
    """Write the product of stacks of matrices, if BLAS takes them where they lie; whether it does."""
    left, right = box.children
    floats = box.dtype in (np.float32, np.float64) and all(child.dtype == box.dtype for child in box.children)
    if not floats or box.ndim < 3 or min(left.ndim, right.ndim) < 2 or routine(box.dtype) is None:
        return False
    if elements(box) == 1:  # a variable, not an array that BLAS could fill
        return False
    if right.ndim == 2 and _are_rows(writer, left) and writer.is_matrix(right):
        _write_whole(writer, box)
        return True
    rows, columns = shape_of(box)[-2:]
    if rows * columns * shape_of(left)[-1] < LARGE or min(rows, columns, shape_of(left)[-1]) < 2:
        return False
    factors = [_matrices(writer, child) for child in box.children]
    if any(one is None for one in factors):
        return False
    _write_each(writer, box, [one for one in factors if one is not None])
    return True


def _are_rows(writer: Writing, box: Box) -> bool:
    place = writer.places[box]
    return elements(place.base) == elements(box) and is_rows(place.strides, shape_of(box))


def _write_whole(writer: Writing, box: MatMul) -> None:
    """All rows of the stack times the matrix."""
    left, right = box.children
    rows = math.prod(shape_of(box)[:-1])
    a = writer.shaped(writer.places[left].base, (rows, shape_of(left)[-1]))
    out = writer.shaped(box, (rows, shape_of(box)[-1]))
    writer.lines.append(f"    product({writer.address('product', box.dtype)}, {a}, {writer.matrix(right)}, {out})")


def _matrices(writer: Writing, box: Box) -> Matrices | None:
    """The matrices of a stack whose rows, or columns, have no gaps."""
    place, shape = writer.places[box], shape_of(box)
    down, along = place.strides[-2:]
    rows, columns = shape[-2:]
    if along == 1 and down >= columns:
        return Matrices(place, shape, down, False)
    return Matrices(place, shape, along, True) if down == 1 and along >= rows else None


def _write_each(writer: Writing, box: MatMul, factors: list[Matrices]) -> None:
    rows, columns = shape_of(box)[-2:]
    index = own_index(shape_of(box)[:-2])
    own = Place(box, 0, rows_of(shape_of(box)))
    out = _address(writer, Matrices(own, shape_of(box), columns, False), index)
    sides = [f"({_address(writer, one, index)}, {one.step}, {int(one.turned)})" for one in factors]
    indent = "    "
    for letter, size in zip(index, shape_of(box), strict=False):
        if letter != "0":
            writer.lines.append(f"{indent}for {letter} in range({size}):")
            indent += "    "
    one, sizes = f"{number_name(box.dtype, box)}(1)", (rows, columns, shape_of(box.children[0])[-1])
    address = writer.address("product", box.dtype)
    writer.lines.append(f"{indent}product_at({address}, {one}, {sizes}, {', '.join(sides)}, ({out}, {columns}))")


def _address(writer: Writing, matrices: Matrices, index: list[str]) -> str:
    """The address of the matrix at an index of the whole stack; a stack of fewer axes, or of size 1, is repeated."""
    stack = matrices.shape[:-2]
    at = ["0" if size == 1 else one for size, one in zip(stack, index[len(index) - len(stack) :], strict=True)]
    place = matrices.place
    text = flat_text(place.offset, place.strides[:-2], at)
    start = f"int64({writer.array(place.base, False)}.ctypes.data)"
    return f"{start} + {place.base.dtype.itemsize} * ({text})"
