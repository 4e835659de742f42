"""What a box class declares about its derivatives, which keeps NaNs of branches not taken out of gradients."""

from __future__ import annotations

from typing import Literal, get_args

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
