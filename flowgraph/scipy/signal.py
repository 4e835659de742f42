"""Convolution of chosen axes, summed over others, as autograd.scipy.signal has it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import joined
from flowgraph.box.vocabulary import Value
from flowgraph.errors import ShapeError, UsageError
from flowgraph.shapes.spec import shape_text

MODES = ("full", "valid", "same")

Axes = Sequence[Sequence[int]]


def convolve(A: Value, B: Value, axes: Axes | None = None, dot_axes: Axes | None = None, mode: str = "full") -> Any:
    """Convolve two arrays or boxes along pairs of axes, and sum over others.

    Parameters
    ----------
    A, B : array_like or Box
        What is convolved; every size is a number.
    axes : pair of sequences of int, optional
        Which axes of A are convolved with which of B; all, in order, if left out.
    dot_axes : pair of sequences of int, optional
        Axes of A and of B whose products are summed, as by np.tensordot.
    mode : "full", "valid" or "same"
        Every overlap, complete overlaps alone, or as many places as A has.

    Returns
    -------
    array or Box
        The other axes of A, then those of B, then the convolved ones.

    >>> import numpy as np
    >>> from flowgraph.scipy.signal import convolve
    >>> convolve(np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0]))
    array([1., 3., 5., 3.])
    """
    A, B = map(joined, (A, B))
    if mode not in MODES:
        raise UsageError(f"convolve: found mode={mode!r}, needs one of {', '.join(MODES)}")
    pairs = [tuple(range(A.ndim)), tuple(range(A.ndim))] if axes is None else [tuple(pair) for pair in axes]
    sums = [(), ()] if dot_axes is None else [tuple(pair) for pair in dot_axes]
    _check(A, B, pairs, sums)
    a_left, b_left = [
        [i for i in range(a.ndim) if i not in (*pair, *summed)]
        for a, pair, summed in zip((A, B), pairs, sums, strict=True)
    ]
    A = np.transpose(A, (*a_left, *sums[0], *pairs[0]))
    B = np.transpose(B, (*b_left, *sums[1], *pairs[1]))
    if mode == "valid" and _is_larger(B, A, len(pairs[0])):
        swapped = _slide(B, A, len(sums[0]), len(pairs[0]), mode)
        lead, rest = len(b_left), len(a_left)
        tail = range(lead + rest, lead + rest + len(pairs[0]))
        return np.transpose(swapped, (*range(lead, lead + rest), *range(lead), *tail))
    return _slide(A, B, len(sums[0]), len(pairs[0]), mode)


def _slide(A: Value, B: Value, summed: int, count: int, mode: str) -> Any:
    """The convolution of the last `count` axes, by one product for each place of the kernel B."""
    kernel, size = B.shape[B.ndim - count :], A.shape[A.ndim - count :]
    if mode != "valid":
        A = np.pad(A, [(0, 0)] * (A.ndim - count) + [(k - 1, k - 1) for k in kernel])
    full = [a.shape[a.ndim - count + i] for a in (A,) for i in range(count)]
    places = [n - k + 1 for n, k in zip(full, kernel, strict=True)]
    starts = [(k - 1) // 2 if mode == "same" else 0 for k in kernel]
    places = list(size) if mode == "same" else places
    total: Any = None
    for at in itertools.product(*map(range, kernel)):
        window = tuple(slice(s + i, s + i + n) for s, i, n in zip(starts, at, places, strict=True))
        weights = B[(..., *[k - 1 - i for k, i in zip(kernel, at, strict=True)])]
        lead = A.ndim - count - summed
        axes = list(range(lead, lead + summed)), list(range(weights.ndim - summed, weights.ndim))
        part = np.tensordot(A[(..., *window)], weights, axes)
        total = part if total is None else total + part
    lead, own = A.ndim - count - summed, B.ndim - count - summed
    order = (*range(lead), *range(lead + count, lead + count + own), *range(lead, lead + count))
    return np.transpose(total, order)


def _is_larger(A: Value, B: Value, count: int) -> bool:
    """Whether all of the last axes are at least as long as those of the other, and one is longer."""
    pairs = list(zip(A.shape[A.ndim - count :], B.shape[B.ndim - count :], strict=True))
    if any(a > b for a, b in pairs) and any(a < b for a, b in pairs):
        raise ShapeError(
            f"convolve: found the sizes {shape_text(B.shape)} and {shape_text(A.shape)}, needs one array that is at "
            f"least as long as the other along every convolved axis; mode='full' takes any"
        )
    return any(a > b for a, b in pairs)


def _check(A: Value, B: Value, pairs: Sequence[Sequence[int]], sums: Sequence[Sequence[int]]) -> None:
    for a, axes, which in ((A, (*pairs[0], *sums[0]), "A"), (B, (*pairs[1], *sums[1]), "B")):
        if not all(isinstance(size, int) for size in a.shape):
            raise ShapeError(f"convolve: found {which} of shape {shape_text(a.shape)}, needs numbers for all sizes")
        if len(set(axes)) < len(axes) or not all(0 <= axis < a.ndim for axis in axes):
            raise UsageError(
                f"convolve: found the axes {list(axes)} of {which}, which has {a.ndim}; needs each at most once, "
                f"counted from 0"
            )
    if len(pairs[0]) != len(pairs[1]) or len(sums[0]) != len(sums[1]):
        raise UsageError(f"convolve: found axes={pairs!r}, dot_axes={sums!r}; needs as many axes of A as of B")
