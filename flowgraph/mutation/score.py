"""Runs a command against each mutant, and counts those that it did not see."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowgraph.mutation.breaking import Mutant
from flowgraph.mutation.court import Court, Outcome

SHORTEST = 10.0
PATIENCE = 5.0


@dataclass(frozen=True)
class Score:
    """The outcomes of all mutants, in the order of the source."""

    outcomes: tuple[Outcome, ...]
    seconds: float

    @property
    def lived(self) -> tuple[Mutant, ...]:
        """The mutants that the command did not see."""
        return tuple(one.mutant for one in self.outcomes if one.outcome in ("lived", "never imported"))

    @property
    def killed(self) -> int:
        """How many it saw, those that ran out of time among them."""
        return len(self.outcomes) - len(self.lived)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "mutants": len(self.outcomes),
            "killed": self.killed,
            "lived": len(self.lived),
            "timeouts": sum(one.outcome == "timeout" for one in self.outcomes),
            "seconds_without_mutant": self.seconds,
            "outcomes": [
                {
                    "file": str(one.mutant.file), "line": one.mutant.line, "box": one.mutant.box,
                    "backward": one.mutant.backward,
                    "kind": one.mutant.kind, "diff": one.mutant.diff, "outcome": one.outcome, "seconds": one.seconds,
                }
                for one in self.outcomes
            ],
        }  # fmt: skip


def score(
    mutants: Sequence[Mutant],
    command: Sequence[str],
    timeout: float | None = None,
    jobs: int = 1,
    show: Callable[[Outcome], None] = lambda outcome: None,
) -> Score:
    """Run the command without a mutant, which must pass, then once per mutant; `show` hears of each.

    The mutant is put in the place of the module in the memory of the processes that the command starts: no file of the
    user is written, whenever this ends. Without `timeout` a mutant has five times as long as the command took.
    """
    with tempfile.TemporaryDirectory(prefix="flowgraph-mutants-") as directory:
        court = Court(Path(directory), list(command))
        seconds = court.run_without_mutant()
        limit = timeout or max(SHORTEST, PATIENCE * seconds)
        outcomes: list[Outcome] = []
        with ThreadPoolExecutor(jobs) as pool:
            try:
                for outcome in pool.map(lambda mutant: court.judge(mutant, limit), mutants):
                    show(outcome)
                    outcomes.append(outcome)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
                court.close()
    return Score(tuple(outcomes), seconds)
