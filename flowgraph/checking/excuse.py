"""The form of an excuse: a reason for which a right gradient can look wrong at a point."""

from __future__ import annotations

from typing import ClassVar

from flowgraph.checking.evidence import Evidence


class Excuse:
    """`verdict` is what becomes of the mismatch where the excuse applies: fine, rounding, kink or undecided.

    `cost` is about how many calls of fprop it takes beyond what earlier ones have measured.
    """

    name: ClassVar[str]
    cost: ClassVar[int]
    verdict: ClassVar[str] = "undecided"

    def applies(self, evidence: Evidence) -> str | None:
        """The words for a report, or None where this does not explain the mismatch."""
        raise NotImplementedError
