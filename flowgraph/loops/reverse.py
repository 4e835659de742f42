"""The loop that runs backwards: the gradient of a body, and what each step has to keep for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.boxes.elementwise.arithmetic import Add, Divide, Multiply, Negative, Positive, Subtract
from flowgraph.derivatives import gradients
from flowgraph.graph.topology import topological_order
from flowgraph.loops.body import (
    LARGEST,
    Body,
    CarryInput,
    ElementInput,
    body_of,
    known_of,
    on_leaves,
    replace_boxes,
    with_outputs,
)
from flowgraph.plan.rebuild import sizes_known
from flowgraph.shapes.size import Size

# Which values of a step are stored for the reverse loop, and not recomputed.

_CHEAP = (Add, Subtract, Multiply, Divide, Negative, Positive)


def worth_keeping(body: Body, outputs: Sequence[Box]) -> dict[Box, Box]:
    """The values of a step that these outputs of its reverse read and that cost more to compute than to keep.

    For each there is the slot which stands for it in the reverse. Sums, products and moved elements are computed again,
    and so are all values of a body of few numbers, and an inner loop, whose stacked carries would otherwise be kept for
    each step of the outer one.
    """
    if _is_small(body):
        return {}
    forward = topological_order(body.results)
    known = set(forward)
    reading = [box for box in topological_order(outputs) if box not in known]
    read = {child for box in reading for child in box.children} | set(outputs)
    dear: set[Box] = set()
    kept: dict[Box, Box] = {}
    for box in forward:
        if not box.children or not (_is_dear(box) or any(child in dear for child in box.children)):
            continue
        if box in read and _is_stackable(box):
            kept[box] = ElementInput(shape=box.shape, dtype=box.dtype)
        else:
            dear.add(box)
    return kept


def _is_small(body: Body) -> bool:
    """Whether the body may run as Python's numbers."""
    parts = (*body.leaves, *body.results)
    return all(map(sizes_known, parts)) and sum(math.prod(map(int, part.shape)) for part in parts) <= LARGEST


def _is_dear(box: Box) -> bool:
    """Whether the box does more than to add, multiply or move elements."""
    return box.arithmetic and not isinstance(box, _CHEAP)


def _is_stackable(box: Box) -> bool:
    return len(box.outputs) == 1 and not any(isinstance(size, Size) and size.unknown for size in box.shape)


# The body of the loop that runs backwards: the vector-Jacobian product of one step.


class Reverse(NamedTuple):
    """The body of a reverse loop, and what of the forward one it takes, by numbers.

    Its carries are the gradients with respect to the carries `flowing`, and sums for what is read from outside
    (`summed`); its elements the values `kept` of each step, which are carries before it and boxes of the forward body,
    the elements `read`, and the gradients that arrive at what was stacked; what it reads from outside is `outers`. It
    stacks the gradients of the elements `sent`.
    """

    body: Body
    flowing: tuple[int, ...]
    summed: tuple[int, ...]
    kept: tuple[Box, ...]
    read: tuple[int, ...]
    outers: tuple[int, ...]
    sent: tuple[int, ...]


def reverse_of(body: Body, arriving: tuple[bool, ...], wanted: tuple[bool, ...], counted: bool = False) -> Reverse:
    """The reverse of a body, where gradients arrive at some stacked outputs, for the slots that want one.

    Where the steps are `counted` by a run, it takes at least one element, which says how many there are.
    """
    return known_of(body, ("reverse", arriving, wanted, counted), lambda: _reverse_of(body, arriving, wanted, counted))


