"""Discrete Fourier transforms, as in np.fft: their gradients are Fourier transforms too."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.axes import Core
from flowgraph.box.inference import Axes, axes_of, axis_of, try_fprop
from flowgraph.box.numpy_dispatch import implements
from flowgraph.box.vocabulary import example
from flowgraph.boxes.elementwise.complex_numbers import real_part
from flowgraph.boxes.engine.shape_like import fit_like
from flowgraph.boxes.numpy_api.constructors import in_precision_of
from flowgraph.boxes.shape.arrangement import roll_axis
from flowgraph.errors import UsageError
from flowgraph.shapes.size import Shape, Size, product, unknown
from flowgraph.shapes.spec import Spec, same, shape_text

SWAPPED = {None: "forward", "backward": "forward", "forward": "backward", "ortho": "ortho"}


class Fourier(Box, abstract=True):
    """A transform along `axes`, all of them for None; `s` are the sizes that these are cut or filled to with zeros.

    A size of -1 leaves its axis as it is. `norm` says which direction divides by the number n of points: "backward"
    (the inverse, also for None), "forward", or both by √n for "ortho".
    """

    axes: tuple[int, ...] | None = None
    s: tuple[int, ...] | None = None
    norm: Literal["backward", "ortho", "forward"] | None = None

    core = Core("axes")
    examples: ClassVar[tuple[Any, ...]] = (
        example((5,)),
        example((3, 4), axes=(0,), norm="ortho"),
        example((3, 4), axes=(-1,), s=(6,), norm="forward"),
        example((3, 5), axes=(-1,), s=(3,)),
        example((2, 3, 4), axes=(2, 0), s=(3, -1), norm="backward"),
    )

    def check_settings(self) -> None:
        """Refuse sizes that are not one per axis, or none."""
        if self.s is None:
            return
        if self.axes is None or len(self.s) != len(self.axes):
            raise UsageError(f"{self._who}: found s={self.s!r} and axes={self.axes!r}, needs a size per axis")
        for size in self.s:
            if size != -1 and size < 1:
                raise UsageError(
                    f"{self._who}: found the size {size!r}, needs a number from 1, or -1 for that of the axis"
                )

    def infer(self, a: Spec) -> Spec:
        """The sizes that are given, the complex dtype of the child's precision."""
        axes = self._axes(len(a.shape))
        shape = list(a.shape)
        for axis, size in zip(axes, self.s or (-1,) * len(axes), strict=True):
            if size != -1:
                shape[axis] = int(size)
            elif shape[axis] == 0:
                raise self.shape_error(
                    f"axis {axis} of {shape_text(a.shape)} has no points, needs at least one; "
                    f"with a size of its own (n= or s=) it is filled with zeros"
                )
        if axes:
            shape[axes[-1]] = self._last(shape[axes[-1]])
        count = min(len(axes), 2)  # the dtype of one axis is not always that of several
        trial = try_fprop(self._of_first(count), (Spec((4,) * count, a.dtype),))
        assert isinstance(trial, Spec)
        return Spec(tuple(shape), trial.dtype)

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """Five per element of the value and halving of an axis; an axis without a number counts as halved once."""
        sizes = [shape[axis] for axis in self._axes(len(shape))]
        halvings = sum(1 if isinstance(size, Size) else math.ceil(math.log2(max(size, 2))) for size in sizes)
        return product(shape) * 5 * halvings

    def _of_first(self, count: int) -> Box:
        """The same transform of so many axes, for a trial of dtypes: the sizes that are given may be large."""
        return self._copy_with(s=None, axes=tuple(range(count)))

    @property
    def _who(self) -> str:
        return type(self).__name__

    @property
    def _sized(self) -> tuple[int, ...]:
        """The axes of a transform with sizes, which has one for each."""
        return self.axes or ()

    def _axes(self, ndim: int) -> tuple[int, ...]:
        return tuple(range(ndim)) if self.axes is None else axes_of(self, self.axes, ndim)

    def _last(self, size: Any) -> Any:
        """The size of the last axis of the value."""
        return size


class Fft(Fourier):
    """Discrete Fourier transform along axes.

    h_k = c Σ_j a_j exp(−2πi jk/n)        the same transform of the gradient, cut or filled to the size of a

    c is 1, 1/√n for norm="ortho", 1/n for norm="forward".
    """

    symbol = "fft"
    formula = r"c \textstyle\sum_j a_j e^{-2 \pi i j k / n}"

    def fprop(self, a: Value) -> Value:
        return np.fft.fftn(a, self.s, self.axes, self.norm)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        back = Fft.apply(grad, axes=self.axes, norm=self.norm)
        return (back if self.s is None else fit_like(back, a, self._sized),)


