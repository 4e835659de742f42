"""Batching: boxes that read something with an axis of rows become boxes over all rows at once, or run row by row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

import numpy as np

from flowgraph.box import Box, Constant, Elementwise, Value
from flowgraph.box.axes import core_of, counted_on, settings_over_rows, signature_of
from flowgraph.box.inference import axes_of
from flowgraph.box.leaves import Input
from flowgraph.box.opening import boxes_between, inside_of
from flowgraph.boxes.elementwise.complex_numbers import conjugate_if_complex
from flowgraph.boxes.engine.passing_on import Part
from flowgraph.boxes.engine.shape_like import (
    CountLike,
    RepeatRows,
    ReshapeLike,
    RowsAs,
    SumLike,
    UnitRows,
)
from flowgraph.boxes.indexing.index import Index, IndexAdd
from flowgraph.boxes.linear_algebra.einsum import Einsum
from flowgraph.boxes.linear_algebra.products import AddMatMul, Affine, MatMul, TensorDot
from flowgraph.boxes.neural.convolution import Conv1d, Conv2d, Conv3d, ConvFilters, ConvInput
from flowgraph.boxes.shape.arrangement import Transpose
from flowgraph.boxes.shape.padding import Pad
from flowgraph.boxes.shape.reshaping import BroadcastTo, Reshape
from flowgraph.derivatives.backward_graph import gradients
from flowgraph.derivatives.opaque import parts_of, settled_bprop
from flowgraph.errors import ShapeError, UsageError
from flowgraph.graph.steps import replace_leaves
from flowgraph.graph.topology import topological_order
from flowgraph.shapes.size import Size
from flowgraph.shapes.spec import Spec, shape_text

Rule = TypeVar("Rule", bound=Callable[..., Any])

_rules: dict[type[Box], Callable[..., Any]] = {}
_rules_of_parts: dict[type[Box], Callable[..., Any]] = {}


def over_rows(outputs: Sequence[Box], rows: Mapping[Box, Box]) -> list[Box]:
    """The outputs for every row: each leaf in `rows` is replaced by a box with one more axis in front.

    What reads no rows is computed once. Most boxes take the further axis by themselves, or with their axes counted
    on by one; a box for which no rule is known is run row by row. There are rules for what gradients are made of
    that are linear in the rows.
    """
    return Rows(rows).repeat(outputs)


class Rows:
    """Boxes over all rows, as they are asked for: each is built once, also where many are asked for one by one.

    `leaves` has for each leaf of one row that of all rows, with one more axis in front.
    """

    def __init__(self, leaves: Mapping[Box, Box]) -> None:
        self._some = next(iter(leaves.values()))
        self._mapped: dict[Box, Box] = dict(leaves)
        self._seen: set[Box] = set(leaves)

    def over(self, outputs: Sequence[Box]) -> list[Box | None]:
        """Each output over all rows, None for one that reads no row."""
        order = topological_order(outputs, self._seen)
        mapped = self._mapped
        try:
            for box in order:
                if box not in mapped and any(child in mapped for child in box.children):
                    mapped[box] = _over_rows(box, mapped, self._some)
        except BaseException:
            self._seen.difference_update(order)
            raise
        return [mapped.get(box) for box in outputs]

    def repeat(self, outputs: Sequence[Box]) -> list[Box]:
        """Each output over all rows; one that reads no row is repeated."""
        pairs = zip(outputs, self.over(outputs), strict=True)
        return [RepeatRows(box, self._some) if over is None else over for box, over in pairs]


def _over_rows(box: Box, mapped: Mapping[Box, Box], some: Box) -> Box:
    rule = _rules.get(type(box))
    if rule is None and (isinstance(box, Elementwise) or box.signature is not None):
        rule = _in_front
    elif rule is None and core_of(type(box)) is not None:
        rule = _of_loop_axes
    result: Box | None = None if rule is None else rule(box, mapped, some)
    if result is None:
        result = _of_parts(box, mapped, some)
    return row_by_row(box, mapped) if result is None else result


def _of_parts(box: Box, mapped: Mapping[Box, Box], some: Box) -> Box | None:
    """What a box of flowgraph's declares that it is made of, over rows; None where it declares nothing.

    A box of a user keeps its own bprop.
    """
    declared = box.built_in and type(box).parts is not Box.parts and len(box.outputs) == 1
    inside = inside_of(box) if declared else None
    if inside is None:
        return None
    known = dict(mapped)
    for part in boxes_between(box.children, inside):
        if any(child in known for child in part.children):
            known[part] = _over_rows(part, known, some)
    return known[inside[0]] if inside[0] in known else RepeatRows(inside[0], some)


def rule_for(*classes: type[Box], of_parts: bool = False) -> Callable[[Rule], Rule]:
    """How boxes of these classes are taken over rows; where a rule returns None, they are run row by row.

    With `of_parts`, how one output of them is, where it is not that output of the box over rows.
    """

    def register(rule: Rule) -> Rule:
        (_rules_of_parts if of_parts else _rules).update(dict.fromkeys(classes, rule))
        return rule

    return register


def lift_child(child: Box, mapped: Mapping[Box, Box], some: Box) -> Box:
    """The child in rows, repeated if it is the same in all."""
    return mapped[child] if child in mapped else RepeatRows(child, some)


def _in_front(box: Box, mapped: Mapping[Box, Box], some: Box) -> Any:
    """A box of which axes in front of its core axes broadcast; None where it takes its core axes alone.

    A child that has fewer of these axes than others gets them between the rows and its own. A core axis that it lacks
    has size 1 while there are rows, which would be taken for it. What is the same in all rows is repeated for a box
    that does not broadcast, such as a loss.
    """
    signature, shapes = signature_of(box), [child.shape for child in box.children]
    cores, (of_value, *_) = signature.cores(shapes)
    fronts = [len(shape) - len(core) for shape, core in zip(shapes, cores, strict=True)]
    most, gone = max(fronts), _missing(signature.outputs[0], of_value)
    if gone and len(box.outputs) > 1:
        return None
    for is_repeated in (False, True):
        children: list[Any] = []
        for i, child in enumerate(box.children):
            a: Any = lift_child(child, mapped, some) if is_repeated else mapped.get(child, child)
            if len(cores[i]) < len(signature.children[i]):
                a = np.expand_dims(a, _missing(signature.children[i], cores[i]))
            if fronts[i] < most and (is_repeated or child in mapped):
                a = np.expand_dims(a, tuple(range(1, 1 + most - fronts[i])))
            children.append(a)
        try:
            h = box.with_children(*children)
        except ShapeError:
            continue
        return np.squeeze(h, gone) if gone else h
    return None


def _missing(core: Sequence[str], present: Sequence[str]) -> tuple[int, ...]:
    """The core axes that are missing, counted from the last on."""
    return tuple(i - len(core) for i, axis in enumerate(core) if axis.rstrip("?") not in present)


def _of_loop_axes(box: Box, mapped: Mapping[Box, Box], some: Box) -> Any:
    """A box whose core axes are declared: rows are one more loop axis."""
    settings = settings_over_rows(box)
    if settings is None:
        return None
    children = [lift_child(child, mapped, some) for child in box.children]
    try:
        return type(box)(*children, **box.setting_values() | settings)
    except UsageError:  # of a setting that is one axis or None, where None means several that are not all
        return None


@rule_for(SumLike)
def _sum_like(box: Box, mapped: Mapping[Box, Box], some: Box) -> Box:
    a, like = (lift_child(child, mapped, some) for child in box.children)
    extra = len(a.shape) - len(like.shape)
    return SumLike(np.sum(a, axis=tuple(range(1, 1 + extra))) if extra else a, like)


@rule_for(ReshapeLike)
def _reshape_like(box: Box, mapped: Mapping[Box, Box], some: Box) -> Box:
    return ReshapeLike(*(lift_child(child, mapped, some) for child in box.children))


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


@rule_for(BroadcastTo)
def _broadcast_to(box: Box, mapped: Mapping[Box, Box], some: Box) -> Box:
    (a,) = box.children
    between = tuple(range(1, 1 + len(box.shape) - len(a.shape)))
    rows: Any = mapped[a]
    return BroadcastTo(np.expand_dims(rows, between) if between else rows, to=(-1, *box.to))


@rule_for(MatMul)
def _matmul(box: Box, mapped: Mapping[Box, Box], some: Box) -> Any:
    """A vector in rows is a matrix already: one product for all of them."""
    left, right = box.children
    is_matrix = right not in mapped and (len(left.shape), len(right.shape)) == (1, 2)
    return box.with_children(mapped[left], right) if is_matrix else _in_front(box, mapped, some)


@rule_for(TensorDot)
def _tensordot(box: Box, mapped: Mapping[Box, Box], some: Box) -> Any:
    a, b = box.children
    if a in mapped and b in mapped:
        return _of_parts(box, mapped, some)
    of_a, of_b = (
        tuple(axis % len(child.shape) + (child in mapped) for axis in axes)
        for axes, child in zip(box.axes, (a, b), strict=True)
    )
    h = np.tensordot(mapped.get(a, a), mapped.get(b, b), (of_a, of_b))
    return h if a in mapped else np.moveaxis(h, len(a.shape) - len(of_a), 0)


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
    return IndexAdd(
        lift_child(a, mapped, some), lift_child(like, mapped, some), *indices, index=(slice(None), *box.index)
    )


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


@rule_for(Affine, AddMatMul)
def _product_and_sum(box: Box, mapped: Mapping[Box, Box], some: Box) -> Any:
    """Rows are further examples; else a product and a sum, where they have matrices of their own."""
    h = _in_front(box, mapped, some)
    return over_rows([box.fprop(*box.children)], mapped)[0] if h is None else h


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
    row: Any = np.sum(rows, axis=0)
    return cast(Box, row.astype(box.dtype))


# Convolutions over rows: rows become further examples, further filters, or groups of channels.


@rule_for(Conv1d, Conv2d, Conv3d, ConvInput, ConvFilters)
def _convolution(box: Any, mapped: Mapping[Box, Box], some: Box) -> Any:
    labels = box.axis_labels()
    for label in labels.value[:2]:
        places = [of_child.index(label) if label in of_child else None for of_child in labels.children]
        in_rows = [place for child, place in zip(box.children, places, strict=True) if child in mapped]
        if label is not None and None not in in_rows:
            return _part_of_axes(box, places, labels.value.index(label), mapped, some)
    if isinstance(some.shape[0], Size):
        return None
    *split, place = (int(axes[0] == "n") for axes in box.first_axes)  # of what groups split: channels, or filters
    return _part_of_axes(box, split, place, mapped, some, groups=box.groups * some.shape[0])


def _part_of_axes(
    box: Any, places: Sequence[int | None], place: int, mapped: Mapping[Box, Box], some: Box, **settings: Any
) -> Any:
    """The box on children whose rows are part of an axis, None for a child as it is; the value's are in front again."""
    children = list(box.children)
    for i, axis in enumerate(places):
        if axis is not None:
            rows: Any = lift_child(children[i], mapped, some)
            rows = np.moveaxis(rows, 0, axis) if axis else rows
            children[i] = np.reshape(rows, (*rows.shape[:axis], -1, *rows.shape[axis + 2 :]))
    h = type(box)(*children, **box.setting_values() | settings)
    split = np.reshape(h, (*h.shape[:place], some.shape[0], box.shape[place], *h.shape[place + 1 :]))
    return np.moveaxis(split, place, 0) if place else split


