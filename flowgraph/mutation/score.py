"""The mutation score: runs a command against each mutant, and counts the survivors, equivalent ones apart."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flowgraph.errors import UsageError
from flowgraph.markup import MOST_ROWS, table, text
from flowgraph.mutation.mutants import Mutant
from flowgraph.mutation.processes import PATIENCE, SHORTEST, Outcome, Processes

ENOUGH = 0.2  # of what the original was asked: test cases come of the numbers in the code too, which a mutant changes

Answers = Mapping[str, str]


def told_apart(outcomes: Sequence[Outcome], original: Path | None) -> list[Outcome]:
    """The outcomes, where mutants that lived and answer like the original are "equivalent".

    That a backward pass was asked at all is known of another mutant of it, which answered otherwise.
    """
    right = _read_answers(original)
    if not right:
        return list(outcomes)
    asked = {_backward(outcome.mutant) for outcome in outcomes if _differs(right, _read_answers(outcome.answers))}
    return [
        replace(outcome, outcome="equivalent")
        if outcome.outcome == "lived"
        and _backward(outcome.mutant) in asked
        and _agrees(right, _read_answers(outcome.answers))
        else outcome
        for outcome in outcomes
    ]


def _backward(mutant: Mutant) -> tuple[Path, str]:
    return mutant.file, mutant.backward


def _differs(right: Answers, answers: Answers) -> bool:
    return any(right[asked] != answer for asked, answer in answers.items() if asked in right)


def _agrees(right: Answers, answers: Answers) -> bool:
    common = right.keys() & answers.keys()
    return len(common) >= ENOUGH * len(right) and all(right[asked] == answers[asked] for asked in common)


def _read_answers(place: Path | None) -> Answers:
    """Each question with its first answer."""
    answers: dict[str, str] = {}
    if place is not None and place.exists():
        for line in place.read_text(encoding="ascii").splitlines():
            asked, _, answer = line.partition(" ")
            answers.setdefault(asked, answer)
    return answers


@dataclass(frozen=True, repr=False)
class Score:
    """The outcomes of all mutants, in the order of the source; `seconds` without a mutant.

    Parameters
    ----------
    outcomes : tuple of Outcome
        One per mutant, in the order of the source.
    seconds : float
        How long the command runs without a mutant.

    Examples
    --------
    >>> from flowgraph.mutation import Mutant, Outcome, Score
    >>> score = Score((Outcome(Mutant("boxes.py", "A", "sign", 3, "", "", "A.bprop"), "killed", 0.5),), 1.0)
    >>> len(score.outcomes)
    1
    """

    outcomes: tuple[Outcome, ...]
    seconds: float

    @property
    def lived(self) -> tuple[Mutant, ...]:
        """The mutants that the command did not see."""
        return tuple(outcome.mutant for outcome in self.outcomes if outcome.outcome in ("lived", "never imported"))

    @property
    def killed(self) -> int:
        """How many it saw, those that ran out of time among them."""
        return len(self.outcomes) - len(self.lived) - len(self.equivalent)

    @property
    def equivalent(self) -> tuple[Mutant, ...]:
        """The mutants that answer fg.check as the original does, whatever it asks: no test of gradients sees them."""
        return tuple(outcome.mutant for outcome in self.outcomes if outcome.outcome == "equivalent")

    @property
    def rate(self) -> float:
        """The share that it saw of those that can be seen; 1 where there is none."""
        different = len(self.outcomes) - len(self.equivalent)
        return self.killed / different if different else 1.0

    def __repr__(self) -> str:
        return f"<Score: {self.killed} of {len(self.outcomes)} mutants seen, {len(self.equivalent)} equivalent>"

    def _repr_html_(self) -> str:
        rows = [
            (outcome.outcome, f"{outcome.mutant.file}:{outcome.mutant.line}", outcome.mutant.box, outcome.mutant.kind)
            for outcome in self.outcomes
            if outcome.outcome != "killed"
        ]
        names = ("outcome", "place", "box", "kind")
        return f"<div><b>{text(repr(self).strip('<>'))}</b>{table(names, rows, most=MOST_ROWS)}</div>"

    def as_dict(self) -> dict[str, Any]:
        """The score, for JSON.

        Returns
        -------
        dict
            Counts of mutants by outcome, seconds, and one entry per mutant.
        """
        return {
            "mutants": len(self.outcomes),
            "killed": self.killed,
            "lived": len(self.lived),
            "equivalent": len(self.equivalent),
            "timeouts": sum(outcome.outcome == "timeout" for outcome in self.outcomes),
            "seconds_without_mutant": self.seconds,
            "outcomes": [
                {
                    "file": str(outcome.mutant.file), "line": outcome.mutant.line, "box": outcome.mutant.box,
                    "backward": outcome.mutant.backward,
                    "kind": outcome.mutant.kind, "diff": outcome.mutant.diff,
                    "outcome": outcome.outcome, "seconds": outcome.seconds,
                }
                for outcome in self.outcomes
            ],
        }  # fmt: skip


def score(
    mutants: Sequence[Mutant],
    command: Sequence[str],
    timeout: float | None = None,
    jobs: int = 1,
    show: Callable[[Outcome], None] = lambda outcome: None,
    **removed: Any,
) -> Score:
    """Run the command without a mutant, which must pass, then against each mutant; `show` hears of each.

    The mutant is put in the place of the module in the memory of the process that the command starts: no file of the
    user is written, whenever this ends. Without `timeout` a mutant has five times as long as the command took.

    Parameters
    ----------
    mutants : sequence of Mutant
        The mutants.
    command : sequence of str
        What runs the tests, such as ["pytest", "tests"].
    timeout : float, optional
        Seconds for a mutant; by default five times what the command takes without one.
    jobs : int, default 1
        Number of processes that run at the same time.
    show : function, optional
        It is called with each outcome.
    **removed
        Nothing: `fork`, which there was, is refused.

    Returns
    -------
    Score
        An outcome per mutant.

    Raises
    ------
    UsageError
        If the command fails without a mutant.

    Examples
    --------
    >>> import pathlib, sys, tempfile
    >>> from flowgraph.mutation import mutants_of, score
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "boxes.py"
    >>> _ = file.write_text("class A:\\n    def bprop(self, grad, h, a):\\n        return (grad * h,)\\n")
    >>> score(mutants_of(file)[:1], [sys.executable, "-c", "pass"]).outcomes[0].outcome
    'never imported'
    """
    for name in removed:
        gone = ", which there is no more" if name == "fork" else ", which it does not take"
        raise UsageError(f"score: found {name}={gone}: a process runs for each mutant, jobs= of them at the same time")
    with tempfile.TemporaryDirectory(prefix="flowgraph-mutants-") as directory:
        processes = Processes(Path(directory), list(command))
        outcomes: list[Outcome] = []
        try:
            seconds, original = processes.run_without_mutant()
            limit = timeout or max(SHORTEST, PATIENCE * seconds)
            with ThreadPoolExecutor(jobs) as pool:
                try:
                    for outcome in pool.map(lambda mutant: processes.judge(mutant, limit), mutants):
                        outcomes.append(outcome)
                        show(outcome)
                finally:
                    pool.shutdown(wait=False, cancel_futures=True)
                    processes.close()
        finally:
            processes.close()
        outcomes = told_apart(outcomes, original)
    return Score(tuple(outcomes), seconds)
