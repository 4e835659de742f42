"""Verdicts of one set against its judgements: `python -m benchmarks.outside.fresh.score --set one`."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

from benchmarks.outside.checkers import CHECKERS
from benchmarks.outside.entry import FRAMEWORKS, Entry
from benchmarks.outside.fresh.registry import SETS, all_packages, split
from benchmarks.outside.score import ROOT, Result, line, summary
from benchmarks.stored import Stored


def answers(entries: list[Entry], checker: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Titles and answers of the entries of one package, as a process of its own gives them."""
    command = [sys.executable, "-m", "benchmarks.outside.fresh.worker", checker, *[entry.title for entry in entries]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        for text in process.stdout:
            if text.startswith('{"'):
                yield from json.loads(text).items()


def measure(name: str, checker: str, stored: Stored, wanted: str | None) -> Iterator[Result]:
    """Every entry of a set, package by package; what is stored is not run again."""
    for package in all_packages():
        if split()[package.name] != name or wanted not in (None, package.name) or not package.installed():
            continue
        missing = [entry for entry in package.entries if f"{checker}: {entry.title}" not in stored.found]
        for title, answer in answers(missing, checker) if missing else ():
            stored(f"{checker}: {title}", partial(dict, answer))
        lost = {"verdict": "crash", "seconds": 0.0, "reasons": ["the process that imported the package ended"]}
        for entry in package.entries:
            result = Result(entry, stored.found.get(f"{checker}: {entry.title}", lost))
            print(line(result), flush=True)
            yield result


def fails(results: list[Result]) -> str:
    """How many FAILs are true, how many true mistakes are found, and the processor's seconds."""
    failed = [one for one in results if one.answer["verdict"] == "fail"]
    wrong = [one for one in results if one.entry.judgement == "wrong"]
    text = [
        f"FAILs {len(failed)}, true {sum(one.entry.judgement == 'wrong' for one in failed)}",
        f"mistakes {len(wrong)}, found {sum(one.outcome == 'found' for one in wrong)}",
    ]
    for framework in FRAMEWORKS:
        seconds = sorted(one.answer["seconds"] for one in results if one.entry.framework == framework)
        if seconds:
            late = seconds[min(len(seconds) - 1, int(0.95 * len(seconds)))]
            text.append(
                f"{framework}: median {statistics.median(seconds):.2f} s, p95 {late:.2f} s, most {seconds[-1]:.2f} s"
            )
    return "; ".join(text)


def main(options: list[str]) -> None:
    """Print each entry, the summaries, and the same as JSON."""

    def option(name: str) -> str | None:
        return options[options.index(name) + 1] if name in options else None

    name, stored, tables, everything = option("--set"), Stored(options), [], {}
    if name not in SETS:
        raise SystemExit("--set one or --set two")
    for checker in CHECKERS:
        if option("--checker") in (None, checker):
            print(f"-- {checker}")
            results = list(measure(name, checker, stored, option("--package")))
            tables += [summary(results, checker), fails(results)]
            everything[checker] = {one.entry.title: {"outcome": one.outcome, **one.answer} for one in results}
    print("\n\n".join(tables))
    print(json.dumps(everything))


if __name__ == "__main__":
    main(sys.argv[1:])
