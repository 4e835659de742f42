"""The words in which a class of boxes declares itself: intervals, examples, slopes; and the type of its values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any, Literal, TypeAlias, get_args

Value: TypeAlias = Any
"""What a box computes with: an array or a number in a run, a box in a gradient graph, and a tuple of these for several
outputs. An `fprop` and a `bprop` run on both, which no type says that a checker knows."""

Foreign: TypeAlias = Any
"""An object of another package, such as a tensor of PyTorch, a tracer of JAX or a node of ONNX, which need not be
installed where types are checked."""


@dataclass(frozen=True)
class Interval:
    """The real numbers from `low` to `high`; the ends belong to it unless `open`.

    Parameters
    ----------
    low : float, default -inf
        The lower end.
    high : float, default inf
        The upper end, above `low`.
    open : bool, default False
        Whether the ends are left out.

    Raises
    ------
    ValueError
        If `low` is not below `high`.

    Examples
    --------
    >>> from flowgraph import Interval
    >>> 0.0 in Interval(0, 1), 0.0 in Interval(0, 1, open=True)
    (True, False)
    """

    low: float = -inf
    high: float = inf
    open: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"Interval: found {self.low} to {self.high}, needs low < high")

    def __repr__(self) -> str:
        ends = {"low": self.low != -inf, "high": self.high != inf, "open": self.open}
        return f"Interval({', '.join(f'{name}={getattr(self, name)!r}' for name, said in ends.items() if said)})"

    def __contains__(self, number: float) -> bool:
        inside = self.low < number < self.high
        return inside or (not self.open and number in (self.low, self.high))


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


Names: TypeAlias = frozenset[str] | set[str] | tuple[str, ...]
"""Names of children, as a declaration lists them; not a text, whose letters would be names."""

Role = Literal["box", "loss", "regularizer"]
"""What training and pictures take a box for."""

Slopes = Literal["", "finite", "constant", "share", "choice"]
"""The first says nothing. Of an elementwise box, each word implies the one before it:

finite    value and derivative are finite for finite children, except for overflow: tanh
constant  a gradient of 0 is passed on as 0, whatever the values are: a + b
share     bprop passes on nonnegative multiples of the incoming gradient: a sum, a reshape
choice    bprop sends 0 to the elements that are not selected, and a positive multiple to the others: where, max
"""

Saturates = Literal["", "saturated", "dead"]
"""The name of a unit whose value hardly depends on its input any more; "" for a box without such units.

saturated  close to a bound, where the derivative is almost 0: tanh
dead       off, with derivative exactly 0: a rectifier
"""

_ORDER: tuple[str, ...] = get_args(Slopes)

FINITE = frozenset(_ORDER[1:])
CONSTANT = frozenset(_ORDER[2:])
SHARE = frozenset(_ORDER[3:])
CHOICE = frozenset(_ORDER[4:])
