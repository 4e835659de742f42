"""The pass: what can be computed on shards of the batch becomes one box, which a back end runs in threads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from flowgraph.box import Box, Constant, Elementwise, Leaf
from flowgraph.box.leaves import Input
from flowgraph.boxes.engine.passing_on import Part as Output
from flowgraph.boxes.indexing.index import Index
from flowgraph.boxes.neural.label import PlacesOf
from flowgraph.boxes.shape.arrangement import Transpose
from flowgraph.boxes.shape.joining import Concatenate
from flowgraph.boxes.shape.reshaping import BroadcastTo, Reshape
from flowgraph.graph import Graph
from flowgraph.plan.rebuild import built_for, elements, named_after, of_nobody, of_shape, on_children, rebuild, shape_of
from flowgraph.plan.schedule import depths
from flowgraph.plan.shards.box import Body, Part, Sharded
from flowgraph.plan.shards.rules import NUMBERS, PARTIAL, BatchAxis, Way, Whole, shard_shape, way_of, way_to

# What of a graph can be computed shard by shard: where the batch lies in each value.


@dataclass
class Analysis:
    """The boxes that are computed in shards, and how.

    `ways` are those of the boxes in shards, `cuts` where the batch lies in leaves and in such boxes; `later` are boxes
    that read a sum over the batch, or that no shard can compute. All others are the same for all examples.
    """

    examples: int
    cuts: dict[Box, BatchAxis]
    ways: dict[Box, Way] = field(default_factory=dict)
    partial: list[Box] = field(default_factory=list)
    later: set[Box] = field(default_factory=set)

    def is_shared(self, box: Box) -> bool:
        """Whether the value is the same for all examples, and known before the shards are."""
        return box not in self.cuts and box not in self.ways and box not in self.later


def analyse_shards(graph: Graph, cuts: Mapping[Box, BatchAxis], examples: int) -> Analysis:
    """What can be computed in shards of the leaves that are cut so."""
    analysis = Analysis(examples, dict(cuts))
    for box in graph.boxes:
        if not box.children:
            continue
        if any(child in analysis.later or analysis.ways.get(child, _NONE).result is PARTIAL for child in box.children):
            analysis.later.add(box)
            continue
        of_children = [analysis.cuts.get(child) for child in box.children]
        if not any(of_children):
            continue
        way = way_of(box, of_children, examples)
        if way is None:
            analysis.later.add(box)
        else:
            analysis.ways[box] = way
            if isinstance(way.result, BatchAxis):
                analysis.cuts[box] = way.result
            else:
                analysis.partial.append(box)
    return analysis


_NONE = Way(BatchAxis(0), ())


def batches(given: Sequence[Box], leaves: Sequence[Box]) -> Iterator[tuple[dict[Box, BatchAxis], int]]:
    """Where the batch may lie in the leaves, and its size: along axes of one name, or along the first axes.

    `given` are the leaves as the user has them, with names for sizes. Whatever the choice, shards give the values of
    the whole; it decides how much can be computed in shards.
    """
    named = Counter(
        str(size) for box in given for size in box.shape if not isinstance(size, int) and str(size).isidentifier()
    )
    for name, _ in named.most_common(_MOST_NAMES):
        cuts = {}
        for box, leaf in zip(given, leaves, strict=True):
            axes = [axis for axis, size in enumerate(box.shape) if str(size) == name]
            if axes:
                cuts[leaf] = BatchAxis(axes[0])
        sizes = {shape_of(leaf)[cut.axis] for leaf, cut in cuts.items()}
        if len(sizes) == 1 and min(sizes) > 1:
            yield cuts, sizes.pop()
    first = Counter(shape_of(leaf)[0] for leaf in leaves if leaf.shape and shape_of(leaf)[0] > 1)
    for size, _ in first.most_common(1) if not named else ():
        yield {leaf: BatchAxis(0) for leaf in leaves if leaf.shape and leaf.shape[0] == size}, size


_MOST_NAMES = 2
"""Names of sizes that are tried, the most frequent first."""


# The graph of a shard of the batch, made of a part of the whole graph.

Reading = tuple[Box, BatchAxis | None]
"""A box of the whole graph that shards read, and where it is cut; None where each shard reads it whole."""


class ShardBuilder:
    """Makes the boxes of a shard of `rows` examples; `read` are the boxes that it has to be given, in their order."""

    def __init__(self, analysis: Analysis, rows: int) -> None:
        self.analysis = analysis
        self.rows = rows
        self.read: dict[Reading, Box] = {}
        self._made: dict[Reading, Box] = {}

    def of(self, boxes: Sequence[Box]) -> list[Box]:
        """What stands for boxes that are computed in shards; called with children before parents."""
        return [self._made[box, self.analysis.cuts.get(box)] for box in boxes]

    def make(self, box: Box) -> None:
        """Make the box that stands for one computed in shards; its children are made already."""
        way = self.analysis.ways[box]
        children = [
            Constant(np.arange(self.rows)) if need is NUMBERS else self._child(child, need)
            for child, need in zip(box.children, way.needs, strict=True)
        ]
        settings = {} if way.settings is None else dict(way.settings(self.rows))
        self._made[box, self.analysis.cuts.get(box)] = _rebuilt(box, children, settings)

    def _child(self, child: Box, need: BatchAxis | Whole | None) -> Box:
        assert not isinstance(need, Whole)
        if (child, need) in self._made:
            return self._made[child, need]
        cut = self.analysis.cuts.get(child)
        assert cut is None or (cut == need and isinstance(child, Leaf)), f"{child!r} is cut along {cut}, not {need}"
        made = self._share_or_make(child, need)
        self._made[child, need] = made
        return made

    def _share_or_make(self, box: Box, cut: BatchAxis | None) -> Box:
        """What is the same for all examples, cut or whole: made anew where that costs nothing, else given."""
        again = None
        if isinstance(box, Constant):
            again = self._constant(box, cut)
        elif box.children and self.analysis.is_shared(box):
            again = self._cheap(box) if cut is None else self._cut(box, cut)
        if again is not None:
            return again
        if (box, cut) not in self.read:
            self.read[box, cut] = self._leaf(box, cut)
        return self.read[box, cut]

    def _leaf(self, box: Box, cut: BatchAxis | None) -> Box:
        """What stands for a value that the shard is given: a leaf keeps its name, unless it is read in two ways."""
        shape = shape_of(box) if cut is None else shard_shape(shape_of(box), cut, self.rows)
        if box.children or isinstance(box, Constant) or any(read is box for read, _ in self.read):
            return of_nobody(Input("shared", shape=shape, dtype=box.dtype))
        return of_shape(box, shape)

    def _constant(self, box: Constant, cut: BatchAxis | None) -> Box | None:
        """The constant, or its first rows where all are the same."""
        if cut is None:
            return box
        first, *others = np.moveaxis(box.value, cut.axis, 0)
        if any(row.tobytes() != first.tobytes() for row in others):
            return None
        return Constant(box.value.take(range(self.rows * cut.inner), cut.axis))

    def _cheap(self, box: Box) -> Box | None:
        """The box, if it is a view or a number."""
        if isinstance(box, Transpose | Reshape | BroadcastTo) or (elements(box) == 1 and isinstance(box, Elementwise)):
            return on_children(box, [self._child(child, None) for child in box.children])
        return None

    def _cut(self, box: Box, cut: BatchAxis) -> Box | None:
        """A shard of what is repeated along the batch."""
        way = way_to(box, cut, self.analysis.examples) if is_repeated(box) else None
        if way is None:
            return None
        settings = {} if way.settings is None else dict(way.settings(self.rows))
        return _rebuilt(box, [self._child(box.children[0], way.needs[0])], settings)


def is_repeated(box: Box) -> bool:
    """Whether the value is made of one that is broadcast."""
    while len(box.children) == 1 and not isinstance(box, BroadcastTo):
        box = box.children[0]
    return isinstance(box, BroadcastTo)


def _rebuilt(box: Box, children: Sequence[Box], settings: dict[str, object]) -> Box:
    """The same operation on these children with some other settings, in the place of the box."""
    made = type(box)(*children, **{**box.setting_values(), **settings}) if settings else on_children(box, children)
    if made is not box:
        built_for(made, box)
        named_after(made, box)
    return made


# The pass: what can be computed on shards of the batch becomes one box, which a back end runs in threads.

_VIEWS = (Transpose, Reshape, BroadcastTo, PlacesOf)
"""Boxes that are made again outside, where others read them; the places of a shard count from its own first example."""


def shard_graph(graph: Graph, given: Sequence[Box], leaves: Sequence[Box], threads: int) -> Graph:
    """The graph in which a box computes what it can in a shard for each thread; the graph itself if that is nothing.

    `given` are the leaves as the user has them, with names for sizes.
    """
    if threads == 1:
        return graph
    for cuts, examples in batches(given, leaves):
        analysis = analyse_shards(graph, cuts, examples)
        wanted = _boxes_wanted(graph, analysis)
        boxes = _boxes_needed(wanted, analysis)
        if boxes:
            return _Split(graph, analysis, boxes, wanted, min(threads, examples)).graph
    return graph


def _boxes_wanted(graph: Graph, analysis: Analysis) -> list[Box]:
    """The boxes in shards that others read: outputs, and what is computed after the shards."""
    asked = {child for box in analysis.later for child in box.children} | set(graph.outputs)
    sources = set()
    for box in asked:
        source = _source(box, analysis)
        if source in analysis.ways:
            sources.add(source)
    return [box for box in graph.boxes if box in sources]


def _source(box: Box, analysis: Analysis) -> Box:
    """What has to be given by the shards, so that a box can be made of it outside."""
    while isinstance(box, _VIEWS) and box in analysis.ways:
        box = box.children[0]
    return box


def _boxes_needed(wanted: Sequence[Box], analysis: Analysis) -> list[Box]:
    """The boxes in shards that these are computed from, with them, children first."""
    needed: set[Box] = set()
    stack = list(wanted)
    while stack:
        box = stack.pop()
        if box in analysis.ways and box not in needed:
            needed.add(box)
            stack.extend(box.children)
    return [box for box in analysis.ways if box in needed]


class _Split:
    """The graph with a box in shards in the place of some of its boxes."""

    def __init__(
        self, graph: Graph, analysis: Analysis, boxes: Sequence[Box], wanted: Sequence[Box], count: int
    ) -> None:
        self.analysis = analysis
        self.boxes = boxes
        # The nearest first, as backpropagation comes to them: what they read can be dropped early.
        sums = sorted([box for box in wanted if box not in analysis.cuts], key=depths(graph).__getitem__)
        self.numbers = [box for box in sums if not box.shape]
        self.dtypes = list(dict.fromkeys(box.dtype for box in sums if box.shape))
        self.arrays = [[box for box in sums if box.shape and box.dtype == dtype] for dtype in self.dtypes]
        self.joined = [box for box in wanted if box in analysis.cuts]
        self.new: dict[Box, Box] = {}
        self._read_results(self._make_sharded(count))
        self.graph = rebuild(graph, self._outside, self.new.keys())

    def _make_sharded(self, count: int) -> Sharded:
        examples = self.analysis.examples
        starts = [examples * number // count for number in range(count)]
        whole, read = self._part(examples)
        rows = {stop - start for start, stop in zip(starts, [*starts[1:], examples], strict=True)}
        parts = {size: self._part(size)[0] for size in rows}
        joins = [None] * (len(self.numbers) + len(self.arrays)) + [self.analysis.cuts[box] for box in self.joined]
        body = Body(whole, starts, parts, [cut for _, cut in read], joins)
        return Sharded(*[box for box, _ in read], body=body)

    def _part(self, rows: int) -> tuple[Part, list[Reading]]:
        shard = ShardBuilder(self.analysis, rows)
        for box in self.boxes:
            shard.make(box)
        flat = [
            Concatenate(*[Reshape(array, to=(elements(array),)) for array in shard.of(arrays)], axis=0)
            for arrays in self.arrays
        ]
        results = [*shard.of(self.numbers), *flat, *shard.of(self.joined)]
        return Part(rows, list(shard.read.values()), Graph(*results)), list(shard.read)

    def _read_results(self, box: Sharded) -> None:
        """What stands outside for the boxes that are computed in shards."""
        outputs = [Output(box, index=i) for i in range(len(box.outputs))]
        results = iter(outputs)
        for old in self.numbers:
            self._stands(old, next(results))
        for arrays in self.arrays:
            flat, start = next(results), 0
            for old in arrays:
                stop = start + elements(old)
                self._stands(old, Reshape(Index(flat, index=(slice(start, stop),)), to=shape_of(old)))
                start = stop
        for old in self.joined:
            self._stands(old, next(results))

    def _outside(self, box: Box, children: tuple[Box, ...]) -> Box:
        """What stands for a box outside of the shards; what nobody reads there stays as it is."""
        if box in self.analysis.ways and not isinstance(box, _VIEWS):
            return self.new.get(box, box)
        return self.new[box] if box in self.new else on_children(box, children)

    def _stands(self, old: Box, new: Box) -> None:
        built_for(new, old)
        named_after(new, old)
        self.new[old] = new
