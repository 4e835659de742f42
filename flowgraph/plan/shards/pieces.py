"""The graph of a piece of the batch, made of a part of the whole graph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flowgraph.box import Box, Constant, Elementwise, Leaf
from flowgraph.box.leaves import Input
from flowgraph.boxes.linear_algebra.products import MatMul
from flowgraph.boxes.shape.arrangement import Transpose
from flowgraph.boxes.shape.reshaping import BroadcastTo, Reshape
from flowgraph.plan.provenance import built_for, named_after, of_nobody, of_shape
from flowgraph.plan.rebuild import elements, on_children, shape_of
from flowgraph.plan.shards.analysis import Analysis
from flowgraph.plan.shards.array_rules import piece_shape
from flowgraph.plan.shards.rules import NUMBERS, Shard, Whole, way_of

Reading = tuple[Box, Shard | None]
"""A box of the whole graph that pieces read, and where it is cut; None where each piece reads it whole."""


class Piece:
    """Makes the boxes of a piece of `rows` examples; `read` are the boxes that it has to be given, in their order."""

    def __init__(self, analysis: Analysis, rows: int) -> None:
        self.analysis = analysis
        self.rows = rows
        self.read: dict[Reading, Box] = {}
        self._made: dict[Reading, Box] = {}

    def of(self, boxes: Sequence[Box]) -> list[Box]:
        """What stands for boxes that are computed in pieces; called with children before parents."""
        return [self._made[box, self.analysis.cuts.get(box)] for box in boxes]

    def make(self, box: Box) -> None:
        """Make the box that stands for one computed in pieces; its children are made already."""
        way = self.analysis.ways[box]
        children = [
            Constant(np.arange(self.rows)) if need is NUMBERS else self._child(child, need)
            for child, need in zip(box.children, way.needs, strict=True)
        ]
        settings = {} if way.settings is None else dict(way.settings(self.rows))
        self._made[box, self.analysis.cuts.get(box)] = _rebuilt(box, children, settings)

    def _child(self, child: Box, need: Shard | Whole | None) -> Box:
        assert not isinstance(need, Whole)
        if (child, need) in self._made:
            return self._made[child, need]
        cut = self.analysis.cuts.get(child)
        assert cut is None or (cut == need and isinstance(child, Leaf)), f"{child!r} is cut along {cut}, not {need}"
        made = self._shared(child, need)
        self._made[child, need] = made
        return made

    def _shared(self, box: Box, cut: Shard | None) -> Box:
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

    def _leaf(self, box: Box, cut: Shard | None) -> Box:
        """What stands for a value that the piece is given: a leaf keeps its name, unless it is read in two ways."""
        shape = shape_of(box) if cut is None else piece_shape(shape_of(box), cut, self.rows)
        if box.children or isinstance(box, Constant) or any(one is box for one, _ in self.read):
            return of_nobody(Input("shared", shape=shape, dtype=box.dtype))
        return of_shape(box, shape)

    def _constant(self, box: Constant, cut: Shard | None) -> Box | None:
        """The constant, or its first rows where all are the same."""
        if cut is None:
            return box
        first, *others = np.moveaxis(box.value, cut.axis, 0)
        if any(one.tobytes() != first.tobytes() for one in others):
            return None
        return Constant(box.value.take(range(self.rows * cut.inner), cut.axis))

    def _cheap(self, box: Box) -> Box | None:
        """The box, if it is a view or a number."""
        if isinstance(box, Transpose | Reshape | BroadcastTo) or (elements(box) == 1 and isinstance(box, Elementwise)):
            return on_children(box, [self._child(child, None) for child in box.children])
        return None

    def _cut(self, box: Box, cut: Shard) -> Box | None:
        """A piece of what is repeated along the batch."""
        if isinstance(box, BroadcastTo):
            child = box.children[0]
            axis = cut.axis - (box.ndim - child.ndim)
            repeated = axis < 0 or child.shape[axis] == 1
            inner = self._child(child, None if repeated else Shard(axis, cut.inner))
            return _rebuilt(box, [inner], {"to": piece_shape(shape_of(box), cut, self.rows)})
        if isinstance(box, MatMul) or len(box.children) != 1 or not is_repeated(box):
            return None
        child, count = box.children[0], self.analysis.examples
        for axis, size in enumerate(shape_of(child)):
            if size % count or size == 0:
                continue
            way = way_of(box, [Shard(axis, size // count)], count)
            if way is not None and way.result == cut and isinstance(way.needs[0], Shard):
                settings = {} if way.settings is None else dict(way.settings(self.rows))
                return _rebuilt(box, [self._child(child, way.needs[0])], settings)
        return None


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
