"""The back end of NumPy: straight-line calls on buffers, in Python."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ClassVar

from flowgraph.box import Box
from flowgraph.boxes.indexing.index import IndexAdd
from flowgraph.boxes.shape.joining import Concatenate
from flowgraph.graph import Graph
from flowgraph.plan.binding import Program
from flowgraph.plan.emitter import Request
from flowgraph.plan.numpy import selection as selection
from flowgraph.plan.numpy import short_rows as short_rows
from flowgraph.plan.numpy import sparse_rows as sparse_rows
from flowgraph.plan.numpy import windows as windows
from flowgraph.plan.numpy.emit import Source, Writer, emit
from flowgraph.plan.numpy.lines import is_written
from flowgraph.plan.numpy.windows import give_scratch
from flowgraph.plan.passes.flat_parameters import flatten_parameters
from flowgraph.plan.passes.simplify import has_all, simplify
from flowgraph.plan.passes.sparse_rows import add_at_rows, keep_rows
from flowgraph.plan.schedule import (
    Buffer,
    FindKernels,
    FlatParameters,
    Schedule,
    depths,
    lay_out,
    schedule,
    with_new_values,
)
from flowgraph.plan.shards.box import Part, Sharded, bytes_of_shards, text_of_shards
from flowgraph.plan.shards.split import shard_graph
from flowgraph.plan.store import Store


class NumPyEmitter:
    """Needs nothing but NumPy, and computes every graph: what has no line is a call of its fprop."""

    name: ClassVar[str] = "numpy"
    standalone: ClassVar[bool] = False
    shared: ClassVar[bool] = True
    fused: FindKernels | None = None

    def why_missing(self) -> None:
        """NumPy is always there."""

    def has_rule(self, box: Box) -> bool:
        """Whether there is a line for the box."""
        return is_written(box)

    def schedule(self, request: Request) -> Schedule:
        """All passes; the boxes that new values, and joined arrays, are computed from come as early as they can."""
        without, parameters = request.without, request.store.parameters
        graph = shard_graph(request.graph, request.given, request.leaves, request.threads)
        self._make_programs(graph, request)
        own = request.own if graph is request.graph else ()  # what shards are compiled of later stays as it is
        small = simplify(graph, without, len(parameters), own)
        if "sparse_rows" not in without and has_all(small, (IndexAdd,)):
            small = keep_rows(small, "common" not in without)
        small, flat = (
            flatten_parameters(small, request.store) if "flat_parameters" not in without else (small, FlatParameters())
        )
        if "sparse_rows" not in without:
            small = add_at_rows(small, dict(zip(parameters, small.outputs[request.returned :], strict=True)))
        whole = with_new_values(small, parameters, flat)
        kept, new = whole.outputs[: request.returned], whole.outputs[request.returned :]
        parts = [child for box in whole.boxes if isinstance(box, Concatenate) for child in box.children]
        depth = depths(whole).__getitem__
        along = (*sorted(kept, key=depth), *sorted([*new, *parts], key=depth))
        graph = Graph(*kept, *sorted(new, key=depth), along=along)
        plan = schedule(graph, dict(zip(parameters, new, strict=True)), flat, ordered=True, fused=self.fused)
        for line, box in enumerate(graph.boxes):
            if isinstance(box, Sharded):
                plan.buffers[box] = Buffer(bytes_of_shards(box), line, plan.last[box])
        give_scratch(plan)
        return plan

    def _make_programs(self, graph: Graph, request: Request) -> None:
        """Compile what boxes compute in shards."""
        for box in graph.boxes:
            if isinstance(box, Sharded):
                box.body.program_of = functools.partial(self._program, request.without)
                box.body.programs.update({rows: box.body.program_of(part) for rows, part in box.body.parts.items()})

    def _program(self, without: frozenset[str], part: Part) -> Program:
        """The program of a shard of the batch, which neither reads nor writes parameters of a store."""
        request = Request(part.graph, Store({}), part.leaves, (), without, part.leaves)
        return self.write_program(request, self.schedule(request))

    def emit(self, request: Request, schedule: Schedule) -> Program:
        """The lines; the text is what runs."""
        return self.write_program(request, schedule)

    def write_program(
        self, request: Request, schedule: Schedule, writer: Callable[[Schedule, Source], Writer] = Writer
    ) -> Program:
        """The lines of a plan, or of a shard of the batch in it, by the writer that is made for a schedule."""
        kept = schedule.graph.outputs[: request.returned]
        buffers = {id(buffer): buffer for buffer in schedule.buffers.values() if buffer.is_own}
        buffers.update({id(buffer): buffer for buffer in schedule.scratch.values()})
        size = lay_out(buffers.values())
        source = emit(schedule, [*request.leaves, *request.reads], kept, writer)
        copied = tuple([schedule.kinds[box] != "number" for box in kept])
        inside = "".join(text_of_shards(box) for box in schedule.graph.boxes if isinstance(box, Sharded))
        return Program(source.text + inside, source.text, source.bindings, size, copied)