def _reverse_of(body: Body, arriving: tuple[bool, ...], wanted: tuple[bool, ...], counted: bool) -> Reverse:
    carries, elements = body.carries, body.elements
    leaves, results = body.leaves, body.results
    flowing = tuple(i for i in range(carries) if leaves[i].dtype.kind in "fc")
    sent = tuple(i for i in range(elements) if wanted[carries + i])
    summed = tuple(i for i in range(body.slots - carries - elements) if wanted[carries + elements + i])
    stacked = [carries + i for i, arrives in enumerate(arriving) if arrives]
    flow = [_slot(CarryInput, results[i]) for i in flowing]
    arrived = [_slot(ElementInput, results[i]) for i in stacked]
    wrt = [*flowing, *(carries + i for i in sent), *(carries + elements + i for i in summed)]
    by_leaf = gradients_of([results[i] for i in (*flowing, *stacked)], [leaves[i] for i in wrt], [*flow, *arrived])
    sums = [_slot(CarryInput, leaves[carries + elements + i]) for i in summed]
    of_flow, of_sent = by_leaf[: len(flowing)], by_leaf[len(flowing) : len(flowing) + len(sent)]
    of_sums = [total + part for total, part in zip(sums, by_leaf[len(flowing) + len(sent) :], strict=True)]
    raw = [*of_flow, *of_sums, *of_sent]
    slot_of = {leaf: leaf for leaf in leaves[:carries]} | worth_keeping(body, raw)
    slots = [*flow, *sums, *leaves, *arrived, *slot_of.values()]
    outputs = on_leaves(replace_boxes(raw, slot_of), {slot: slot for slot in slots})
    reads = set(topological_order(outputs))
    kept = tuple(box for box, slot in slot_of.items() if slot in reads)
    read = tuple(i for i in range(elements) if leaves[carries + i] in reads)
    if not (kept or read or stacked) and elements:
        read = (0,)  # it says how many steps there are
    if not (kept or read or stacked) and counted:
        kept = (min(leaves[:carries], key=lambda leaf: len(leaf.shape)),)
    outers = tuple(i for i in range(body.slots - carries - elements) if leaves[carries + elements + i] in reads)
    new = body_of(
        [*flow, *sums],
        [*(slot_of[box] for box in kept), *(leaves[carries + i] for i in read), *arrived],
        [leaves[carries + elements + i] for i in outers],
        outputs,
    )
    return Reverse(new, flowing, summed, kept, read, outers, sent)


def gradients_asked(
    body: Body, grad: Value, needs: tuple[bool, ...] | None
) -> tuple[tuple[Value, ...], tuple[bool, ...]]:
    """The gradients that arrive at the results of a body, and the slots that want one."""
    free = [slot.dtype.kind in "fc" for slot in body.leaves]
    wanted = free if needs is None else [a and b for a, b in zip(free, needs, strict=True)]
    return grad if isinstance(grad, tuple) else (grad,), tuple(wanted)


def values_of_steps(body: Body, kept: Sequence[Box], h: Value, again: Callable[[Body], Any]) -> list[Value]:
    """Values of each step, the carries before it among them: stacked by the loop, else by one that runs anew."""
    stacked = set(body.results[body.carries :])
    missing = [box for box in kept if box not in stacked]
    if missing:
        body = with_outputs(body, missing)
        h = again(body)
    places = {slot: body.carries + i for i, slot in enumerate(body.results[body.carries :])}
    return [h[places[box]] for box in kept]


def by_child(body: Body, reverse: Reverse, result: Value, wanted: tuple[bool, ...]) -> tuple[Value, ...]:
    """What a reverse loop returns, child by child of the forward one."""
    count = len(reverse.body.results)
    parts = [result] if count == 1 else [result[i] for i in range(count)]
    outers = body.carries + body.elements
    places = [*reverse.flowing, *(outers + i for i in reverse.summed), *(body.carries + i for i in reverse.sent)]
    sent = dict(zip(places, parts, strict=True))
    return tuple([sent.get(i) if wanted[i] else None for i in range(body.slots)])


def _slot(kind: type[CarryInput], like: Box) -> Box:
    return kind(shape=like.shape, dtype=like.dtype)


def gradients_of(outputs: Sequence[Box], wrt: Sequence[Box], arriving: Sequence[Box]) -> list[Box]:
    """Gradients as a bprop receives and sends them: the conjugates of those that a user sees."""
    sent = gradients(outputs, wrt, [_conjugate(box) for box in arriving], unused="zeros")
    return [_conjugate(gradient) for gradient in sent]


def _conjugate(box: Box) -> Box:
    conjugate: Any = np.conjugate(cast(Any, box)) if box.dtype.kind == "c" else box
    return cast(Box, conjugate)
