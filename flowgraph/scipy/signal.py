"""scipy.signal on boxes: convolutions and correlations; `convolve` has the axes of autograd.scipy.signal."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import join_boxes
from flowgraph.box.vocabulary import Value
from flowgraph.errors import ShapeError, UsageError
from flowgraph.scipy import for_boxes, of_scipy
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
    A, B = map(join_boxes, (A, B))
    _check_mode("convolve", mode)
    pairs = [tuple(range(A.ndim)), tuple(range(A.ndim))] if axes is None else [tuple(pair) for pair in axes]
    sums = [(), ()] if dot_axes is None else [tuple(pair) for pair in dot_axes]
    _check("convolve", A, B, pairs, sums)
    a_left, b_left = [
        [i for i in range(a.ndim) if i not in (*pair, *summed)]
        for a, pair, summed in zip((A, B), pairs, sums, strict=True)
    ]
    A = np.transpose(A, (*a_left, *sums[0], *pairs[0]))
    B = np.transpose(B, (*b_left, *sums[1], *pairs[1]))
    if mode == "valid" and _is_larger(B.shape[B.ndim - len(pairs[0]) :], A.shape[A.ndim - len(pairs[0]) :]):
        swapped = _slide(B, A, len(sums[0]), len(pairs[0]), mode)
        lead, rest = len(b_left), len(a_left)
        tail = range(lead + rest, lead + rest + len(pairs[0]))
        return np.transpose(swapped, (*range(lead, lead + rest), *range(lead), *tail))
    return _slide(A, B, len(sums[0]), len(pairs[0]), mode)


@for_boxes("signal")
def correlate(in1: Value, in2: Value, mode: str = "full", method: str = "auto") -> Any:
    """The convolution with the reversed conjugate of in2.

    >>> import numpy as np
    >>> from flowgraph.functional import grad
    >>> from flowgraph.scipy.signal import correlate
    >>> grad(lambda x: correlate(x, np.array([1.0, 2.0]), mode="valid")[0])(np.array([3.0, 4.0, 5.0]))
    array([1., 2., 0.])
    """
    return (
        fftconvolve(in1, _reverse_axes(in2), mode) if method == "fft" else convolve(in1, _reverse_axes(in2), mode=mode)
    )


@for_boxes("signal")
def fftconvolve(in1: Value, in2: Value, mode: str = "full", axes: int | Sequence[int] | None = None) -> Any:
    """A convolution by products of Fourier transforms.

    Axes that are not convolved broadcast.
    """
    in1, in2 = map(join_boxes, (in1, in2))
    along = range(in1.ndim) if axes is None else [axes] if isinstance(axes, int) else axes
    chosen = [axis % in1.ndim for axis in along]
    _check_mode("fftconvolve", mode)
    _check("fftconvolve", in1, in2, [chosen, chosen])
    first, second = [[a.shape[axis] for axis in chosen] for a in (in1, in2)]
    if mode == "valid" and _is_larger(second, first):
        first, second = second, first
    full = [n + k - 1 for n, k in zip(first, second, strict=True)]
    is_complex = any(np.issubdtype(a.dtype, np.complexfloating) for a in (in1, in2))
    forward, back = (np.fft.fftn, np.fft.ifftn) if is_complex else (np.fft.rfftn, np.fft.irfftn)
    result = back(forward(in1, full, chosen) * forward(in2, full, chosen), full, chosen)
    kept = [slice(None)] * in1.ndim
    for axis, n, k in zip(chosen, first, second, strict=True):
        if mode == "same":
            kept[axis] = slice((k - 1) // 2, (k - 1) // 2 + n)
        elif mode == "valid":
            kept[axis] = slice(k - 1, n)
    return result[tuple(kept)]


@for_boxes("signal")
def convolve2d(in1: Value, in2: Value, mode: str = "full", boundary: str = "fill", fillvalue: float = 0) -> Any:
    """A convolution of two axes, with what stands beyond the edges of in1."""
    return _with_edges("convolve2d", in1, in2, mode, boundary, fillvalue)


@for_boxes("signal")
def correlate2d(in1: Value, in2: Value, mode: str = "full", boundary: str = "fill", fillvalue: float = 0) -> Any:
    """`convolve2d` with the reversed conjugate of in2.

    Of mode "valid" the smaller array is conjugated, whichever it is.
    """
    result = _with_edges("correlate2d", in1, _reverse_axes(in2), mode, boundary, fillvalue)
    swapped = mode == "valid" and _is_larger(np.shape(in2), np.shape(in1))
    return np.conj(result) if swapped else result  # SciPy conjugates the smaller array of the two


def _with_edges(who: str, in1: Value, in2: Value, mode: str, boundary: str, fillvalue: float) -> Any:
    in1, in2 = map(join_boxes, (in1, in2))
    _check_mode(who, mode)
    if mode == "valid":
        return convolve(in1, in2, mode=mode)
    fills: dict[str, dict[str, Any]] = {
        "fill": {"mode": "constant", "constant_values": fillvalue},
        "wrap": {"mode": "wrap"},
        "symm": {"mode": "symmetric"},
    }
    if boundary not in fills:
        raise UsageError(f"{who}: found boundary={boundary!r}, needs one of {', '.join(fills)}")
    beyond = [(k - 1, k - 1) for k in in2.shape]
    full = convolve(np.pad(in1, beyond, **fills[boundary]), in2, mode="valid")
    if mode == "full":
        return full
    starts = [k // 2 if who == "correlate2d" else (k - 1) // 2 for k in in2.shape]  # as SciPy centers even kernels
    return full[tuple(slice(start, start + n) for start, n in zip(starts, in1.shape, strict=True))]


def _reverse_axes(a: Value) -> Any:
    a = join_boxes(a)
    return np.conj(a[(slice(None, None, -1),) * a.ndim])


def _signal() -> Any:
    return of_scipy("signal", "flowgraph.scipy.signal")


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


def _is_larger(sizes: Sequence[int], others: Sequence[int]) -> bool:
    """Whether all sizes are at least the others, and one is larger."""
    pairs = list(zip(sizes, others, strict=True))
    if any(a > b for a, b in pairs) and any(a < b for a, b in pairs):
        raise ShapeError(
            f"convolve: found the sizes {shape_text(tuple(others))} and {shape_text(tuple(sizes))}, needs one array "
            f"that is at least as long as the other along every convolved axis; mode='full' takes any"
        )
    return any(a > b for a, b in pairs)


def _check_mode(who: str, mode: str) -> None:
    if mode not in MODES:
        raise UsageError(f"{who}: found mode={mode!r}, needs one of {', '.join(MODES)}")


def _check(
    who: str, A: Value, B: Value, pairs: Sequence[Sequence[int]], sums: Sequence[Sequence[int]] = ((), ())
) -> None:
    for a, axes, which in ((A, (*pairs[0], *sums[0]), "A"), (B, (*pairs[1], *sums[1]), "B")):
        if not all(isinstance(size, int) for size in a.shape):
            raise ShapeError(f"{who}: found {which} of shape {shape_text(a.shape)}, needs numbers for all sizes")
        if len(set(axes)) < len(axes) or not all(0 <= axis < a.ndim for axis in axes):
            raise UsageError(
                f"{who}: found the axes {list(axes)} of {which}, which has {a.ndim}; needs each at most once, "
                f"counted from 0"
            )
    if len(pairs[0]) != len(pairs[1]) or len(sums[0]) != len(sums[1]):
        raise UsageError(f"{who}: found axes={pairs!r}, dot_axes={sums!r}; needs as many axes of A as of B")


def __getattr__(name: str) -> Any:
    return getattr(_signal(), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *dir(_signal())})
