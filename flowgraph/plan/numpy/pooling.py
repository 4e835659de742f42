"""Max pooling, and its gradient over a rectifier, into a buffer: views of the elements of windows are made once."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Array
from flowgraph.boxes.neural.pooling import MaxPool, Pooling, SpreadToRectified
from flowgraph.boxes.neural.sliding import Sliding
from flowgraph.plan.memory_order import in_order
from flowgraph.plan.numpy.rules import Writes, rule_for
from flowgraph.plan.numpy.scratch import Shapes, arrays_in, bytes_of, place_of
from flowgraph.plan.rebuild import elements, shape_of, sizes_known


class Windows:
    """The elements of all windows of an array: one array for each, views made once where it stays at its place."""

    def __init__(self, sliding: Sliding, count: Sequence[int], fixed: Array | None) -> None:
        self.places = [*sliding.places(count)]
        self.fixed = None if fixed is None else self._views(fixed)

    def of(self, a: Array) -> list[Array]:
        """The elements of the array."""
        return self._views(a) if self.fixed is None else self.fixed

    def _views(self, a: Array) -> list[Array]:
        return [a[place] for place in self.places]


class Largest:
    """Max pooling without padding."""

    def __init__(self, box: MaxPool, a: Array | None, out: Array) -> None:
        self.windows = Windows(box.sliding, _count(box, out.shape), a)
        self.out = out

    def __call__(self, a: Array) -> Array:
        """Fill the buffer."""
        found, *others = self.windows.of(a)
        out = self.out
        if not others:
            np.copyto(out, found)
        for one in others:
            found = np.maximum(found, one, out=out)
        return out


class SpreadRectified:
    """The gradient of pooling over a rectifier, without padding: each number of g where the source is the largest.

    What is as large as the floor comes as half of a share of all in the window. Where g is infinite or NaN, the fprop
    says which zeros become NaN.
    """

    def __init__(self, box: SpreadToRectified, arrays: dict[str, Array], source: Array | None, out: Array) -> None:
        self.box, self.out = box, out
        shape = shape_of(box.children[0])
        order = tuple(int(axis) for axis in np.argsort([-step for step in out.strides], kind="stable"))
        count = _count(box, shape)
        self.source = Windows(box.sliding, count, source)
        self.targets = Windows(box.sliding, count, out).of(out)
        self.covers = box.sliding.covers(out.shape)
        self.taken = [in_order(one, shape, order) for one in arrays["taken"]]
        self.counts = [one.view(np.uint8) for one in self.taken]
        self.share, self.ties, self.test = (in_order(arrays[name], shape, order) for name in ("share", "ties", "test"))
        self.divided = box.dtype.type(0.5 * box.half)

    def __call__(self, g: Array, source: Array, largest: Array) -> Array:
        """Fill the buffer."""
        share, ties, test = self.share, self.ties, self.test
        np.copyto(share, g)
        if not np.isfinite(share, test).all():
            np.copyto(self.out, self.box.fprop(g, source, largest))
            return self.out
        for one, taken in zip(self.source.of(source), self.taken, strict=True):
            np.equal(one, largest, taken)
        first, *others = self.counts
        for one in others:
            first = np.add(first, one, ties)
        np.logical_and(np.equal(largest, self.box.floor, test), first, test)
        if test.any():
            share[test] *= self.divided
            first = np.where(test, self.counts[0].dtype.type(len(self.counts)), first)
        if first.max() > 1:
            np.divide(share, np.maximum(first, 1), share, dtype=share.dtype)
        if not self.covers:
            self.out.fill(0)
        for taken, target in zip(self.taken, self.targets, strict=True):
            np.multiply(share, taken, target)
        return self.out

    @staticmethod
    def shapes(box: SpreadToRectified) -> Shapes:
        """Arrays beside the buffer, in its order in memory."""
        windows = elements(box.children[0])
        taken = (math.prod(box.sliding.size), windows)
        return {
            "taken": (taken, bool), "share": ((windows,), box.dtype), "ties": ((windows,), np.uint8),
            "test": ((windows,), bool),
        }  # fmt: skip


def _count(box: Pooling, shape: Sequence[int]) -> Sequence[int]:
    """How many windows there are along each axis that the window moves along."""
    return shape[len(shape) - len(box.sliding.size) :]


def _is_prepared(box: Pooling) -> bool:
    """Whether windows are views of the array itself, and there are some."""
    sliding = box.sliding
    return all(map(sizes_known, (box, *box.children))) and elements(box) > 0 and not any(map(any, sliding.padding))


def _spreads_at_once(box: SpreadToRectified) -> bool:
    return _is_prepared(box) and box.sliding.apart and math.prod(box.sliding.size) < 256


def spread_rectified(box: SpreadToRectified, out: Array, g: Array, source: Array, largest: Array) -> Array:
    """The same for any window."""
    sliding = box.sliding
    padded = sliding.padded(source, -np.inf)
    places = [*sliding.places(_count(box, g.shape))]
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


def _scratch(box: SpreadToRectified) -> int:
    return bytes_of(SpreadRectified.shapes(box)) if _spreads_at_once(box) else 0


def _bind_spread(writer: Writes, box: SpreadToRectified, texts: Sequence[str], out: str) -> list[str]:
    """The function that computes the box, and its arguments."""
    source, buffer = place_of(writer, box.children[1], texts[1]), writer.plan.scratch[box]

    def make(memory: Any) -> Callable[..., Array]:
        if not _spreads_at_once(box):
            return functools.partial(spread_rectified, box, memory[out])
        arrays = arrays_in(memory, buffer, SpreadRectified.shapes(box))
        return SpreadRectified(box, arrays, source(memory), memory[out])

    return [writer.source.bind_new("spread_rectified", make), *texts]


@rule_for(SpreadToRectified, operands=_bind_spread, scratch=_scratch)
def _spread(box: SpreadToRectified, names: Sequence[str], out: str) -> list[str]:
    return [f"{names[0]}({', '.join(names[1:])})"]


def _bind_largest(writer: Writes, box: MaxPool, texts: Sequence[str], out: str) -> list[str]:
    place = place_of(writer, box.children[0], texts[0])
    return [writer.source.bind_new("MaxPool", lambda memory: Largest(box, place(memory), memory[out])), *texts]


@rule_for(MaxPool, operands=_bind_largest, when=_is_prepared)
def _largest(box: MaxPool, names: Sequence[str], out: str) -> list[str]:
    return [f"{names[0]}({names[1]})"]
