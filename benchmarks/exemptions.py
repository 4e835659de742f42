"""What each exemption of the checker decides: on the catalogue, the textbook layers, and packages of other authors.

An exemption is a reason for which a right gradient can look wrong at a point (flowgraph/checking/exemptions.py). Those
that decide no entry cost time for nothing; those without which no right operation is called wrong may go.

    python -m benchmarks exemptions             how many entries each exemption decides something of
    python -m benchmarks exemptions --seeds 10  at the seeds 0 to 9; an entry counts once
    python -m benchmarks exemptions --names     which
    python -m benchmarks exemptions --off kink  the verdicts of those entries with the exemption and without it
    python -m benchmarks exemptions --quick     every seventh entry
    python -m benchmarks exemptions --keep FILE a run that was stopped goes on where it was

Packages are those of benchmarks/outside that are open, in NumPy and installed: run it in that environment.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.stored import Stored
from flowgraph.checking import Target
from flowgraph.checking.check_target import examine_target
from flowgraph.checking.exemptions import EXEMPTIONS
from flowgraph.checking.scope import Scope, with_settings

GROUPS = ("catalogue", "textbook", "outside")


@dataclass(frozen=True)
class Subject:
    """One pair of functions with its example; `make` is the case of an entry of benchmarks/outside."""

    group: str
    name: str
    right: bool
    entry: Any

    @property
    def title(self) -> str:
        """What tells it from all others."""
        return f"{self.group}: {self.name}"

    def judged(self, seed: int, without: Iterable[str] = ()) -> dict[str, Any]:
        """Whether it is found wrong, and how often each exemption explained a mismatch."""
        fprop, bprop, inputs, options = self._case()
        options = {"valid": None, "second": None, "order": 1, **options}
        target = Target.of_functions(fprop, bprop, inputs, valid=options["valid"], second=options["second"])
        scope = Scope(strict=self.group == "catalogue", without=frozenset(without))
        examination = examine_target(with_settings(target, {}, defaults=True), options["order"], seed, scope=scope)
        inner = examination.inner
        wrong = bool(examination.wrong or (inner is not None and inner.wrong))
        return {"wrong": wrong, "exempted": dict(examination.exempted)}

    def _case(self) -> tuple[Any, Any, tuple[Any, ...], dict[str, Any]]:
        entry = self.entry
        if self.group == "catalogue":
            return entry.fprop, entry.bprop, entry.inputs, entry.options
        case = entry.make()
        return case.function, case.bprop, case.inputs, {}


def subjects() -> Iterator[Subject]:
    """All of them, the fastest group last."""
    from benchmarks.outside.entry import packages
    from tests.checking.scoring import ENTRIES

    for entry in sorted(ENTRIES, key=lambda entry: (entry.family != "ok", entry.family, entry.name)):
        yield Subject("catalogue", f"[{entry.family}] {entry.name}", entry.family == "ok", entry)
    for package in packages():
        if package.framework == "numpy" and (package.own or not package.held_out) and package.installed():
            for entry in package.entries:
                yield Subject("textbook" if package.own else "outside", entry.title, entry.judgement == "right", entry)


Found = list[tuple[Subject, list[dict[str, Any]]]]


def table(found: Found, names: bool) -> str:
    """A row for each exemption: right functions of each group, and mistakes, in which it decided something."""
    lines = [f"{'exemption':<30}{'verdict':>10}{'cost':>6}" + "".join(f"{name:>11}" for name in (*GROUPS, "mistakes"))]
    for exemption in EXEMPTIONS:
        decided = [one for one, answers in found if any(exemption.name in answer["exempted"] for answer in answers)]
        counts = [sum(one.right and one.group == group for one in decided) for group in GROUPS]
        counts.append(sum(not one.right for one in decided))
        lines.append(
            f"{exemption.name:<30}{exemption.verdict:>10}{exemption.cost:>6}"
            + "".join(f"{count:>11}" for count in counts)
        )
        lines += [f"    {one.title}" for one in decided if names]
    return "\n".join(lines)


def without(name: str, found: Found, stored: Stored) -> str:
    """The entries that an exemption decides, whose verdict is another one without it."""
    if name not in {exemption.name for exemption in EXEMPTIONS}:
        raise SystemExit(f"no exemption is called {name!r}; there are {', '.join(one.name for one in EXEMPTIONS)}")
    lines = [f"without {name!r}:"]
    for one, answers in found:
        for seed, answer in enumerate(answers):
            if name not in answer["exempted"]:
                continue
            other = stored(f"without {name}: {seed}: {one.title}", lambda o=one, s=seed: o.judged(s, [name]))
            if other["wrong"] != answer["wrong"]:
                said = "called wrong" if other["wrong"] else "no longer called wrong"
                lines.append(f"    {one.title} (seed {seed}): {said}")
    return "\n".join(lines if len(lines) > 1 else [*lines, "    every verdict stays"])


def main() -> None:
    """Print the table, and what changes without an exemption."""
    arguments = sys.argv
    stored = Stored(arguments)
    seeds = range(int(arguments[arguments.index("--seeds") + 1]) if "--seeds" in arguments else 1)
    chosen = list(subjects())
    chosen = chosen[::7] if "--quick" in arguments else chosen
    found = [
        (one, [stored(f"{seed}: {one.title}", lambda o=one, s=seed: o.judged(s)) for seed in seeds]) for one in chosen
    ]
    print(table(found, "--names" in arguments))
    if "--off" in arguments:
        print(without(arguments[arguments.index("--off") + 1], found, stored))


if __name__ == "__main__":
    main()
