"""Which elements of its children one element of a box reads, and what is made of them."""

from __future__ import annotations

from collections.abc import Sequence

from flowgraph.box import Box
from flowgraph.boxes.indexing.index import Index
from flowgraph.boxes.linear_algebra.products import MatMul
from flowgraph.boxes.neural.label import MinusAt, OneHot, PlacesOf
from flowgraph.plan.emitter import RefusedError
from flowgraph.plan.numba.checks import CHECKS, guard
from flowgraph.plan.numba.lines import expression
from flowgraph.plan.numba.numbers import cast, number_name
from flowgraph.plan.numba.places import flat_text, own_index, rows_of
from flowgraph.plan.numba.rules import RULES, Read, indexed_for
from flowgraph.plan.numpy.ufuncs import ufunc_of
from flowgraph.plan.rebuild import shape_of
from flowgraph.shapes.indexing import ARRAY


def role_of(box: Box) -> str:
    """How a box is computed: "element" by element, as a "reduction" of elements, as a "block" of loops of its own."""
    rule = RULES.of(box)
    if rule is not None:
        return rule.role
    if ufunc_of(box) is not None:
        return "element"
    raise RefusedError("has no rule for Numba", box)


def _are_rows(places: Box) -> bool:
    return isinstance(places, PlacesOf) and not places.columns


def element_lines(box: Box, read: Read, code: int) -> tuple[list[str], str]:
    """Lines that go before, and the expression for the element of the box at its own index."""
    index = own_index(box.shape)
    rule = RULES.of(box)
    if rule is not None and rule.indexed is not None:
        return rule.indexed(box, read, index, code)
    texts = [read(child, beside(child, index)) for child in box.children]
    check = CHECKS.of(box)
    return guard(box, texts[check.place], code) if check is not None else [], expression(box, texts)


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


@indexed_for(MatMul, when=lambda box: box.dtype.kind != "b" and box.children[0].shape[-1] == 1)
def _outer_product(box: MatMul, read: Read, index: Sequence[str], code: int) -> tuple[list[str], str]:
    left, right = product_index(box, index, "0")
    texts = [
        cast(read(child, at), child.dtype, box.dtype) for child, at in zip(box.children, (left, right), strict=True)
    ]
    return [], exact(box, f"{texts[0]} * {texts[1]}")


@indexed_for(
    Index,
    when=lambda box: box.index == (ARRAY,) and box.children[0].ndim == 1 and isinstance(box.children[1], PlacesOf),
)
def _picked(box: Index, read: Read, index: Sequence[str], code: int) -> tuple[list[str], str]:
    return [], read(box.children[0], [read(box.children[1], index)])


@indexed_for(PlacesOf, when=lambda box: box.children[0].ndim <= 1 and not box.columns)
def _place(box: PlacesOf, read: Read, index: Sequence[str], code: int) -> tuple[list[str], str]:
    labels, like = box.children
    label = read(labels, index if labels.ndim else [])
    return guard(box, label, code), f"{flat_text(0, (shape_of(like)[-1],), index)} + int64({label})"


@indexed_for(OneHot)
def _one_hot(box: OneHot, read: Read, index: Sequence[str], code: int) -> tuple[list[str], str]:
    label, number = read(box.children[0], index[:-1]), number_name(box.dtype, box)
    return guard(box, label, code), f"{number}(1) if {label} == {index[-1]} else {number}(0)"


@indexed_for(MinusAt, when=lambda box: box.children[1].ndim <= 1 and _are_rows(box.children[1]))
def _minus_at(box: MinusAt, read: Read, index: Sequence[str], code: int) -> tuple[list[str], str]:
    a, places, amount = box.children
    row = index[0] if a.ndim > 1 else "0"
    value, less = (
        cast(text, child.dtype, box.dtype) for text, child in ((read(a, index), a), (read(amount, []), amount))
    )
    at = flat_text(0, rows_of(shape_of(box)), index)
    return [], f"{exact(box, f'{value} - {less}')} if {read(places, [row])} == {at} else {value}"


def exact(box: Box, text: str) -> str:
    """What Numba computes in wider integers than NumPy, in the dtype of the box."""
    return f"{number_name(box.dtype, box)}({text})" if box.dtype.kind in "iu" else text
