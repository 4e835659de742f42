"""The backward pass over the tape of a function that is called: in numbers, or on its boxes for further derivatives."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.arrays import again, array_of
from flowgraph.box.node import running
from flowgraph.box.results import refuse_failure
from flowgraph.box.tape import Tape, refuse_stranger
from flowgraph.boxes.elementwise.complex_numbers import conjugate_if_complex
from flowgraph.derivatives.bprop_on_boxes import as_box, on_boxes, seed_of
from flowgraph.derivatives.opaque import BpropOf
from flowgraph.errors import BpropError, DtypeError, FlowgraphError, NotDifferentiableError, ShapeError, UsageError
from flowgraph.graph.feeding import refuse_without_grad
from flowgraph.graph.passes import Edge, add_gradient, guard_values, reader, step_of, sweep, wrong_count
from flowgraph.graph.steps import derived_bprop, refuse_underived
from flowgraph.graph.topology import debugging
from flowgraph.graph.where_masking import checked_sweep, mask_untaken
from flowgraph.shapes.spec import shape_text

_ARRAY, _NUMBER = np.ndarray, np.float64


def gradients_in_numbers(
    tape: Tape, outputs: Sequence[Box], wrt: Sequence[Box], grads: Sequence[Value], differences: bool = False
) -> list[Any]:
    """The gradient of the sum over outputs of <grad, output>, by one pass over the tape.

    Parameters
    ----------
    tape : Tape
        That of the call.
    outputs : sequence of Box
        What is differentiated, boxes of the call.
    wrt : sequence of Box
        The arguments by which.
    grads : sequence of array, box or None
        What arrives at each output; None is 1 at a scalar.
    differences : bool
        Whether a `bprop` that does not run on boxes is differentiated by difference quotients; else it is refused.

    Returns
    -------
    list of ndarray
        Of the shapes and dtypes of `wrt`; zeros where no output depends on it.

    Raises
    ------
    BpropError
        If a gradient arrives at a box of the call that is not on the tape: it would else be lost in silence.
    """
    token = running.set(None)
    try:
        seeds: dict[Any, Any] = {}
        for output, grad in zip(outputs, grads, strict=True):
            if tape.value_of(output) is None:
                refuse_stranger(tape.unknown(output))
            if output.__dict__.get("mark") is tape.needed:
                seed = conjugate_if_complex(_seed_array(tape, output, grad))
                add_gradient(seeds, output, seed)
        try:
            arrived = sweep_tape(tape, seeds, wrt, differences)
        except (FloatingPointError, RuntimeWarning) as error:
            arrived = again(error, sweep_tape, tape, seeds, wrt, differences)
    finally:
        running.reset(token)
    return [
        np.zeros(box.shape, box.dtype) if grad is None else conjugate_if_complex(grad)
        for box, grad in zip(wrt, arrived, strict=True)
    ]


def _seed_array(tape: Tape, output: Box, grad: Value) -> Any:
    """What arrives at an output as an array of its shape: 1 at a scalar where nothing is given."""
    value = output.__dict__["computed"]
    if grad is None:
        refuse_without_grad(f"gradient: {output.title}", value.shape, value.dtype)
        return value.dtype.type(1)
    seed = tape.value_of(grad) if isinstance(grad, Box) else array_of("gradient: grad", grad, output.dtype)
    if seed.ndim != value.ndim and seed.ndim:
        raise ShapeError(
            f"gradient: grad= has the shape {shape_text(seed.shape)}, needs {shape_text(output.shape)} "
            f"of {output.title}"
        )
    if seed.dtype.kind == "c" and value.dtype.kind != "c":
        raise DtypeError(f"gradient: grad= has dtype {seed.dtype}, needs {output.dtype} of {output.title}")
    return seed if seed.shape == value.shape else np.broadcast_to(seed, value.shape)


def sweep_tape(tape: Tape, seeds: Mapping[Any, Any], wrt: Sequence[Box], differences: bool = False) -> list[Any]:
    """What arrives at each of `wrt`, None where nothing does; swept anew with masks where it is NaN."""
    if debugging():
        return _masked_sweep(tape, seeds, wrt, differences)
    grads = dict(seeds)
    box: Any = None
    try:
        for box, values, places in reversed(tape.recorded):
            if box in grads:
                if box.is_plain:
                    _send(box, grads.pop(box), values, places, grads)
                else:
                    _send_carefully(box, grads.pop(box), values, places, grads, differences)
    except Exception as error:
        if box is not None and not isinstance(error, FlowgraphError):
            refuse_failure(error, box, f"in bprop of {box.title}, built at {box.built_at}")
        raise
    lost = grads.keys() - set(wrt)
    if lost:
        raise _lost_error(lost.pop())
    arrived = [grads.get(box) for box in wrt]
    if any(grad is not None and _has_nan(grad) for grad in arrived):
        return _masked_sweep(tape, seeds, wrt, differences)
    return arrived


def _send(box: Any, grad: Any, values: Sequence[Any], places: Sequence[int], grads: dict[Any, Any]) -> None:
    """Send the gradient of a box of flowgraph's own to its children; called for each box, so that it has to be fast."""
    state = box.__dict__
    if box.takes_needs:
        needs = tuple([i in places for i in range(len(values))])
        parts = box.bprop(grad, state["computed"], *values, needs=needs)
    else:
        parts = box.bprop(grad, state["computed"], *values)
    if type(parts) is not tuple or len(parts) != len(values):
        raise wrong_count(box, parts)
    for i in places:
        child, part, value = state["children"][i], parts[i], values[i]
        if type(part) is not _NUMBER or type(value) is not _NUMBER:
            if type(part) is not _ARRAY or part.dtype is not value.dtype:
                part = Edge(box, i).settle_gradient(part, value)
            elif part.shape != value.shape:
                part = _sum_to(box, i, part, value)
        add_gradient(grads, child, part)


