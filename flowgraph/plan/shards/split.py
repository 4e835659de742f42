"""The pass: what can be computed on pieces of the batch becomes one box, which a back end runs in threads."""

from __future__ import annotations

from collections.abc import Sequence

from flowgraph.box import Box
from flowgraph.boxes.engine.passing_on import Part as Output
from flowgraph.boxes.indexing.index import Index
from flowgraph.boxes.neural.label import PlacesOf
from flowgraph.boxes.shape.arrangement import Transpose
from flowgraph.boxes.shape.joining import Concatenate
from flowgraph.boxes.shape.reshaping import BroadcastTo, Reshape
from flowgraph.graph import Graph
from flowgraph.plan.new_values import nearest_first
from flowgraph.plan.provenance import built_for, named_after
from flowgraph.plan.rebuild import elements, on_children, shape_of
from flowgraph.plan.shards import network_rules as network_rules
from flowgraph.plan.shards.analysis import Analysis, analysed, batches
from flowgraph.plan.shards.box import Body, InPieces, Part
from flowgraph.plan.shards.gain import pieces_of
from flowgraph.plan.shards.pieces import Piece, Reading

_VIEWS = (Transpose, Reshape, BroadcastTo, PlacesOf)
"""Boxes that are made again outside, where others read them; the places of a piece count from its own first example."""


def in_pieces(graph: Graph, given: Sequence[Box], leaves: Sequence[Box]) -> Graph:
    """The graph in which a box computes, piece by piece, what it gains to split; the graph itself if that is nothing.

    `given` are the leaves as the user has them, with names for sizes.
    """
    for cuts, examples in batches(given, leaves):
        analysis = analysed(graph, cuts, examples)
        wanted = _wanted(graph, analysis)
        boxes = _needed(wanted, analysis)
        count = pieces_of(boxes, analysis, [box for box in wanted if box in analysis.cuts])
        if count > 1:
            return _Split(graph, analysis, boxes, wanted, count).graph
    return graph


def _wanted(graph: Graph, analysis: Analysis) -> list[Box]:
    """The boxes in pieces that others read: outputs, and what is computed after the pieces."""
    asked = {child for box in analysis.later for child in box.children} | set(graph.outputs)
    found = set()
    for box in asked:
        source = _source(box, analysis)
        if source in analysis.ways:
            found.add(source)
    return [box for box in graph.boxes if box in found]


def _source(box: Box, analysis: Analysis) -> Box:
    """What has to be given by the pieces, so that a box can be made of it outside."""
    while isinstance(box, _VIEWS) and box in analysis.ways:
        box = box.children[0]
    return box


def _needed(wanted: Sequence[Box], analysis: Analysis) -> list[Box]:
    """The boxes in pieces that these are computed from, with them, children first."""
    found: set[Box] = set()
    stack = list(wanted)
    while stack:
        box = stack.pop()
        if box in analysis.ways and box not in found:
            found.add(box)
            stack.extend(box.children)
    return [box for box in analysis.ways if box in found]


class _Split:
    """The graph with a box in pieces in the place of some of its boxes."""

    def __init__(
        self, graph: Graph, analysis: Analysis, boxes: Sequence[Box], wanted: Sequence[Box], count: int
    ) -> None:
        self.analysis = analysis
        self.boxes = boxes
        # The nearest first, as backpropagation comes to them: what they read can be dropped early.
        sums = nearest_first(graph, [box for box in wanted if box not in analysis.cuts])
        self.numbers = [box for box in sums if not box.shape]
        self.dtypes = list(dict.fromkeys(box.dtype for box in sums if box.shape))
        self.arrays = [[box for box in sums if box.shape and box.dtype == dtype] for dtype in self.dtypes]
        self.joined = [box for box in wanted if box in analysis.cuts]
        self.new: dict[Box, Box] = {}
        self._read_results(self._made(count))
        for box in graph.boxes:
            if box in analysis.later:
                self.new[box] = self._on(box)
        self.graph = Graph(*[self._outside(box) for box in graph.outputs])

    def _made(self, count: int) -> InPieces:
        examples = self.analysis.examples
        starts = [examples * number // count for number in range(count)]
        whole, read = self._part(examples)
        rows = {stop - start for start, stop in zip(starts, [*starts[1:], examples], strict=True)}
        parts = {size: self._part(size)[0] for size in rows}
        joins = [None] * (len(self.numbers) + len(self.arrays)) + [self.analysis.cuts[box] for box in self.joined]
        body = Body(whole, starts, parts, [cut for _, cut in read], joins)
        return InPieces(*[box for box, _ in read], body=body)

    def _part(self, rows: int) -> tuple[Part, list[Reading]]:
        piece = Piece(self.analysis, rows)
        for box in self.boxes:
            piece.make(box)
        flat = [
            Concatenate(*[Reshape(one, to=(elements(one),)) for one in piece.of(arrays)], axis=0)
            for arrays in self.arrays
        ]
        results = [*piece.of(self.numbers), *flat, *piece.of(self.joined)]
        return Part(rows, list(piece.read.values()), Graph(*results)), list(piece.read)

    def _read_results(self, box: InPieces) -> None:
        """What stands outside for the boxes that are computed in pieces."""
        outputs = [Output(box, index=i) for i in range(len(box.outputs))]
        results = iter(outputs)
        for one in self.numbers:
            self._stands(one, next(results))
        for arrays in self.arrays:
            flat, start = next(results), 0
            for one in arrays:
                stop = start + elements(one)
                self._stands(one, Reshape(Index(flat, index=(slice(start, stop),)), to=shape_of(one)))
                start = stop
        for one in self.joined:
            self._stands(one, next(results))

    def _stands(self, old: Box, new: Box) -> None:
        built_for(new, old)
        named_after(new, old)
        self.new[old] = new

    def _on(self, box: Box) -> Box:
        new = on_children(box, [self._outside(child) for child in box.children])
        if new is not box:
            built_for(new, box)
            named_after(new, box)
        return new

    def _outside(self, box: Box) -> Box:
        """What stands for a box outside of the pieces."""
        if box not in self.new:
            chain = [box]
            while chain[-1] in self.analysis.ways and chain[-1].children[0] not in self.new:
                chain.append(chain[-1].children[0])
            for one in reversed(chain):
                self.new[one] = self._on(one) if one in self.analysis.ways else one
        return self.new[box]
