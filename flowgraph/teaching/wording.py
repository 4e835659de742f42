"""The findings of the checker in a student's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from flowgraph.checking import Failure


def hint_of_shape(name: str, found: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """A hint about a gradient of a wrong shape.

    >>> print(hint_of_shape("W", (2, 3), (3, 2)))
    its shape is (2, 3) and must be that of W, (3, 2): a transpose is missing, or one too many
    """
    text = f"its shape is {found} and must be that of {name}, {wanted}"
    if len(found) == 2 and found == wanted[::-1]:
        return f"{text}: a transpose is missing, or one too many"
    if found and found == (1, *wanted):
        return f"{text}: an axis of length 1 is left over"
    if found and found[1:] == wanted:
        return f"{text}: a sum over the batch is missing, since every example reads the same {name}"
    if not found:
        return f"{text}: a sum is too many, each element of {name} has a slope of its own"
    return text


def hint_of_error(error: Exception, arrays: Mapping[str, Any]) -> str:
    """What to look for where bprop does not run to its end."""
    shapes = ", ".join(f"{name} {np.shape(one)}" for name, one in arrays.items())
    text = f"bprop stops with {type(error).__name__}: {error}. The shapes are {shapes}"
    if "matmul" in str(error):
        return f"{text}; the inner sizes of a product do not fit: a transpose is missing, or the order is wrong"
    if "broadcast" in str(error):
        return f"{text}; arrays of these shapes cannot be multiplied element by element: is an axis missing?"
    return text


def told(failure: Failure, hint: str) -> str:
    """One failure in simple words: the input, the likely mistake, and both numbers if there are any."""
    message = hint or failure.message
    line = message if failure.child is None else f"gradient of {failure.child}: {message}"
    if failure.kind != "value" or not np.isfinite(failure.numeric):
        return line
    place = f"[{', '.join(map(str, failure.index))}]" if failure.index else ""
    analytic, numeric = failure.analytic + 0.0, failure.numeric + 0.0  # no minus in front of 0
    line += f"\n  at {failure.child}{place} bprop says {analytic:.4g}, finite differences say {numeric:.4g}"
    return line if hint or not failure.diagnosis else f"{line}\n  in this case it looks like: {failure.diagnosis}"
