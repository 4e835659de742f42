"""The gradient of pooling over a rectifier, written into a buffer: one comparison and one product for each element."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from flowgraph.box import Array
from flowgraph.boxes.neural.rectified_pooling import SpreadToRectified
from flowgraph.plan.numpy.rules import rule_for

if TYPE_CHECKING:
    from flowgraph.plan.numpy.emit import Writer


def spread_rectified(g: Array, source: Array, largest: Array, box: SpreadToRectified, out: Array) -> Array:
    """The value of the box in `out`: each number of g where the source is the largest of its window.

    What is as large as the floor comes as half of a share of all in the window. Where g is infinite or NaN, the fprop
    says which zeros become NaN.
    """
    sliding = box.sliding
    padded = sliding.padded(source, -np.inf)
    places = [*sliding.places(g.shape[g.ndim - len(sliding.size) :])]
    taken = [padded[place] == largest for place in places]
    share = _shares(g, taken, largest, box)
    if share is None:
        np.copyto(out, box.fprop(g, source, largest))
        return out
    direct = padded is source
    h = out if direct else np.empty_like(padded)
    apart = sliding.apart
    if not (apart and sliding.covers(padded.shape)):
        h[...] = 0
    for place, one in zip(places, taken, strict=True):
        if apart:
            np.multiply(share, one, out=h[place])
        else:
            h[place] += share * one
    if not direct:
        np.copyto(out, sliding.inside(h))
    return out


def _shares(g: Array, taken: Sequence[Array], largest: Array, box: SpreadToRectified) -> Array | None:
    """What each of the largest gets, in the order in memory of the largest; None where the fprop has to say it."""
    counts = [one.view(np.uint8) if len(taken) < 256 else one.astype(np.intp) for one in taken]
    ties: Array = functools.reduce(np.add, counts)
    share = np.empty_like(largest)
    np.copyto(share, g)
    if not np.isfinite(share).all():
        return None
    at_floor = np.logical_and(largest == box.floor, ties)
    if at_floor.any():
        if any(map(any, box.sliding.padding)):  # and then not all of a window may count
            return None
        share[at_floor] *= share.dtype.type(0.5 * box.half)
        ties = np.where(at_floor, len(taken), ties)
    if ties.size and ties.max() > 1:
        np.divide(share, np.maximum(ties, 1), out=share, dtype=share.dtype)
    return share


def _bound(writer: Writer, box: SpreadToRectified, texts: Sequence[str], out: str) -> list[str]:
    """The children, and the box itself, by which the window moves."""
    return [*texts, writer.source.bind_new("pooling", lambda memory: box)]


@rule_for(SpreadToRectified, operands=_bound, functions=(spread_rectified,))
def _spread(box: SpreadToRectified, names: Sequence[str], out: str) -> list[str]:
    return [f"spread_rectified({', '.join(names)}, {out})"]
