"""Eigenvalues and eigenvectors, of Hermitian matrices and of any; the singular value decomposition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from flowgraph.box import Box
from flowgraph.box.numpy_dispatch import implements
from flowgraph.box.vocabulary import Value, example
from flowgraph.boxes.elementwise.complex_numbers import conjugate
from flowgraph.boxes.linear_algebra.matrices import (
    GaugeInvarianceCheck,
    OfMatrices,
    adjoint,
    columns,
    diagonal,
    fold_triangles,
    on_diagonal,
    open_to_values,
    rounding,
    rows,
    smaller,
)
from flowgraph.errors import UsageError
from flowgraph.shapes.size import Shape, Size
from flowgraph.shapes.spec import same

EighResult: Any = type(np.linalg.eigh(np.eye(1)))
EigResult: Any = type(np.linalg.eig(np.eye(1)))
SVDResult: Any = type(np.linalg.svd(np.eye(1)))
"""What NumPy returns, tuples with names."""

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
        return (conjugate(fold_triangles(v @ inside @ adjoint(v), self.UPLO.upper() == "U")),)

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


@implements(np.linalg.eigh)
def eigh(a: Value, UPLO: str = "L") -> Any:
    """np.linalg.eigh of a box."""
    return EighResult(*Eigh(a, UPLO=UPLO))


@implements(np.linalg.eigvalsh)
def eigvalsh(a: Value, UPLO: str = "L") -> Any:
    """np.linalg.eigvalsh of a box."""
    return Eigh(a, UPLO=UPLO)[0]


@implements(np.linalg.eig)
def eig(a: Value) -> Any:
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


_TALL = np.array([[2.0, -0.5, 0.4], [0.7, 1.5, 0.1], [-0.4, 0.6, -2.9], [1.1, 0.2, 0.8]])


class SVD(OfMatrices):
    """Singular value decomposition a = u s vᴴ, singular values in descending order.

    u, s, vh = svd(a)        ds = Re diag(uᴴ da v), and u and v turn by it / (s_j − s_i) and / (s_j + s_i)

    Equal singular values leave the bases of their vectors open, and those of 0 the vectors; in complex vectors the
    phase is open. A loss that depends on what is open is refused in the run of its gradient. A singular value of 0 has
    the slope 0, as |x| at 0. What differs by rounding counts as equal.
    """

    full: ClassVar[bool] = False

    symbol = "svd"
    formula = r"a = u \, s \, v^H"
    examples: ClassVar[Any] = (
        example(_TALL[:3]),
        example(_TALL),
        example(_TALL[:2]),
        example(np.stack([_TALL, 0.3 - _TALL])),
    )

    def fprop(self, a: Value) -> Value:
        return tuple(np.linalg.svd(a, full_matrices=self.full))

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        du, ds, dvh = (None if part is None else conjugate(part) for part in grad)
        u, s, vh = h
        v, dv = adjoint(vh), None if dvh is None else adjoint(dvh)
        small = smaller(a.shape[-2], a.shape[-1])
        thin_u, thin_v = _thin(u, small), _thin(v, small)
        da = 0
        if ds is not None:
            da = (thin_u * columns(np.where(s <= rounding(s), 0, ds))) @ adjoint(thin_v)
        if du is not None or dv is not None:
            of_u = 0 if du is None else _skew(adjoint(thin_u) @ _thin(du, small))
            of_v = 0 if dv is None else _skew(adjoint(thin_v) @ _thin(dv, small))
            da = da + thin_u @ _turning_planes(of_u, of_v, ds, s) @ adjoint(thin_v)
        if du is not None and (self.full or a.shape[-2] != small):
            da = da + _beside(du, u, thin_u, s, small) @ adjoint(thin_v)
        if dv is not None and (self.full or a.shape[-1] != small):
            da = da + thin_u @ adjoint(_beside(dv, v, thin_v, s, small))
        return (conjugate(da),)

    def shapes(self, *shapes: Shape) -> Sequence[Shape]:
        """As many columns of u and rows of vh as there are singular values."""
        stack, m, n = self.matrix(shapes[0])
        k = smaller(m, n)
        return (*stack, m, k), (*stack, k), (*stack, k, n)


class FullSVD(SVD):
    """Singular value decomposition with square u and vh.

    u, s, vh = svd(a)        as for SVD; the further vectors turn against the others

    The further columns of u and rows of vh are some basis of a null space: a loss may depend on the space alone.

    Examples
    --------
    >>> import flowgraph as fg
    >>> import numpy as np
    >>> u, s, vh = np.linalg.svd(fg.Parameter([[3.0], [4.0]], name="a"))
    >>> u.shape, s.shape, vh.shape
    ((2, 2), (1,), (1, 1))
    """

    full = True

    symbol = "svd"
    examples = None  # its basis of the null space is open: tested with losses that do not depend on it

    def shapes(self, *shapes: Shape) -> Sequence[Shape]:
        """Square u and vh."""
        stack, m, n = self.matrix(shapes[0])
        return (*stack, m, m), (*stack, smaller(m, n)), (*stack, n, n)


@implements(np.linalg.svd)
def svd(a: Value, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """np.linalg.svd of a box: three boxes, or the singular values."""
    if hermitian:
        return _of_hermitian(a, compute_uv)
    if not compute_uv:
        return np.linalg.svdvals(a)
    return SVDResult(*(FullSVD if full_matrices else SVD)(a))


@implements(np.linalg.svdvals)
def svdvals(x: Value, /) -> Any:
    """np.linalg.svdvals of a box."""
    return SVD(x)[1]


def _of_hermitian(a: Value, compute_uv: bool) -> Any:
    """By the eigenvalues, whose signs go to vh; as NumPy does it."""
    w, v = np.linalg.eigh(a)
    order = np.flip(np.argsort(np.abs(w)), -1)
    w = np.take_along_axis(w, order, -1)
    if not compute_uv:
        return np.abs(w)
    u = np.take_along_axis(v, np.expand_dims(order, -2), -1)
    return SVDResult(u, np.abs(w), adjoint(u * columns(np.where(np.signbit(w), -1, 1).astype(u.dtype))))


def _thin(vectors: Value, small: Value) -> Any:
    """As many columns as there are singular values."""
    if vectors.shape[-1] == small or (isinstance(vectors.shape[-1], Size) and vectors.shape[-1].unknown):
        return vectors
    if isinstance(small, Size):
        raise UsageError("SVD: whether a is tall or wide is not known before a run; use full_matrices=False")
    return vectors[..., :small]


def _skew(a: Value) -> Any:
    return a - adjoint(a)


def _turning_planes(of_u: Value, of_v: Value, ds: Value, s: Value) -> Any:
    """The part of the gradient from rotations of the singular vectors among themselves."""
    gap, total = columns(s) - rows(s), columns(s) + rows(s)
    equal, none = np.abs(gap) <= rows(rounding(s)), total <= rows(rounding(s))
    together, against = of_u + of_v, of_u - of_v
    free = np.where(equal, np.abs(together), 0) + np.where(none, np.abs(against), 0)
    if ds is not None:
        free = free + open_to_values(equal, against, ds)
    together = GaugeInvarianceCheck.apply(
        together, free, what="SVD: the bases of the singular vectors of equal values are left open"
    )
    near = np.where(equal, 0, 1 / np.where(equal, 1, gap))
    wide = np.where(none, 0, 1 / np.where(none, 1, total))
    return (together * near + against * wide) / 2


def _beside(dx: Value, x: Value, thin: Value, s: Value, small: Value) -> Any:
    """The part of the gradient from rotations of the vectors out of their space, without the factor vᴴ."""
    thin_dx = _thin(dx, small)
    rest = thin_dx - thin @ (adjoint(thin) @ thin_dx)
    if x is not thin:
        other, d_other = x[..., small:], dx[..., small:]
        free = np.abs(_skew(adjoint(other) @ d_other))
        d_other = GaugeInvarianceCheck.apply(d_other, free, what="SVD: the basis of the null space is left open")
        rest = rest - other @ (adjoint(d_other) @ thin)
    none = s <= rounding(s)
    free = np.where(columns(none), np.abs(rest), 0)
    rest = GaugeInvarianceCheck.apply(rest, free, what="SVD: the singular vectors of a value of 0 are left open")
    return rest * columns(np.where(none, 0, 1 / np.where(none, 1, s)))
