"""The functions of np.fft on boxes: how each counts its axes and sizes, and which transform it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box.axes import Axes
from flowgraph.box.numpy_dispatch import implements
from flowgraph.box.value import Value
from flowgraph.boxes.fourier.transforms import SWAPPED, Fft, FftShift, Fourier, Ifft, Irfft, Rfft
from flowgraph.shapes.size import Shape


def _one(box: type[Fourier], a: Value, n: Any, axis: Axes | None, norm: Any) -> Any:
    return box(a, axes=(axis,), s=None if n is None else (n,), norm=norm)


def _several(box: type[Fourier], a: Value, s: Value, axes: Any, norm: Any) -> Any:
    """As np.fft counts axes: the last ones where only sizes are given; a size of None is that of the axis."""
    if s is None:
        return box(a, axes=None if axes is None else tuple(axes), norm=norm)
    sizes: Shape = tuple(-1 if size is None else size for size in s)
    return box(a, axes=tuple(range(-len(sizes), 0)) if axes is None else tuple(axes), s=sizes, norm=norm)


@implements(np.fft.fft)
def fft(a: Value, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    """np.fft.fft of a box."""
    return _one(Fft, a, n, axis, norm)


@implements(np.fft.ifft)
def ifft(a: Value, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    """np.fft.ifft of a box."""
    return _one(Ifft, a, n, axis, norm)


@implements(np.fft.rfft)
def rfft(a: Value, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    """np.fft.rfft of a box."""
    return _one(Rfft, a, n, axis, norm)


@implements(np.fft.irfft)
def irfft(a: Value, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    """np.fft.irfft of a box."""
    return _one(Irfft, a, n, axis, norm)


@implements(np.fft.hfft)
def hfft(a: Value, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    """np.fft.hfft of a box: the transform of numbers whose first half is given, the rest being its conjugate."""
    return irfft(np.conjugate(a), n, axis, SWAPPED.get(norm, norm))


@implements(np.fft.ihfft)
def ihfft(a: Value, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    """np.fft.ihfft of a box: the inverse of np.fft.hfft."""
    return np.conjugate(rfft(a, n, axis, SWAPPED.get(norm, norm)))


@implements(np.fft.fft2)
def fft2(a: Value, s: Value = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
    """np.fft.fft2 of a box."""
    return _several(Fft, a, s, axes, norm)


@implements(np.fft.ifft2)
def ifft2(a: Value, s: Value = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
    """np.fft.ifft2 of a box."""
    return _several(Ifft, a, s, axes, norm)


@implements(np.fft.rfft2)
def rfft2(a: Value, s: Value = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
    """np.fft.rfft2 of a box."""
    return _several(Rfft, a, s, axes, norm)


@implements(np.fft.irfft2)
def irfft2(a: Value, s: Value = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
    """np.fft.irfft2 of a box."""
    return _several(Irfft, a, s, axes, norm)


@implements(np.fft.fftn)
def fftn(a: Value, s: Value = None, axes: Any = None, norm: Any = None) -> Any:
    """np.fft.fftn of a box."""
    return _several(Fft, a, s, axes, norm)


@implements(np.fft.ifftn)
def ifftn(a: Value, s: Value = None, axes: Any = None, norm: Any = None) -> Any:
    """np.fft.ifftn of a box."""
    return _several(Ifft, a, s, axes, norm)


@implements(np.fft.rfftn)
def rfftn(a: Value, s: Value = None, axes: Any = None, norm: Any = None) -> Any:
    """np.fft.rfftn of a box."""
    return _several(Rfft, a, s, axes, norm)


@implements(np.fft.irfftn)
def irfftn(a: Value, s: Value = None, axes: Any = None, norm: Any = None) -> Any:
    """np.fft.irfftn of a box."""
    return _several(Irfft, a, s, axes, norm)


@implements(np.fft.fftshift)
def fftshift(x: Value, axes: Sequence[int] | None = None) -> Any:
    """np.fft.fftshift of a box."""
    return FftShift(x, axes=axes)


@implements(np.fft.ifftshift)
def ifftshift(x: Value, axes: Sequence[int] | None = None) -> Any:
    """np.fft.ifftshift of a box."""
    return FftShift(x, axes=axes, inverse=True)
