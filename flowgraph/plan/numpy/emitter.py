"""The back end of NumPy: straight-line calls on buffers, in Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from flowgraph.box import Box
from flowgraph.boxes.shape.joining import Concatenate
from flowgraph.graph import Graph
from flowgraph.plan.arena import lay_out
from flowgraph.plan.binding import Program
from flowgraph.plan.emitter import Request
from flowgraph.plan.new_values import nearest_first, with_new_values
from flowgraph.plan.numpy import pooling as pooling
from flowgraph.plan.numpy import sparse_rows as sparse_rows
from flowgraph.plan.numpy.emit import Source, Writer, emit
from flowgraph.plan.numpy.lines import is_written
from flowgraph.plan.passes.flat_parameters import flatten_parameters
from flowgraph.plan.passes.lookups import keep_rows
from flowgraph.plan.passes.simplify import simplify
from flowgraph.plan.passes.sparse_rows import add_at_rows
from flowgraph.plan.schedule import FindChains, FlatParameters, Schedule, schedule


class NumPyEmitter:
    """Needs nothing but NumPy, and computes every graph: what has no line is a call of its fprop."""

    name: ClassVar[str] = "numpy"
    standalone: ClassVar[bool] = False
    fused: FindChains | None = None

    def why_missing(self) -> None:
        """NumPy is always there."""

    def has_rule(self, box: Box) -> bool:
        """Whether there is a line for the box."""
        return is_written(box)

    def schedule(self, request: Request) -> Schedule:
        """All passes; the boxes that new values, and joined arrays, are computed from come as early as they can."""
        without, parameters = request.without, request.store.parameters
        small = simplify(request.graph, without, len(parameters))
        if "sparse_rows" not in without:
            small = keep_rows(small, "common" not in without)
        small, flat = (
            flatten_parameters(small, request.store) if "flat_parameters" not in without else (small, FlatParameters())
        )
        if "sparse_rows" not in without:
            small = add_at_rows(small, dict(zip(parameters, small.outputs[request.returned :], strict=True)))
        whole = with_new_values(small, parameters, flat)
        kept, new = whole.outputs[: request.returned], whole.outputs[request.returned :]
        parts = [child for box in whole.boxes if isinstance(box, Concatenate) for child in box.children]
        early = nearest_first(whole, [*new, *parts])
        graph = Graph(*kept, *nearest_first(whole, new), along=(*nearest_first(whole, kept), *early))
        tiles, updated = "tiling" not in without, dict(zip(parameters, new, strict=True))
        return schedule(graph, updated, tiles, flat, ordered=True, fused=self.fused)

    def emit(
        self, request: Request, schedule: Schedule, writer: Callable[[Schedule, Source], Writer] = Writer
    ) -> Program:
        """The lines; the text is what runs."""
        kept = schedule.graph.outputs[: request.returned]
        source = emit(schedule, [*request.leaves, *request.reads], kept, writer)
        buffers = {id(buffer): buffer for buffer in schedule.buffers.values() if buffer.is_own and not buffer.tile}
        copied = tuple([schedule.kinds[box] != "number" for box in kept])
        return Program(source.text, source.text, source.bindings, lay_out(buffers.values()), copied)
