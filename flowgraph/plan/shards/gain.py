"""Whether pieces of the batch in threads gain anything, and how many of them: predicted, not measured.

So a plan is the same in every run on a machine. The prediction is in microseconds; its numbers were fitted to training
steps of MLPs, LeNet, an LSTM and attention on two cores with AVX-512.
"""

from __future__ import annotations

from collections.abc import Sequence

from flowgraph.box import Box, Elementwise
from flowgraph.boxes.linear_algebra.products import MatMul
from flowgraph.boxes.neural.convolution import ConvInput, Convolving
from flowgraph.boxes.neural.pooling import MaxPool, Pooling, SpreadToRectified
from flowgraph.boxes.shape.arrangement import Transpose
from flowgraph.boxes.shape.reshaping import BroadcastTo, Reshape
from flowgraph.graph.table import flops_of
from flowgraph.plan.blas import count_threads as count_blas_threads
from flowgraph.plan.blas import holds_threads
from flowgraph.plan.numpy.threads import count_threads
from flowgraph.plan.numpy.tiling import FOR_THREADS
from flowgraph.plan.rebuild import elements
from flowgraph.plan.shards.analysis import Analysis

OPERATIONS = 2e5
"""Operations of a product in a microsecond, in one thread."""

BYTES = 7e4
"""Bytes that a line element by element reads and writes in a microsecond, in one thread, out of the cache."""

SHARED_PRODUCT = 2e6
"""Operations of a product from which BLAS shares it among its threads."""

SHARED = 1.9
"""How many times faster two threads of BLAS are on such a product, and two threads on tiles of a large array."""

START = 50.0
"""Microseconds that a call costs whose pieces run in threads: to wake them, to wait, to add the sums."""

LINE = 0.5
"""Microseconds of Python and NumPy around the work of a call."""

CALL = 2.0
"""Microseconds that each call of NumPy takes longer beside another thread: who holds the interpreter makes it wait.

The hundred lines of half of attention take 0.2 ms longer beside the other half, the 500 calls of that of LeNet 0.9 ms.
"""

LEAST = 0.1
"""The part of the time of the whole batch that pieces have to gain."""

FEWEST = 4
"""Examples of a piece."""

_CALLS: dict[type[Box], int] = {ConvInput: 17, Convolving: 5, SpreadToRectified: 18, MaxPool: 4, Pooling: 30}
"""Calls of NumPy inside a box, of windows of 5 by 5 and 2 by 2; one in others."""


def pieces_of(boxes: Sequence[Box], analysis: Analysis, joined: Sequence[Box]) -> int:
    """The number of pieces; 1 where the batch is better computed whole. Values that are `joined` are copied."""
    count = min(count_threads(), analysis.examples // FEWEST)
    if count < 2 or not boxes or not holds_threads():
        return 1
    whole, split = predicted(boxes, count)
    split += 2 * sum(elements(box) * box.dtype.itemsize for box in joined) / BYTES
    return count if split < (1 - LEAST) * whole else 1


def predicted(boxes: Sequence[Box], count: int) -> tuple[float, float]:
    """Microseconds that boxes take on the whole batch, and in so many pieces in threads."""
    blas = SHARED if count_blas_threads() > 1 else 1.0
    whole, split = 0.0, START
    for box in boxes:
        if isinstance(box, Transpose | Reshape | BroadcastTo):
            continue
        calls = next((n for cls, n in _CALLS.items() if isinstance(box, cls)), 1)
        operations = float(flops_of(box) or 0) if isinstance(box, MatMul | Convolving) else 0.0
        work = operations / OPERATIONS + _bytes(box) / BYTES
        whole += LINE * calls + work / (blas if _is_shared(box, operations) else SHARED if _is_tiled(box) else 1.0)
        split += LINE * calls + CALL * calls + work / count
    return whole, split


def _is_shared(box: Box, operations: float) -> bool:
    """Whether BLAS shares a product among its threads: one of two matrices, or of a stack and one matrix."""
    return isinstance(box, MatMul) and operations >= SHARED_PRODUCT and min(child.ndim for child in box.children) <= 2


def _is_tiled(box: Box) -> bool:
    """Whether threads share the line of a box already, tile by tile."""
    return isinstance(box, Elementwise) and elements(box) * box.dtype.itemsize >= FOR_THREADS


def _bytes(box: Box) -> int:
    """What the line of a box reads and writes; of functions that cost more than a sum, as if it were more."""
    found = sum(elements(one) * one.dtype.itemsize for one in (box, *box.children) if one.shape)
    return found * (_SLOW.get(box.symbol, 1) if isinstance(box, Elementwise) else 1)


_SLOW = {"exp": 3, "tanh": 5, "log": 3, "sin": 3, "cos": 3, "erf": 5}
"""How many times longer than a sum a function takes, by its symbol."""
