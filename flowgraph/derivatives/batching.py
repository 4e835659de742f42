"""Batching: boxes that read something with an axis of rows become boxes over all rows at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

import numpy as np

from flowgraph.box import Box, Constant, Elementwise, Value
from flowgraph.box.axes import core_of, counted_on, settings_over_rows
from flowgraph.box.inference import axes_of
from flowgraph.boxes.engine.passing_on import Part
from flowgraph.boxes.engine.shape_like import (
    BroadcastLike,
    CountLike,
    RepeatRows,
    ReshapeLike,
    RowsAs,
    SumLike,
    UnitRows,
)
from flowgraph.boxes.indexing.index import Index, IndexAdd
from flowgraph.boxes.linear_algebra.einsum import Einsum
from flowgraph.boxes.linear_algebra.inverse import Solve
from flowgraph.boxes.linear_algebra.products import Affine, MatMul, TensorDot
from flowgraph.boxes.neural.convolution import Conv1d, Conv2d, Conv3d, ConvFilters, ConvInput
from flowgraph.boxes.shape.arrangement import Transpose
from flowgraph.boxes.shape.padding import Pad
from flowgraph.boxes.shape.reshaping import Reshape
from flowgraph.errors import ShapeError, UsageError
from flowgraph.graph.topology import topological_order
from flowgraph.shapes.size import Size

Rule = TypeVar("Rule", bound=Callable[..., Any])

_rules: dict[type[Box], Callable[..., Any]] = {}
_rules_of_parts: dict[type[Box], Callable[..., Any]] = {}


def over_rows(outputs: Sequence[Box], rows: Mapping[Box, Box]) -> list[Box]:
    """The outputs for every row: each leaf in `rows` is replaced by a box with one more axis in front.

    What reads no rows is computed once. Most boxes take the further axis by themselves, or with their axes counted
    on by one; a box for which no rule is known is run row by row. There are rules for what gradients are made of
    that are linear in the rows.
    """
    some = next(iter(rows.values()))
    mapped: dict[Box, Box] = dict(rows)
    for box in topological_order(outputs):
        if box in mapped or not any(child in mapped for child in box.children):
            continue
        mapped[box] = _over_rows(box, mapped, some)
    return [mapped[box] if box in mapped else RepeatRows(box, some) for box in outputs]


def _over_rows(box: Box, mapped: Mapping[Box, Box], some: Box) -> Box:
    rule = _rules.get(type(box))
    if rule is None and isinstance(box, Elementwise):
        rule = _elementwise
    elif rule is None and core_of(type(box)) is not None:
        rule = _of_loop_axes
    elif rule is None and box.signature is not None:
        rule = _of_signature
    result: Box | None = (rule or _rules[Box])(box, mapped, some)
    return row_by_row(box, mapped, some) if result is None else result


def rule_for(*classes: type[Box]) -> Callable[[Rule], Rule]:
    """How boxes of these classes are taken over rows; where a rule returns None, that for `Box` does it."""

    def register(rule: Rule) -> Rule:
        _rules.update(dict.fromkeys(classes, rule))
        return rule

    return register


def part_rule_for(*classes: type[Box]) -> Callable[[Rule], Rule]:
    """How one output of boxes of these classes is taken over rows, where it is not that output of the box over rows."""

    def register(rule: Rule) -> Rule:
        _rules_of_parts.update(dict.fromkeys(classes, rule))
        return rule

    return register


def row_by_row(box: Box, mapped: Mapping[Box, Box], some: Box) -> Box:
    """Any box, run once for each row."""
    one_by_one: Box = _rules[Box](box, mapped, some)
    return one_by_one


def lifted(child: Box, mapped: Mapping[Box, Box], some: Box) -> Box:
    """The child in rows, repeated if it is the same in all."""
    return mapped[child] if child in mapped else RepeatRows(child, some)


def _aligned(child: Box, ndim: int, mapped: Mapping[Box, Box]) -> Any:
    """The child with as many axes after that of the rows as the others have."""
    missing = ndim - len(child.shape)
    if child not in mapped:
        return child
    return np.expand_dims(mapped[child], tuple(range(1, 1 + missing))) if missing > 0 else mapped[child]


def _elementwise(box: Box, mapped: Mapping[Box, Box], some: Box) -> Box:
    try:
        return box.with_children(*[_aligned(child, len(box.shape), mapped) for child in box.children])
    except ShapeError:  # of a loss, which never broadcasts
        return box.with_children(*[lifted(child, mapped, some) for child in box.children])


def _of_loop_axes(box: Box, mapped: Mapping[Box, Box], some: Box) -> Any:
    """A box whose core axes are declared: rows are one more loop axis."""
    settings = settings_over_rows(box)
    if settings is None:
        return None
    children = [lifted(child, mapped, some) for child in box.children]
    try:
        return type(box)(*children, **box.setting_values() | settings)
    except UsageError:  # of a setting that is one axis or None, where None means several that are not all
        return None


def _of_signature(box: Box, mapped: Mapping[Box, Box], some: Box) -> Any:
    """A box whose signature says that axes in front of the core axes broadcast; None where a core axis may be missing.

    A child that has fewer of these axes than others gets them between the rows and its own.
    """
    if "?" in box.signature.text:
        return None
    fronts = [len(child.shape) - len(core) for child, core in zip(box.children, box.signature.children, strict=True)]
    pairs = zip(box.children, fronts, strict=True)
    children = [_aligned(child, len(child.shape) + max(fronts) - front, mapped) for child, front in pairs]
    try:
        return box.with_children(*children)
    except ShapeError:  # of a box that takes its core axes alone
        return None


@rule_for(SumLike)
def _sum_like(box: Box, mapped: Mapping[Box, Box], some: Box) -> Box:
    a, like = (lifted(child, mapped, some) for child in box.children)
    extra = len(a.shape) - len(like.shape)
    return SumLike(np.sum(a, axis=tuple(range(1, 1 + extra))) if extra else a, like)


@rule_for(BroadcastLike)
def _broadcast_like(box: Box, mapped: Mapping[Box, Box], some: Box) -> Box:
    a, like = (lifted(child, mapped, some) for child in box.children)
    extra = len(like.shape) - len(a.shape)
    return BroadcastLike(np.expand_dims(a, tuple(range(1, 1 + extra))) if extra else a, like)


@rule_for(ReshapeLike)
def _reshape_like(box: Box, mapped: Mapping[Box, Box], some: Box) -> Box:
    return ReshapeLike(*(lifted(child, mapped, some) for child in box.children))


@rule_for(CountLike)
def _count_like(box: Box, mapped: Mapping[Box, Box], some: Box) -> Box:
    (like,) = box.children
    return RepeatRows(CountLike(mapped[like], axis=counted_on(box.axis, len(like.shape))), some)


@rule_for(Transpose)
def _transpose(box: Box, mapped: Mapping[Box, Box], some: Box) -> Box:
    (a,) = box.children
    ndim = len(a.shape)
    axes = range(ndim)[::-1] if box.axes is None else axes_of(box, box.axes, ndim)
    return Transpose(mapped[a], axes=(0, *(axis + 1 for axis in axes)))


@rule_for(Reshape)
def _reshape(box: Box, mapped: Mapping[Box, Box], some: Box) -> Box:
    to = (range(s.start + 1, s.stop + 1) if isinstance(s, range) else s for s in box.to)
    return Reshape(mapped[box.children[0]], to=(range(1), *to))


@rule_for(MatMul)
def _matmul(box: Box, mapped: Mapping[Box, Box], some: Box) -> Any:
    left, right = box.children
    ndim = max(len(left.shape), len(right.shape), 2)
    if left in mapped and right not in mapped and (len(left.shape), len(right.shape)) == (1, 2):
        return MatMul(mapped[left], right)  # one product of matrices for all rows
    vectors = len(left.shape) == 1, len(right.shape) == 1
    a: Any = mapped.get(left, left)
    b: Any = mapped.get(right, right)
    a = np.expand_dims(a, -2) if vectors[0] else a
    b = np.expand_dims(b, -1) if vectors[1] else b
    a, b = (
        np.expand_dims(x, tuple(range(1, 2 + ndim - x.ndim))) if child in mapped and x.ndim < ndim + 1 else x
        for x, child in ((a, left), (b, right))
    )
    h = a @ b
    gone = tuple(axis for axis, vector in ((-2, vectors[0]), (-1, vectors[1])) if vector)
    return np.squeeze(h, gone) if gone else h


@rule_for(TensorDot)
def _tensordot(box: Box, mapped: Mapping[Box, Box], some: Box) -> Any:
    a, b = box.children
    if a in mapped and b in mapped:
        return None
    of_a, of_b = (
        tuple(axis % len(child.shape) + (child in mapped) for axis in axes)
        for axes, child in zip(box.axes, (a, b), strict=True)
    )
    h = np.tensordot(mapped.get(a, a), mapped.get(b, b), (of_a, of_b))
    return h if a in mapped else np.moveaxis(h, len(a.shape) - len(of_a), 0)


@rule_for(Solve)
def _solve(box: Box, mapped: Mapping[Box, Box], some: Box) -> Any:
    """Linear in b alone, and several vectors b in rows would be read as a matrix."""
    a, b = box.children
    if a in mapped or len(b.shape) == 1:
        return None
    return np.linalg.solve(a, _aligned(b, len(box.shape), mapped))


@rule_for(Einsum)
def _einsum(box: Box, mapped: Mapping[Box, Box], some: Box) -> Any:
    row = next((label for label in "ZYXWVUT" if label not in box.subscripts), None)
    if row is None:
        return None
    terms, output = box.subscripts.split("->")
    named = [row * (child in mapped) + term for term, child in zip(terms.split(","), box.children, strict=True)]
    children = [mapped.get(child, child) for child in box.children]
    return Einsum(*children, subscripts=f"{','.join(named)}->{row}{output}", optimize=box.optimize)


@rule_for(Index)
def _index(box: Box, mapped: Mapping[Box, Box], some: Box) -> Box | None:
    a, *indices = box.children
    if any(i in mapped for i in indices):
        return _lookup(a, indices, box.index, mapped)
    if _apart(box.index):
        return None
    return Index(mapped[a], *indices, index=(slice(None), *box.index))


def _lookup(a: Box, indices: Sequence[Box], index: Sequence[Any], mapped: Mapping[Box, Box]) -> Box | None:
    """Rows of one table by an index array of each row, which comes first; None for any other index."""
    others_are_slices = all(isinstance(item, slice) for item in index[1:])
    if len(indices) != 1 or a in mapped or not isinstance(index[0], str) or not others_are_slices:
        return None
    if indices[0].dtype == bool:  # a mask takes as many axes as it has
        return None
    return Index(a, mapped[indices[0]], index=tuple(index))


@rule_for(IndexAdd)
def _index_add(box: Box, mapped: Mapping[Box, Box], some: Box) -> Box | None:
    a, like, *indices = box.children
    if any(i in mapped for i in indices) or _apart(box.index):
        return None
    return IndexAdd(lifted(a, mapped, some), lifted(like, mapped, some), *indices, index=(slice(None), *box.index))


@rule_for(Part)
def _part(box: Box, mapped: Mapping[Box, Box], some: Box) -> Box:
    (whole,) = box.children
    rule = _rules_of_parts.get(type(whole))
    return box.with_children(mapped[whole]) if rule is None else rule(box, mapped, some)


def _apart(index: Sequence[Any]) -> bool:
    """Whether NumPy would move the axes of index arrays to the front: they have something between them."""
    places = [i for i, item in enumerate(index) if isinstance(item, str | int)]
    arrays = any(isinstance(item, str) for item in index)
    return arrays and bool(places) and places[-1] - places[0] != len(places) - 1


@rule_for(Affine)
def _affine(box: Box, mapped: Mapping[Box, Box], some: Box) -> Box:
    """Where each row has weights of its own, a product and a sum; else rows are further examples."""
    h, w, b = box.children
    if w not in mapped and b not in mapped:
        return box.with_children(mapped[h], w, b)
    total = cast(Any, MatMul(h, w)) + b
    return over_rows([total], {child: mapped[child] for child in box.children if child in mapped})[0]


@rule_for(Pad)
def _pad(box: Any, mapped: Mapping[Box, Box], some: Box) -> Any:
    settings = box.setting_values() | {"pad_width": ((0, 0), *box.pad_width)}
    return Pad(mapped[box.children[0]], **settings)


# Boxes that have an axis of rows already over further rows, as a Jacobian has them in a mapped function.


@rule_for(UnitRows)
def _unit_rows(box: Box, mapped: Mapping[Box, Box], some: Box) -> Box:
    return RepeatRows(UnitRows(_of_one_row(box.children[0], mapped)), some)


@rule_for(RepeatRows)
def _repeat_rows(box: Box, mapped: Mapping[Box, Box], some: Box) -> Any:
    a, rows = box.children
    repeated: Any = RepeatRows(mapped.get(a, a), _of_one_row(rows, mapped))
    return np.swapaxes(repeated, 0, 1) if a in mapped else RepeatRows(repeated, some)


@rule_for(RowsAs)
def _rows_as(box: Box, mapped: Mapping[Box, Box], some: Box) -> Any:
    a, like = box.children
    shape = _of_one_row(like, mapped)
    if a not in mapped:
        return RepeatRows(RowsAs(a, shape), some)
    unfolded: Any = RowsAs(np.swapaxes(mapped[a], 0, 1), shape)
    return np.moveaxis(unfolded, len(like.shape), 0)


def _of_one_row(box: Box, mapped: Mapping[Box, Box]) -> Box:
    """A box with the shape of one row, whose values do not matter; there may be no row to take it from."""
    if box not in mapped:
        return box
    known = [size for size in box.shape if isinstance(size, int)]
    if len(known) == len(box.shape):
        return Constant(np.broadcast_to(np.zeros((), box.dtype), known))
    rows: Any = mapped[box]
    row: Box = np.sum(rows, axis=0).astype(box.dtype)
    return row


# Convolutions over rows: rows become further examples, further filters, or groups of channels.


@rule_for(Conv1d, Conv2d, Conv3d)
def _convolution(box: Box, mapped: Mapping[Box, Box], some: Box) -> Any:
    x, w = box.children
    if w not in mapped:
        return _unfolded(box.with_children(_folded(mapped[x]), w), mapped[x])
    if x not in mapped and box.groups == 1:
        return np.moveaxis(_split(box.with_children(x, _folded(mapped[w])), mapped[w]), 1, 0)
    return _in_groups(box, (_beside(lifted(x, mapped, some)), _folded(lifted(w, mapped, some))), some, beside=True)


@rule_for(ConvInput)
def _input(box: Box, mapped: Mapping[Box, Box], some: Box) -> Any:
    g, w, like = (lifted(child, mapped, some) for child in box.children)
    if box.children[1] not in mapped:
        return _unfolded(box.with_children(_folded(g), box.children[1], _folded(like)), g)
    return _in_groups(box, (_beside(g), _folded(w), _beside(like)), some, beside=True)


@rule_for(ConvFilters)
def _filters(box: Box, mapped: Mapping[Box, Box], some: Box) -> Any:
    g, x, like = (lifted(child, mapped, some) for child in box.children)
    if box.children[1] not in mapped and box.groups == 1:
        return _unfolded(box.with_children(_beside(g), box.children[1], _folded(like)), like)
    return _in_groups(box, (_beside(g), _beside(x), _folded(like)), some, beside=False)


def _in_groups(box: Any, children: tuple[Any, ...], some: Box, beside: bool) -> Any:
    """Rows as groups of channels, where their number is known."""
    rows = some.shape[0]
    if isinstance(rows, Size):
        return None
    h = type(box)(*children, **box.setting_values() | {"groups": box.groups * rows})
    axis = 1 if beside else 0
    split = np.reshape(h, (*h.shape[:axis], rows, h.shape[axis] // rows, *h.shape[axis + 1 :]))
    return np.moveaxis(split, axis, 0)


def _folded(a: Value) -> Any:
    """Rows and examples, or rows and filters, as one axis."""
    return np.reshape(a, (-1, *a.shape[2:]))


def _beside(a: Value) -> Any:
    """Rows and channels as one axis, after that of the examples."""
    moved = np.moveaxis(a, 0, 1)
    return np.reshape(moved, (moved.shape[0], -1, *moved.shape[3:]))


def _unfolded(h: Value, like: Value) -> Any:
    """The rows of `like` as an axis of their own again, in front."""
    return np.reshape(h, (*like.shape[:2], *h.shape[1:]))


def _split(h: Value, like: Value) -> Any:
    """The rows of `like` as an axis of their own again, after that of the examples."""
    return np.reshape(h, (h.shape[0], *like.shape[:2], *h.shape[2:]))
