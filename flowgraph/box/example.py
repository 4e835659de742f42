"""An example under which a box is tested, drawn and explained: shapes or arrays for its children, and settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, eq=False)
class Example:
    """Children and settings; a child is a shape, for values drawn in the box's domain, or an array, taken as it is."""

    children: tuple[Any, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)


def example(*children: Any, **settings: Any) -> Example:
    """An example of a box: `example((3, 4), axis=1)`, `example((5, 3), np.array([0, 2, 1, 1, 0]))`.

    Parameters
    ----------
    *children : tuple of int, or array_like
        One per child: a shape, for which numbers of the domain are drawn, or an array, which is taken as it is.
    **settings
        Settings of the box.

    Returns
    -------
    Example
        An entry of `Box.examples`.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> fg.example((3, 4), axis=1).settings
    {'axis': 1}
    >>> fg.example((5, 3), np.array([0, 2, 1, 1, 0])).children[0]
    (5, 3)
    """
    return Example(children, settings)
