"""Notes, which are no failures: what bprop refuses beyond the example, and where fprop is meaningless."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from flowgraph.checking.compare import Suspicion, ask
from flowgraph.checking.example_contract import ExampleContract, Excess
from flowgraph.checking.meaning import meaningless
from flowgraph.checking.point import Point
from flowgraph.checking.runner import Illegal
from flowgraph.checking.target import Inputs


@dataclass
class Notes:
    """One text for each kind of mistake, child, and respect in which inputs go beyond the example."""

    found: dict[tuple[frozenset[str], str, int | None], str] = field(default_factory=dict)

    def texts(self) -> list[str]:
        """All of them, in the order in which they were found."""
        return list(dict.fromkeys(self.found.values()))

    def of_none(self, child: int, name: str) -> None:
        """That a gradient of None was taken as the answer that none is meant to be asked for."""
        self.found[frozenset({"None"}), "none", child] = f"bprop gives None for {name}"

    def spares(self, suspicion: Suspicion, contract: ExampleContract) -> bool:
        """Whether a suspicion need not be confirmed: it is a refusal that is noted, or said already."""
        if suspicion.loud:
            return self.takes(suspicion, contract)
        return self._known(suspicion, contract.beyond(suspicion.point.inputs, suspicion.point.output))

    def takes(self, suspicion: Suspicion, contract: ExampleContract) -> bool:
        """Whether a mistake lies so far beyond the example that it is none; then it is noted."""
        point = suspicion.point
        excesses = contract.beyond(point.inputs, point.output)
        if suspicion.loud:
            excesses = excesses or contract.bound(point.inputs, lambda inputs: answers(point, inputs))
        elif not self._known(suspicion, excesses):
            excesses = meaningless(contract, point, excesses)
        if excesses:
            subjects = frozenset(one.subject for one in excesses)
            self._keep(subjects, suspicion, ", ".join(one.words for one in excesses))
        return bool(excesses)

    def _known(self, suspicion: Suspicion, excesses: Sequence[Excess]) -> bool:
        """Whether a note says already that these inputs mean nothing."""
        subjects, about = {one.subject for one in excesses}, (suspicion.kind, suspicion.child)
        return any(known <= subjects for known, *other in self.found if tuple(other) == about)

    def _keep(self, subjects: frozenset[str], suspicion: Suspicion, words: str) -> None:
        """Unless one about fewer respects, of the same kind and child, says it already."""
        about = (suspicion.kind, suspicion.child)
        if not any(known <= subjects for known, *other in self.found if tuple(other) == about):
            answer = suspicion.loud or "bprop gives wrong numbers there"
            self.found[subjects, *about] = f"fprop takes {words}, {answer}"


def answers(point: Point, inputs: Inputs) -> bool | None:
    """Whether bprop gives gradients of the right form for other inputs; None where fprop gives no value."""
    try:
        other = Point.at(point.runner, inputs, "another size", point.active)
    except Illegal:
        return None
    gradients, faults = ask(other, np.ones(other.value.shape))
    return gradients is not None and not any(fault.loud for fault in faults)
