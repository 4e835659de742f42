"""Indexing: slices, places, masks, boxes of integers; sorting and searching; what is set or added at places."""

from __future__ import annotations

import operator

import numpy as np

from tests.fuzz.operations import operation
from tests.fuzz.pool import Pool


def _part(pool: Pool, size: int, batch: bool) -> str:
    """A slice or a place along an axis of this size; along the batch only what every size takes."""
    slices = (":", "::-1", "1:", ":-1", "::2", "-2:", "1:3", ":2", "::-2")
    if batch or size == 0 or pool.flag(0.6):
        return str(pool.one(slices))
    return str(int(pool.rng.integers(-size, size)))


@operation(operator.getitem, weight=7, exact=True)
def basic(pool: Pool) -> str | None:
    a = pool.pick("fciub" if pool.flag(0.2) else "f", least=1)
    if a is None:
        return None
    count = int(pool.rng.integers(1, pool[a].ndim + 1))
    parts = [_part(pool, size, pool.batch and not axis) for axis, size in enumerate(pool[a].shape[:count])]
    if pool.flag(0.3):
        parts.insert(int(pool.rng.integers(len(parts) + 1)), "None")
    if pool.flag(0.25):
        rest = [] if pool.batch else [_part(pool, pool[a].shape[-1], False)]
        parts = ["...", *rest] if pool.flag() else [*parts, "..."]
    return f"{a}[{', '.join(parts)}]"


@operation(operator.getitem, weight=5, exact=True, named=False)
def element(pool: Pool) -> str | None:
    """One number, written in the ways that NumPy gives a view or a number for."""
    a = pool.pick("f", least=1, where=lambda one: 0 not in one.shape)
    if a is None:
        return None
    last = int(pool.rng.integers(-pool[a].shape[-1], pool[a].shape[-1]))
    first = [int(pool.rng.integers(size)) for size in pool[a].shape[:-1]]
    return str(
        pool.one((f"{a}[..., {last}]", f"{a}{[*first, last]}", f"{a}[({', '.join(map(str, [*first, last]))},)]"))
    )


@operation(operator.getitem, np.take, weight=4, exact=True, named=False)
def advanced(pool: Pool) -> str | None:
    a = pool.pick("f", least=1, where=lambda one: one.shape[0] > 0)
    if a is None:
        return None
    size = pool[a].shape[0]
    places = [int(i) for i in pool.rng.integers(-size, size, int(pool.rng.integers(1, 4)))]
    text = pool.line(f"""
        {a}[{places}]
        {a}[np.array({[places, places[::-1]]})]
        np.take({a}, {places}, axis=0)
        np.take({a}, {places[0]})
        {a}[{places}, ...]
        np.take({a}, {places}, mode='wrap')
    """)
    return str(text)


@operation(operator.getitem, np.take_along_axis, weight=3, exact=True)
def by_boxes(pool: Pool) -> str | None:
    """Places and masks that are boxes themselves."""
    a = pool.pick("f", least=1)
    if a is None:
        return None
    i = pool.pick("i", least=0, where=lambda one: one.size and pool[a].shape[0] and abs(one).max() < pool[a].shape[0])
    text = pool.line("""
        {a}[{i}]
        np.take({a}, {i}, axis=0)
        np.take_along_axis({a}, np.argsort({a}, axis={x}, kind='stable'), axis={x})
        np.sum({a}[{a} > 0.5])
        np.sum({a}[np.isfinite({a})] ** 2)
    """)
    return i and str(text).format(a=a, i=i, x=pool.axis(a))


@operation(np.sort, np.partition, np.argpartition, weight=2, exact=True)
def sorts(pool: Pool) -> str | None:
    a = pool.pick("f", least=1)
    text = pool.one(
        ("np.sort({a}, axis={x})", "np.sort({a})", "np.sort({a}, axis=None)", "np.sort({a}, axis={x})[::-1]")
    )
    return a and str(text).format(a=a, x=pool.axis(a))


@operation(
    np.searchsorted, np.digitize, np.nonzero, np.flatnonzero, np.argwhere, np.extract, np.compress, weight=1, exact=True
)
def searches(pool: Pool) -> str | None:
    a = pool.pick("f", least=1, where=lambda one: one.dtype != np.float16)
    text = pool.line("""
        np.searchsorted(np.array([-1.0, 0.0, 0.5, 2.0]), {a})
        np.digitize({a}, np.array([-1.0, 0.0, 1.0]))
        np.nonzero({a} > 0)[0]
        np.flatnonzero({a} > 0)
        np.sum(np.extract({a} > 0, {a}))
        np.sum(np.argwhere({a} > 0))
        np.sum(np.compress([True], {a}, axis={x}))
    """)
    return a and str(text).format(a=a, x=pool.axis(a))
