"""Whether pieces of the batch in threads gain anything, and how many of them."""

from __future__ import annotations

from collections.abc import Sequence

from flowgraph.box import Box
from flowgraph.plan.numpy.threads import count_threads
from flowgraph.plan.shards.analysis import Analysis


def pieces_of(boxes: Sequence[Box], analysis: Analysis) -> int:
    """The number of pieces; 1 where the batch is better computed whole."""
    return min(count_threads(), analysis.examples) if boxes else 1
