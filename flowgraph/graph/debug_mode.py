"""Debug mode: postconditions that are too expensive for every run are checked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_debug: ContextVar[bool] = ContextVar("flowgraph_debug", default=os.environ.get("FLOWGRAPH_DEBUG", "0") != "0")


debugging = _debug.get
"""Whether debug mode is on."""


@contextmanager
def debug(on: bool = True) -> Iterator[None]:
    """Check every postcondition in a `with` block: order, shapes, dtypes, NaN, values unchanged by fprop and bprop.

    The environment variable FLOWGRAPH_DEBUG=1 turns it on for a whole process.

    Parameters
    ----------
    on : bool, default True
        Whether the checks are made inside; False turns them off in a part.

    Yields
    ------
    None

    Examples
    --------
    >>> import flowgraph as fg
    >>> x = fg.Input("x", shape=("N",))
    >>> with fg.debug():
    ...     run = fg.Graph(fg.sum(x * x)).fprop(x=[1.0, 2.0])
    >>> float(run)
    5.0
    """
    token = _debug.set(on)
    try:
        yield
    finally:
        _debug.reset(token)
