"""Boxes that have loops of their own: matrix products, joined arrays, elements in another order."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import Array, Box
from flowgraph.boxes.indexing.index import IndexAdd
from flowgraph.boxes.linear_algebra.products import AddMatMul, MatMul
from flowgraph.boxes.shape.joining import Concatenate
from flowgraph.boxes.shape.reshaping import Reshape
from flowgraph.plan.blas import routine
from flowgraph.plan.emitter import RefusedError
from flowgraph.plan.numba.kernels import Kernel, address_of, flat_text, is_rows, layout_of, own_index, strides_of
from flowgraph.plan.numba.loops import product_index
from flowgraph.plan.numba.machine import cast, number_name
from flowgraph.plan.numba.rules import RULES, block_for
from flowgraph.plan.rebuild import elements, shape_of
from flowgraph.shapes.indexing import ARRAY


def write_block(kernel: Kernel, box: Box) -> None:
    """Write the loops of a box."""
    rule = RULES.of(box)
    assert rule is not None
    assert rule.block is not None
    rule.block(kernel, box)


def _nest_loops(sizes: Sequence[tuple[str, int]], indent: str = "    ") -> tuple[list[str], str]:
    """Heads of loops, one in another, and the indent of their body."""
    lines = []
    for letter, size in sizes:
        if letter != "0":
            lines.append(f"{indent}for {letter} in range({size}):")
            indent += "    "
    return lines, indent


def _over(box: Box) -> list[tuple[str, int]]:
    """The variables of loops over the elements of a value, with their ends."""
    return list(zip(own_index(box.shape), shape_of(box), strict=True))


# Matrix products: large ones by BLAS, one call for each matrix of a stack, or one for all; the others as loops.

LARGE = 1 << 10
"""Multiplications from which a product is left to BLAS, whose call takes longer than a smaller product.

