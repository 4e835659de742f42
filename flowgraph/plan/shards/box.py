"""The box of what is computed on shards of the batch, each in a thread of its own, and how they run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from flowgraph.box import Array, Box, Constant, Value
from flowgraph.boxes.engine.passing_on import TUPLES_OF_ONE
from flowgraph.boxes.engine.passing_on import Part as Output
from flowgraph.graph import Graph
from flowgraph.graph.passes import forward
from flowgraph.graph.table import total_flops
from flowgraph.plan.binding import Memory, bind_alone
from flowgraph.plan.blas import one_thread
from flowgraph.plan.numpy.rules import Writes, call_for
from flowgraph.plan.numpy.threads import in_threads
from flowgraph.plan.rebuild import elements
from flowgraph.plan.shards.rules import BatchAxis
from flowgraph.plan.store import align_size, aligned_bytes
from flowgraph.shapes.size import Shape
from flowgraph.shapes.spec import Spec


@dataclass(eq=False)
class Part:
    """The graph of a shard of so many examples, and its leaves in the order of what it is given."""

    rows: int
    leaves: Sequence[Box]
    graph: Graph


@dataclass(eq=False)
class Body:
    """What a box in shards computes.

    `reads` says where each child is cut, None for one that all shards read whole; `joins` where the shards of each
    output lie behind one another, None for an output that is the sum of theirs. `whole` is the graph of the whole
    batch, `starts` the first example of each shard, `parts` the graphs of shards by their number of examples, and
    `programs` what a back end has made of these; `program_of` makes one of another.
    """

    whole: Part
    starts: Sequence[int]
    parts: Mapping[int, Part]
    reads: Sequence[BatchAxis | None]
    joins: Sequence[BatchAxis | None]
    programs: dict[int, Any] = field(default_factory=dict)
    program_of: Callable[[Part], Any] | None = None

    @property
    def shards(self) -> list[tuple[int, int]]:
        """The first example of each shard, and the one behind its last."""
        return list(zip(self.starts, [*self.starts[1:], self.whole.rows], strict=True))


class Sharded(Box):
    """Sums over the batch, and values with a batch, of which each shard of the batch computes its part.

    h = (Σ over the shards of theirs, …, theirs one behind the other, …)

    Plans make it: a back end runs the graph of a shard in a thread for each of them. Its fprop computes the whole batch
    at once, box by box.
    """

    body: Body

    symbol = "in shards"
    public = False
    examples = None  # it holds a graph; tests/plan/test_pieces.py tests it with those of networks

    def fprop(self, *values: Value) -> Value:
        """All results, of the whole batch."""
        part = self.body.whole
        graph = part.graph
        held: list[Any] = [box.value[()] if isinstance(box, Constant) else None for box in graph.boxes]
        for leaf, value in zip(part.leaves, values, strict=True):
            if leaf in graph.slots:
                held[graph.slots[leaf]] = np.asarray(value)[()]
        slots = [graph.slots[output] for output in graph.outputs]
        forward(graph, graph.fsteps(frozenset(slots)), held)
        return tuple([held[slot] for slot in slots])

    def infer_from_children(self) -> Spec | Sequence[Spec]:
        """Those of the results."""
        return [output.spec for output in self.body.whole.graph.outputs]

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """Those of the boxes of the whole batch; None where one of them is not known."""
        total = total_flops([(box, 1) for box in self.body.whole.graph.boxes])
        return total.known if total.complete else None


TUPLES_OF_ONE.add(Sharded)


def cut_of(value: Array, cut: BatchAxis | None, start: int, stop: int) -> Array:
    """The part of a value that a shard reads."""
    if cut is None:
        return value
    return value[(slice(None),) * cut.axis + (slice(start * cut.inner, stop * cut.inner),)]


# Shards of a batch in threads: each runs the program of a shard in memory of its own, and the sums are added.


def bytes_of_shards(box: Sharded) -> int:
    """Bytes of the memory of all shards, and of their results."""
    programs = box.body.programs
    of_shards = sum(align_size(programs[stop - start].bytes) for start, stop in box.body.shards)
    return of_shards + sum(
        align_size(elements(output) * output.dtype.itemsize) for output in box.body.whole.graph.outputs
    )


class Running:
    """The function of a box in shards, in the memory of a plan from some byte on."""

    def __init__(self, box: Sharded, memory: Memory, start: int) -> None:
        self.box = box
        self.shards = box.body.shards
        self.memory = memory
        self.whole: Callable[..., Any] | None = None
        self._next = start
        self.functions = self._bind_functions()
        self.results = [self._result(number) for number in range(len(box.outputs))]
        self.targets = [self._targets(*shard) for shard in self.shards]
        self.of_shards: list[Sequence[Any]] = [()] * len(self.shards)
        self.shares = [[number] for number in range(len(self.shards))]

    def _bind_functions(self) -> list[Callable[..., Any]]:
        sizes = [stop - start for start, stop in self.shards]
        made: dict[int, list[Callable[..., Any]]] = {}
        for size, program in self.box.body.programs.items():
            arenas = [self._bytes(program.bytes) for rows in sizes if rows == size]
            made[size] = bind_alone(program, arenas, self.memory.store)
        return [made[size].pop() for size in sizes]

    def _bytes(self, size: int) -> Array:
        start, self._next = self._next, self._next + align_size(size)
        return self.memory.arena[start : start + size]

    def _result(self, number: int) -> Array:
        spec = self.box.outputs[number]
        output = self.box.body.whole.graph.outputs[number]
        return self._bytes(elements(output) * spec.dtype.itemsize).view(spec.dtype).reshape(spec.shape)

    def _targets(self, start: int, stop: int) -> list[tuple[int, Array]]:
        """The places where a shard writes results that have a batch."""
        joins = enumerate(self.box.body.joins)
        return [(i, cut_of(self.results[i], cut, start, stop)) for i, cut in joins if cut is not None]

    def __call__(self, *values: Any) -> tuple[Any, ...]:
        """The results for these values of the children.

        Where a shard fails, the whole batch is computed at once, as without shards: that raises the error which the
        user knows, with its places and shapes.
        """
        try:
            with one_thread:
                in_threads(partial(self._work, values), self.shares)
            return self._sum_results()
        except Exception:
            self.of_shards = [()] * len(self.shards)
        return self._at_once(values)

    def _at_once(self, values: Sequence[Any]) -> tuple[Any, ...]:
        if self.whole is None:
            body = self.box.body
            assert body.program_of is not None
            program = body.program_of(body.whole)
            (self.whole,) = bind_alone(program, [aligned_bytes(program.bytes)], self.memory.store)
        results: tuple[Any, ...] = self.whole(*values)
        return results

    def _work(self, values: Sequence[Any], numbers: Sequence[int]) -> None:
        for number in numbers:
            start, stop = self.shards[number]
            given = [cut_of(value, cut, start, stop) for value, cut in zip(values, self.box.body.reads, strict=True)]
            self.of_shards[number] = results = self.functions[number](*given)
            for place, target in self.targets[number]:
                np.copyto(target, results[place])

    def _sum_results(self) -> tuple[Any, ...]:
        first, second, *others = self.of_shards
        results: list[Any] = list(self.results)
        for place, cut in enumerate(self.box.body.joins):
            if cut is not None:
                continue
            if self.box.outputs[place].shape:
                total = np.add(first[place], second[place], results[place])
                for results_of_shard in others:
                    np.add(total, results_of_shard[place], total)
            else:
                results[place] = sum(
                    (results_of_shard[place] for results_of_shard in others), first[place] + second[place]
                )
        return tuple(results)


def _bind(writer: Writes, box: Sharded, texts: Sequence[str], name: str) -> list[str]:
    """The function that runs the shards, and its arguments."""
    return [writer.source.bind_new("sharded", running_in, box, writer.plan.buffers[box].start), *texts]


def running_in(memory: Memory, box: Sharded, start: int) -> Running:
    """What runs the shards of a box, whose results begin at that byte."""
    return Running(box, memory, start)


@call_for(Sharded, operands=_bind)
def _text_of_call(box: Sharded, names: Sequence[str]) -> str:
    return f"{names[0]}({', '.join(names[1:])})"


@call_for(Output, when=lambda box: isinstance(box.children[0], Sharded))
def _output(box: Output, names: Sequence[str]) -> str:
    return f"{names[0]}[{box.index}]"


def text_of_shards(box: Sharded) -> str:
    """The source of the functions of the shards, for people to read."""
    body = box.body
    texts = []
    for rows, program in body.programs.items():
        places = " and ".join(f"{start} to {stop - 1}" for start, stop in body.shards if stop - start == rows)
        texts.append(f"\n# sharded, a thread for each shard: examples {places}\n{program.text}")
    return "".join(texts)
