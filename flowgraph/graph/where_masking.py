"""A branch that is not taken gets an exact 0: no NaN of np.log(0) behind np.where leaks into a gradient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Array, Box, Constant, Elementwise
from flowgraph.boxes.elementwise.arithmetic import Add, Divide, Multiply, Negative, Positive, Subtract
from flowgraph.boxes.elementwise.cast import Cast
from flowgraph.boxes.elementwise.complex_numbers import Conjugate, Imag, Real, real_part
from flowgraph.boxes.elementwise.exponential import Exp, Exp2, Expm1
from flowgraph.boxes.elementwise.hyperbolic import Tanh
from flowgraph.boxes.elementwise.power import ConstantPower, Square
from flowgraph.boxes.elementwise.selection import (
    Absolute,
    Clip,
    Fabs,
    Fmax,
    Fmin,
    Maximum,
    Minimum,
    NanToNum,
    Sign,
    Where,
)
from flowgraph.boxes.elementwise.trigonometric import Arctan, Cos, Degrees, Radians, Sin
from flowgraph.boxes.engine.output_of import Part
from flowgraph.boxes.engine.shape_like import BroadcastLike, ReshapeLike, SumLike
from flowgraph.boxes.indexing.gather import TakeAlongAxis
from flowgraph.boxes.indexing.index import Index, IndexAdd
from flowgraph.boxes.indexing.scatter import SetAt
from flowgraph.boxes.indexing.select import Choose
from flowgraph.boxes.linear_algebra.diagonal import Diag, Diagonal, OnDiagonal, Tril, Triu
from flowgraph.boxes.neural.activation import ELU, GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Softplus
from flowgraph.boxes.neural.elementwise_loss import SquaredError
from flowgraph.boxes.reduction.extremes import Max, Min
from flowgraph.boxes.reduction.sums import Mean, Sum
from flowgraph.boxes.shape.arrangement import Flip, Roll, Transpose
from flowgraph.boxes.shape.joining import Concatenate, SplitLike, Stack
from flowgraph.boxes.shape.padding import Pad
from flowgraph.boxes.shape.reshaping import BroadcastTo, ExpandDims, Reshape, Squeeze
from flowgraph.boxes.shape.splitting import Split, Unstack
from flowgraph.boxes.special.error_function import Erf, Erfc
from flowgraph.graph.steps import Step
from flowgraph.graph.sweep import added, settled

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

FINITE: tuple[type[Box], ...] = (
    *HARMLESS, Multiply, Square, SquaredError, Absolute, Fabs, Sin, Cos, Arctan, Tanh, Exp, Exp2, Expm1, Sigmoid,
    Softplus, LeakyReLU, ELU, GELU, SiLU, Erf, Erfc, Sign,
)  # fmt: skip
"""Elementwise boxes whose value and slope are finite wherever their children are, but for an overflow."""

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


def are_finite(boxes: Iterable[Box]) -> bool:
    """Whether the elementwise ones among boxes have no point, and no number outside their domain, without a slope."""
    return all(_is_finite(box) for box in boxes if isinstance(box, Elementwise))


def _is_finite(box: Elementwise) -> bool:
    if isinstance(box, ConstantPower):
        return box.exponent >= 0 and float(box.exponent).is_integer()
    return isinstance(box, FINITE) or box.dtype.kind not in "fc"


def of_units(steps: Sequence[Step], seeds: Sequence[Any], kept: Collection[int]) -> Iterator[Step]:
    """The steps of a sweep of unit arrays, of 0 and 1, which choose themselves what is taken of the outputs.

    The exact 0 is set once in a chain of elementwise boxes, at its end: nothing but the next box of the chain reads
    the gradients inside, unless they are `kept`.
    """
    marks = {slot: grad for slot, grad in enumerate(seeds) if grad is not None}
    arriving = Counter([*marks, *(slot for step in steps for _, slot in step.wanted)])
    inside = {s.slot for s in steps if isinstance(s.box, Elementwise) and arriving[s.slot] == 1} - set(kept)
    late: set[int] = set()
    for step in steps:
        yield step._replace(bprop=_Careful(step, marks, inside, late))


def _is_harmless(step: Step) -> bool:
    """Whether the bprop makes no NaN of a gradient of 0; nor does that of a product with numbers that are finite."""
    box = step.box
    if not isinstance(box, Multiply | Divide) or len(step.wanted) > 1:
        return isinstance(box, HARMLESS)
    other = box.children[1 - step.wanted[0][0]]
    return isinstance(other, Constant) and other.holds(_is_finite_and_not_zero)


def _is_finite_and_not_zero(value: Array) -> bool:
    return bool(np.all(np.isfinite(value) & (value != 0)))


def _in_dtype_of(child: Any, mark: Any) -> Any:
    """What is taken, in the dtype that gradients of a child have."""
    if mark.dtype == child.dtype:
        return mark
    return (mark if child.dtype.kind == "c" else real_part(mark)).astype(child.dtype)


class _Careful:
    """The bprop of a step that reads the mark of its box, and writes those of the children.

    Children `inside` a chain get what is not taken as it comes, and are `late`: a box of the chain sets it to 0.
    """

    def __init__(
        self, step: Step, marks: dict[int, Any], inside: Collection[int] = (), late: set[int] | None = None
    ) -> None:
        self._step, self._marks = step, marks
        self._inside, self._late = inside, late if late is not None else set()

    def __call__(self, grad: Any, value: Any, *children: Any) -> Any:
        step = self._step
        parts = step.bprop(grad, value, *children)
        mark = self._marks.pop(step.slot, _ALL)
        if type(mark) is tuple and not isinstance(step.box, CARRIERS):
            mark = _ALL
        if type(parts) is not tuple or len(parts) != step.arity:
            return parts
        shares = parts if mark is grad and isinstance(step.box, CARRIERS) else self._shares(grad, value, children, mark)
        for position, slot in step.wanted:
            share = shares[position]
            if share is not _ALL:
                share = settled(share, children[position], step.box, position, value)
            self._mark(slot, share)
        if mark is _ALL or not isinstance(step.box, Elementwise):
            return parts
        if _is_harmless(step) and step.slot not in self._late:
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
        same = known is None or known is share
        self._marks[slot] = _ALL if everything else share if same else added(known, share)

    def _without_untaken(self, parts: tuple[Any, ...], mark: Any) -> tuple[Any, ...]:
        """The gradients, 0 where nothing is taken; a part of another shape than the box is left as it is."""
        result = list(parts)
        taken = None
        for position, slot in self._step.wanted:
            if np.shape(parts[position]) != np.shape(mark):
                continue
            if slot in self._inside and self._step.box.children[position].shape == np.shape(mark):
                self._late.add(slot)
                continue
            taken = mark != 0 if taken is None else taken
            result[position] = np.where(taken, parts[position], 0)
        return tuple(result)
