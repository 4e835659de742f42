"""Underflow gives 0 or a denormal number, also where NumPy is set to raise an error for it.

The stable formulas (softmax, softplus, log-sum-exp) underflow where their result is exact, and moving averages of
gradients do in any long training. What is computed is therefore computed once more without that error where it is
raised; that costs nothing where it is not, while `np.errstate` around each run would. Division by zero, overflow and
invalid values are errors for those who asked for them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def is_underflow(error: BaseException) -> bool:
    """Whether NumPy raised this error since a number underflowed."""
    told = isinstance(error, FloatingPointError | RuntimeWarning) and "underflow" in str(error)
    return told and np.geterr()["under"] != "ignore"


def again(error: BaseException, function: Callable[..., Any], *arguments: Any) -> Any:
    """The result of a pure function that failed by this error, if that was an underflow; else the error."""
    if not is_underflow(error):
        raise error
    with np.errstate(under="ignore"):
        return function(*arguments)
