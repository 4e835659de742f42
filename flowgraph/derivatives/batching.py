"""Batching: boxes that read something with an axis of rows become boxes over all rows at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from flowgraph.box import Box, Elementwise
from flowgraph.box.inference import axes_of
from flowgraph.boxes.engine.passing_on import Part
from flowgraph.boxes.engine.shape_like import BroadcastLike, CountLike, FitLike, RepeatRows, ReshapeLike, SumLike
from flowgraph.boxes.fourier.transforms import BothHalves, Fft, FftShift, Ifft, Irfft, Rfft
from flowgraph.boxes.indexing.gather import TakeAlongAxis
from flowgraph.boxes.indexing.index import Index, IndexAdd
from flowgraph.boxes.linear_algebra.diagonal import Diagonal, OnDiagonal, Tril, Triu
from flowgraph.boxes.linear_algebra.einsum import Einsum
from flowgraph.boxes.linear_algebra.inverse import Solve
from flowgraph.boxes.linear_algebra.matrices import GaugeInvarianceCheck
from flowgraph.boxes.linear_algebra.products import MatMul, TensorDot
from flowgraph.boxes.reduction.products import CumSum
from flowgraph.boxes.reduction.sums import Mean, Sum
from flowgraph.boxes.shape.arrangement import Flip, Transpose
from flowgraph.boxes.shape.joining import Concatenate, SplitLike, Stack
from flowgraph.boxes.shape.reshaping import ExpandDims, Reshape, Squeeze
from flowgraph.errors import ShapeError
from flowgraph.graph.topology import topological_order

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
    found: dict[Box, Box] = dict(rows)
    for box in topological_order(outputs):
        if box in found or not any(child in found for child in box.children):
            continue
        found[box] = _over_rows(box, found, some)
    return [found[box] if box in found else RepeatRows(box, some) for box in outputs]


def _over_rows(box: Box, found: Mapping[Box, Box], some: Box) -> Box:
    rule = _rules.get(type(box)) or (_elementwise if isinstance(box, Elementwise) else _rules[Box])
    result: Box | None = rule(box, found, some)
    return row_by_row(box, found, some) if result is None else result


def rule_for(*classes: type[Box]) -> Callable[[Rule], Rule]:
    """How boxes of these classes are taken over rows; None from the rule is as that for `Box`, which serves any box."""

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


def row_by_row(box: Box, found: Mapping[Box, Box], some: Box) -> Box:
    """Any box, run once for each row."""
    one_by_one: Box = _rules[Box](box, found, some)
    return one_by_one


def lifted(child: Box, found: Mapping[Box, Box], some: Box) -> Box:
    """The child in rows, repeated if it is the same in all."""
    return found[child] if child in found else RepeatRows(child, some)


def _aligned(child: Box, ndim: int, found: Mapping[Box, Box]) -> Any:
    """The child with as many axes after that of the rows as the others have."""
    missing = ndim - len(child.shape)
    if child not in found:
        return child
    return np.expand_dims(found[child], tuple(range(1, 1 + missing))) if missing > 0 else found[child]


def _elementwise(box: Box, found: Mapping[Box, Box], some: Box) -> Box:
    try:
        return box.with_children(*[_aligned(child, len(box.shape), found) for child in box.children])
    except ShapeError:  # of a loss, which never broadcasts
        return box.with_children(*[lifted(child, found, some) for child in box.children])


@rule_for(SumLike)
def _sum_like(box: Box, found: Mapping[Box, Box], some: Box) -> Box:
    a, like = (lifted(child, found, some) for child in box.children)
    extra = len(a.shape) - len(like.shape)
    return SumLike(np.sum(a, axis=tuple(range(1, 1 + extra))) if extra else a, like)


@rule_for(BroadcastLike)
def _broadcast_like(box: Box, found: Mapping[Box, Box], some: Box) -> Box:
    a, like = (lifted(child, found, some) for child in box.children)
    extra = len(like.shape) - len(a.shape)
    return BroadcastLike(np.expand_dims(a, tuple(range(1, 1 + extra))) if extra else a, like)


@rule_for(ReshapeLike)
def _reshape_like(box: Box, found: Mapping[Box, Box], some: Box) -> Box:
    return ReshapeLike(*(lifted(child, found, some) for child in box.children))


@rule_for(CountLike)
def _count_like(box: Box, found: Mapping[Box, Box], some: Box) -> Box:
    (like,) = box.children
    return RepeatRows(CountLike(found[like], axis=_on_by_one(box.axis, len(like.shape))), some)


@rule_for(Sum, Mean)
def _reduction(box: Box, found: Mapping[Box, Box], some: Box) -> Any:
    (a,) = box.children
    return type(box)(found[a], axis=tuple(i + 1 for i in box.axes(len(a.shape))), keepdims=box.keepdims)


@rule_for(Flip, CumSum, ExpandDims, Squeeze, Stack)
def _axis(box: Box, found: Mapping[Box, Box], some: Box) -> Any:
    """A box whose one setting of place is `axis`."""
    ndim = len(box.shape) if isinstance(box, ExpandDims | Stack) else len(box.children[0].shape)
    if box.axis is None and not isinstance(box, Flip):
        return None
    settings = box.setting_values() | {"axis": _on_by_one(box.axis, ndim)}
    return type(box)(*(lifted(child, found, some) for child in box.children), **settings)


@rule_for(Concatenate, SplitLike, TakeAlongAxis)
def _axis_of_all(box: Box, found: Mapping[Box, Box], some: Box) -> Any:
    if box.axis is None:
        return None
    settings = box.setting_values() | {"axis": _on_by_one(box.axis, len(box.children[0].shape))}
    return type(box)(*(lifted(child, found, some) for child in box.children), **settings)


@rule_for(Fft, Ifft, Rfft, Irfft, FftShift)
def _axes(box: Box, found: Mapping[Box, Box], some: Box) -> Box:
    """A box with one child, linear in it, whose one setting of place is `axes`."""
    (a,) = box.children
    twin: Box = type(box)(found[a], **box.setting_values() | {"axes": _on_by_one(box.axes, len(a.shape))})
    return twin


@rule_for(FitLike)
def _fit_like(box: Box, found: Mapping[Box, Box], some: Box) -> Box:
    a, like = (lifted(child, found, some) for child in box.children)
    return FitLike(a, like, axes=_on_by_one(box.axes, len(a.shape) - 1))


@rule_for(BothHalves)
def _both_halves(box: Box, found: Mapping[Box, Box], some: Box) -> Box:
    a, like = (lifted(child, found, some) for child in box.children)
    return BothHalves(a, like, axis=_on_by_one(box.axis, len(a.shape) - 1))


@rule_for(Transpose)
def _transpose(box: Box, found: Mapping[Box, Box], some: Box) -> Box:
    (a,) = box.children
    ndim = len(a.shape)
    axes = range(ndim)[::-1] if box.axes is None else axes_of(box, box.axes, ndim)
    return Transpose(found[a], axes=(0, *(axis + 1 for axis in axes)))


@rule_for(Reshape)
def _reshape(box: Box, found: Mapping[Box, Box], some: Box) -> Box:
    to = (range(s.start + 1, s.stop + 1) if isinstance(s, range) else s for s in box.to)
    return Reshape(found[box.children[0]], to=(range(1), *to))


@rule_for(MatMul)
def _matmul(box: Box, found: Mapping[Box, Box], some: Box) -> Any:
    left, right = box.children
    ndim = max(len(left.shape), len(right.shape), 2)
    if left in found and right not in found and (len(left.shape), len(right.shape)) == (1, 2):
        return MatMul(found[left], right)  # one product of matrices for all rows
    vectors = len(left.shape) == 1, len(right.shape) == 1
    a: Any = found.get(left, left)
    b: Any = found.get(right, right)
    a = np.expand_dims(a, -2) if vectors[0] else a
    b = np.expand_dims(b, -1) if vectors[1] else b
    a, b = (
        np.expand_dims(x, tuple(range(1, 2 + ndim - x.ndim))) if child in found and x.ndim < ndim + 1 else x
        for x, child in ((a, left), (b, right))
    )
    h = a @ b
    gone = tuple(axis for axis, vector in ((-2, vectors[0]), (-1, vectors[1])) if vector)
    return np.squeeze(h, gone) if gone else h


@rule_for(TensorDot)
def _tensordot(box: Box, found: Mapping[Box, Box], some: Box) -> Any:
    a, b = box.children
    if a in found and b in found:
        return None
    of_a, of_b = (
        tuple(axis % len(child.shape) + (child in found) for axis in axes)
        for axes, child in zip(box.axes, (a, b), strict=True)
    )
    h = np.tensordot(found.get(a, a), found.get(b, b), (of_a, of_b))
    return h if a in found else np.moveaxis(h, len(a.shape) - len(of_a), 0)


@rule_for(Solve)
def _solve(box: Box, found: Mapping[Box, Box], some: Box) -> Any:
    """Linear in b alone, and several vectors b in rows would be read as a matrix."""
    a, b = box.children
    if a in found or len(b.shape) == 1:
        return None
    return np.linalg.solve(a, _aligned(b, len(box.shape), found))


@rule_for(Tril, Triu, GaugeInvarianceCheck)
def _of_stacks(box: Box, found: Mapping[Box, Box], some: Box) -> Box:
    return box.with_children(*(lifted(child, found, some) for child in box.children))


@rule_for(Diagonal, OnDiagonal)
def _diagonal(box: Box, found: Mapping[Box, Box], some: Box) -> Any:
    ndim = len(box.children[-1].shape)
    axes = {name: _on_by_one(getattr(box, name), ndim) for name in ("axis1", "axis2")}
    return type(box)(*(lifted(child, found, some) for child in box.children), offset=box.offset, **axes)


@rule_for(Einsum)
def _einsum(box: Box, found: Mapping[Box, Box], some: Box) -> Any:
    row = next((label for label in "ZYXWVUT" if label not in box.subscripts), None)
    if row is None:
        return None
    terms, output = box.subscripts.split("->")
    named = [row * (child in found) + term for term, child in zip(terms.split(","), box.children, strict=True)]
    children = [found.get(child, child) for child in box.children]
    return Einsum(*children, subscripts=f"{','.join(named)}->{row}{output}", optimize=box.optimize)


@rule_for(Index)
def _index(box: Box, found: Mapping[Box, Box], some: Box) -> Box | None:
    a, *indices = box.children
    if any(one in found for one in indices):
        return _lookup(a, indices, box.index, found)
    if _apart(box.index):
        return None
    return Index(found[a], *indices, index=(slice(None), *box.index))


def _lookup(a: Box, indices: Sequence[Box], index: Sequence[Any], found: Mapping[Box, Box]) -> Box | None:
    """Rows of one table by an index array of each row, which comes first; None for any other index."""
    others_are_slices = all(isinstance(one, slice) for one in index[1:])
    if len(indices) != 1 or a in found or not isinstance(index[0], str) or not others_are_slices:
        return None
    return Index(a, found[indices[0]], index=tuple(index))


@rule_for(IndexAdd)
def _index_add(box: Box, found: Mapping[Box, Box], some: Box) -> Box | None:
    a, like, *indices = box.children
    if any(one in found for one in indices) or _apart(box.index):
        return None
    return IndexAdd(lifted(a, found, some), lifted(like, found, some), *indices, index=(slice(None), *box.index))


@rule_for(Part)
def _part(box: Box, found: Mapping[Box, Box], some: Box) -> Box:
    (whole,) = box.children
    rule = _rules_of_parts.get(type(whole))
    return box.with_children(found[whole]) if rule is None else rule(box, found, some)


def _apart(index: Sequence[Any]) -> bool:
    """Whether NumPy would move the axes of index arrays to the front: they have something between them."""
    places = [i for i, item in enumerate(index) if isinstance(item, str | int)]
    arrays = any(isinstance(item, str) for item in index)
    return arrays and bool(places) and places[-1] - places[0] != len(places) - 1


def _on_by_one(axis: Any, ndim: int) -> Any:
    """Axes counted on by one, for the axis of rows in front."""
    if axis is None:
        return tuple(range(1, ndim + 1))
    if isinstance(axis, tuple | list):
        return tuple(one % ndim + 1 for one in axis)
    return axis % ndim + 1
