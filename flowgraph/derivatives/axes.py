"""The table of how axes move through boxes: read by batches of rows (vmap, Jacobians) and by shards of a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from flowgraph.box import Box
from flowgraph.box.inference import axes_of
from flowgraph.boxes.engine.shape_like import FitLike
from flowgraph.boxes.fourier.signal import Unwrap
from flowgraph.boxes.fourier.transforms import BothHalves, Fft, FftShift, Ifft, Irfft, Rfft
from flowgraph.boxes.indexing.gather import ArgSort, TakeAlongAxis
from flowgraph.boxes.linear_algebra.determinant import Cofactors, Det, SlogDet
from flowgraph.boxes.linear_algebra.diagonal import Diagonal, OnDiagonal, Tril, Triu
from flowgraph.boxes.linear_algebra.eigenvalues import SVD, Eigh, FullSVD
from flowgraph.boxes.linear_algebra.factorisation import QR, Cholesky, CompleteQR
from flowgraph.boxes.linear_algebra.inverse import Inv, Pinv
from flowgraph.boxes.linear_algebra.matrices import GaugeInvarianceCheck
from flowgraph.boxes.linear_algebra.norm import EuclideanNorm, PNorm
from flowgraph.boxes.neural.loss import NegativeLogLikelihood, SoftmaxCrossEntropy
from flowgraph.boxes.neural.pooling import (
    MaxPool,
    MeanOfLargest,
    MeanPool,
    SpreadEvenly,
    SpreadToLargest,
    SpreadToRectified,
)
from flowgraph.boxes.neural.resizing import Resize, ResizeInput
from flowgraph.boxes.neural.softmax import LogSoftmax, Softmax
from flowgraph.boxes.reduction.extremes import (
    AllTrue,
    AnyTrue,
    ArgMax,
    ArgMin,
    CountNonzero,
    Max,
    Min,
    NanArgMax,
    NanArgMin,
)
from flowgraph.boxes.reduction.products import CumProd, CumSum, Prod
from flowgraph.boxes.reduction.sums import LogSumExp, Mean, Std, Sum, Var
from flowgraph.boxes.shape.arrangement import Flip
from flowgraph.boxes.shape.joining import Concatenate, Split, SplitLike, Stack, Unstack
from flowgraph.boxes.shape.reshaping import ExpandDims, Squeeze


class Core(NamedTuple):
    """The axes that a box works along; for every index of the others, the loop axes, it does the same.

    Core axes are named by `settings`, or they are the last ones, and nothing names them. None in a setting stands for
    all axes, or, in a box `of_lines`, for an array that is read as one line. `counted` is the number of axes that a
    negative setting is counted from. `result` says where a loop axis of the first child is in the value: in its place
    ("kept"), before it by as many core axes as stand before it and are gone ("gone"), or at another place ("moved").
    """

    settings: tuple[str, ...] = ()
    of_lines: bool = False
    result: str = "kept"
    counted: Callable[[Any], int] = lambda box: len(box.children[0].shape)
    last: Callable[[Any], int] = lambda box: 0

    def along(self, box: Box) -> tuple[int, ...] | None:
        """The core axes of the first child, whose loop axes are not moved; None where it is read as one line."""
        ndim = len(box.children[0].shape)
        if not self.settings:
            return tuple(range(ndim))[max(0, ndim - self.last(box)) :]
        given = getattr(box, self.settings[0])
        if given is None:
            return None if self.of_lines else tuple(range(ndim))
        return axes_of(box, given, ndim)

    def shifted(self, box: Box) -> dict[str, Any] | None:
        """The settings of the box with one more loop axis in front; None where an axis in front is no loop axis."""
        ndim, shifted = self.counted(box), {}
        for name in self.settings:
            given = getattr(box, name)
            if self.of_lines and (given is None or not ndim):
                return None
            shifted[name] = on_by_one(given, ndim)
        return shifted


def on_by_one(axis: Any, ndim: int) -> Any:
    """Axes counted on by one, for an axis in front."""
    if axis is None:
        return tuple(range(1, ndim + 1))
    if isinstance(axis, tuple | list):
        return tuple(number % ndim + 1 for number in axis)
    return axis % ndim + 1


_OF_RESULT: Callable[[Any], int] = lambda box: len(box.shape)  # noqa: E731
_OF_LAST_CHILD: Callable[[Any], int] = lambda box: len(box.children[-1].shape)  # noqa: E731
_MATRICES = Core(last=lambda box: 2)
_WINDOWS = Core(last=lambda box: len(box.sliding.size))
_REDUCED = Core(("axis",), result="gone")
_PICKED = Core(("axis",), of_lines=True, result="gone")
_LINES = Core(("axis",), of_lines=True)
_JOINED = Core(("axis",), of_lines=True, result="moved")

CORES: Mapping[type[Box], Core] = {
    **dict.fromkeys((Sum, Mean, Max, Min, Prod, LogSumExp, Std, Var, AllTrue, AnyTrue, CountNonzero), _REDUCED),
    **dict.fromkeys((EuclideanNorm, PNorm), _REDUCED),
    **dict.fromkeys((ArgMax, ArgMin, NanArgMax, NanArgMin), _PICKED),
    **dict.fromkeys((CumSum, CumProd, ArgSort, Unwrap), _LINES),
    **dict.fromkeys((Flip, Softmax, LogSoftmax), Core(("axis",))),
    **dict.fromkeys((Fft, Ifft, Rfft, Irfft, FftShift, FitLike), Core(("axes",))),
    BothHalves: Core(("axis",)),
    **dict.fromkeys((Concatenate, SplitLike, TakeAlongAxis, Split, Unstack, Squeeze), _JOINED),
    **dict.fromkeys((ExpandDims, Stack), _JOINED._replace(counted=_OF_RESULT)),
    **dict.fromkeys((Diagonal, OnDiagonal), Core(("axis1", "axis2"), result="moved", counted=_OF_LAST_CHILD)),
    **dict.fromkeys((Tril, Triu, GaugeInvarianceCheck, Inv, Cofactors, Cholesky), _MATRICES),
    **dict.fromkeys((Det, SlogDet), _MATRICES._replace(result="gone")),
    **dict.fromkeys((Eigh, QR, CompleteQR, SVD, FullSVD, Pinv), _MATRICES._replace(result="moved")),
    **dict.fromkeys((NegativeLogLikelihood, SoftmaxCrossEntropy), Core(last=lambda box: 1, result="gone")),
    **dict.fromkeys((MaxPool, MeanPool, SpreadToLargest, SpreadToRectified, MeanOfLargest, SpreadEvenly), _WINDOWS),
    **dict.fromkeys((Resize, ResizeInput), Core(last=lambda box: len(box.size or box.scale))),
}
"""By the exact class: a subclass may do something else."""
