"""What a box class may declare of its slopes, which keeps the NaN of a branch that is not taken out of gradients."""

from __future__ import annotations

from typing import Literal, get_args

Slopes = Literal["", "finite", "constant", "share", "choice"]
"""Nothing is said by the first. Of an elementwise box each says what stands before it too:

finite    value and slopes are finite wherever the children are, but for an overflow: tanh
constant  a gradient of 0 is sent on as 0, whatever the values are: a + b
share     bprop sends on shares of what arrives, none below 0: a sum, a reshape
choice    elements of the children are left out: bprop sends them 0, and the others what is above 0: where, max
"""

Saturates = Literal["", "saturated", "dead"]
"""What a unit is called whose value hardly depends any more on what it reads, nothing where that does not happen.

saturated  it is close to a bound, where its slope nears 0: tanh
dead       it is off, and its slope is exactly 0: a rectifier
"""

_ORDER: tuple[str, ...] = get_args(Slopes)

FINITE = frozenset(_ORDER[1:])
CONSTANT = frozenset(_ORDER[2:])
SHARE = frozenset(_ORDER[3:])
CHOICE = frozenset(_ORDER[4:])
