"""scipy.linalg, on boxes: equations, and functions of matrices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from flowgraph.box import Value, holds_box
from flowgraph.errors import DtypeError
from flowgraph.functional import vmap
from flowgraph.functional.custom import custom_vjp
from flowgraph.scipy import of_scipy
from flowgraph.scipy.decompositions import (
    block_diag,
    cholesky,
    det,
    eigh,
    eigvalsh,
    inv,
    norm,
    pinv,
    qr,
    solve,
    svd,
    svdvals,
    toeplitz,
    transpose_matrix,
)

__all__ = [
    "block_diag", "cho_factor", "cho_solve", "cholesky", "det", "eigh", "eigvalsh", "expm", "inv", "logm", "norm",
    "pinv", "qr", "solve", "solve_banded", "solve_sylvester", "solve_triangular", "sqrtm", "svd", "svdvals", "toeplitz",
]  # fmt: skip


def sqrtm(A: Value) -> Any:
    """scipy.linalg.sqrtm, which also takes a box.

    Parameters
    ----------
    A : array or Box, shape (..., n, n)
        A matrix, or a stack of them; one of real numbers in a box needs a root of real numbers.

    Returns
    -------
    array or Box, shape (n, n)

    >>> import numpy as np
    >>> from flowgraph.functional import grad
    >>> from flowgraph.scipy.linalg import sqrtm
    >>> grad(lambda A: np.trace(sqrtm(A)))(np.diag([4.0, 16.0]))
    array([[0.25 , 0.   ],
           [0.   , 0.125]])
    """
    return _over_stacks(_root, A) if holds_box(A) else _linalg().sqrtm(A)


def solve_sylvester(a: Value, b: Value, q: Value) -> Any:
    """scipy.linalg.solve_sylvester, which also takes boxes: the X with a X + X b = q.

    Parameters
    ----------
    a, b, q : array or Box, shapes (m, m), (n, n), (m, n)
        The equation.

    Returns
    -------
    array or Box, shape (m, n)
    """
    return _over_stacks(_sylvester, a, b, q)


def solve_triangular(
    a: Value, b: Value, trans: int | str = 0, lower: bool = False, unit_diagonal: bool = False, **settings: Value
) -> Any:
    """scipy.linalg.solve_triangular, which also takes boxes.

    Parameters
    ----------
    a : array or Box, shape (n, n)
        The matrix; the other triangle is not read, and its gradient is zero.
    b : array or Box, shape (n,) or (n, k)
        Right-hand sides.
    trans : {0, 1, 2, 'N', 'T', 'C'}
        Whether the equation has a, its transpose, or its conjugate transpose.
    lower : bool
        Which triangle is read.
    unit_diagonal : bool
        Whether the diagonal is taken to be 1, and not read.
    **settings
        Of SciPy's function, such as check_finite.

    Returns
    -------
    array or Box, of the shape of b

    >>> import numpy as np
    >>> from flowgraph.functional import grad
    >>> from flowgraph.scipy.linalg import solve_triangular
    >>> grad(lambda a: np.sum(solve_triangular(a, np.ones(2), lower=True)))(np.array([[2.0, 0.0], [1.0, 4.0]]))
    array([[-0.1875 ,  0.     ],
           [-0.125  , -0.03125]])
    """
    form = {"N": 0, "T": 1, "C": 2}.get(str(trans), trans)
    given = {"trans": form, "lower": lower, "unit_diagonal": unit_diagonal, **settings}
    return _over_stacks(partial(_triangular, **given), a, b)


def solve_banded(l_and_u: Sequence[int], ab: Value, b: Value, **settings: Value) -> Any:
    """scipy.linalg.solve_banded, which also takes boxes.

    Parameters
    ----------
    l_and_u : pair of int
        How many diagonals the matrix has below and above the main one.
    ab : array or Box, shape (l + u + 1, n)
        The diagonals, from the uppermost on: ab[u + i - j, j] is the element i, j. Other elements have gradient zero.
    b : array or Box, shape (n,) or (n, k)
        Right-hand sides.
    **settings
        Of SciPy's function, such as check_finite.

    Returns
    -------
    array or Box, of the shape of b
    """
    return _over_stacks(partial(_banded, tuple(l_and_u), **settings), ab, b)


def expm(A: Value) -> Any:
    """scipy.linalg.expm, which also takes a box.

    Parameters
    ----------
    A : array or Box, shape (..., n, n)
        A matrix, or a stack of them.

    Returns
    -------
    array or Box, shape (n, n)

    >>> import numpy as np
    >>> from flowgraph.functional import grad
    >>> from flowgraph.scipy.linalg import expm
    >>> float(grad(lambda t: expm(t * np.array([[0.0, 1.0], [0.0, 0.0]]))[0, 1])(2.0))
    1.0
    """
    return _over_stacks(_exponential, A)


def logm(A: Value) -> Any:
    """scipy.linalg.logm, which also takes a box.

    Parameters
    ----------
    A : array or Box, shape (..., n, n)
        A matrix, or a stack of them; one of real numbers in a box needs a logarithm of real numbers.

    Returns
    -------
    array or Box, shape (n, n)
    """
    return _over_stacks(_logarithm, A) if holds_box(A) else _linalg().logm(A)


def cho_factor(a: Value, lower: bool = False, **settings: Value) -> Any:
    """scipy.linalg.cho_factor, which also takes a box: the factor of Cholesky, for `cho_solve`.

    Parameters
    ----------
    a : array or Box, shape (n, n)
        A positive definite matrix, of which one triangle is read.
    lower : bool
        Whether the lower triangle is read, and factored.
    **settings
        Of SciPy's function, for arrays.

    Returns
    -------
    c : array or Box, shape (n, n)
        The factor; of a box its other triangle is 0, where SciPy leaves what was there.
    lower : bool
        As given.
    """
    if not holds_box(a):
        return _linalg().cho_factor(a, lower=lower, **settings)
    return cholesky(a, lower=lower), lower


def cho_solve(c_and_lower: tuple[Value, bool], b: Value, **settings: Value) -> Any:
    """scipy.linalg.cho_solve, which also takes boxes: the x with a x = b for the factor of a.

    Parameters
    ----------
    c_and_lower : pair
        What `cho_factor` returned.
    b : array or Box, shape (n,) or (n, k)
        Right-hand sides.
    **settings
        Of SciPy's function, such as check_finite.

    Returns
    -------
    array or Box, of the shape of b

    >>> import numpy as np
    >>> from flowgraph.functional import grad
    >>> from flowgraph.scipy.linalg import cho_factor, cho_solve
    >>> round(float(grad(lambda s: cho_solve(cho_factor(s * np.eye(2)), np.ones(2))[0])(2.0)), 6)
    -0.25
    """
    c, lower = c_and_lower
    if not holds_box([c, b]):
        return _linalg().cho_solve((c, lower), b, **settings)
    first, second = (0, 2) if lower else (2, 0)
    return solve_triangular(c, solve_triangular(c, b, first, lower, **settings), second, lower, **settings)


def _linalg() -> Any:
    return of_scipy("linalg", "flowgraph.scipy.linalg")


def _call_linalg(name: str) -> Callable[..., Any]:
    return lambda *args, **settings: getattr(_linalg(), name)(*args, **settings)


def _over_stacks(function: Callable[..., Any], *arrays: Value) -> Any:
    """As SciPy takes stacks: axes in front of the matrices are broadcast, and the function is that of each matrix.

    A last argument of one axis is a vector. Of arrays SciPy takes stacks itself.
    """
    cores = [*[2] * (len(arrays) - 1), min(2, np.ndim(arrays[-1])) if len(arrays) == 2 else 2]
    loops = [np.ndim(x) - core for x, core in zip(arrays, cores, strict=True)]
    if max(loops) <= 0 or not holds_box(arrays):
        return function(*arrays)
    outer = [count == max(loops) for count in loops]
    longest = [has and np.shape(x)[0] != 1 for x, has in zip(arrays, outer, strict=True)]
    mapped = longest if any(longest) else outer
    rows = [x if along or not has else x[0] for x, has, along in zip(arrays, outer, mapped, strict=True)]
    return vmap(partial(_over_stacks, function), tuple(0 if along else None for along in mapped))(*rows)


def _of_real_numbers(name: str) -> Callable[[Value], Any]:
    """A function of a matrix, which has to be real where the matrix is."""

    def value(A: Value) -> Any:
        result = getattr(_linalg(), name)(A)
        if np.iscomplexobj(result) and not np.iscomplexobj(A):
            raise DtypeError(f"{name}: found real numbers whose {name} is complex; give complex numbers, A + 0j")
        return result

    return value


def _analytic(value: Callable[[Value], Any]) -> Any:
    """An analytic function of a matrix with its derivative: f([[A, D], [0, A]]) has it in its upper right corner.

    Higham, Functions of Matrices, theorem 3.6. The adjoint of the derivative at A is the derivative at its transpose.
    """
    function = custom_vjp(value, shape=np.shape)

    @function.bprop  # type: ignore[untyped-decorator]
    def along(grad: Value, h: Value, A: Value) -> tuple[Any, ...]:
        transposed, size = transpose_matrix(A), np.shape(A)[0]
        above = np.concatenate([transposed, grad], axis=1)
        below = np.concatenate([np.zeros_like(transposed), transposed], axis=1)
        return (function(np.concatenate([above, below], axis=0))[:size, size:],)

    return function


_root = custom_vjp(_of_real_numbers("sqrtm"), shape=np.shape)
_exponential = _analytic(_call_linalg("expm"))
_logarithm = _analytic(_of_real_numbers("logm"))
_sylvester = custom_vjp(_call_linalg("solve_sylvester"), shape=lambda a, b, q: np.shape(q))
_triangular = custom_vjp(_call_linalg("solve_triangular"), shape=lambda a, b, **_: np.shape(b))
_banded = custom_vjp(_call_linalg("solve_banded"), shape=lambda l_and_u, ab, b, **_: np.shape(b))


@_root.bprop  # type: ignore[untyped-decorator]
def _by_matrix(grad: Value, root: Value, A: Value) -> tuple[Any, ...]:
    """From root d + d root = dA."""
    return (solve_sylvester(transpose_matrix(root), transpose_matrix(root), grad),)


@_sylvester.bprop  # type: ignore[untyped-decorator]
def _by_coefficients(grad: Value, x: Value, a: Value, b: Value, q: Value) -> tuple[Any, ...]:
    w = solve_sylvester(transpose_matrix(a), transpose_matrix(b), grad)
    return -w @ transpose_matrix(x), -transpose_matrix(x) @ w, w


@_triangular.bprop  # type: ignore[untyped-decorator]
def _by_triangle(
    grad: Value, x: Value, a: Value, b: Value, *, trans: int, lower: bool, unit_diagonal: bool, **settings: Value
) -> tuple[Any, ...]:
    """By the right-hand side with the transposed matrix, which has no name in SciPy where a is conjugated."""
    again = {"lower": lower, "unit_diagonal": unit_diagonal, **settings}
    if trans == 2:
        w = np.conj(solve_triangular(a, np.conj(grad), **again))
    else:
        w = solve_triangular(a, grad, trans=1 - trans, **again)
    by_matrix = -(np.outer(w, x) if len(np.shape(x)) == 1 else w @ transpose_matrix(x))
    if trans:
        by_matrix = transpose_matrix(by_matrix) if trans == 1 else np.conj(transpose_matrix(by_matrix))
    edge = int(unit_diagonal)
    return (np.tril(by_matrix, -edge) if lower else np.triu(by_matrix, edge)), w


@_banded.bprop  # type: ignore[untyped-decorator]
def _by_diagonals(
    grad: Value, x: Value, l_and_u: tuple[int, int], ab: Value, b: Value, **settings: Value
) -> tuple[Any, ...]:
    """The transposed matrix has the same diagonals in the opposite order, each shifted along the main one."""
    below, above = l_and_u
    count, size = np.shape(ab)
    columns = np.arange(size)
    rows = columns + np.arange(count)[:, None] - above  # of the element that stands at each place of ab
    inside = (rows >= 0) & (rows < size)
    shifted = columns + np.arange(count)[:, None] - below  # the column whose element the transposed has at each place
    held = (shifted >= 0) & (shifted < size)
    from_below = np.arange(count)[::-1, None]
    transposed = np.where(held, ab[from_below, np.clip(shifted, 0, size - 1)], 0.0)
    w = solve_banded((above, below), transposed, grad, **settings)
    products = w[np.clip(rows, 0, size - 1)] * x
    products = products if len(np.shape(x)) == 1 else np.sum(products, axis=-1)
    return None, np.where(inside, -products, 0.0), w


def __getattr__(name: str) -> Any:
    return getattr(_linalg(), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *dir(_linalg())})