def _send_carefully(
    box: Any, grad: Any, values: Sequence[Any], places: Sequence[int], grads: dict[Any, Any], differences: bool
) -> None:
    """Send the gradient of any box to its children, as a graph does: user's code, derived bprops, what is refused."""
    children = box.children
    places = _places(box, {children[i] for i in places})
    parts = _bprop_of(box, places, differences)(grad, box.__dict__["computed"], *values)
    if type(parts) is not tuple or len(parts) != len(values):
        raise wrong_count(box, parts)
    for i in places:
        add_gradient(grads, children[i], Edge(box, i).settle_gradient(parts[i], values[i]))


def _lost_error(box: Box) -> BpropError:
    return BpropError(
        f"{box.title}: a gradient arrived at a box that the tape of this call does not hold, so that it would be "
        f"lost; this is a mistake of flowgraph's: please report it\n  built at {box.built_at}"
    )


def _sum_to(box: Box, place: int, part: Any, value: Any) -> Any:
    """A gradient summed over the axes along which a child was repeated; refused where it does not fit."""
    shape = value.shape
    extra = part.ndim - len(shape)
    if not box.by_element or extra < 0:
        return Edge(box, place).settle_gradient(part, value)
    if part.shape[extra:] == shape:
        return np.add.reduce(part, 0 if extra == 1 else tuple(range(extra)))
    repeated = [extra + i for i, size in enumerate(shape) if part.shape[extra + i] != size]
    if any(shape[i - extra] != 1 for i in repeated):
        return Edge(box, place).settle_gradient(part, value)
    return np.add.reduce(part, (*range(extra), *repeated), keepdims=True).reshape(shape)


def _places(box: Box, wanted: Any) -> list[int]:
    """The places of the wanted children to which a box sends a gradient; refused where that is not implemented."""
    if box.not_implemented_children:
        refuse_underived(box, wanted)
    never = box.constant
    return [i for i, child in enumerate(box.children) if child in wanted and not never[i]]


def _bprop_of(box: Box, places: Sequence[int], differences: bool = False) -> Callable[..., Any]:
    """The bprop of a box on arrays, as a graph calls it."""
    bprop: Callable[..., Any] = guard_values(box, box.bprop) if box.has_bprop else derived_bprop(box)
    if isinstance(box, BpropOf):
        bprop = functools.partial(bprop, differences=differences)
    if box.takes_needs and len(places) < len(box.children):
        bprop = functools.partial(bprop, needs=tuple([i in places for i in range(len(box.children))]))
    return bprop


def _masked_sweep(tape: Tape, seeds: Mapping[Any, Any], wrt: Sequence[Box], differences: bool) -> list[Any]:
    """The sweep with an exact 0 for branches that are not taken; in debug mode with its checks."""
    entries = []
    reached = set(seeds)
    for box, given, needed in reversed(tape.recorded):
        if box in reached:
            places = _places(box, {box.children[i] for i in needed})
            entries.append((box, given, box.__dict__["computed"], places))
            reached.update([box.children[i] for i in places])
    ends = {box: box.__dict__["computed"] for box in (*seeds, *wrt)}
    return _sweep_steps(entries, seeds, ends, wrt, differences)


