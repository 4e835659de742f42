"""Runs the checker over the catalogue."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field

from flowgraph.checking import check
from tests.seed import is_thorough, share_of_tree

from .catalogue.entries import ENTRIES, Entry

RIGHT = (
    *("right_kinks", "right_numbers", "right_algebra", "right_shapes", "right_models", "right_unguarded"),
    "right_transforms",
)
WRONG = ("bugs_values", "bugs_tiny", "bugs_contract", "bugs_regimes", "bugs_shapes", "bugs_composed")
TOPICS = (
    *("sequences", "space", "pictures", "factors", "densities", "choices", "settings", "layers", "statistics"),
    *("signals", "formulas", "kernels", "bugs_layers", "bugs_state"),
)
"""Written by people who had not read the checker: those that reach a comparison, an exemption, a rule or a test case
that hardly any other entry reaches."""
THOROUGH = is_thorough()
SEEDS = range(5) if THOROUGH else range(1)

for module in (*RIGHT, *WRONG):
    importlib.import_module(f".catalogue.{module}", __package__)
FIRST = len(ENTRIES)
for module in TOPICS:
    importlib.import_module(f".catalogue.{module}", __package__)


@dataclass
class Score:
    runs: int = 0
    missed: list[str] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)

    def add(self, entry: Entry, seed: int) -> None:
        report = check(entry.fprop, *entry.inputs, bprop=entry.bprop, seed=seed, strict=True, **entry.options)
        self.runs += 1
        label = f"[{entry.family}] {entry.name} (seed {seed})"
        if entry.family != "ok" and report.verdict != "fail":
            self.missed.append(label)
        if entry.family == "ok" and report.verdict == "fail":
            self.alarms.append(f"{label}\n{report}")
        if entry.family == "ok" and report.verdict == "undecided":
            self.undecided.append(label)


def entries(*families: str) -> list[Entry]:
    """What is scored of these families: of each one in so many entries, by the seed of the tree; all in the night."""
    chosen = []
    for family in families:
        for group, one_in in ((ENTRIES[:FIRST], 5), (ENTRIES[FIRST:], 16)):
            named = {entry.name: entry for entry in group if entry.family == family}
            chosen += [named[name] for name in share_of_tree(named, one_in)]
    return chosen


def score(scored: list[Entry]) -> Score:
    total = Score()
    for seed in SEEDS:
        for entry in scored:
            total.add(entry, seed)
    return total
