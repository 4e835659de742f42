"""Runs the checker over the catalogue."""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass, field

from flowgraph.checking import check
from tests.commit import seed_of_commit

from .catalogue.entries import ENTRIES, Entry

RIGHT = (
    *("right_kinks", "right_numbers", "right_algebra", "right_shapes", "right_models", "right_unguarded"),
    *("right_networks", "right_transforms"),
)
WRONG = ("bugs_values", "bugs_tiny", "bugs_contract", "bugs_regimes", "bugs_shapes", "bugs_composed")
TOPICS = ("sequences", "space", "pictures", "factors", "densities", "choices", "settings")
TOPICS += ("layers", "statistics", "signals", "formulas")
SAMPLED = (
    *(f"{kind}_{topic}" for topic in TOPICS for kind in ("right", "bugs")),
    *("right_cancellation", "right_iterated", "bugs_losses", "bugs_kernels", "bugs_special", "bugs_state"),
    *("right_attention", "right_divergences", "bugs_layers_regimes", "bugs_layers_contract"),
)
"""Written by people who had not read the checker. All of them take five minutes, so that every twelfth is scored, and
all with FLOWGRAPH_THOROUGH=1."""
THOROUGH = os.environ.get("FLOWGRAPH_THOROUGH") == "1"
SEEDS = range(5) if THOROUGH else range(1)
HALF = seed_of_commit() % 2

for module in (*RIGHT, *WRONG):
    importlib.import_module(f".catalogue.{module}", __package__)
ALWAYS = len(ENTRIES)
for module in SAMPLED:
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
    """What is scored: all entries, or every second of each family, which half following from the commit."""
    if THOROUGH:
        return [entry for entry in ENTRIES if entry.family in families]
    always = [entry for entry in ENTRIES[:ALWAYS] if entry.family in families]
    return always[HALF::2] + [entry for entry in ENTRIES[ALWAYS::12] if entry.family in families]


def score(scored: list[Entry]) -> Score:
    total = Score()
    for seed in SEEDS:
        for entry in scored:
            total.add(entry, seed)
    return total
