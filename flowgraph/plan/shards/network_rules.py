"""Rules for pieces of the batch: matrix products, convolutions, pooling and labels."""

from __future__ import annotations

from flowgraph.box import Box
from flowgraph.boxes.linear_algebra.products import MatMul
from flowgraph.boxes.neural.convolution import ConvFilters, ConvInput, Convolution
from flowgraph.boxes.neural.label import OneHot, PlacesOf
from flowgraph.boxes.neural.pooling import Pooling
from flowgraph.plan.rebuild import shape_of
from flowgraph.plan.shards.array_rules import is_summed
from flowgraph.plan.shards.rules import PARTIAL, Cuts, Shard, Way, agreed, piece_rule
from flowgraph.shapes.size import product


@piece_rule(MatMul)
def _product(box: MatMul, cuts: Cuts, examples: int) -> Way | None:
    a, b = cuts
    left, right = box.children
    if _is_between(left, right, a, b):
        cut = a or b
        assert cut is not None
        needs = (Shard(left.ndim - 1, cut.inner), Shard(max(0, right.ndim - 2), cut.inner))
        agrees = (a is None or a == needs[0]) and (b is None or b == needs[1])
        return Way(PARTIAL, needs) if agrees and is_summed(box) else None
    if a is not None and left.ndim > 1 and a.axis == left.ndim - 2:
        row = box.ndim - (1 if right.ndim == 1 else 2)
        return Way(Shard(row, a.inner), (a, None)) if b is None else None
    if b is not None and right.ndim > 1 and b.axis == right.ndim - 1:
        return Way(Shard(box.ndim - 1, b.inner), (None, b)) if a is None else None
    return _stack(box, cuts)


def _is_between(left: Box, right: Box, a: Shard | None, b: Shard | None) -> bool:
    """Whether the batch is what is summed over."""
    of_left = a is not None and a.axis == left.ndim - 1
    return of_left or (b is not None and b.axis == max(0, right.ndim - 2))


def _stack(box: MatMul, cuts: Cuts) -> Way | None:
    """Each example multiplies matrices of its own."""
    loops = max(one.ndim for one in box.children) - 2
    found = [
        Shard(cut.axis + loops - max(0, child.ndim - 2), cut.inner)
        for cut, child in zip(cuts, box.children, strict=True)
        if cut
    ]
    result = agreed(found)
    if result is None:
        return None
    needs = []
    for child in box.children:
        axis = result.axis - loops + max(0, child.ndim - 2)
        repeated = child.ndim <= 2 or axis < 0 or child.shape[axis] == 1
        needs.append(None if repeated else Shard(axis, result.inner))
    return Way(result, tuple(needs))


FIRST = Shard(0)


@piece_rule(Convolution)
def _convolution(box: Convolution, cuts: Cuts, examples: int) -> Way | None:
    return Way(FIRST, (FIRST, None)) if (cuts[0], cuts[1]) == (FIRST, None) else None


@piece_rule(ConvInput)
def _of_input(box: ConvInput, cuts: Cuts, examples: int) -> Way | None:
    return Way(FIRST, (FIRST, None, FIRST)) if cuts[0] == FIRST and cuts[1] is None else None


@piece_rule(ConvFilters)
def _of_filters(box: ConvFilters, cuts: Cuts, examples: int) -> Way | None:
    fits = all(cut in (None, FIRST) for cut in cuts[:2]) and cuts[2] is None
    return Way(PARTIAL, (FIRST, FIRST, None)) if fits and is_summed(box) else None


@piece_rule(Pooling)
def _pooling(box: Pooling, cuts: Cuts, examples: int) -> Way | None:
    cut = agreed([one for one in cuts if one])
    if cut is None or cut.axis >= box.ndim - len(box.sliding.size):
        return None
    return Way(cut, (cut,) * len(cuts)) if len({child.ndim for child in box.children}) == 1 else None


@piece_rule(OneHot)
def _one_hot(box: OneHot, cuts: Cuts, examples: int) -> Way | None:
    cut = agreed([one for one in cuts if one])
    return None if cut is None or cut.axis >= box.ndim - 1 else Way(cut, (cut, cut))


@piece_rule(PlacesOf)
def _places(box: PlacesOf, cuts: Cuts, examples: int) -> Way | None:
    cut = agreed([one for one in cuts if one])
    labels = box.children[0]
    if cut is None or cut.axis or box.columns or not labels.ndim:
        return None
    return Way(Shard(0, cut.inner * product(shape_of(labels)[1:])), (cut, cut))
