"""A branch that is not taken gets an exact 0: no NaN of np.log(0) behind np.where leaks into a gradient."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Constant, Elementwise
from flowgraph.boxes.activation import ReLU
from flowgraph.boxes.arithmetic import Add, Divide, Multiply, Negative, Positive, Subtract
from flowgraph.boxes.arrangement import Flip, Roll, Transpose
from flowgraph.boxes.cast import Cast
from flowgraph.boxes.choosing import Choose
from flowgraph.boxes.complex_numbers import Conjugate, Imag, Real, real_part
from flowgraph.boxes.diagonal import Diag, Diagonal, OnDiagonal, Tril, Triu
from flowgraph.boxes.extremes import Max, Min
from flowgraph.boxes.indexing import Index, IndexAdd
from flowgraph.boxes.joining import Concatenate, SplitLike, Stack
from flowgraph.boxes.likeness import BroadcastLike, ReshapeLike, SumLike
from flowgraph.boxes.padding import Pad
from flowgraph.boxes.part import Part
from flowgraph.boxes.reduction import Mean, Sum
from flowgraph.boxes.selection import Clip, Fmax, Fmin, Maximum, Minimum, NanToNum, Where
from flowgraph.boxes.setting import SetAt
from flowgraph.boxes.shape import BroadcastTo, ExpandDims, Reshape, Squeeze
from flowgraph.boxes.splitting import Split, Unstack
from flowgraph.boxes.taking import TakeAlongAxis
from flowgraph.boxes.trigonometric import Degrees, Radians
from flowgraph.sweep import Step, added, settled

CHOICES: tuple[type[Box], ...] = (
    Where, Choose, Maximum, Minimum, Fmax, Fmin, Clip, NanToNum, ReLU, Max, Min, Index, TakeAlongAxis, SetAt, Diagonal,
    Tril, Triu,
)  # fmt: skip
"""Boxes that leave elements of their children out; what their bprop sends for ones is 0 there and above 0 elsewhere."""

CARRIERS: tuple[type[Box], ...] = (
    *CHOICES, Sum, Mean, SumLike, BroadcastLike, ReshapeLike, BroadcastTo, Reshape, ExpandDims, Squeeze, Transpose,
    Flip, Roll, Concatenate, Stack, Pad, Diag, OnDiagonal, IndexAdd, Part, Split, Unstack, SplitLike,
)  # fmt: skip
"""Boxes whose bprop sends on shares of what arrives, none of them below 0."""

HARMLESS: tuple[type[Box], ...] = (
    *CARRIERS,
    Add,
    Subtract,
    Negative,
    Positive,
    Cast,
    Real,
    Imag,
    Conjugate,
    Degrees,
    Radians,
)
"""Boxes that make no NaN of a gradient of 0, whatever their values are."""

_ALL = object()
"""The mark of a box all elements of which are taken."""


def careful(steps: Iterable[Step], seeds: Sequence[Any]) -> Iterator[Step]:
    """The steps of a sweep, on arrays or on boxes, with an exact 0 for what no output takes.

    `seeds` are the gradients before the sweep. An element is not taken where every path from an output to it goes
    through a choice of something else: the other branch of a Where, the places that an index leaves out, what is not
    the maximum. How much of it is taken is swept along with the gradient, from ones: a box of `CARRIERS` sends on what
    its bprop makes of that, any other elementwise box as much as has arrived, and any other box takes all. It follows
    from the values of the graph, not from the gradient: 0 times infinity where it is taken stays NaN.
    """
    marks: dict[int, Any] = {slot: _ALL for slot, grad in enumerate(seeds) if grad is not None}
    for step in steps:
        yield step._replace(bprop=_Careful(step, marks))


def _is_harmless(step: Step) -> bool:
    """Whether the bprop makes no NaN of a gradient of 0; nor does that of a product with numbers that are finite."""
    box = step.box
    if not isinstance(box, Multiply | Divide) or len(step.wanted) > 1:
        return isinstance(box, HARMLESS)
    other = box.children[1 - step.wanted[0][0]]
    return isinstance(other, Constant) and bool(np.all(np.isfinite(other.value) & (other.value != 0)))


def _in_dtype_of(child: Any, mark: Any) -> Any:
    """What is taken, in the dtype that gradients of a child have."""
    if mark.dtype == child.dtype:
        return mark
    return (mark if child.dtype.kind == "c" else real_part(mark)).astype(child.dtype)


class _Careful:
    """The bprop of a step that reads the mark of its box, and writes those of the children."""

    def __init__(self, step: Step, marks: dict[int, Any]) -> None:
        self._step, self._marks = step, marks

    def __call__(self, grad: Any, value: Any, *children: Any) -> Any:
        step = self._step
        parts = step.bprop(grad, value, *children)
        mark = self._marks.pop(step.slot, _ALL)
        if type(mark) is tuple and not isinstance(step.box, CARRIERS):
            mark = _ALL
        if type(parts) is not tuple or len(parts) != step.arity:
            return parts
        shares = self._shares(grad, value, children, mark)
        for position, slot in step.wanted:
            share = shares[position]
            if share is not _ALL:
                share = settled(share, children[position], step.box, position, value)
            self._mark(slot, share)
        if mark is _ALL or not isinstance(step.box, Elementwise) or _is_harmless(step):
            return parts
        return self._without_untaken(parts, mark)

    def _shares(self, grad: Any, value: Any, children: Sequence[Any], mark: Any) -> Any:
        """How much is taken of each child by way of this box."""
        box = self._step.box
        if isinstance(box, CHOICES if mark is _ALL else CARRIERS):
            return self._step.bprop(np.ones_like(grad) if mark is _ALL else mark, value, *children)
        if mark is _ALL or not isinstance(box, Elementwise):
            return (_ALL,) * self._step.arity
        return tuple(_in_dtype_of(child, mark) if child.dtype.kind in "fc" else None for child in children)

    def _mark(self, slot: int, share: Any) -> None:
        """A child is taken as far as any of its parents takes it."""
        known = self._marks.get(slot)
        everything = share is _ALL or known is _ALL
        self._marks[slot] = _ALL if everything else share if known is None else added(known, share)

    def _without_untaken(self, parts: tuple[Any, ...], mark: Any) -> tuple[Any, ...]:
        """The gradients, 0 where nothing is taken; a part of another shape than the box is left as it is."""
        taken = mark != 0
        wanted = {position for position, _ in self._step.wanted}
        return tuple(
            np.where(taken, part, 0) if i in wanted and np.shape(part) == taken.shape else part
            for i, part in enumerate(parts)
        )