class Ifft(Fourier):
    """Inverse discrete Fourier transform along axes.

    h_j = c Σ_k a_k exp(2πi jk/n)        the same transform of the gradient, cut or filled to the size of a

    c is 1/n, 1/√n for norm="ortho", 1 for norm="forward".
    """

    symbol = "ifft"
    formula = r"c \textstyle\sum_k a_k e^{2 \pi i j k / n}"

    def fprop(self, a: Value) -> Value:
        return np.fft.ifftn(a, self.s, self.axes, self.norm)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        back = Ifft.apply(grad, axes=self.axes, norm=self.norm)
        return (back if self.s is None else fit_like(back, a, self._sized),)


class Rfft(Fourier):
    """Discrete Fourier transform of real numbers: along the last of the axes only the first n/2 + 1 points.

    h = the first half of fft(a)        the real part of fft of the gradient, filled to n with zeros
    """

    symbol = "rfft"
    formula = r"c \textstyle\sum_j a_j e^{-2 \pi i j k / n}, \; k \leq n/2"

    def fprop(self, a: Value) -> Value:
        return np.fft.rfftn(a, self.s, self.axes, self.norm)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        if self.s is None:
            whole = fit_like(grad, a, (self._axes(a.ndim)[-1],))
            return (real_part(Fft.apply(whole, axes=self.axes, norm=self.norm)),)
        whole = grad if self.s[-1] != -1 else fit_like(grad, a, self._sized[-1:])
        sizes = (*(-1 for _ in self.s[:-1]), self.s[-1])
        return (fit_like(real_part(Fft.apply(whole, axes=self.axes, s=sizes, norm=self.norm)), a, self._sized),)

    def infer(self, a: Spec) -> Spec:
        """Half of the last axis and one."""
        if not self._axes(len(a.shape)):
            raise self.shape_error("has no axis to transform")
        if a.dtype.kind == "c":
            raise self.shape_error("found complex numbers, needs real ones; np.fft.fft takes both")
        return super().infer(a)

    def _last(self, size: Any) -> Any:
        return unknown() if isinstance(size, Size) else size // 2 + 1


class Irfft(Fourier):
    """Real numbers from the first half of their Fourier transform; n = 2 (m − 1) points from m unless s says it.

    h = ifft of a and its mirrored conjugate        da = 2 conj(rfft of the gradient), once where k = 0 or n/2

    The imaginary parts of the first point, and for even n of the last, are not read.
    """

    symbol = "irfft"
    formula = r"c \textstyle\sum_k a_k e^{2 \pi i j k / n}, \; a_{n-k} = \bar a_k"

    def fprop(self, a: Value) -> Value:
        last = self._axes(a.ndim)[-1]
        if a.shape[last] == 0 and self.s is not None:  # NumPy would not write the value at all
            a = np.zeros_like(a, shape=(*a.shape[:last], 1, *a.shape[last + 1 :]))
        return np.fft.irfftn(a, self.s, self.axes, self.norm)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        axes = self._axes(a.ndim)
        half = Rfft.apply(grad, axes=axes[-1:], norm=SWAPPED[self.norm])
        back = BothHalves.apply(np.conjugate(half), grad, axis=axes[-1])
        if len(axes) > 1:
            back = Ifft.apply(back, axes=axes[:-1], norm=self.norm)
        back = back if a.dtype.kind == "c" else in_precision_of(real_part(back), a)
        return (fit_like(back, a, axes),)

    def infer(self, a: Spec) -> Spec:
        """Twice the last axis less two, or the size that is given; as in NumPy, s = -1 makes no n of m but keeps m."""
        axes = self._axes(len(a.shape))
        if not axes:
            raise self.shape_error("has no axis to transform")
        return super().infer(a)

    def _last(self, size: Any) -> Any:
        return size if self.s is not None else 2 * (size - 1)


