"""Boxes of loops made of bodies, also for every row of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.boxes.engine.passing_on import Part
from flowgraph.derivatives.batching import lift_child, over_rows, row_by_row, rule_for
from flowgraph.errors import FlowgraphError
from flowgraph.loops.body import Body, body_of, fit_body, known_of, replace_boxes, with_outputs
from flowgraph.loops.boxes import Scan, While
from flowgraph.loops.reverse import reverse_of
from flowgraph.plan.passes.inlining import fewer_for

# A loop of a traced body: the box, with the carries stacked that its gradient reads.


def loop_body(body: Body, children: Sequence[Any], length: int | None, reverse: bool) -> list[Any]:
    """The last carries and what the body stacks: boxes, or arrays where all children are arrays."""
    count = len(body.results)
    keeping = keeping_of(body) if any(isinstance(c, Box) for c in children) else body
    loop = Scan.apply(*children, body=keeping, length=length, reverse=reverse)
    return [loop] if len(keeping.results) == 1 else [loop[i] for i in range(count)]


@fewer_for(Scan)
@fewer_for(While)
def _of_outputs_read(box: Scan | While, places: Set[int]) -> Mapping[int, Box]:
    """The loop that stacks what is read; all carries go through it anyway."""
    body = box.body
    kept = tuple([i for i in range(len(box.outputs)) if i < body.carries or i in places])
    settings, results = body.setting_values(), [body.results[i] for i in kept]
    fewer = known_of(body, ("outputs", kept), lambda: Body(*body.leaves, *results, **settings))
    loop: Any = box
    if len(kept) < len(box.outputs):
        loop = type(box)(*box.children, **{**box.setting_values(), "body": fewer})
    return {i: loop if len(kept) == 1 else loop[place] for place, i in enumerate(kept)}


def keeping_of(body: Body, counted: bool = False) -> Body:
    """The body that stacks the carries which its reverse reads; a body that has none stacks nothing more."""
    return known_of(body, ("keeping", counted), lambda: _keeping(body, counted))


def _keeping(body: Body, counted: bool) -> Body:
    free = tuple([slot.dtype.kind in "fc" for slot in body.leaves])
    arriving = tuple([result.dtype.kind in "fc" for result in body.results[body.carries :]])
    try:
        kept = reverse_of(body, arriving, free, counted).kept
    except FlowgraphError:  # said by whoever asks for the gradient
        return body
    return with_outputs(body, [box for box in kept if box not in set(body.results[body.carries :])])


# Loops over rows: the body runs for all rows at once, as `functional.vmap` and Jacobians ask.


@rule_for(Scan)
def _scan(box: Scan, mapped: Mapping[Box, Box], some: Box) -> Any:
    """The loop over all rows; in what its body stacks, the steps come first, and then the rows."""
    body = fit_body(box.body, box.of_step([child.spec for child in box.children]))
    inner = body.carries + body.elements
    carries = [lift_child(child, mapped, some) for child in box.children[: body.carries]]
    read: Any = mapped
    elements = [np.swapaxes(read[c], 0, 1) if c in mapped else c for c in box.children[body.carries : inner]]
    outers = [mapped.get(child, child) for child in box.children[inner:]]
    rows = _leaves_in_rows(body, box.children, mapped, some)
    leaves = [rows.get(leaf, leaf) for leaf in body.leaves]
    new = body_of(leaves[: body.carries], leaves[body.carries : inner], leaves[inner:], over_rows(body.results, rows))
    settings = {**box.setting_values(), "body": keeping_of(new)}
    loop = Scan(*carries, *elements, *outers, **settings)
    return _rows_first(loop, body, 0) if len(box.outputs) == 1 else loop


@rule_for(Scan, of_parts=True)
def _part_of_scan(box: Part, mapped: Mapping[Box, Box], some: Box) -> Any:
    (whole,) = box.children
    return _rows_first(mapped[whole], whole.body, box.index)


def _rows_first(loop: Any, body: Body, index: int) -> Any:
    """One output of a loop over rows, with the rows before the steps."""
    output = loop if len(loop.outputs) == 1 else Part(loop, index=index)
    return output if index < body.carries else np.swapaxes(output, 0, 1)


@rule_for(While)
def _while(box: While, mapped: Mapping[Box, Box], some: Box) -> Any:
    """The loop goes on while the condition holds for any row, and a row for which it does not keeps its carries.

    It stacks nothing: what each row stacks has a length of its own.
    """
    specs = [child.spec for child in box.children]
    body, condition = fit_body(box.body, specs), fit_body(box.condition, specs)
    carries = [lift_child(child, mapped, some) for child in box.children[: body.carries]]
    outers = [mapped.get(child, child) for child in box.children[body.carries :]]
    rows = _leaves_in_rows(body, box.children, mapped, some)
    paired = list(zip(body.leaves, condition.leaves, strict=True))
    asked = replace_boxes(condition.results, {other: leaf for leaf, other in paired if leaf is not other})
    (holds,) = over_rows(asked, rows)
    new = over_rows(body.results[: body.carries], rows)
    leaves = [rows.get(leaf, leaf) for leaf in body.leaves]
    slots = leaves[: body.carries], (), leaves[body.carries :]
    kept = [_where(holds, after, before) for after, before in zip(new, leaves, strict=False)]
    loop: Any = While(
        *carries,
        *outers,
        body=keeping_of(body_of(*slots, kept), counted=True),
        condition=body_of(*slots, [np.any(holds)]),  # type: ignore[list-item]
        max_steps=box.max_steps,
    )
    return loop[0] if len(box.outputs) == 1 < len(loop.outputs) else loop


@rule_for(While, of_parts=True)
def _part_of_while(box: Part, mapped: Mapping[Box, Box], some: Box) -> Any:
    (whole,) = box.children
    loop: Any = mapped[whole]
    if box.index < whole.body.carries:
        return loop if len(loop.outputs) == 1 else Part(loop, index=box.index)
    return Part(row_by_row(whole, mapped), index=box.index)


def _leaves_in_rows(body: Body, children: Sequence[Box], mapped: Mapping[Box, Box], some: Box) -> dict[Box, Box]:
    """A leaf with an axis of rows for each carry, and for each slot whose value outside the loop has one."""
    count = some.shape[0]
    return {
        leaf: type(leaf)(shape=(count, *leaf.shape), dtype=leaf.dtype)
        for place, (leaf, child) in enumerate(zip(body.leaves, children, strict=True))
        if place < body.carries or child in mapped
    }


def _where(holds: Any, after: Any, before: Any) -> Any:
    return np.where(np.expand_dims(holds, tuple(range(1, len(before.shape)))), after, before)
