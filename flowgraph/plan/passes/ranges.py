"""Range analysis: when scalar factors may be combined without overflow, underflow or loss of digits.

Floating-point numbers are not associative at the edges of their range: (x * 1e200) * 1e-200 overflows for a large x,
x * (1e200 * 1e-200) does not. A rule here is given the numbers that are known when the plan is made, and answers for
every array.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike


def is_normal(number: Any, dtype: DTypeLike) -> bool:
    """Whether the number is finite and not so small that its dtype keeps fewer digits of it, nor 0."""
    info = np.finfo(dtype)
    return bool(info.tiny <= abs(number) <= info.max)


def is_unit(number: Any) -> bool:
    """Whether a product with the number rounds nothing: 1 or -1."""
    return number is not None and abs(number) == 1


def may_multiply(c: Any, d: Any, dtype: Any) -> bool:
    """Whether c * (d * x) may be (c * d) * x for every x; None stands for a number that is known in the run only.

    Two numbers from 1 upwards overflow together or not at all, two of at most 1 vanish together. A large one would
    bring back what a small one has made vanish, which NumPy does not.
    """
    if is_unit(c) or is_unit(d):
        return True
    if c is None or d is None:
        return False
    with np.errstate(all="ignore"):
        both = dtype.type(c) * dtype.type(d)
    same_side = (abs(c) >= 1) == (abs(d) >= 1)
    return same_side and all(is_normal(number, dtype) for number in (c, d, both))


def may_add_factors(c: Any, d: Any, dtype: Any) -> bool:
    """Whether c * x + d * x may be (c + d) * x for every x: infinite terms of one sign have a sum, others have none."""
    if c is None or d is None:
        return False
    with np.errstate(all="ignore"):
        both = dtype.type(c) + dtype.type(d)
    return bool((c > 0) == (d > 0) and np.isfinite(both) and is_normal(c, dtype) and is_normal(d, dtype))


def may_add(c: Any, d: Any, dtype: DTypeLike) -> bool:
    """Whether c + (d + x) may be (c + d) + x for every x: no sum with so small numbers overflows."""
    info = np.finfo(dtype)
    return c is not None and d is not None and bool(abs(c) + abs(d) < info.max * info.eps / 4)
