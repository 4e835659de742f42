"""Reductions, scores, factorisations and lookups over rows: what a mapped function is made of beside its gradients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from flowgraph.box import Box
from flowgraph.box.inference import axes_of, axis_of
from flowgraph.boxes.fourier.signal import Unwrap
from flowgraph.boxes.indexing.gather import ArgSort
from flowgraph.boxes.linear_algebra.determinant import Cofactors, Det, SlogDet
from flowgraph.boxes.linear_algebra.eigenvalues import SVD, Eigh, FullSVD
from flowgraph.boxes.linear_algebra.factorisation import QR, Cholesky, CompleteQR
from flowgraph.boxes.linear_algebra.inverse import Inv, Pinv
from flowgraph.boxes.linear_algebra.products import Affine, MatMul
from flowgraph.boxes.neural.loss import NegativeLogLikelihood, SoftmaxCrossEntropy
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
from flowgraph.boxes.reduction.products import CumProd, Prod
from flowgraph.boxes.reduction.sums import LogSumExp, Std, Var
from flowgraph.boxes.shape.joining import Split, Unstack
from flowgraph.boxes.shape.padding import Pad
from flowgraph.derivatives.batching import lifted, over_rows, rule_for


@rule_for(Max, Min, Prod, LogSumExp, Std, Var, AllTrue, AnyTrue, CountNonzero)
def _over_axes(box: Any, found: Mapping[Box, Box], some: Box) -> Any:
    """A reduction over several axes, all of them where none is named."""
    (a,) = box.children
    axes = tuple(axis + 1 for axis in box.axes(len(a.shape)))
    return type(box)(found[a], **box.setting_values() | {"axis": axes})


@rule_for(
    ArgMax, ArgMin, NanArgMax, NanArgMin, ArgSort, CumProd, Split, Unstack, Unwrap
)  # fmt: skip
def _along(box: Any, found: Mapping[Box, Box], some: Box) -> Any:
    """What goes along one axis; of an array that is read as one line every row is a line of its own."""
    (a,) = box.children
    if box.axis is None or not a.shape:
        return None
    return type(box)(found[a], **box.setting_values() | {"axis": axis_of(box, box.axis, len(a.shape)) + 1})


@rule_for(Softmax, LogSoftmax)
def _scores(box: Any, found: Mapping[Box, Box], some: Box) -> Any:
    """Scores along one axis, several, or all."""
    (a,) = box.children
    ndim = len(a.shape)
    axes = tuple(range(ndim)) if box.axis is None else axes_of(box, box.axis, ndim)
    return type(box)(found[a], axis=tuple(axis + 1 for axis in axes))


@rule_for(Det, SlogDet, Inv, Cofactors, Cholesky, Eigh, QR, CompleteQR, SVD, FullSVD, Pinv)
def _of_matrices(box: Box, found: Mapping[Box, Box], some: Box) -> Box:
    """What takes stacks of matrices, whatever stands before their two axes."""
    return box.with_children(found[box.children[0]])


@rule_for(NegativeLogLikelihood, SoftmaxCrossEntropy)
def _of_examples(box: Box, found: Mapping[Box, Box], some: Box) -> Box:
    """Rows are further examples."""
    return box.with_children(*(lifted(child, found, some) for child in box.children))


@rule_for(Affine)
def _affine(box: Box, found: Mapping[Box, Box], some: Box) -> Box:
    """Where each row has weights of its own, a product and a sum; else rows are further examples."""
    h, w, b = box.children
    if w not in found and b not in found:
        return box.with_children(found[h], w, b)
    total = cast(Any, MatMul(h, w)) + b
    return over_rows([total], {child: found[child] for child in box.children if child in found})[0]


@rule_for(Pad)
def _pad(box: Any, found: Mapping[Box, Box], some: Box) -> Any:
    settings = box.setting_values() | {"pad_width": ((0, 0), *box.pad_width)}
    return Pad(found[box.children[0]], **settings)
