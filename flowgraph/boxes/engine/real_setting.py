"""Settings that are finite numbers."""

from __future__ import annotations

import math

from flowgraph.box import Box
from flowgraph.errors import UsageError


def refuse_not_finite(box: Box, name: str) -> None:
    """Refuse an infinity or a NaN as a setting."""
    number = getattr(box, name)
    if not math.isfinite(number):
        raise UsageError(f"{type(box).__name__}: found {name}={number!r}, needs a finite number")