An estimate, which no benchmark has tuned.
"""


def _matrix(kernel: Kernel, box: Box, shape: Sequence[int], strides: Sequence[int], stack: Sequence[str]) -> str | None:
    """A matrix of a stack as BLAS takes it: its address, the numbers from row to row, or, if turned, between columns.

    None where neither rows nor columns are without gaps. `stack` is the index in all stacks; a stack of fewer axes, or
    of size 1, is repeated.
    """
    *inside, rows, columns = shape
    down, along = strides[-2:]
    if not (along == 1 and down >= columns) and not (down == 1 and along >= rows):
        return None
    turned = not (along == 1 and down >= columns)
    at = ["0" if size == 1 else letter for size, letter in zip(inside, stack[len(stack) - len(inside) :], strict=True)]
    place = flat_text(0, strides[:-2], at)
    address = kernel.address(box) + ("" if place == "0" else f" + {box.dtype.itemsize} * ({place})")
    return f"({address}, {along if turned else down}, {int(turned)})"


def _write_by_blas(kernel: Kernel, call: str, box: Box) -> bool:
    """Write the calls of BLAS for a product, if it is large and its factors lie as BLAS takes them; whether they do."""
    left, right = factors = box.children[-2:]
    floats = box.dtype in (np.float32, np.float64) and left.dtype == right.dtype == box.dtype
    if not floats or min(left.ndim, right.ndim) < 2:
        return False
    sides = [(operand, shape_of(operand), strides_of(layout_of(kernel.plan, operand))) for operand in (*factors, box)]
    if box.ndim > 2 and right.ndim == 2 and is_rows(sides[0][2], shape_of(left)):  # one matrix for all rows
        for place in (0, 2):
            operand, shape, strides = sides[place]
            sides[place] = operand, (math.prod(shape[:-1]), shape[-1]), strides[-2:]
    *stack, rows, columns = sides[2][1]
    between = shape_of(left)[-1]
    if rows * columns * between < LARGE or min(rows, columns, between) < 2:
        return False
    function: Any = routine(box.dtype)
    if function is None:
        raise RefusedError("is a large product, for which no BLAS was found", box)
    texts = [_matrix(kernel, *side, own_index(stack)) for side in sides]
    if None in texts:
        return False
    heads, indent = _nest_loops(list(zip(own_index(stack), stack, strict=True)))
    gemm = ctypes.cast(function, ctypes.c_void_p).value or 0
    given = f"{number_name(box.dtype, box)}(1), {(rows, columns, between)}, {', '.join(map(str, texts))}"
    kernel.lines += [*heads, f"{indent}{call}({kernel.entry(gemm)}, {given})"]
    return True


@block_for(AddMatMul)
def _write_added(kernel: Kernel, box: AddMatMul) -> None:
    """A product that is added to an array, which is copied first where it lies elsewhere."""
    if kernel.plan.in_place.get(box) is not box.children[0]:
        _write_copy(kernel, box.children[0], box, layout_of(kernel.plan, box))
    if not _write_by_blas(kernel, "add_product", box):
        _add_rows(kernel, box, zero=False)


@block_for(MatMul, when=lambda box: box.dtype.kind != "b" and box.children[0].shape[-1] != 1)
def _write_product(kernel: Kernel, box: MatMul) -> None:
    if _write_by_blas(kernel, "product", box):
        return
    if elements(box) > 1 and _goes_along_rows(kernel, box):
        _add_rows(kernel, box)
    else:
        _add_terms(kernel, box)


def _goes_along_rows(kernel: Kernel, box: Box) -> bool:
    """Whether the innermost loop is along the result, since the elements of a factor lie side by side there."""
    left, right = box.children[-2:]
    if right.ndim > 1 and shape_of(right)[-1] > 1:
        return strides_of(layout_of(kernel.plan, right))[-1] == 1
    return left.ndim > 1 and strides_of(layout_of(kernel.plan, left))[-2] == 1 and shape_of(left)[-2] > 1


def _plus_product(kernel: Kernel, box: Box, total: str) -> str:
    """A sum and one term of the product more, that of `z`."""
    factors = box.children[-2:]
    left, right = (
        cast(kernel.read_element(child, at), child.dtype, box.dtype)
        for child, at in zip(factors, product_index(box, own_index(box.shape), "z"), strict=True)
    )
    if box.dtype.kind == "f":
        return f"plus_product({total}, {left}, {right})"
    return f"{number_name(box.dtype, box)}({total} + {left} * {right})"


def _add_rows(kernel: Kernel, box: Box, zero: bool = True) -> None:
    """Rows of one factor, each times a number of the other, are added to the row of the result."""
    pairs, strides = _over(box), strides_of(layout_of(kernel.plan, box))
    axis = max([axis for axis, (letter, _) in enumerate(pairs) if letter != "0"], default=0)
    outer, inner = [*pairs[:axis], *pairs[axis + 1 :]], pairs[axis : axis + 1]
    place = flat_text(0, strides, own_index(box.shape))
    heads, indent = _nest_loops(outer)
    first, deep = _nest_loops(inner, indent)
    kernel.lines += heads
    if zero:
        kernel.lines += [*first, f"{deep}{kernel.store(box, place, f'{number_name(box.dtype, box)}(0)')}"]
    sums, deep = _nest_loops([("z", shape_of(box.children[-2])[-1]), *inner], indent)
    added = _plus_product(kernel, box, kernel.element(box, place))
    kernel.lines += [*sums, f"{deep}{kernel.store(box, place, added)}"]


def _add_terms(kernel: Kernel, box: Box) -> None:
    """Each element of the result is summed up by itself."""
    heads, indent = _nest_loops(_over(box))
    total = kernel.variable(box)
    kernel.lines += [
        *heads,
        f"{indent}{total} = {number_name(box.dtype, box)}(0)",
        f"{indent}for z in range({shape_of(box.children[0])[-1]}):",
        f"{indent}    {total} = {_plus_product(kernel, box, total)}",
    ]
    if box.shape:
        place = flat_text(0, strides_of(layout_of(kernel.plan, box)), own_index(box.shape))
        kernel.lines.append(f"{indent}{kernel.store(box, place, total)}")


# Elements in other places.


def _write_copy(kernel: Kernel, child: Box, box: Box, part: Array, start: int = 0) -> None:
    """Copy a child into a part of the array of a box, which has its shape and begins so many elements after it."""
    index = own_index(child.shape)
    heads, indent = _nest_loops(_over(child))
    value = cast(kernel.read_element(child, index), child.dtype, box.dtype)
    kernel.lines += [*heads, f"{indent}{kernel.store(box, flat_text(start, strides_of(part), index), value)}"]


@block_for(Concatenate)
def _write_joined(kernel: Kernel, box: Concatenate) -> None:
    layout, start = layout_of(kernel.plan, box), 0
    step = strides_of(layout)[box.axis]
    for child in box.children:
        _write_copy(kernel, child, box, layout, start * step)
        start += shape_of(child)[box.axis]


@block_for(Reshape, when=lambda box: box.shape != ())
def _write_reshaped(kernel: Kernel, box: Reshape) -> None:
    (child,) = box.children
    _write_copy(kernel, child, box, layout_of(kernel.plan, box).reshape(shape_of(child)))


@block_for(IndexAdd, when=lambda box: ARRAY not in box.index and box.shape != ())
def _write_among_zeros(kernel: Kernel, box: IndexAdd) -> None:
    """Zeros, and among them the elements of the child, each at a place of its own."""
    zero = kernel.store(box, "z", f"{number_name(box.dtype, box)}(0)")
    kernel.lines += [f"    for z in range({elements(box)}):", f"        {zero}"]
    layout = layout_of(kernel.plan, box)
    part = layout[(*box.index, *(() if Ellipsis in box.index else (...,)))]
    start = (address_of(part) - address_of(layout)) // layout.itemsize
    _write_copy(kernel, box.children[0], box, part, start)
