"""Which elements of its children one element of a box reads, and what is made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flowgraph.box import Box
from flowgraph.boxes.indexing.index import Index, IndexAdd
from flowgraph.boxes.linear_algebra.products import AddMatMul, MatMul
from flowgraph.boxes.neural.label import MinusAt, OneHot, PlacesOf
from flowgraph.boxes.reduction.extremes import Max, Min
from flowgraph.boxes.reduction.sums import Sum
from flowgraph.boxes.shape.joining import Concatenate
from flowgraph.boxes.shape.reshaping import Reshape
from flowgraph.plan.numba.checks import CHECKS, guard
from flowgraph.plan.numba.lines import cast, expression, is_elementwise, number_name
from flowgraph.plan.numba.places import flat_text, own_index, rows_of
from flowgraph.plan.numba.refusal import NotNativeError
from flowgraph.plan.rebuild import shape_of
from flowgraph.shapes.indexing import ARRAY

Read = Callable[[Box, Sequence[str]], str]
"""The text of an element of a child."""

REDUCTIONS: tuple[type[Box], ...] = (Sum, Max, Min)


def role_of(box: Box) -> str:
    """How a box is computed: "element" by element, as a "reduction" of elements, as a "block" of loops of its own."""
    if isinstance(box, AddMatMul):
        return "block"
    if isinstance(box, REDUCTIONS) and (isinstance(box, Sum) or box.dtype.kind != "c"):
        return "reduction"
    if isinstance(box, MatMul) and box.dtype.kind != "b":
        return "element" if box.children[0].shape[-1] == 1 else "block"
    if isinstance(box, PlacesOf | MinusAt) and box.children[1 if isinstance(box, MinusAt) else 0].ndim <= 1:
        if not (box.columns if isinstance(box, PlacesOf) else not _are_rows(box.children[1])):
            return "element"
    elif isinstance(box, Index) and box.index == (ARRAY,) and box.children[0].ndim == 1:
        if isinstance(box.children[1], PlacesOf):
            return "element"
    elif isinstance(box, OneHot):
        return "element"
    elif isinstance(box, Concatenate | Reshape) or (isinstance(box, IndexAdd) and ARRAY not in box.index):
        return "block"
    elif is_elementwise(box):
        return "element"
    raise NotNativeError("has no native line", box)


def _are_rows(places: Box) -> bool:
    return isinstance(places, PlacesOf) and not places.columns


def element_lines(box: Any, read: Read, code: int) -> tuple[list[str], str]:
    """Lines that go before, and the expression for the element of the box at its own index."""
    index = own_index(box.shape)
    if isinstance(box, PlacesOf):
        return _place(box, read, index, code)
    if isinstance(box, OneHot):
        return _one_hot(box, read, index, code)
    if isinstance(box, MinusAt):
        return [], _minus_at(box, read, index)
    if isinstance(box, Index):
        return [], read(box.children[0], [read(box.children[1], index)])
    if isinstance(box, MatMul):
        left, right = product_index(box, index, "0")
        texts = [
            cast(read(child, at), child.dtype, box.dtype) for child, at in zip(box.children, (left, right), strict=True)
        ]
        return [], exact(box, f"{texts[0]} * {texts[1]}")
    texts = [read(child, beside(child, index)) for child in box.children]
    before = guard(box, texts[CHECKS[type(box)].place], code) if type(box) in CHECKS else []
    return before, expression(box, texts)


def beside(child: Box, index: Sequence[str]) -> list[str]:
    """The index of the element of a child that is broadcast."""
    last = list(index)[len(index) - child.ndim :]
    return ["0" if size == 1 else one for size, one in zip(child.shape, last, strict=True)]


def product_index(box: Box, index: Sequence[str], between: str) -> tuple[list[str], list[str]]:
    """The indices of the factors of one term of a matrix product, where `between` is that of the axis summed over."""
    left, right = box.children
    rest = list(index)
    column = [rest.pop()] if right.ndim > 1 else []
    row = [rest.pop()] if left.ndim > 1 else []
    stack_left, stack_right = (_stack(child, rest) for child in (left, right))
    return [*stack_left, *row, between], [*stack_right, between, *column]


def _stack(child: Box, index: Sequence[str]) -> list[str]:
    sizes = shape_of(child)[:-2]
    last = list(index)[len(index) - len(sizes) :]
    return ["0" if size == 1 else one for size, one in zip(sizes, last, strict=True)]


def _place(box: PlacesOf, read: Read, index: Sequence[str], code: int) -> tuple[list[str], str]:
    labels, like = box.children
    label = read(labels, index if labels.ndim else [])
    return guard(box, label, code), f"{flat_text(0, (shape_of(like)[-1],), index)} + int64({label})"


def _one_hot(box: OneHot, read: Read, index: Sequence[str], code: int) -> tuple[list[str], str]:
    label, number = read(box.children[0], index[:-1]), number_name(box.dtype, box)
    return guard(box, label, code), f"{number}(1) if {label} == {index[-1]} else {number}(0)"


def _minus_at(box: MinusAt, read: Read, index: Sequence[str]) -> str:
    a, places, amount = box.children
    row = index[0] if a.ndim > 1 else "0"
    value, less = (
        cast(text, child.dtype, box.dtype) for text, child in ((read(a, index), a), (read(amount, []), amount))
    )
    at = flat_text(0, rows_of(shape_of(box)), index)
    return f"{exact(box, f'{value} - {less}')} if {read(places, [row])} == {at} else {value}"


def exact(box: Box, text: str) -> str:
    """What Numba computes in wider integers than NumPy, in the dtype of the box."""
    return f"{number_name(box.dtype, box)}({text})" if box.dtype.kind in "iu" else text
