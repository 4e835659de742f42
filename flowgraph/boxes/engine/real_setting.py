"""Settings that are real numbers."""

from __future__ import annotations

import math
from numbers import Real

from flowgraph.box import Box
from flowgraph.errors import UsageError


def keep_number(box: Box, name: str, low: float = -math.inf, *, above: float = -math.inf) -> None:
    """Refuse a setting that is no number from `low` or above `above`; keep it as a Python float, which never widens
    float32, where NumPy's own float64 would."""
    number = getattr(box, name)
    legal = isinstance(number, Real) and not isinstance(number, bool) and math.isfinite(number)
    if not legal or not (number >= low and number > above):
        bound = f" from {low:g}" if low > -math.inf else f" above {above:g}" if above > -math.inf else ""
        raise UsageError(f"{type(box).__name__}: found {name}={number!r}, needs a number{bound}")
    box.__dict__[name] = float(number)
