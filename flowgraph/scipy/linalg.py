"""scipy.linalg, with the functions of autograd.scipy.linalg on boxes: solutions of structured equations, and sqrtm."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Value, holds_box
from flowgraph.errors import DtypeError, install_hint
from flowgraph.functional.custom import custom_vjp


def sqrtm(A: Value) -> Any:
    """scipy.linalg.sqrtm, which also takes a box.

    Parameters
    ----------
    A : array or Box, shape (n, n)
        A matrix; one of real numbers in a box needs a root of real numbers.

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
    return _root(A) if holds_box(A) else _linalg().sqrtm(A)


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
    return _sylvester(a, b, q)


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
    return _triangular(a, b, trans=form, lower=lower, unit_diagonal=unit_diagonal, **settings)


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
    return _banded(tuple(l_and_u), ab, b, **settings)


def _linalg() -> Any:
    try:
        return importlib.import_module("scipy.linalg")
    except ImportError as missing:
        raise ImportError(f"flowgraph.scipy.linalg needs SciPy; {install_hint('scipy')}") from missing


def _of_scipy(name: str) -> Callable[..., Any]:
    return lambda *args, **settings: getattr(_linalg(), name)(*args, **settings)


def _transposed(a: Value) -> Any:
    return np.swapaxes(a, -1, -2)


def _real_root(A: Value) -> Any:
    root = _linalg().sqrtm(A)
    if np.iscomplexobj(root) and not np.iscomplexobj(A):
        raise DtypeError("sqrtm: found real numbers whose root is complex; give complex numbers, A + 0j")
    return root


_root = custom_vjp(_real_root, shape=np.shape)
_sylvester = custom_vjp(_of_scipy("solve_sylvester"), shape=lambda a, b, q: np.shape(q))
_triangular = custom_vjp(_of_scipy("solve_triangular"), shape=lambda a, b, **_: np.shape(b))
_banded = custom_vjp(_of_scipy("solve_banded"), shape=lambda l_and_u, ab, b, **_: np.shape(b))


@_root.bprop  # type: ignore[untyped-decorator]
def _by_matrix(grad: Value, root: Value, A: Value) -> tuple[Any, ...]:
    """From root d + d root = dA."""
    return (solve_sylvester(_transposed(root), _transposed(root), grad),)


@_sylvester.bprop  # type: ignore[untyped-decorator]
def _by_coefficients(grad: Value, x: Value, a: Value, b: Value, q: Value) -> tuple[Any, ...]:
    w = solve_sylvester(_transposed(a), _transposed(b), grad)
    return -w @ _transposed(x), -_transposed(x) @ w, w


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
    by_matrix = -(np.outer(w, x) if len(np.shape(x)) == 1 else w @ _transposed(x))
    if trans:
        by_matrix = _transposed(by_matrix) if trans == 1 else np.conj(_transposed(by_matrix))
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
