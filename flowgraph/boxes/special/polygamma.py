"""The polygamma function of an order and a number, as SciPy has it."""

from __future__ import annotations

from typing import Any

from flowgraph.box import Box, Value
from flowgraph.box.exports import public
from flowgraph.boxes.special.gamma_function import Polygamma
from flowgraph.errors import UsageError


@public
def polygamma(n: int, x: Value) -> Any:
    """scipy.special.polygamma of a box, an array or a number, n a whole number.

    Parameters
    ----------
    n : int, at least 0
        Order of the derivative of the digamma function.
    x : box or array_like, any shape
        Where it is evaluated, above 0.

    Returns
    -------
    box or ndarray
        A box for a box, an array for an array.

    Raises
    ------
    UsageError
        If `n` is no whole number from 0.

    Examples
    --------
    >>> import flowgraph as fg
    >>> float(fg.polygamma(1, 1.0).round(6))
    1.644934
    """
    if isinstance(n, Box):
        raise UsageError(f"polygamma: found {n.title} as the order, needs a whole number")
    return Polygamma.apply(x, n=n)
