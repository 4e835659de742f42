"""The backward sweep with checks in debug mode, and with an exact 0 for what is not taken where it meets a NaN."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Elementwise, Value
from flowgraph.box.arrays import read_only
from flowgraph.box.results import refuse_writing
from flowgraph.box.vocabulary import CHOICE, CONSTANT, FINITE, SHARE
from flowgraph.boxes.elementwise.complex_numbers import real_part
from flowgraph.errors import BpropError, GradientWarning
from flowgraph.graph.passes import Step, accumulate, sweep
from flowgraph.graph.topology import Topology


def sweep_to_nan(graph: Topology, steps: Sequence[Step], values: Sequence[Any], seeds: Sequence[Any]) -> list[Any]:
    """The sweep anew, with an exact 0 for branches that are not taken.

    A warning names the first bprop that made a NaN of what was free of it, none where the values held one already.
    """
    grads = list(seeds)
    named = False
    for step in mask_untaken(steps, grads):
        sweep((step,), values, grads)
        for position, child in step.wanted:
            if not named and is_nan(grads[child]) and not read_nan(step, values, grads):
                warnings.warn(nan_text(graph, step, position), GradientWarning, stacklevel=3)
                named = True
    return grads


def checked_sweep(graph: Topology, steps: Sequence[Step], values: Sequence[Any], grads: list[Any]) -> None:
    """The sweep with checks: arguments of each bprop are read-only, and what it returns is verified."""
    frozen = [read_only(value) for value in values]
    for step in mask_untaken(steps, grads):
        grads[step.slot] = read_only(grads[step.slot])
        before = [grads[child] for _, child in step.wanted]
        try:
            sweep((step,), frozen, grads)
        except ValueError as error:
            refuse_writing(step.box, "bprop", error)
            raise
        for (position, child), old in zip(step.wanted, before, strict=True):
            if is_nan(grads[child]) and not is_nan(old) and not read_nan(step, values, grads):
                raise BpropError(nan_text(graph, step, position))


def nan_text(graph: Topology, step: Step, position: int) -> str:
    """The error for a bprop that made a NaN: which box, for which child, and where it was built."""
    box: Box = step.box
    return (
        f"{type(box).__name__} {graph.names[box]!r}: bprop made a NaN for child {box.names_of_children()[position]!r}, "
        f"which neither its values nor the gradient that arrived had; its derivative has no value there\n"
        f"  built at {box.built_at}; run.explain_nan() shows the element and what fed it"
    )


def read_nan(step: Step, values: Sequence[Any], grads: Sequence[Any]) -> bool:
    """Whether a step has a NaN among the gradient, the value and the children that its bprop reads."""
    return any(is_nan(part) for part in (grads[step.slot], values[step.slot], *step.read(values)))


def is_nan(value: Value) -> bool:
    """Whether a value, or a part of it, holds a NaN; None holds none."""
    if isinstance(value, tuple):
        return any(is_nan(part) for part in value)
    return value is not None and value.dtype.kind in "fc" and bool(np.isnan(value).any())


_ALL = object()
"""The mark of a box all elements of which are taken."""


def mask_untaken(steps: Iterable[Step], seeds: Sequence[Any]) -> Iterator[Step]:
    """The steps of a sweep, on arrays or on boxes, with an exact 0 for what no output takes.

    `seeds` are the gradients before the sweep. An element is not taken where every path from an output to it goes
    through a choice of something else: the other branch of a Where, the places that an index leaves out, what is not
    the maximum. How much of it is taken is swept along with the gradient, from ones: a box whose `slopes` are shares
    sends on what its bprop makes of that, any other elementwise box as much as has arrived, and any other box takes
    all. It follows from the values of the graph, not from the gradient: 0 times infinity where it is taken stays NaN.
    """
    marks: dict[int, Any] = {slot: _ALL for slot, grad in enumerate(seeds) if grad is not None}
    for step in steps:
        yield step._replace(bprop=_MaskedBprop(step, marks))


def are_finite(boxes: Iterable[Box]) -> bool:
    """Whether the elementwise ones among boxes have no point, and no number outside their domain, without a slope."""
    return all(_is_finite(box) for box in boxes if isinstance(box, Elementwise))


def _is_finite(box: Elementwise) -> bool:
    if box.slopes in FINITE:  # without a look at constants, which would bind a traced function to their values
        return True
    return all(box.slopes_of(place) in FINITE for place, free in enumerate(box.differentiable_wrt) if free)


def of_units(steps: Sequence[Step], seeds: Sequence[Any], kept: Collection[int]) -> Iterator[Step]:
    """The steps of a sweep for one-hot cotangents, which select the elements of the outputs themselves.

    The exact 0 is set once in a chain of elementwise boxes, at its end: nothing but the next box of the chain reads
    the gradients inside, unless they are `kept`.
    """
    marks = {slot: grad for slot, grad in enumerate(seeds) if grad is not None}
    arriving = Counter([*marks, *(slot for step in steps for _, slot in step.wanted)])
    inside = {s.slot for s in steps if isinstance(s.box, Elementwise) and arriving[s.slot] == 1} - set(kept)
    late: set[int] = set()
    for step in steps:
        yield step._replace(bprop=_MaskedBprop(step, marks, inside, late))


def _is_harmless(step: Step) -> bool:
    """Whether the bprop makes no NaN of a gradient of 0."""
    return all(step.box.slopes_of(position) in CONSTANT for position, _ in step.wanted)


def _in_dtype_of(child: Box, mark: Value) -> Any:
    """The mask in the dtype of the gradients of a child."""
    if mark.dtype == child.dtype:
        return mark
    return (mark if child.dtype.kind == "c" else real_part(mark)).astype(child.dtype)


class _MaskedBprop:
    """The bprop of a step that reads the mark of its box, and writes those of the children.

    Gradients of children `inside` a chain are not masked here: these are `late`, and the last box of the chain masks
    them.
    """

    def __init__(
        self, step: Step, marks: dict[int, Any], inside: Collection[int] = (), late: set[int] | None = None
    ) -> None:
        self._step, self._marks = step, marks
        self._inside, self._late = inside, late if late is not None else set()

    def __call__(self, grad: Value, value: Value, *children: Value) -> Any:
        step = self._step
        parts = step.bprop(grad, value, *children)
        mark = self._marks.pop(step.slot, _ALL)
        if type(mark) is tuple and step.box.slopes not in SHARE:
            mark = _ALL
        if type(parts) is not tuple or len(parts) != step.arity:
            return parts
        shares = parts if mark is grad and step.box.slopes in SHARE else self._shares(grad, value, children, mark)
        for position, slot, edge in step.edges:
            share = shares[position]
            if share is not _ALL:
                share = edge.settle_gradient(share, children[position])
            self._mark(slot, share)
        if mark is _ALL or not isinstance(step.box, Elementwise):
            return parts
        if _is_harmless(step) and step.slot not in self._late:
            return parts
        return self._without_untaken(parts, mark)

    def _shares(self, grad: Value, value: Value, children: Sequence[Any], mark: Value) -> Any:
        """How much is taken of each child by way of this box."""
        box = self._step.box
        if box.slopes in (CHOICE if mark is _ALL else SHARE):
            return self._step.bprop(np.ones_like(grad) if mark is _ALL else mark, value, *children)
        if mark is _ALL or not isinstance(box, Elementwise):
            return (_ALL,) * self._step.arity
        return tuple(_in_dtype_of(child, mark) if child.dtype.kind in "fc" else None for child in children)

    def _mark(self, slot: int, share: Value) -> None:
        """The mask of a child: elements that any of its parents uses."""
        known = self._marks.get(slot)
        everything = share is _ALL or known is _ALL
        same = known is None or known is share
        self._marks[slot] = _ALL if everything else share if same else accumulate(known, share)

    def _without_untaken(self, parts: tuple[Any, ...], mark: Value) -> tuple[Any, ...]:
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
