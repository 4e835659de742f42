"""autograd's check_grads, by the checker of flowgraph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flowgraph.checking import check
from flowgraph.errors import UsageError

MODES = ("fwd", "rev")


def check_grads(f: Callable[..., Any], modes: Sequence[str] = MODES, order: int = 2) -> Callable[..., None]:
    """A function that checks the derivatives of `f` at the arguments it is called with; AssertionError says what fails.

    `modes` and `order` are autograd's: both modes run the same boxes here, and `fg.check` checks second derivatives
    with the first ones, so they choose nothing. `fg.check(f, *arguments)` returns a report instead.

    Parameters
    ----------
    f : function
        What is checked.
    modes : sequence of {'fwd', 'rev'}, default ('fwd', 'rev')
        Taken for autograd's sake.
    order : int, default 2
        Taken for autograd's sake.

    Returns
    -------
    function
        Called with arguments of `f`, it returns None.

    Raises
    ------
    UsageError
        If a mode is unknown.
    AssertionError
        By the function, if a derivative is wrong.

    Examples
    --------
    >>> import numpy as np
    >>> from flowgraph.interop.autograd import check_grads
    >>> check_grads(lambda x: np.sum(np.tanh(x)), modes=["rev"])(np.ones(3))
    """
    unknown = [mode for mode in modes if mode not in MODES]
    if unknown or order not in (1, 2):
        raise UsageError(f"check_grads: found modes={modes!r}, order={order!r}, needs 'fwd' or 'rev', and 1 or 2")

    def at(*arguments: Any) -> None:
        report = check(f, *arguments)
        if not report.passed:
            raise AssertionError(str(report))

    return at
