"""The backward steps of a graph, and the bprop of a box that declares none, derived from its fprop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from flowgraph.box import Box, Value
from flowgraph.box.leaves import Input
from flowgraph.errors import NotDifferentiableError
from flowgraph.graph.order import topological_order
from flowgraph.graph.reachability import leading, reached, refuse_underived
from flowgraph.graph.steps import Step, guarded, reader
from flowgraph.graph.sweep import sweep


def backward_steps(
    boxes: Sequence[Box], slots: Mapping[Box, int], wrt: Iterable[Box], outputs: Iterable[Box]
) -> tuple[Step, ...]:
    """The bprops from the outputs to `wrt`, parents before children."""
    leads = leading(boxes, slots, wrt)
    passed = reached(boxes, outputs)
    refuse_underived([box for box in boxes if box in passed], slots, leads)
    steps = []
    for slot in range(len(boxes) - 1, -1, -1):
        box = boxes[slot]
        if box not in passed:
            continue
        children = [slots[child] for child in box.children]
        wanted = tuple(
            [(i, children[i]) for i, free in enumerate(box.differentiable_wrt) if free and leads[children[i]]]
        )
        if not wanted:
            continue
        bprop = guarded(box, box.bprop) if box.has_bprop else derived_bprop(box)
        if box.takes_needs and len(wanted) < len(children):
            positions = {position for position, _ in wanted}
            bprop = partial(bprop, needs=tuple(i in positions for i in range(len(children))))
        steps.append(Step(slot, bprop, reader(children), wanted, len(children), box))
    return tuple(steps)


def derived_bprop(box: Box) -> Callable[..., tuple[Any, ...]]:
    """A bprop that opens the box: its fprop run on boxes is a graph, and that graph is swept."""
    leaves = [Input(f"child{i}", shape=child.shape, dtype=child.dtype) for i, child in enumerate(box.children)]
    try:
        inside = box.fprop(*leaves)
    except Exception as error:
        raise _no_bprop(box, f"its fprop does not run on boxes ({type(error).__name__}: {error})") from error
    if not isinstance(inside, Box):
        raise _no_bprop(box, f"its fprop returned {type(inside).__name__} when called on boxes")
    boxes = topological_order([inside])
    slots = {box: slot for slot, box in enumerate(boxes)}
    wanted = [leaf for leaf, free in zip(leaves, box.differentiable_wrt, strict=True) if free and leaf in slots]
    steps = backward_steps(boxes, slots, wanted, [inside])

    def bprop(grad: Value, value: Value, *children: Value) -> tuple[Any, ...]:
        known = dict(zip(leaves, children, strict=True))
        values = replay(boxes, slots, known)
        grads: list[Any] = [None] * len(boxes)
        grads[slots[inside]] = grad
        sweep(steps, values, grads)
        return tuple(grads[slots[leaf]] if leaf in slots else None for leaf in leaves)

    return bprop


def replay(boxes: Sequence[Box], slots: Mapping[Box, int], known: Mapping[Any, Any]) -> list[Any]:
    """The values of boxes in order with these values of the leaves: from arrays, arrays; from boxes, boxes anew."""
    symbolic = any(isinstance(value, Box) for value in known.values())
    values: list[Any] = []
    for box in boxes:
        children = [values[slots[child]] for child in box.children]
        if box in known:
            values.append(known[box])
        elif not box.children:
            values.append(box if symbolic else box.value)
        else:
            values.append(box.with_children(*children) if symbolic else box.fprop(*children))
    return values


def _no_bprop(box: Box, why: str) -> NotDifferentiableError:
    return NotDifferentiableError(
        f"{box.title}: declares no bprop, and none can be derived: {why}; write a bprop, "
        f"or keep the box out of the paths to what you differentiate\n  built at {box.built_at}"
    )
