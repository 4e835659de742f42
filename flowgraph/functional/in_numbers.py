"""A first derivative computed in numbers: one forward and one backward pass over the boxes of a call."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Value, concrete_values
from flowgraph.box.underflow import again
from flowgraph.boxes.elementwise.complex_numbers import conjugate_if_complex
from flowgraph.derivatives.backward_graph import Fallback, seed_of
from flowgraph.functional.containers import mapped
from flowgraph.functional.record import refuse_stranger
from flowgraph.functional.transforms import Subject
from flowgraph.graph.backward import seeds_of
from flowgraph.graph.backward_steps import backward_steps
from flowgraph.graph.forward import forward, forward_steps
from flowgraph.graph.reachability import refuse_lost, unreached
from flowgraph.graph.steps import Fstep, Step, guarded, reader
from flowgraph.graph.sweep import sweep
from flowgraph.graph.topology import Topology
from flowgraph.graph.where_masking import mask_untaken


def computed(transform: Callable[[Subject], Any], subject: Subject, trace: concrete_values.Trace) -> Any:
    """The result of a transform of `FIRST_ORDER` for one call: arrays of the caller's own, in their containers."""

    def gradients(
        outputs: Sequence[Box], wrt: Sequence[Box], grads: Sequence[Value], *, fallback: Fallback | None, unused: str
    ) -> list[Any]:
        return _gradients(trace, outputs, wrt, grads)

    def value(leaf: Value) -> Any:
        return np.array(trace.value_of(leaf) if isinstance(leaf, Box) else leaf)[()]

    with concrete_values.traced(None):
        return mapped(value, transform(subject._replace(gradients=gradients)))


def _gradients(
    trace: concrete_values.Trace, outputs: Sequence[Box], wrt: Sequence[Box], grads: Sequence[Value]
) -> list[Any]:
    """What `derivatives.gradients` computes, with zeros for what no output depends on; the values go to the trace."""
    graph = Topology(outputs)
    boxes = tuple([box for box in wrt if box in graph])
    fsteps, bsteps = _steps(graph, boxes)
    values = [None if box.children else _value_of_leaf(trace, box) for box in graph.boxes]
    forward(graph, fsteps, values)
    trace.know(dict(zip(graph.boxes, values, strict=True)))
    seeds = [(output, trace.value_of(seed_of(output, grad))) for output, grad in zip(outputs, grads, strict=True)]
    sent = dict(zip(graph.boxes, _swept(graph, bsteps, values, seeds_of(graph, seeds), boxes), strict=True))
    found = [conjugate_if_complex(sent.get(box)) for box in wrt]
    return [np.zeros_like(trace.value_of(box)) if g is None else g for box, g in zip(wrt, found, strict=True)]


def _steps(graph: Topology, wrt: Sequence[Box]) -> tuple[Sequence[Fstep], Sequence[Step]]:
    """The steps of both passes, made in one walk: a function that is called once takes as long as they take to make."""
    slots, made = graph.slots, tuple.__new__
    leads = bytearray(len(graph))
    for box in wrt:
        leads[slots[box]] = 1
    plain: dict[type[Box], bool] = {}
    fsteps: list[Fstep] = []
    bsteps: list[Step] = []
    for slot, box in enumerate(graph.boxes):
        if not box.children:
            continue
        places = [slots[child] for child in box.children]
        read = reader(places)
        is_plain = plain.get(type(box))
        if is_plain is None:
            is_plain = plain[type(box)] = _is_plain(type(box))
        fsteps.append(made(Fstep, (slot, box.fprop if is_plain else guarded(box, box.fprop), read, ())))
        wanted = tuple([(i, place) for i, place in enumerate(places) if leads[place]])
        if not wanted:
            continue
        if not is_plain or len(box.outputs) > 1 or box.dtype.kind not in "fc":
            if not box.has_bprop or box.not_implemented_children:  # refused where a gradient arrives, and only there
                return _steps_of_graph(graph, wrt)
            wanted = tuple([(i, place) for i, place in wanted if box.differentiable_wrt[i]])
        if wanted:
            leads[slot] = 1
            in_part = box.takes_needs and len(wanted) < len(places)
            bprop = box.bprop if is_plain and not in_part else _bprop(box, wanted)
            bsteps.append(made(Step, (slot, bprop, read, wanted, len(places), box)))
    return fsteps, bsteps[::-1]


def _is_plain(cls: type[Box]) -> bool:
    """Whether all boxes of a class of flowgraph's own have a bprop that sends a gradient to every child."""
    sends = cls.has_bprop and cls.constant_children == cls.not_implemented_children == frozenset()
    return sends and cls.__module__.startswith("flowgraph.")


def _steps_of_graph(graph: Topology, wrt: Sequence[Box]) -> tuple[Sequence[Fstep], Sequence[Step]]:
    """The same, where a bprop is to be derived, or a derivative is not implemented."""
    cut = unreached(graph, wrt)
    refuse_lost(graph, cut)
    reached = [box for box in wrt if box not in cut]
    return forward_steps(graph, None, None), backward_steps(graph.boxes, graph.slots, reached, graph.outputs)


def _bprop(box: Box, wanted: Sequence[tuple[int, int]]) -> Callable[..., tuple[Any, ...]]:
    bprop = guarded(box, box.bprop)
    if not box.takes_needs or len(wanted) == len(box.children):
        return bprop
    positions = {position for position, _ in wanted}
    return functools.partial(bprop, needs=tuple([i in positions for i in range(len(box.children))]))


def _value_of_leaf(trace: concrete_values.Trace, leaf: Box) -> Any:
    value = trace.value_of(leaf)
    if value is None:
        refuse_stranger(leaf)
    return value


def _swept(
    graph: Topology, steps: Sequence[Step], values: Sequence[Any], seeds: Sequence[Any], wrt: Sequence[Box]
) -> list[Any]:
    """The gradients of all boxes; where one by `wrt` is NaN, branches that are not taken send an exact 0.

    It says nothing of a NaN, as a function of NumPy says nothing.
    """

    def swept() -> list[Any]:
        grads = list(seeds)
        sweep(steps, values, grads)
        if any(np.isnan(grads[graph.slots[box]]).any() for box in wrt if grads[graph.slots[box]] is not None):
            grads = list(seeds)
            sweep(mask_untaken(steps, grads), values, grads)
        return grads

    try:
        return swept()
    except (FloatingPointError, RuntimeWarning) as error:
        found: list[Any] = again(error, swept)
        return found
