"""Signals on a line: convolution and correlation, each the gradient of the other, and angles unwrapped."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.axes import Core
from flowgraph.box.inference import axis_of
from flowgraph.box.numpy_dispatch import implements
from flowgraph.box.vocabulary import example
from flowgraph.boxes.elementwise.complex_numbers import conjugate
from flowgraph.boxes.numpy_api.constructors import as_box
from flowgraph.errors import DtypeError, ShapeError, UsageError
from flowgraph.shapes.size import Shape, Size, product
from flowgraph.shapes.spec import Spec


class Convolve(Box):
    """Discrete convolution of two signals, wherever they overlap.

    h_k = Σ_j a_{k-j} v_j        da_i = Σ_j grad_{i+j} v_j, dv_j = Σ_i grad_{i+j} a_i: correlations with the gradient

    Shapes: (n) and (m) give (n + m - 1).

    Parameters
    ----------
    longer_first : bool, default False
        Whether a run in which a is shorter than v is refused: what reads the value was built for the size of a.
    """

    longer_first: bool = False

    symbol = "∗"
    formula = r"\sum_j a_{k-j} v_j"
    examples = (example((5,), (3,)), example((2,), (4,)), example((3,), (1,)), example((4,), (3,), longer_first=True))

    def fprop(self, a: Value, v: Value) -> Value:
        if self.longer_first and len(v) > len(a):
            raise ShapeError(
                f"Convolve: found {len(a)} elements of a signal that follows the batch, and {len(v)} of the other; "
                f"needs as many of it at least; use mode='full' and take a slice"
            )
        return np.convolve(a, v)

    def bprop(self, grad: Value, h: Value, a: Value, v: Value) -> tuple[Value, ...]:
        return Correlate.apply(grad, v), Correlate.apply(grad, a)

    def infer(self, a: Spec, v: Spec) -> Spec:
        """The sum of both sizes, less one."""
        n, m = line_sizes(self, a, v)
        return Spec((n + m - 1,), np.result_type(a.dtype, v.dtype))

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """A product and a sum per pair of elements."""
        return 2 * product((shapes[0][0], shapes[1][0]))


class Correlate(Box):
    """Discrete correlation of a signal with a shorter or equally long one, where both overlap completely.

    h_k = Σ_j a_{k+j} v_j        da_i = Σ_j grad_{i-j} v_j, a convolution; dv_j = Σ_k grad_k a_{k+j}, a correlation

    Shapes: (n) and (m), m ≤ n, give (n - m + 1). Of complex numbers v is taken as it is; np.correlate conjugates it.
    """

    symbol = "⋆"
    formula = r"\sum_j a_{k+j} v_j"
    examples = (example((5,), (3,)), example((4,), (4,)), example((3,), (1,)))

    def fprop(self, a: Value, v: Value) -> Value:
        if len(v) > len(a):
            raise ShapeError(f"Correlate: found {len(v)} elements of v and {len(a)} of a, needs v no longer than a")
        return np.convolve(a, v[::-1], "valid")

    def bprop(self, grad: Value, h: Value, a: Value, v: Value) -> tuple[Value, ...]:
        return Convolve.apply(grad, v), Correlate.apply(a, grad)

    def infer(self, a: Spec, v: Spec) -> Spec:
        """The difference of both sizes, and one."""
        n, m = line_sizes(self, a, v)
        if not isinstance(n, Size) and not isinstance(m, Size) and m > n:
            raise self.shape_error(f"found {m} elements of v and {n} of a, needs v no longer than a")
        return Spec((n - m + 1,), np.result_type(a.dtype, v.dtype))

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """A product and a sum per element of v and of the value."""
        return 2 * product((shape[0], shapes[1][0]))


class Unwrap(Box):
    """Angles along an axis without jumps: from each on, whole periods are added where the step to it is too large.

    h = p, and a multiple of the period        dp = the gradient, also at a jump

    A step is too large from `discont` on, half a period for None.

    Parameters
    ----------
    discont : float or None, default None
        From which step on a period is added, in the unit of the period; None for half a period.
    period : float, default 2π
        The size of a whole turn: 2π for radians, 360 for degrees.
    """

    discont: float | None = None
    axis: int = -1
    period: int | float = 2 * math.pi

    numpy = np.unwrap
    symbol = "unwrap"
    core = Core("axis", line=True)
    examples = (
        example(np.array([[0.0, 1.0, 6.0, 9.5], [3.0, -3.0, 2.5, -2.0]])),
        example(np.array([[0.0, 1.0], [2.5, 5.3], [5.1, 0.2]]), axis=0, period=4.0),
        example(np.array([0.0, 3.5, 7.5, -1.0]), discont=3.8),
    )

    def fprop(self, p: Value) -> Value:
        return np.unwrap(p, self.discont, self.axis, period=self.period)

    def bprop(self, grad: Value, h: Value, p: Value) -> tuple[Value, ...]:
        return (grad.astype(p.dtype),)

    def infer(self, p: Spec) -> Spec:
        """The shape of the child, in a dtype that holds the period."""
        if p.dtype.kind == "c":
            raise DtypeError(f"{self.title}: found {p.dtype} numbers, needs angles, which are real: np.angle(p)")
        axis_of(self, self.axis, len(p.shape))
        return Spec(p.shape, np.unwrap(np.zeros(2, p.dtype), period=self.period).dtype)

    def check_settings(self) -> None:
        """Refuse a period of 0."""
        if not self.period:
            raise UsageError(f"Unwrap: found period={self.period!r}, needs a number other than 0")


@implements(np.convolve)
def convolve(a: Value, v: Value, mode: str = "full") -> Any:
    """np.convolve of boxes."""
    a, v, mode = _signal(a), _signal(v), _mode(mode)
    if mode == "full":
        return Convolve(a, v)
    if _longer(v, a):
        a, v = v, a
    return Correlate(a, np.flip(v)) if mode == "valid" else _same(a, v, lead=0)


@implements(np.correlate)
def correlate(a: Value, v: Value, mode: str = "valid") -> Any:
    """np.correlate of boxes; the complex conjugate of v is taken."""
    for side in (a, v):
        if not np.ndim(side):
            raise ShapeError("np.correlate: found a number, needs two one-dimensional arrays")
    a, v, mode = _signal(a), conjugate(_signal(v)), _mode(mode)
    if mode == "full":
        return Convolve(a, np.flip(v))
    swapped = _longer(v, a)
    if mode == "valid":
        return np.flip(Correlate(v, a)) if swapped else Correlate(a, v)
    return _same(np.flip(v), a, lead=1) if swapped else _same(a, np.flip(v), lead=0)


def line_sizes(box: Box, a: Spec, v: Spec) -> tuple[Any, Any]:
    """The sizes of two signals, each along one axis and not empty."""
    if len(a.shape) != 1 or len(v.shape) != 1 or 0 in (*a.shape, *v.shape):
        raise box.shape_error("needs two one-dimensional arrays that are not empty")
    return a.shape[0], v.shape[0]


def _signal(a: Value) -> Any:
    return np.atleast_1d(as_box(a))


def _mode(mode: Any) -> str:
    """The mode by its name; NumPy counts them too."""
    names = ("valid", "same", "full")
    if mode in (0, 1, 2):
        return names[mode]
    if mode not in names:
        raise UsageError(f"np.convolve, np.correlate: found mode={mode!r}, needs one of {', '.join(names)}")
    return str(mode)


def _longer(a: Value, v: Value) -> bool:
    """Whether a signal is longer than another; one that follows the batch is taken to be longer than a fixed one."""
    n, m = a.shape[0], v.shape[0]
    if n == m:
        return False
    if isinstance(n, Size) and isinstance(m, Size):
        raise UsageError(
            f"np.convolve, np.correlate: found signals of {n} and {m} elements, and which one is longer is not known "
            f"before a run; use mode='full' and take a slice"
        )
    return isinstance(n, Size) or (not isinstance(m, Size) and n > m)


def _same(longer: Value, shorter: Value, lead: int) -> Any:
    """The middle of a convolution, as long as the longer signal; `lead` cuts the larger part in front."""
    full = Convolve(longer, shorter, longer_first=isinstance(longer.shape[0], Size))
    cut = shorter.shape[0] - 1
    if isinstance(cut, Size):
        raise UsageError(f"np.convolve, np.correlate: found mode='same' for {cut + 1} elements, use mode='full'")
    front = (cut + lead) // 2
    return full[front : full.shape[0] - (cut - front)]
