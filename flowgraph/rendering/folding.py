"""Equal modules one after the other as one: a loop, with what it carries, takes at each step and shares.

Two modules are equal if they have the same boxes, wired alike. They are steps of one loop if, at each place where the
second reads from outside, it reads what the first reads there (shared), or a value of the first, always that at the
same place (carried), or another value like that of the first that depends on neither (taken at each step).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.rendering.subject import Subject

_Place = tuple[int, int]
"""A box of a module by its number, and which of its children."""


@dataclass
class _Step:
    """How a module follows the one before: what it carries over, by the place in both, and where it takes others."""

    carried: dict[_Place, int] = field(default_factory=dict)
    taken: dict[_Place, Box] = field(default_factory=dict)
    given: set[int] = field(default_factory=set)

    def goes_on(self, before: _Step) -> bool:
        """Whether the next step is as this one; what is given to others may end with the last."""
        return (
            self.carried == before.carried and self.taken.keys() == before.taken.keys() and self.given == before.given
        )


@dataclass(frozen=True)
class Run:
    """Modules that are one: the first, one past the last, and, for steps of a loop, what it carries and takes."""

    first: int
    past: int
    carried: tuple[Box, ...] = ()
    taken: tuple[Box, ...] = ()


class _Steps:
    """The modules of a subject in order, as steps; leaves are no part of them."""

    def __init__(self, subject: Subject, modules: Sequence[Sequence[Box]]) -> None:
        self.subject = subject
        self.modules = [[box for box in boxes if box.children] for boxes in modules]
        self.of = {box: number for number, boxes in enumerate(self.modules) for box in boxes}
        self.place = {box: place for boxes in self.modules for place, box in enumerate(boxes)}
        self.outside = self._dependence()
        self.shapes = [self._shape(number) for number in range(len(self.modules))]

    def step(self, number: int) -> _Step | None:
        """How a module follows the one before; None if it is no further step."""
        one, other = self.modules[number - 1], self.modules[number]
        if self.shapes[number - 1] != self.shapes[number]:
            return None
        found = _Step(given=self._given(number - 1, number))
        for place, (box, twin) in enumerate(zip(other, one, strict=True)):
            for slot, (child, before) in enumerate(zip(box.children, twin.children, strict=True)):
                if self.of.get(child) == number - 1:
                    found.carried[place, slot] = self.place[child]
                elif self.of.get(child) == number or child is before:
                    continue
                elif not self._alike(child, before) or number - 1 in self.outside.get(child, ()):
                    return None
                elif child.children:
                    found.taken[place, slot] = child
        return found if found.carried else None

    def _alike(self, child: Box, before: Box) -> bool:
        """Whether two values from outside have the same place in two steps."""
        if child.outputs != before.outputs or type(child) is not type(before):
            return False
        same = not isinstance(child, Constant) or np.array_equal(child.value, before.value, equal_nan=True)
        return same and self.subject.kind[child] == self.subject.kind[before]

    def _shape(self, number: int) -> Hashable:
        """The boxes of a module and how they are wired; which element of what comes from outside may differ."""
        return tuple(
            (
                type(box),
                box.outputs,
                tuple(
                    repr(value) for name, value in box.setting_values().items() if not self._is_turn(box, name, number)
                ),
                tuple(self.place[child] if self.of.get(child) == number else -1 for child in box.children),
            )
            for box in self.modules[number]
        )

    def _is_turn(self, box: Box, setting: str, number: int) -> bool:
        return setting == "index" and not any(self.of.get(child) == number for child in box.children)

    def _given(self, number: int, following: int) -> set[int]:
        """The places of the boxes of a step that others than the next step read."""
        return {
            self.place[box]
            for box in self.modules[number]
            for reader in self.subject.parents[box]
            if self.of.get(reader) not in (number, following) and self.subject.kind[reader] != "regularizer"
        }

    def _dependence(self) -> Mapping[Box, set[int]]:
        """For boxes outside of modules, the modules that they read, also through others outside."""
        found: dict[Box, set[int]] = {}
        for box in self.subject.graph.boxes:
            if box not in self.of:
                read = [{self.of[child]} if child in self.of else found[child] for child in box.children]
                found[box] = set().union(*read)
        return found


def folded(subject: Subject, modules: Sequence[Sequence[Box]]) -> list[Run]:
    """The modules in runs of steps; one that is no step of a loop is a run of its own."""
    steps = _Steps(subject, modules)
    runs: list[Run] = []
    start, last, taken = 0, None, []  # type: int, _Step | None, list[Box]
    for number in range(1, len(modules) + 1):
        new = steps.step(number) if number < len(modules) else None
        if new is not None and (last is None or new.goes_on(last)):
            taken += new.taken.values()
            last = new
            continue
        boxes = steps.modules[number - 1]
        carried = [boxes[place] for place in dict.fromkeys(last.carried.values())] if last else []
        runs.append(Run(start, number, tuple(carried), tuple(_with_first(steps, start, taken, last))))
        start, last, taken = number, None, []
    return runs


def _with_first(steps: _Steps, start: int, taken: Sequence[Box], last: _Step | None) -> list[Box]:
    """What the steps of a loop take, that of the first too."""
    boxes = steps.modules[start]
    first = [boxes[place].children[slot] for place, slot in last.taken] if last else []
    return list(dict.fromkeys([*first, *taken]))