# What no rule takes over all rows at once.


def row_by_row(box: Box, mapped: Mapping[Box, Box]) -> PerRow:
    """Any box, run once for each row."""
    batched = tuple(child in mapped for child in box.children)
    return PerRow(*[mapped.get(child, child) for child in box.children], box=box, batched=batched)


class PerRow(Box):
    """A box run once for each row of its children; those that are not `batched` are the same in all.

    h_i = box(children_i)        each gets its gradients in rows, summed where it is the same in all
    """

    box: Any
    batched: tuple[bool, ...]

    symbol = "per row"
    examples = None  # it is tested with Jacobians of boxes that have no rule of their own

    def fprop(self, *children: Sequence[Value]) -> Value:
        """The values of the rows, stacked."""
        rows = [parts_of(self.box.fprop(*row)) for row in self._rows(children)]
        if rows:
            parts = tuple(self._stack_rows(part) for part in zip(*rows, strict=True))
        else:
            shapes = [spec.shape for spec in self.box.outputs]
            if not all(isinstance(size, int) for shape in shapes for size in shape):
                shapes = [np.shape(part) for part in self._any_row(children)]
            parts = tuple(
                np.empty((0, *shape), spec.dtype) for shape, spec in zip(shapes, self.box.outputs, strict=True)
            )
        return parts if len(parts) > 1 else parts[0]

    def bprop(self, grad: Value, h: Value, *children: Sequence[Value]) -> tuple[Value, ...]:
        """The gradients of the rows: stacked for batched children, summed for the others."""
        if any(isinstance(argument, Box) for argument in (grad, *children)):
            return self._bprop_over_rows(grad, children)
        wanted = [position for position, passes in enumerate(self.differentiable_wrt) if passes]
        parts: list[dict[int, Any]] = []
        for i, row in enumerate(self._rows(children)):
            grads = settled_bprop(self.box, wanted, _row(grad, i), _row(h, i), row)
            parts.append(dict(zip(wanted, grads, strict=True)))
        result: list[Any] = []
        for position, (child, batched) in enumerate(zip(children, self.batched, strict=True)):
            if not self.differentiable_wrt[position]:
                result.append(None)
            elif not parts:
                result.append(np.zeros_like(child))
            else:
                stacked = np.stack([part[position] for part in parts])
                result.append(stacked if batched else np.sum(stacked, axis=0))
        return tuple(result)

    def infer_from_children(self) -> Any:
        """The specs of the box, with the axis of rows in front."""
        rows = next(child.outputs[0].shape[0] for child, b in zip(self.children, self.batched, strict=True) if b)
        specs = tuple(Spec((rows, *spec.shape), spec.dtype) for spec in self.box.outputs)
        return specs if len(specs) > 1 else specs[0]

    @property
    def constant(self) -> tuple[bool, ...]:
        """As for the box that is run row by row."""
        return tuple(self.box.constant)

    def _rows(self, children: Sequence[Value]) -> Any:
        count = next(len(parts_of(c)[0]) for c, batched in zip(children, self.batched, strict=True) if batched)
        for i in range(count):
            yield [_row(child, i) if batched else child for child, batched in zip(children, self.batched, strict=True)]

    def _stack_rows(self, part: Sequence[Value]) -> Value:
        shapes = list(dict.fromkeys(map(np.shape, part)))
        if len(shapes) > 1:
            raise ShapeError(
                f"{self.box.title}: found {shape_text(shapes[0])} for one example and {shape_text(shapes[1])} for "
                f"another, needs the same for all that functional.vmap maps over; choose elements with np.where and "
                f"not by a mask, and to differentiate while loops of different lengths, map the function and then "
                f"differentiate the sum over the examples"
            )
        return np.stack(part)

    def _any_row(self, children: Sequence[Value]) -> tuple[Any, ...]:
        ones = [np.ones(c.shape[1:], c.dtype) if b else c for c, b in zip(children, self.batched, strict=True)]
        return parts_of(self.box.fprop(*ones))

    def _bprop_over_rows(self, grad: Value, children: Sequence[Value]) -> tuple[Any, ...]:
        """The gradients of one row as a graph, over all rows."""
        leaves = [Input(f"child{i}", shape=c.shape, dtype=c.dtype) for i, c in enumerate(self.box.children)]
        single = self.box.with_children(*leaves)
        free = [leaf for leaf, passes in zip(leaves, single.differentiable_wrt, strict=True) if passes]
        several = len(single.outputs) > 1
        rows: dict[Box, Any] = {}
        outputs = []
        for i, part in enumerate(parts_of(grad)):
            if part is not None:
                outputs.append(single[i] if several else single)
                rows[Input(f"arriving{i}", shape=outputs[-1].shape, dtype=outputs[-1].dtype)] = part
        parts = [
            conjugate_if_complex(part)
            for part in gradients(outputs, free, list(map(conjugate_if_complex, rows)), unused="zeros")
        ]
        fixed: dict[Box, Any] = {}
        for leaf, child, batched in zip(leaves, children, self.batched, strict=True):
            (rows if batched else fixed)[leaf] = child
        grads = dict(zip(free, over_rows([put_in(part, fixed) for part in parts], rows), strict=True))
        return tuple(
            None if leaf not in grads else grads[leaf] if batched else np.sum(grads[leaf], axis=0)
            for leaf, batched in zip(leaves, self.batched, strict=True)
        )


def _row(value: Value, i: int) -> Any:
    """Row i of a value, of each of its parts where it has several, None where there is none."""
    if isinstance(value, tuple):
        return tuple(_row(part, i) for part in value)
    return None if value is None else value[i]


def put_in(box: Box, leaves: dict[Box, Box]) -> Box:
    """The box with other boxes in the place of some leaves; what does not read them stays as it is."""
    boxes = topological_order([box])
    return replace_leaves(boxes, {node: i for i, node in enumerate(boxes)}, leaves)[-1]
