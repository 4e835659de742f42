"""What of a graph can be computed piece by piece: where the batch lies in each value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from flowgraph.box import Box
from flowgraph.graph import Graph
from flowgraph.plan.rebuild import shape_of
from flowgraph.plan.shards.rules import PARTIAL, Shard, Way, way_of


@dataclass
class Analysis:
    """The boxes that are computed in pieces, and how.

    `ways` are those of the boxes in pieces, `cuts` where the batch lies in leaves and in such boxes; `later` are boxes
    that read a sum over the batch, or that no piece can compute. All others are the same for all examples.
    """

    examples: int
    cuts: dict[Box, Shard]
    ways: dict[Box, Way] = field(default_factory=dict)
    partial: list[Box] = field(default_factory=list)
    later: set[Box] = field(default_factory=set)

    def is_shared(self, box: Box) -> bool:
        """Whether the value is the same for all examples, and known before the pieces are."""
        return box not in self.cuts and box not in self.ways and box not in self.later


def analysed(graph: Graph, cuts: Mapping[Box, Shard], examples: int) -> Analysis:
    """What can be computed in pieces of the leaves that are cut so."""
    found = Analysis(examples, dict(cuts))
    for box in graph.boxes:
        if not box.children:
            continue
        if any(child in found.later or found.ways.get(child, _NONE).result is PARTIAL for child in box.children):
            found.later.add(box)
            continue
        of_children = [found.cuts.get(child) for child in box.children]
        if not any(of_children):
            continue
        way = way_of(box, of_children, examples)
        if way is None:
            found.later.add(box)
        else:
            found.ways[box] = way
            if isinstance(way.result, Shard):
                found.cuts[box] = way.result
            else:
                found.partial.append(box)
    return found


_NONE = Way(Shard(0), ())


def batches(given: Sequence[Box], leaves: Sequence[Box]) -> Iterator[tuple[dict[Box, Shard], int]]:
    """Where the batch may lie in the leaves, and its size: along axes of one name, or along the first axes.

    `given` are the leaves as the user has them, with names for sizes. Whatever the choice, pieces give the values of
    the whole; it decides how much can be computed in pieces.
    """
    named = Counter(
        str(size) for box in given for size in box.shape if not isinstance(size, int) and str(size).isidentifier()
    )
    for name, _ in named.most_common(_MOST_NAMES):
        cuts = {}
        for box, leaf in zip(given, leaves, strict=True):
            axes = [axis for axis, size in enumerate(box.shape) if str(size) == name]
            if axes:
                cuts[leaf] = Shard(axes[0])
        sizes = {shape_of(leaf)[cut.axis] for leaf, cut in cuts.items()}
        if len(sizes) == 1 and min(sizes) > 1:
            yield cuts, sizes.pop()
    first = Counter(shape_of(leaf)[0] for leaf in leaves if leaf.shape and shape_of(leaf)[0] > 1)
    for size, _ in first.most_common(1) if not named else ():
        yield {leaf: Shard(0) for leaf in leaves if leaf.shape and leaf.shape[0] == size}, size


_MOST_NAMES = 2
"""Names of sizes that are tried, the most frequent first."""
