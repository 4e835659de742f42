"""A loop of a traced body: the box, with the carries stacked that its gradient reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

from flowgraph.box import Box
from flowgraph.errors import FlowgraphError
from flowgraph.loops.body import Body, known_of, with_outputs
from flowgraph.loops.reverse import reverse_of
from flowgraph.loops.scan_box import Scan
from flowgraph.loops.while_box import While
from flowgraph.plan.passes.unread import fewer_for


def looped(body: Body, children: Sequence[Any], length: int | None, reverse: bool) -> list[Any]:
    """The last carries and what the body stacks: boxes, or arrays where all children are arrays."""
    count = len(body.results)
    keeping = keeping_of(body) if any(isinstance(c, Box) for c in children) else body
    found = Scan.apply(*children, body=keeping, length=length, reverse=reverse)
    return [found] if len(keeping.results) == 1 else [found[i] for i in range(count)]


@fewer_for(Scan)
@fewer_for(While)
def _of_outputs_read(box: Scan | While, places: Set[int]) -> Mapping[int, Box]:
    """The loop that stacks what is read; all carries go through it anyway."""
    body = box.body
    kept = tuple([i for i in range(len(box.outputs)) if i < body.carries or i in places])
    settings, results = body.setting_values(), [body.results[i] for i in kept]
    fewer = known_of(body, ("outputs", kept), lambda: Body(*body.leaves, *results, **settings))
    found: Any = box
    if len(kept) < len(box.outputs):
        found = type(box)(*box.children, **{**box.setting_values(), "body": fewer})
    return {i: found if len(kept) == 1 else found[place] for place, i in enumerate(kept)}


def keeping_of(body: Body, counted: bool = False) -> Body:
    """The body that stacks the carries which its reverse reads; a body that has none stacks nothing more."""
    return known_of(body, ("keeping", counted), lambda: _keeping(body, counted))


def _keeping(body: Body, counted: bool) -> Body:
    free = tuple([slot.dtype.kind in "fc" for slot in body.leaves])
    arriving = tuple([one.dtype.kind in "fc" for one in body.results[body.carries :]])
    try:
        kept = reverse_of(body, arriving, free, counted).kept
    except FlowgraphError:  # said by whoever asks for the gradient
        return body
    return with_outputs(body, [box for box in kept if box not in set(body.results[body.carries :])])