def _sweep_steps(
    entries: Sequence[tuple[Box, Sequence[Any], Any, Sequence[int]]], seeds: Mapping[Any, Any], ends: Mapping[Any, Any],
    wrt: Sequence[Box], differences: bool, as_boxes: bool = False,
) -> list[Any]:  # fmt: skip
    """A sweep as a graph has it, parents before children, over boxes with the values that their bprop reads.

    `ends` are the values of outputs and of what is differentiated by; `as_boxes` says that all values are boxes.
    """
    slots: dict[Any, int] = {}
    values: list[Any] = []
    pairs = [pair for box, given, own, _ in entries for pair in (*zip(box.children, given, strict=True), (box, own))]
    for node, value in (*pairs, *ends.items()):
        if node not in slots:
            slots[node] = len(slots)
            values.append(value)
    steps = []
    for box, _, _, places in entries:
        children = [slots[child] for child in box.children]
        wanted = [(i, children[i]) for i in places]
        step = step_of(box, slots[box], _bprop_of(box, places, differences), reader(children), wanted)
        steps.append(on_boxes(step, differences) if as_boxes else step)
    grads: list[Any] = [None] * len(slots)
    for box, seed in seeds.items():
        grads[slots[box]] = seed
    if debugging() and not as_boxes:
        checked_sweep(cast(Any, _Names()), steps, values, grads)
    else:
        sweep(mask_untaken(steps, grads), values, grads)
    return [grads[slots[box]] for box in wrt]


class _Names:
    """What an error asks of a graph: the name of a box, which has none on a tape unless it was given one."""

    names: Any = property(lambda self: self)

    def __getitem__(self, box: Box) -> str:
        return box.name or box.symbol


def _has_nan(grad: Any) -> bool:
    if type(grad) is _NUMBER:
        return bool(grad != grad)
    square = np.vdot(grad, grad)
    return bool(square != square)


def gradients_on_tape(
    tape: Tape, outputs: Sequence[Box], wrt: Sequence[Box], grads: Sequence[Value], differences: bool
) -> list[Any] | None:
    """The gradients as boxes: the bprops on the boxes of a tape, which compute at once and are a tape again.

    None where a box has no value, as in the body of a loop, or does not depend on an argument: that is derived as any
    graph is.
    """
    if not all(map(tape.is_differentiated, wrt)) or any(tape.value_of(output) is None for output in outputs):
        return None
    seeds: dict[Any, Any] = {}
    for output, grad in zip(outputs, grads, strict=True):
        add_gradient(seeds, output, conjugate_if_complex(seed_of(output, grad)))
    start = min(box.__dict__.get("since", 0) for box in wrt)
    arrived = sweep_on_boxes(tape, seeds, wrt, start, differences)
    return [np.zeros_like(box) if g is None else conjugate_if_complex(g) for box, g in zip(wrt, arrived, strict=True)]


def sweep_on_boxes(
    tape: Tape, seeds: Mapping[Any, Any], wrt: Sequence[Box], start: int, differences: bool = False
) -> list[Any]:
    """What arrives at each of `wrt` by the bprops of what was recorded from `start` on; None where nothing does."""
    leads, entries = set(wrt), []
    for box, _, _ in tape.recorded[start:]:
        if not leads.isdisjoint(box.__dict__["children"]):
            leads.add(box)
            entries.append((box, _places(box, leads)))
    sent = dict(seeds)
    for box, places in reversed(entries):
        if box not in sent:
            continue
        parts = _parts_on_boxes(box, sent[box], places, differences)
        for i in places:
            child, part = box.children[i], parts[i]
            if not isinstance(part, Box) or part.dtype != child.dtype or part.shape != child.shape:
                part = Edge(box, i).settle_gradient(part, child)
            add_gradient(sent, child, part)
    arrived = [sent.get(box) for box in wrt]
    if any(_is_nan_on(tape, part) for part in arrived):
        steps = [(box, box.children, box, places) for box, places in reversed(entries) if box in sent]
        ends = {box: box for box in (*seeds, *wrt)}
        arrived = _sweep_steps(steps, seeds, ends, wrt, differences, as_boxes=True)
    return [None if part is None else as_box(part) for part in arrived]


def _parts_on_boxes(box: Box, grad: Any, places: Sequence[int], differences: bool) -> Any:
    """What the bprop of a box makes of boxes; where it needs arrays, boxes that call it on these."""
    children = box.children
    if box.is_plain:
        try:
            if box.takes_needs:
                return box.bprop(grad, box, *children, needs=tuple([i in places for i in range(len(children))]))
            return box.bprop(grad, box, *children)
        except (NotDifferentiableError, UsageError):  # a refusal: it needs numbers, such as those of sizes
            pass
    step = step_of(box, 0, _bprop_of(box, places), reader(range(len(children))), [(i, i) for i in places])
    return on_boxes(step, differences).bprop(grad, box, *children)


def _is_nan_on(tape: Tape, part: Any) -> bool:
    """Whether a gradient has a NaN; not one that has no value, or that did not arrive."""
    value = tape.value_of(part) if isinstance(part, Box) else part
    return value is not None and _has_nan(value)
