"""What each excuse of the checker decides on the catalogue, and what is said without it.

An excuse is a reason for which a right gradient can look wrong at a point (flowgraph/checking/escalate.py). Those that
decide no entry cost time for nothing; those without which no right operation is called wrong may go.

    python -m benchmarks.excuses             how many entries each excuse decides something of
    python -m benchmarks.excuses --names     which
    python -m benchmarks.excuses --off kink  the verdicts of those entries with the excuse and without it
    python -m benchmarks.excuses --quick     every seventh entry
    python -m benchmarks.excuses --keep FILE a run that was stopped goes on where it was
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from benchmarks.kept import Kept
from flowgraph.checking import Target
from flowgraph.checking.check_target import examined
from flowgraph.checking.escalate import EXCUSES
from flowgraph.checking.scope import Scope
from flowgraph.checking.settings import with_settings


def judged(entry: Any, without: Iterable[str] = ()) -> dict[str, Any]:
    """Whether the entry is found wrong, and how often each excuse explained a mismatch."""
    options = {"valid": None, "second": None, "order": 1, **entry.options}
    target = Target.of_functions(
        entry.fprop, entry.bprop, entry.inputs, valid=options["valid"], second=options["second"]
    )
    scope = Scope(strict=True, without=frozenset(without))
    examination = examined(with_settings(target, {}, defaults=True), options["order"], scope=scope)
    inner = examination.inner
    wrong = bool(examination.wrong or (inner is not None and inner.wrong))
    return {"wrong": wrong, "excused": dict(examination.excused)}


def table(entries: list[Any], found: list[dict[str, Any]], names: bool) -> str:
    """A row for each excuse: right operations and mistakes in which it decided something."""
    lines = [f"{'excuse':<30}{'verdict':>10}{'cost':>6}{'right':>7}{'mistakes':>10}"]
    for excuse in EXCUSES:
        decided = [entry for entry, one in zip(entries, found, strict=True) if excuse.name in one["excused"]]
        right = sum(entry.family == "ok" for entry in decided)
        lines.append(f"{excuse.name:<30}{excuse.verdict:>10}{excuse.cost:>6}{right:>7}{len(decided) - right:>10}")
        lines += [f"    [{entry.family}] {entry.name}" for entry in decided if names]
    return "\n".join(lines)


def without(name: str, entries: list[Any], found: list[dict[str, Any]], kept: Kept) -> str:
    """The entries that an excuse decides, whose verdict is another one without it."""
    if name not in {excuse.name for excuse in EXCUSES}:
        raise SystemExit(f"no excuse is called {name!r}; there are {', '.join(one.name for one in EXCUSES)}")
    lines = [f"without {name!r}:"]
    for entry, one in zip(entries, found, strict=True):
        if name not in one["excused"]:
            continue
        other = kept(f"without {name}: [{entry.family}] {entry.name}", lambda e=entry: judged(e, [name]))
        if other["wrong"] != one["wrong"]:
            said = "called wrong" if other["wrong"] else "no longer called wrong"
            lines.append(f"    [{entry.family}] {entry.name}: {said}")
    return "\n".join(lines if len(lines) > 1 else [*lines, "    every verdict stays"])


def main() -> None:
    """Print the table, and what changes without an excuse."""
    from tests.checking.scoring import ENTRIES

    arguments = sys.argv
    kept = Kept(arguments)
    entries = sorted(ENTRIES, key=lambda entry: (entry.family, entry.name))
    entries = entries[::7] if "--quick" in arguments else entries
    found = [kept(f"[{entry.family}] {entry.name}", lambda e=entry: judged(e)) for entry in entries]
    print(table(entries, found, "--names" in arguments))
    if "--off" in arguments:
        print(without(arguments[arguments.index("--off") + 1], entries, found, kept))


if __name__ == "__main__":
    main()
