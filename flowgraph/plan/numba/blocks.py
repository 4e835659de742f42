"""Boxes that have loops of their own: matrix products, stacks of them, joined arrays, elements in another order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flowgraph.box import Box
from flowgraph.boxes.indexing.index import IndexAdd
from flowgraph.boxes.linear_algebra.products import AddMatMul, MatMul
from flowgraph.boxes.shape.joining import Concatenate
from flowgraph.boxes.shape.reshaping import Reshape
from flowgraph.plan.blas import routine
from flowgraph.plan.numba.loops import product_index
from flowgraph.plan.numba.machine import cast, number_name
from flowgraph.plan.numba.places import Place, element, flat_text, is_rows, own_index, rows_of
from flowgraph.plan.numba.rules import RULES, block_for
from flowgraph.plan.numba.writing import Writing
from flowgraph.plan.numpy.ufuncs import ufunc_of
from flowgraph.plan.rebuild import elements, shape_of
from flowgraph.shapes.indexing import ARRAY

if TYPE_CHECKING:
    from flowgraph.box import Box


# Products of stacks of matrices: one call of BLAS for each matrix, or one for all where they are multiplied by one.

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


# Boxes that have loops of their own: matrix products, joined arrays, elements in another order.


def write_block(writer: Writing, box: Box) -> None:
    """Write the loops of a box."""
    rule = RULES.of(box)
    if rule is None or rule.block is None:
        _write_call(writer, box)
    else:
        rule.block(writer, box)


def _write_number(writer: Writing, box: Box) -> None:
    """The only element of a value, which is that of its child."""
    child = box.children[0]
    writer.lines.append(f"    {writer.variable(box)} = {writer.read(child, own_index(child.shape))}")
    writer.store(box, own_index(box.shape), "    ")


def nested(sizes: Sequence[tuple[str, int]], indent: str = "    ") -> tuple[list[str], str]:
    """Heads of loops, one in another, and the indent of their body."""
    lines = []
    for letter, size in sizes:
        if letter != "0":
            lines.append(f"{indent}for {letter} in range({size}):")
            indent += "    "
    return lines, indent


@block_for(MatMul, when=lambda box: box.dtype.kind != "b" and box.children[0].shape[-1] != 1)
def _write_product(writer: Writing, box: MatMul) -> None:
    left, right = box.children
    between = shape_of(left)[-1]
    if box.ndim == left.ndim == right.ndim == 2 and _is_for_blas(writer, box, between):
        own = routine(box.dtype) is not None
        _write_blas(writer, "product" if own else "dot", box, left, right)
        return
    if write_stack(writer, box):
        return
    if elements(box) > 1 and _goes_along_rows(writer, box):
        _add_rows(writer, box, between)
    else:
        _add_terms(writer, box, between)


@block_for(AddMatMul)
def _write_added(writer: Writing, box: AddMatMul) -> None:
    """A product that BLAS adds to an array."""
    _, left, right = box.children
    _write_blas(writer, "add_product", box, left, right)


def _write_blas(writer: Writing, call: str, box: Box, left: Box, right: Box) -> None:
    address = "" if call == "dot" else f"{writer.address('product', box.dtype)}, "
    out = writer.array(writer.places[box].base, False)
    writer.lines.append(f"    {call}({address}{writer.matrix(left)}, {writer.matrix(right)}, {out})")


def _is_for_blas(writer: Writing, box: MatMul, between: int) -> bool:
    floats = box.dtype in (np.float32, np.float64) and all(child.dtype == box.dtype for child in box.children)
    large = elements(box) * between >= LARGE and min(shape_of(box)) > 1
    known = floats and (writer.blas or routine(box.dtype) is not None)
    return known and large and all(map(writer.is_matrix, box.children))


def _last_letter(box: Box) -> int | None:
    """The last axis with more than one element."""
    return next((axis for axis in reversed(range(box.ndim)) if shape_of(box)[axis] > 1), None)


def _goes_along_rows(writer: Writing, box: MatMul) -> bool:
    """Whether the innermost loop is along the result, since the elements of a factor lie side by side there."""
    left, right = box.children
    if right.ndim > 1 and shape_of(right)[-1] > 1:
        return writer.places[right].strides[-1] == 1
    return left.ndim > 1 and writer.places[left].strides[-2] == 1 and shape_of(left)[-2] > 1


def _terms(writer: Writing, box: MatMul, index: Sequence[str]) -> tuple[str, str]:
    left, right = (
        cast(writer.read(child, at), child.dtype, box.dtype)
        for child, at in zip(box.children, product_index(box, index, "z"), strict=True)
    )
    return left, right


def _add_rows(writer: Writing, box: MatMul, between: int) -> None:
    """Rows of one factor, each times a number of the other, are added to the row of the result."""
    index, axis = own_index(box.shape), _last_letter(box)
    assert axis is not None
    outer = [pair for place, pair in enumerate(zip(index, shape_of(box), strict=True)) if place != axis]
    inner = (index[axis], shape_of(box)[axis])
    out = f"{writer.array(box, False)}[{', '.join(index)}]"
    left, right = _terms(writer, box, index)
    heads, indent = nested(outer)
    zero = [f"{indent}for {inner[0]} in range({inner[1]}):", f"{indent}    {out} = {number_name(box.dtype, box)}(0)"]
    sums, deep = nested([("z", between), inner], indent)
    writer.lines += [*heads, *zero, *sums, f"{deep}{out} = {writer.plus_product(box, out, left, right)}"]


def _add_terms(writer: Writing, box: MatMul, between: int) -> None:
    """Each element of the result is summed up by itself."""
    index = own_index(box.shape)
    left, right = _terms(writer, box, index)
    heads, indent = nested(list(zip(index, shape_of(box), strict=True)))
    total = writer.variable(box)
    writer.lines += [
        *heads,
        f"{indent}{total} = {number_name(box.dtype, box)}(0)",
        f"{indent}for z in range({between}):",
        f"{indent}    {total} = {writer.plus_product(box, total, left, right)}",
    ]
    writer.store(box, index, indent)


@block_for(Concatenate)
def _write_joined(writer: Writing, box: Concatenate) -> None:
    if elements(box) == 1:
        _write_number(writer, box)
        return
    axis, start = box.axis % box.ndim, 0
    for child in box.children:
        index = own_index(child.shape)
        heads, indent = nested(list(zip(index, shape_of(child), strict=True)))
        at = [flat_text(start, (1,), [one]) if a == axis else one for a, one in enumerate(index)]
        value = cast(writer.read(child, index), child.dtype, box.dtype)
        writer.lines += [*heads, f"{indent}{writer.array(box, False)}[{', '.join(at)}] = {value}"]
        start += shape_of(child)[axis]


def _write_call(writer: Writing, box: Box) -> None:
    """A call of the loop that NumPy has for the box."""
    place = writer.places[box.children[0]]
    source = f"int64({writer.array(place.base, False)}.ctypes.data)"
    if place.offset:
        source += f" + {place.offset * box.dtype.itemsize}"
    target = f"int64({writer.array(box, False)}.ctypes.data)"
    ufunc = ufunc_of(box)
    assert ufunc is not None
    loop = writer.address(ufunc, box.dtype)
    writer.lines.append(f"    call_loop({loop}, {source}, {target}, {elements(box)}, {box.dtype.itemsize})")


@block_for(Reshape)
def _write_copy(writer: Writing, box: Reshape) -> None:
    if elements(box) == 1:
        _write_number(writer, box)
        return
    (child,) = box.children
    index = own_index(child.shape)
    heads, indent = nested(list(zip(index, shape_of(child), strict=True)))
    out = f"{writer.array(box, True)}[{flat_text(0, rows_of(shape_of(child)), index)}]"
    writer.lines += [*heads, f"{indent}{out} = {writer.read(child, index)}"]


@block_for(IndexAdd, when=lambda box: ARRAY not in box.index)
def _write_among_zeros(writer: Writing, box: IndexAdd) -> None:
    """Zeros, and among them the elements of the child, each at a place of its own."""
    if elements(box) == 1:
        _write_number(writer, box)
        return
    index = own_index(box.shape)
    heads, indent = nested(list(zip(index, shape_of(box), strict=True)))
    zero = f"{number_name(box.dtype, box)}(0)"
    writer.lines += [*heads, f"{indent}{writer.array(box, False)}[{', '.join(index)}] = {zero}"]
    child = box.children[0]
    place = writer.places[box]
    layout = np.empty(shape_of(box), np.int8)
    part = layout[(*box.index, *(() if Ellipsis in box.index else (...,)))]
    start = part.__array_interface__["data"][0] - layout.__array_interface__["data"][0]
    at = own_index(child.shape)
    out = element(Place(place.base, start, part.strides), shape_of(child), at, writer.array)
    heads, indent = nested(list(zip(at, shape_of(child), strict=True)))
    writer.lines += [*heads, f"{indent}{out} = {writer.read(child, at)}"]
