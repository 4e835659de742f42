"""What docs/measured.json holds of the numbers of a benchmark, where that is not all of them."""

from __future__ import annotations

import numpy as np

from benchmarks.quoting.texts import Numbers


def counted(found: Numbers) -> Numbers:
    """How often each outcome came, by half, framework and checker, in place of the answers to every entry."""
    from benchmarks.outside.entry import packages

    counts: Numbers = {"open": {}, "held out": {}, "held out later": {}}
    for package in packages():
        rows = counts[package.half].setdefault(package.framework, {})
        for entry in package.entries:
            for checker, answers in found.items():
                row = rows.setdefault(checker, {})
                outcome = answers[entry.title]["outcome"] if entry.title in answers else "not run"
                row[outcome] = row.get(outcome, 0) + 1
    return counts


def condensed(found: Numbers) -> Numbers:
    """Of the checkers the counts, in place of the seconds and calls of every entry."""
    checkers = {
        name: {
            "caught": row["caught"],
            "alarms": len(row["alarms"]),
            "calls": int(np.median(row["calls"])),
            "median": float(np.median(row["seconds"])),
        }
        for name, row in found["checkers"].items()
    }
    return {"counts": found["counts"], "checkers": checkers}


def without_sources(found: Numbers) -> Numbers:
    """The seconds of steps of networks, without the source of the plans."""
    kept = ("seconds", "compile")
    return {
        "threads": found["threads"],
        "steps": {
            case: {name: {key: one[key] for key in kept} for name, one in row.items()}
            for case, row in found["steps"].items()
        },
    }
