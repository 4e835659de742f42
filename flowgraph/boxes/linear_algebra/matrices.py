"""What the boxes of linear algebra share: stacks of matrices, adjoints, triangles, and checks of a gauge choice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.axes import Core
from flowgraph.box.inference import try_fprop
from flowgraph.boxes.elementwise.complex_numbers import conjugate, real_part
from flowgraph.boxes.linear_algebra.diagonal import OnDiagonal
from flowgraph.errors import OpenChoiceError
from flowgraph.shapes.size import Shape, Size, unknown
from flowgraph.shapes.spec import SignatureMismatchError, Spec


class OfMatrices(Box, abstract=True):
    """A box of the matrices on the last two axes; axes in front of them are a stack, as in np.linalg."""

    core = Core(last=2)

    def infer(self, *specs: Spec) -> Any:
        """Shapes by `shapes`, dtypes of a trial on matrices of one element, which are never singular.

        NumPy takes integers as floats.
        """
        try:
            shapes = self.shapes(*(spec.shape for spec in specs))
        except SignatureMismatchError as mismatch:
            raise self.shape_error(str(mismatch), f"signature {self.signature.text}") from None
        floats = [np.result_type(s.dtype, np.float64) if s.dtype.kind in "biu" else s.dtype for s in specs]
        trial = try_fprop(self, tuple(Spec((1,) * len(s.shape), d) for s, d in zip(specs, floats, strict=True)))
        ones = (trial,) if isinstance(trial, Spec) else trial
        outputs = tuple(Spec(shape, output.dtype) for shape, output in zip(shapes, ones, strict=True))
        return outputs if len(outputs) > 1 else outputs[0]

    def shapes(self, *shapes: Shape) -> Sequence[Shape]:
        """The shapes of the outputs, by the signature."""
        return self.signature.result(shapes, self.names_of_children())  # type: ignore[no-any-return]

    def matrix(self, shape: Shape) -> tuple[Shape, int | Size, int | Size]:
        """The stack, the rows and the columns."""
        if len(shape) < 2:
            raise self.shape_error(f"found {len(shape)} axes, needs matrices on the last two")
        return shape[:-2], shape[-2], shape[-1]


def smaller(rows: int | Size, columns: int | Size) -> int | Size:
    """The smaller of two sizes, unknown where it depends on the batch."""
    if rows == columns:
        return rows
    if isinstance(rows, Size) or isinstance(columns, Size):
        return unknown()
    return min(rows, columns)


def adjoint(a: Value) -> Any:
    """The conjugate transpose aᴴ."""
    return conjugate(a).mT


def columns(vectors: Value) -> Any:
    """Numbers for each column of a matrix, as a row to multiply it with."""
    return np.expand_dims(vectors, -2)


def rows(vectors: Value) -> Any:
    """Numbers for each row of a matrix, as a column to multiply it with."""
    return np.expand_dims(vectors, -1)


def on_diagonal(vectors: Value, like: Value) -> Any:
    """Matrices of zeros of the shape of `like`, with these numbers on their diagonals."""
    return OnDiagonal.apply(vectors, like, axis1=-2, axis2=-1)


def diagonal(a: Value) -> Any:
    """The diagonals of the matrices on the last two axes."""
    return np.diagonal(a, 0, -2, -1)


def identity_minus(a: Value) -> Any:
    """I − a for square matrices."""
    return on_diagonal(np.ones_like(diagonal(a)), a) - a


def rounding(values: Value) -> Any:
    """The difference up to which the values of a factorisation count as equal, and up to which one counts as 0."""
    # LAPACK's bounds are a modest multiple of eps times the norm (LAPACK Users' Guide, 4.7); 16 leaves room for it
    return 16 * float(np.finfo(values.dtype).eps) * np.sum(np.abs(values), axis=-1, keepdims=True)


def of_lower_triangle(a: Value) -> Any:
    """The Hermitian matrix with the lower triangle of `a`: what LAPACK reads of it."""
    strict = np.tril(a, -1)
    return strict + adjoint(strict) + on_diagonal(real_part(diagonal(a)), a)


def fold_triangles(grad: Value, upper: bool = False) -> Any:
    """The gradient by the triangle that LAPACK reads, from one by all elements of a Hermitian matrix.

    The elements of the other triangle are never read, so their gradient is 0.
    """
    both = grad + adjoint(grad)
    strict = np.triu(both, 1) if upper else np.tril(both, -1)
    return strict + on_diagonal(real_part(diagonal(both)) / 2, grad)


class GaugeInvarianceCheck(Box):
    """Passes a gradient on after checking that the loss does not depend on a gauge choice.

    h = grad        the gradient is sent on; `free`, the slope along what is left open, must be 0 up to rounding
    """

    public = False
    what: str

    symbol = "gauge"
    core = Core(last=2)
    constant_children = frozenset({"free"})
    examples = None  # it is tested with the boxes of factorisations

    def fprop(self, a: Value, free: Value) -> Value:
        rough = float(np.finfo(free.dtype).eps) ** 0.5
        largest = float(np.max(np.abs(free), initial=0))
        if largest > rough * (1 + float(np.max(np.abs(a), initial=0))):
            raise OpenChoiceError(
                f"{self.what}, and the loss depends on it (its slope there is {largest:.2g}), so it has no gradient; "
                f"make the loss of what does not depend on it, such as |v|², v vᴴ, or the values alone"
            )
        return a

    def bprop(self, grad: Value, h: Value, a: Value, free: Value) -> tuple[Value, ...]:
        return grad, None

    def infer(self, a: Spec, free: Spec) -> Spec:
        """Shape and dtype of the gradient a."""
        return a


def open_to_values(equal: Value, turned: Value, values: Value) -> Any:
    """How much a loss depends on pairs of equal eigenvalues and on their eigenvectors, by pairs; 0 for other pairs.

    The eigenvectors of equal eigenvalues are arbitrary up to a rotation, and a small change of the matrix chooses
    others, so that a loss of both has no gradient.
    """
    beside = equal & (rows(np.cumsum(np.ones_like(values), -1)) != columns(np.cumsum(np.ones_like(values), -1)))
    slopes = np.maximum(rows(np.abs(values)), columns(np.abs(values)))
    return np.where(beside, np.minimum(np.abs(turned), slopes), 0)
