"""What came of a suspicion."""

from __future__ import annotations

from dataclasses import dataclass

from flowgraph.checking.compare import Suspicion


@dataclass
class Ruling:
    """wrong, kink, rounding, undecided or fine; for "wrong" the numeric slope and its bar."""

    kind: str
    suspicion: Suspicion
    numeric: float = float("nan")
    error: float = float("nan")
    note: str = ""
