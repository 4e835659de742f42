"""What kind of mistake it looks like."""

from __future__ import annotations

from flowgraph.checking.compare import Suspicion
from flowgraph.checking.point import Point


def diagnose(point: Point, suspicion: Suspicion, child: int | None) -> str:
    return ""
