"""Buffers laid into one block of memory, so that those alive at the same time do not overlap."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from flowgraph.box import Array
from flowgraph.plan.schedule import Buffer

ALIGNMENT = 64
"""Bytes: a cache line, and the widest vector of today's processors."""


def aligned_bytes(size: int) -> Array:
    """New memory that begins where a cache line does."""
    raw = np.empty(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size]


WORTH_RETURNING = 1 << 20
"""Bytes that were freed at once from which they are given back: a megabyte is a fifth of what an LSTM takes in all."""


def return_free_memory() -> None:
    """Let the system have the pages that the C library keeps after they were freed, where it is that of GNU.

    It keeps them for the next arrays, and once arrays of some megabytes have been freed it gives none back by itself.
    What it has taken to compile a long function, or to move the parameters, is not needed a second time.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@functools.cache
def _trim() -> Callable[[int], Any] | None:
    try:
        found: Callable[[int], Any] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # another C library; TypeError on Windows
        return None
    return found


def lay_out(buffers: Iterable[Buffer]) -> int:
    """Give each buffer its offset, the largest first, each at the lowest place free; return the bytes needed."""
    listed = sorted(buffers, key=lambda buffer: (-buffer.size, buffer.first))
    count = len(listed)
    first, last, low, high = (np.zeros(count, np.int64) for _ in range(4))
    total = 0
    for number, buffer in enumerate(listed):
        alive = (first[:number] <= buffer.last) & (last[:number] >= buffer.first)
        buffer.offset = _lowest_gap(low[:number][alive], high[:number][alive], aligned(buffer.size))
        first[number], last[number] = buffer.first, buffer.last
        low[number], high[number] = buffer.offset, buffer.offset + aligned(buffer.size)
        total = max(total, int(high[number]))
    return total


def least_bytes(buffers: Iterable[Buffer]) -> int:
    """The most bytes that are alive on one line: no layout needs less."""
    changes: dict[int, int] = {}
    for buffer in buffers:
        changes[buffer.first] = changes.get(buffer.first, 0) + aligned(buffer.size)
        changes[buffer.last + 1] = changes.get(buffer.last + 1, 0) - aligned(buffer.size)
    alive = most = 0
    for line in sorted(changes):
        alive += changes[line]
        most = max(most, alive)
    return most


def aligned(size: int) -> int:
    """Bytes up to the next place where a buffer may begin."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def _lowest_gap(low: np.ndarray, high: np.ndarray, size: int) -> int:
    """The lowest offset at which `size` bytes fit between blocks that are taken."""
    order = np.argsort(low, kind="stable")
    starts = low[order]
    ends = np.concatenate([[0], np.maximum.accumulate(high[order])])
    fits = np.flatnonzero(starts - ends[:-1] >= size)
    return int(ends[fits[0]] if len(fits) else ends[-1])
