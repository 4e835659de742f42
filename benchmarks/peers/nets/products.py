"""The matrix products of the steps by hand alone, in both halves of the batch at once: no step is faster."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from benchmarks.peers.nets.case import BATCH, FEATURES, HEADS, STEPS, TOKENS, UNITS, WIDTH, Case
from benchmarks.peers.nets.halves import hold_blas

Product = tuple[tuple[int, ...], tuple[int, ...], str, int]
"""The shapes of both factors as they lie in memory, which of them is transposed ("", "a", "b"), and how often."""


def products(name: str, n: int) -> Iterator[Product]:
    """Those of n examples that take time."""
    if name == "LeNet":
        for channels, filters, rows in ((1, 6, 24), (6, 16, 8)):
            columns = (rows, channels * 25, rows * n)
            yield (filters, channels * 25), columns, "", 1
            yield (rows, filters, rows * n), columns, "b", 1
        yield (150, 16), (8, 16, 8 * n), "", 1
        for k, m in ((256, 120), (120, 84)):
            yield (k, m), (k, n), "a", 1
            yield (k, n), (m, n), "b", 1
            yield (k, m), (m, n), "", 1
    elif name == "LSTM":
        inputs = UNITS + FEATURES + 1
        yield (4 * UNITS, inputs), (inputs, n), "", STEPS
        yield (UNITS, 4 * UNITS), (4 * UNITS, n), "", STEPS
        yield (4 * UNITS, STEPS * n), (inputs, STEPS * n), "b", 1
    elif name == "attention":
        yield from _attention(n)
    else:
        yield (WIDTH, 10), (WIDTH, n), "a", 1
        yield (WIDTH, n), (10, n), "b", 1
        yield (WIDTH, 10), (10, n), "", 1


def _attention(n: int) -> Iterator[Product]:
    rows, part = n * TOKENS, WIDTH // HEADS
    yield (n, TOKENS, WIDTH), (WIDTH, 3 * WIDTH), "", 1
    yield (n, TOKENS, WIDTH), (WIDTH, WIDTH), "", 2
    yield (n, TOKENS, WIDTH), (WIDTH, 4 * WIDTH), "", 1
    yield (n, TOKENS, 4 * WIDTH), (4 * WIDTH, WIDTH), "", 1
    heads, square = (n * HEADS, TOKENS, part), (n * HEADS, TOKENS, TOKENS)
    yield heads, heads, "b", 2
    yield square, heads, "", 2
    yield square, heads, "a", 2
    for width in (WIDTH, 3 * WIDTH, 4 * WIDTH):
        yield (rows, WIDTH), (rows, width), "a", 1


class Step:
    """The products of a net on numbers of no account."""

    def __init__(self, case: Case) -> None:
        hold_blas()
        self.halves = [[*_made(case)] for _ in range(2)]
        self.pool = ThreadPoolExecutor(1) if os.environ["OMP_NUM_THREADS"] != "1" else None

    def __call__(self, x: Any, y: Any, rate: float) -> float:
        """All products once."""
        later = self.pool.submit(_multiply, self.halves[1]) if self.pool else None
        _multiply(self.halves[0])
        if later:
            later.result()
        else:
            _multiply(self.halves[1])
        return 0.0


def _made(case: Case) -> Iterator[tuple[Any, Any, Any, int]]:
    rng = np.random.default_rng(0)
    for one, other, transposed, times in products(case.name, BATCH // 2):
        a, b = (rng.standard_normal(shape).astype(case.dtype) for shape in (one, other))
        a, b = (a.mT if transposed == "a" else a), (b.mT if transposed == "b" else b)
        yield a, b, a @ b, times


def _multiply(factors: list[tuple[Any, Any, Any, int]]) -> None:
    for a, b, out, times in factors:
        for _ in range(times):
            np.matmul(a, b, out)
