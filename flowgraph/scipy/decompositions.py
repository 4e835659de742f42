"""What scipy.linalg and numpy.linalg both have, as SciPy calls it: its names, defaults and order of results.

Arrays are handed to SciPy. For boxes each function is made of those of numpy.linalg; settings of memory and of drivers
(overwrite_a, check_finite, lapack_driver) say nothing of the values and are ignored there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import Value
from flowgraph.errors import ShapeError, UsageError
from flowgraph.scipy import for_boxes

WITHOUT_EFFECT = frozenset({"overwrite_a", "overwrite_b", "check_finite", "lapack_driver", "driver", "lwork"})
"""Settings of SciPy that change no value."""

STRUCTURES = {
    None: "full", "gen": "full", "general": "full",
    "pos": "hermitian", "positive definite": "hermitian", "her": "hermitian", "hermitian": "hermitian",
    "sym": "symmetric", "symmetric": "symmetric",
    "upper triangular": "upper", "lower triangular": "lower",
}  # fmt: skip
"""The words for what a matrix is, with what is read of it."""


@for_boxes("linalg", WITHOUT_EFFECT)
def cholesky(a: Value, lower: bool = False) -> Any:
    """The factor of a positive definite matrix, of which one triangle is read, the upper one unless `lower`.

    >>> import numpy as np
    >>> from flowgraph.functional import grad
    >>> from flowgraph.scipy.linalg import cholesky
    >>> float(grad(lambda s: np.sum(cholesky(s * np.eye(2))))(4.0))
    0.5
    """
    return np.linalg.cholesky(a) if lower else transpose_matrix(np.linalg.cholesky(transpose_matrix(a)))


@for_boxes("linalg", WITHOUT_EFFECT)
def solve(a: Value, b: Value, lower: bool = False, assume_a: str | None = None, transposed: bool = False) -> Any:
    """The x with a x = b; of a matrix that is symmetric, hermitian or triangular one triangle is read."""
    full = _read_matrix("solve", a, assume_a, lower)
    if transposed:
        full = transpose_matrix(full)
    if np.ndim(b) == 1:
        return np.linalg.solve(full, np.expand_dims(b, -1))[..., 0]
    return np.linalg.solve(full, b)


@for_boxes("linalg", WITHOUT_EFFECT)
def inv(a: Value, *, assume_a: str | None = None, lower: bool = False) -> Any:
    """The inverse."""
    return np.linalg.inv(_read_matrix("inv", a, assume_a, lower))


@for_boxes("linalg", WITHOUT_EFFECT)
def det(a: Value) -> Any:
    """The determinant."""
    return np.linalg.det(a)


@for_boxes("linalg", WITHOUT_EFFECT)
def eigh(
    a: Value,
    b: Value | None = None,
    *,
    lower: bool = True,
    eigvals_only: bool = False,
    type: int = 1,
    subset_by_index: Sequence[int] | None = None,
) -> Any:
    """The eigenvalues in ascending order, and the eigenvectors, of a hermitian matrix, or of the pair of a and b.

    One triangle of each matrix is read. With b, which is positive definite, a v = w b v, as of type 1.
    """
    if type != 1:
        raise UsageError(f"eigh: found type={type} with a box, needs type=1: a v = w b v")
    factor = None
    a = _read_matrix("eigh", a, "her", lower)
    if b is not None:
        factor = np.linalg.cholesky(b if lower else np.conj(transpose_matrix(b)))
        half = np.linalg.solve(factor, a)
        a = np.conj(transpose_matrix(np.linalg.solve(factor, np.conj(transpose_matrix(half)))))
    chosen = slice(None) if subset_by_index is None else slice(int(subset_by_index[0]), int(subset_by_index[1]) + 1)
    if eigvals_only:
        return np.linalg.eigvalsh(a)[..., chosen]
    w, v = np.linalg.eigh(a)
    if factor is not None:
        v = np.linalg.solve(np.conj(transpose_matrix(factor)), v)
    return w[..., chosen], v[..., chosen]


@for_boxes("linalg", WITHOUT_EFFECT)
def eigvalsh(a: Value, b: Value | None = None, **settings: Value) -> Any:
    """The eigenvalues of `eigh`."""
    return eigh(a, b, eigvals_only=True, **settings)


@for_boxes("linalg", WITHOUT_EFFECT)
def svd(a: Value, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """The singular value decomposition U, s, Vh."""
    return np.linalg.svd(a, full_matrices=full_matrices) if compute_uv else svdvals(a)


@for_boxes("linalg", WITHOUT_EFFECT)
def svdvals(a: Value) -> Any:
    """The singular values in descending order."""
    return np.linalg.svd(a, compute_uv=False)


@for_boxes("linalg", WITHOUT_EFFECT)
def qr(a: Value, mode: str = "full", pivoting: bool = False) -> Any:
    """The decomposition Q, R; of mode "r" the tuple of R alone."""
    modes = {"full": "complete", "economic": "reduced", "r": "r"}
    if mode not in modes or pivoting:
        raise UsageError(
            f"qr: found mode={mode!r}, pivoting={pivoting} with a box; needs one of {', '.join(modes)} without pivoting"
        )
    result = np.linalg.qr(a, mode=modes[mode])  # type: ignore[call-overload]
    if mode != "r":
        return result[0], result[1]
    missing = a.shape[-2] - a.shape[-1]
    return (np.pad(result, [(0, 0)] * (a.ndim - 2) + [(0, missing), (0, 0)]) if missing > 0 else result,)


@for_boxes("linalg", WITHOUT_EFFECT)
def norm(a: Value, ord: Value = None, axis: Value = None, keepdims: bool = False) -> Any:
    """The norm of a matrix or vector, as numpy.linalg.norm."""
    return np.linalg.norm(a, ord, axis, keepdims)


@for_boxes("linalg", WITHOUT_EFFECT)
def pinv(a: Value, *, atol: float | None = None, rtol: float | None = None, return_rank: bool = False) -> Any:
    """The pseudoinverse; singular values up to a share `rtol` of the largest one count as 0."""
    if atol is not None or return_rank:
        raise UsageError("pinv: found atol or return_rank with a box; needs rtol=, the share of the largest value")
    share = max(a.shape[-2:]) * np.finfo(a.dtype).eps if rtol is None else rtol
    return np.linalg.pinv(a, rtol=share)


@for_boxes("linalg", WITHOUT_EFFECT)
def block_diag(*arrs: Value) -> Any:
    """The matrix of which these stand along the diagonal; vectors are rows, and axes in front broadcast."""
    blocks = [np.atleast_2d(block) for block in arrs]
    fronts = np.broadcast_shapes(*[block.shape[:-2] for block in blocks])
    width, rows, before = sum(block.shape[-1] for block in blocks), [], 0
    for block in blocks:
        shape = (*fronts, *block.shape[-2:])
        after = width - before - block.shape[-1]
        rows.append(np.pad(np.broadcast_to(block, shape), [(0, 0)] * (len(fronts) + 1) + [(before, after)]))
        before += block.shape[-1]
    return np.concatenate(rows, axis=-2)


@for_boxes("linalg", WITHOUT_EFFECT)
def toeplitz(c: Value, r: Value | None = None) -> Any:
    """The matrix of constant diagonals with the first column c and the first row r, without r the conjugate of c."""
    r = np.conj(c) if r is None else r
    if np.ndim(c) != 1 or np.ndim(r) != 1:
        raise ShapeError(
            f"toeplitz: found boxes of {np.ndim(c)} and {np.ndim(r)} axes, needs vectors; vmap takes stacks"
        )
    above = np.concatenate([r[1:][::-1], c])
    return above[np.arange(len(c))[:, None] - np.arange(len(r)) + len(r) - 1]


def transpose_matrix(a: Value) -> Any:
    """The matrices with rows and columns exchanged."""
    return np.swapaxes(a, -1, -2)


def _read_matrix(who: str, a: Value, structure: str | None, lower: bool) -> Any:
    """The matrix that SciPy reads: the triangle that is not read follows from the other one, or is 0."""
    if structure not in STRUCTURES:
        words = ", ".join(repr(word) for word in STRUCTURES if word)
        raise UsageError(f"{who}: found assume_a={structure!r} with a box, needs one of {words}")
    kind = STRUCTURES[structure]
    if kind == "full":
        return a
    if kind in ("upper", "lower"):
        return np.triu(a) if kind == "upper" else np.tril(a)
    half, beyond = (np.tril(a), np.tril(a, -1)) if lower else (np.triu(a), np.triu(a, 1))
    if kind == "symmetric":
        return half + transpose_matrix(beyond)
    diagonal = np.eye(a.shape[-1], dtype=bool)
    return np.where(diagonal, np.real(a), half) + np.conj(transpose_matrix(beyond))
