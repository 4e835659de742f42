"""Equivalent mutants: those that fg.check passes with the gradients of the original."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from flowgraph.mutation.breaking import Mutant
from flowgraph.mutation.processes import Outcome

ENOUGH = 0.2  # of what the original was asked: regimes come of the numbers in the code too, which a mutant changes

Answers = Mapping[str, str]


def told_apart(outcomes: Sequence[Outcome], original: Path | None) -> list[Outcome]:
    """The outcomes, where mutants that lived and answer like the original are "equivalent".

    That a backward pass was asked at all is known of another mutant of it, which answered otherwise.
    """
    right = _read(original)
    if not right:
        return list(outcomes)
    asked = {_backward(one.mutant) for one in outcomes if _differs(right, _read(one.answers))}
    return [
        replace(one, outcome="equivalent")
        if one.outcome == "lived" and _backward(one.mutant) in asked and _agrees(right, _read(one.answers))
        else one
        for one in outcomes
    ]


def _backward(mutant: Mutant) -> tuple[Path, str]:
    return mutant.file, mutant.backward


def _differs(right: Answers, found: Answers) -> bool:
    return any(right[asked] != answer for asked, answer in found.items() if asked in right)


def _agrees(right: Answers, found: Answers) -> bool:
    common = right.keys() & found.keys()
    return len(common) >= ENOUGH * len(right) and all(right[asked] == found[asked] for asked in common)


def _read(place: Path | None) -> Answers:
    """Each question with its first answer."""
    found: dict[str, str] = {}
    if place is not None and place.exists():
        for line in place.read_text(encoding="ascii").splitlines():
            asked, _, answer = line.partition(" ")
            found.setdefault(asked, answer)
    return found
