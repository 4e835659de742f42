"""The mutation score: runs a command against each mutant, and counts the survivors, equivalent ones apart."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flowgraph.markup import MOST_ROWS, table, text
from flowgraph.mutation.forking import WITHOUT
from flowgraph.mutation.mutants import Mutant
from flowgraph.mutation.processes import PATIENCE, SHORTEST, Outcome, Processes

ENOUGH = 0.2  # of what the original was asked: test cases come of the numbers in the code too, which a mutant changes

Answers = Mapping[str, str]


def told_apart(outcomes: Sequence[Outcome], original: Path | None) -> list[Outcome]:
    """The outcomes, where mutants that lived and answer like the original are "equivalent".

    That a backward pass was asked at all is known of another mutant of it, which answered otherwise.
    """
    right = _read(original)
    if not right:
        return list(outcomes)
    asked = {_backward(outcome.mutant) for outcome in outcomes if _differs(right, _read(outcome.answers))}
    return [
        replace(outcome, outcome="equivalent")
        if outcome.outcome == "lived" and _backward(outcome.mutant) in asked and _agrees(right, _read(outcome.answers))
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


def _read(place: Path | None) -> Answers:
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

    `forked` of them ran in forks of one process; `refused` says why it was not forked for the others.

    Parameters
    ----------
    outcomes : tuple of Outcome
        One per mutant, in the order of the source.
    seconds : float
        How long the command runs without a mutant.
    forked : int, default 0
        Number of mutants that ran in forks of one process.
    refused : str, default ''
        Why the process was not forked for the others.

    Examples
    --------
    >>> from flowgraph.mutation import Mutant, Outcome, Score
    >>> score = Score((Outcome(Mutant("boxes.py", "A", "sign", 3, "", "", "A.bprop"), "killed", 0.5),), 1.0)
    >>> len(score.outcomes)
    1
    """

    outcomes: tuple[Outcome, ...]
    seconds: float
    forked: int = 0
    refused: str = ""

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
            "forked": self.forked,
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
    fork: bool = True,
) -> Score:
    """Run the command without a mutant, which must pass, then against each mutant; `show` hears of each.

    The mutant is put in the place of the module in the memory of the process that the command starts: no file of the
    user is written, whenever this ends. Where the system has `os.fork`, that process runs once up to the import of the
    module, and is forked there for each mutant; where it may not be forked (JAX has computed already, the command
    starts other processes that import the module), and with `fork=False`, the command is started for each mutant.
    Without `timeout` a mutant has five times as long as the command took.

    Parameters
    ----------
    mutants : sequence of Mutant
        The mutants.
    command : sequence of str
        What runs the tests, such as ["pytest", "tests"].
    timeout : float, optional
        Seconds for a mutant; by default five times what the command takes without one.
    jobs : int, default 1
        Number of processes.
    show : function, optional
        It is called with each outcome.
    fork : bool, default True
        Whether one process is forked for the mutants where that can be done.

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
    with tempfile.TemporaryDirectory(prefix="flowgraph-mutants-") as directory:
        processes = Processes(Path(directory), list(command))
        outcomes_by_number: dict[int, Outcome] = {}

        def hear(number: int, outcome: Outcome) -> None:
            outcomes_by_number[number] = outcome
            if number != WITHOUT:
                show(outcome)

        try:
            if fork and hasattr(os, "fork"):
                processes.fork(mutants, timeout, jobs, hear)
            forked = len(outcomes_by_number) - (WITHOUT in outcomes_by_number)
            seconds, original = _without(processes, outcomes_by_number)
            limit = timeout or max(SHORTEST, PATIENCE * seconds)
            left = [number for number in range(len(mutants)) if number not in outcomes_by_number]
            with ThreadPoolExecutor(jobs) as pool:
                try:
                    each = pool.map(lambda number: processes.judge(mutants[number], limit), left)
                    for number, outcome in zip(left, each, strict=True):
                        hear(number, outcome)
                finally:
                    pool.shutdown(wait=False, cancel_futures=True)
                    processes.close()
        finally:
            processes.close()
        outcomes = told_apart([outcomes_by_number[number] for number in range(len(mutants))], original)
    return Score(tuple(outcomes), seconds, forked, processes.refused)


def _without(processes: Processes, outcomes: Mapping[int, Outcome]) -> tuple[float, Path | None]:
    """The seconds of the command without a mutant, and its answers; run for it where no fork did."""
    if WITHOUT in outcomes:
        return outcomes[WITHOUT].seconds, outcomes[WITHOUT].answers
    return processes.run_without_mutant()