class BothHalves(Box):
    """The half spectrum of real numbers, each point times the number of its occurrences in the full spectrum.

    h_k = 2 a_k, and a_k where k = 0 or n/2        da = the same of the gradient

    `like` has the n numbers along the axis.
    """

    public = False
    axis: int = -1

    symbol = "both halves"
    formula = r"2 a_k"
    core = Core("axis")
    constant_children = frozenset({"like"})
    examples = (example((3, 4), (3, 6)), example((3, 2), (4, 2), axis=0), example((3,), (5,)), example((1,), (1,)))

    def fprop(self, a: Value, like: Value) -> Value:
        a = np.moveaxis(2 * a, self.axis, -1)
        a[..., 0] /= 2
        if like.shape[self.axis] % 2 == 0:
            a[..., -1] /= 2
        return np.moveaxis(a, -1, self.axis)

    def bprop(self, grad: Value, h: Value, a: Value, like: Value) -> tuple[Value, ...]:
        return BothHalves.apply(grad, like, axis=self.axis), None

    def infer(self, a: Spec, like: Spec) -> Spec:
        """As the child."""
        axis = axis_of(self, self.axis, len(a.shape))
        size = like.shape[axis] if len(like.shape) == len(a.shape) else 0
        if not isinstance(size, Size) and not (size and same(a.shape[axis], size // 2 + 1)):
            raise self.shape_error(f"{shape_text(a.shape)} is not the first half of {shape_text(like.shape)}")
        return a


class FftShift(Box):
    """Rolls axes by half of their size, so that frequency 0 is in the middle, or back.

    h = a, rolled by ⌊n/2⌋, by −⌊n/2⌋ for `inverse`        da = the gradient, rolled back

    Parameters
    ----------
    inverse : bool, default False
        Whether the shift is undone.
    """

    axes: Axes | None = None
    inverse: bool = False

    symbol = "fftshift"
    arithmetic = False
    core = Core("axes")
    examples = (
        example((5,)),
        example((3, 4), inverse=True),
        example((3, 4), axes=(0,)),
        example((2, 3, 4), axes=(2, 0), inverse=True),
    )

    def fprop(self, a: Value) -> Value:
        return (np.fft.ifftshift if self.inverse else np.fft.fftshift)(a, self.axes)

    def parts(self, a: Value) -> Value:
        """The middle of each axis first, or the reverse."""
        for axis in range(a.ndim) if self.axes is None else axes_of(self, self.axes, a.ndim):
            half = a.shape[axis] // 2
            a = roll_axis(a, -half if self.inverse else half, axis)
        return a

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (FftShift.apply(grad, axes=self.axes, inverse=not self.inverse),)

    def infer(self, a: Spec) -> Spec:
        """The shape and the dtype of the child."""
        if self.axes is not None:
            axes_of(self, self.axes, len(a.shape))
        return a


def _along_one_axis(box: type[Fourier]) -> Callable[..., Any]:
    def transform(a: Value, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
        return box(a, axes=(axis,), s=None if n is None else (n,), norm=norm)

    return transform


def _along_several(box: type[Fourier], default: tuple[int, ...] | None) -> Callable[..., Any]:
    """As np.fft counts axes: the last ones where only sizes are given; a size of None is that of the axis."""

    def transform(a: Value, s: Value = None, axes: Any = default, norm: Any = None) -> Any:
        if s is None:
            return box(a, axes=None if axes is None else tuple(axes), norm=norm)
        sizes: Shape = tuple(-1 if size is None else size for size in s)
        return box(a, axes=tuple(range(-len(sizes), 0)) if axes is None else tuple(axes), s=sizes, norm=norm)

    return transform


for _box, _of_one, _of_two, _of_all in (
    (Fft, np.fft.fft, np.fft.fft2, np.fft.fftn),
    (Ifft, np.fft.ifft, np.fft.ifft2, np.fft.ifftn),
    (Rfft, np.fft.rfft, np.fft.rfft2, np.fft.rfftn),
    (Irfft, np.fft.irfft, np.fft.irfft2, np.fft.irfftn),
):
    implements(_of_one)(_along_one_axis(_box))
    implements(_of_two)(_along_several(_box, (-2, -1)))
    implements(_of_all)(_along_several(_box, None))


@implements(np.fft.hfft)
def hfft(a: Value, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    """np.fft.hfft of a box: the transform of numbers whose first half is given, the rest being its conjugate."""
    return np.fft.irfft(np.conjugate(a), n, axis, SWAPPED.get(norm, norm))


@implements(np.fft.ihfft)
def ihfft(a: Value, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    """np.fft.ihfft of a box: the inverse of np.fft.hfft."""
    return np.conjugate(np.fft.rfft(a, n, axis, SWAPPED.get(norm, norm)))


@implements(np.fft.fftshift)
def fftshift(x: Value, axes: Sequence[int] | None = None) -> Any:
    """np.fft.fftshift of a box."""
    return FftShift(x, axes=axes)


@implements(np.fft.ifftshift)
def ifftshift(x: Value, axes: Sequence[int] | None = None) -> Any:
    """np.fft.ifftshift of a box."""
    return FftShift(x, axes=axes, inverse=True)
