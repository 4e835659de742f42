"""Eigenvalues and eigenvectors, of Hermitian matrices and of any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from flowgraph.box import Box
from flowgraph.box.example import example
from flowgraph.box.numpy_dispatch import implements
from flowgraph.box.value import Value
from flowgraph.boxes.elementwise.complex_numbers import conjugate
from flowgraph.boxes.linear_algebra.gauge_check import GaugeInvarianceCheck, open_to_values
from flowgraph.boxes.linear_algebra.matrices import (
    OfMatrices,
    adjoint,
    columns,
    diagonal,
    folded,
    on_diagonal,
    rounding,
    rows,
)
from flowgraph.shapes.size import Shape
from flowgraph.shapes.spec import same

_MATRIX = np.array([[2.0, -0.5, 0.3], [0.7, 1.5, -0.2], [-0.4, 0.6, -1.8]])

_DEFECTIVE = 1e-3
"""Eigenvectors from whose inverse rounding takes all but three digits count as dependent: the matrix is defective."""


class Eigh(OfMatrices):
    """Eigenvalues, in ascending order, and eigenvectors of Hermitian matrices, of which one triangle is read.

    w, v = eigh(a)        with P = vᴴ da v: dw = diag P, dv = v (P_ij / (w_j − w_i))

    The elements of the triangle that is not read have the gradient 0, those beside the diagonal of the other stand for
    both. Equal eigenvalues leave the basis of their vectors open, in complex vectors the phase is: a loss that depends
    on it is refused in the run of its gradient.

    Parameters
    ----------
    UPLO : {'L', 'U', 'l', 'u'}, default 'L'
        Which triangle of the matrices is read: the lower or the upper one.
    """

    UPLO: Literal["L", "U", "l", "u"] = "L"

    symbol = "eigh"
    formula = r"a = v \, w \, v^H"
    examples = (
        example(_MATRIX),
        example(_MATRIX, UPLO="U"),
        example(np.stack([_MATRIX, 1 - _MATRIX.T])),
    )

    def fprop(self, a: Value) -> Value:
        return tuple(np.linalg.eigh(a, self.UPLO))

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        dw, dv = grad
        w, v = h
        inside = None if dw is None else on_diagonal(dw, v)
        if dv is not None:
            of_vectors = adjoint(v) @ conjugate(dv)
            turned = _turning(of_vectors, of_vectors - adjoint(of_vectors), dw, w, "Eigh")
            inside = turned if inside is None else inside + turned
        return (conjugate(folded(v @ inside @ adjoint(v), self.UPLO.upper() == "U")),)

    def shapes(self, *shapes: Shape) -> Sequence[Shape]:
        """One eigenvalue and one column for each row."""
        return _square(self, shapes[0])


class Eig(OfMatrices):
    """Eigenvalues and eigenvectors of any square matrices, always complex, of length 1.

    w, v = eig(a)        with P = v⁻¹ da v: dw = diag P, dv = v (P_ij / (w_j − w_i)) along vectors of length 1

    NumPy gives real arrays where no eigenvalue has an imaginary part; a box has one dtype whatever the values are.
    Equal eigenvalues leave the basis of their vectors open, and a matrix without a full set of eigenvectors leaves some
    open: a loss that depends on them is refused in the run of its gradient.

    Examples
    --------
    >>> import flowgraph as fg
    >>> import numpy as np
    >>> w, v = np.linalg.eig(fg.Parameter([[2.0, 1.0], [0.0, 3.0]], name="a"))
    >>> fg.Graph(w).fprop()[w].real.tolist()
    [2.0, 3.0]
    """

    symbol = "eig"
    formula = r"a \, v = v \, w"
    examples = None  # its vectors have a phase that is open: tested with losses that do not depend on it

    def fprop(self, a: Value) -> Value:
        w, v = np.linalg.eig(a)
        dtype = np.result_type(w.dtype, np.complex64)
        return w.astype(dtype), v.astype(dtype)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        dw, dv = grad
        w, v = h
        inside: Any = None if dw is None else on_diagonal(conjugate(dw), v)
        if dv is not None:
            of_vectors = adjoint(v) @ conjugate(dv)
            free = np.imag(diagonal(of_vectors))
            of_vectors = GaugeInvarianceCheck.apply(
                of_vectors, free, what="Eig: the phase of the eigenvectors is left open"
            )
            of_vectors = of_vectors - adjoint(v) @ v * columns(np.real(diagonal(of_vectors)))
            turned = _turning(of_vectors, of_vectors, dw, w, "Eig")
            inside = turned if inside is None else inside + turned
        s = np.linalg.svdvals(v)
        defective = rows(s[..., -1:] <= s[..., :1] * (float(np.finfo(s.dtype).eps) / _DEFECTIVE))
        free = np.where(defective, np.abs(inside), 0)
        inside = GaugeInvarianceCheck.apply(
            inside, free, what="Eig: the eigenvectors of a defective matrix are left open"
        )
        da = conjugate(adjoint(np.linalg.pinv(v)) @ inside @ adjoint(v))
        return (da if a.dtype.kind == "c" else np.real(da),)

    def shapes(self, *shapes: Shape) -> Sequence[Shape]:
        """One eigenvalue and one column for each row."""
        return _square(self, shapes[0])


class EighResult(NamedTuple):
    """What np.linalg.eigh returns."""

    eigenvalues: Any
    eigenvectors: Any


class EigResult(NamedTuple):
    """What np.linalg.eig returns."""

    eigenvalues: Any
    eigenvectors: Any


@implements(np.linalg.eigh)
def eigh(a: Value, UPLO: str = "L") -> EighResult:
    """np.linalg.eigh of a box."""
    return EighResult(*Eigh(a, UPLO=UPLO))


@implements(np.linalg.eigvalsh)
def eigvalsh(a: Value, UPLO: str = "L") -> Any:
    """np.linalg.eigvalsh of a box."""
    return Eigh(a, UPLO=UPLO)[0]


@implements(np.linalg.eig)
def eig(a: Value) -> EigResult:
    """np.linalg.eig of a box: complex boxes."""
    return EigResult(*Eig(a))


@implements(np.linalg.eigvals)
def eigvals(a: Value) -> Any:
    """np.linalg.eigvals of a box: a complex box."""
    return Eig(a)[0]


def _turning(of_v: Value, open_: Value, dw: Value, w: Value, who: str) -> Any:
    """The part of the gradient from the rotation of the eigenvectors; `open_` must be 0 for equal eigenvalues."""
    gap = conjugate(columns(w) - rows(w))
    equal = np.abs(gap) <= rows(rounding(w))
    free = np.where(equal, np.abs(open_), 0)
    if dw is not None:
        free = free + open_to_values(equal, of_v, dw)
    of_v = GaugeInvarianceCheck.apply(
        of_v, free, what=f"{who}: the bases of the eigenvectors of equal values are left open"
    )
    return of_v * np.where(equal, 0, 1 / np.where(equal, 1, gap))


def _square(box: Box, shape: Shape) -> Sequence[Shape]:
    stack, m, n = box.matrix(shape)
    if not same(m, n):
        raise box.shape_error(f"found matrices of {m} rows and {n} columns, needs square ones")
    return (*stack, n), (*stack, n, n)
