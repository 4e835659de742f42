"""Verdicts against judgements, entry by entry, and what they add up to."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.outside.checkers import CHECKERS
from benchmarks.outside.entry import FRAMEWORKS, Entry, Package, packages
from benchmarks.stored import Stored

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Result:
    """What came of one entry under one checker."""

    entry: Entry
    answer: dict[str, Any]

    @property
    def outcome(self) -> str:
        """The verdict in the light of the judgement."""
        verdict, right = self.answer["verdict"], self.entry.judgement == "right"
        named = {"fail": "FALSE ALARM" if right else "found", "pass": "right" if right else "MISSED"}
        return named.get(verdict, verdict)


def answers(entries: list[Entry], checker: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Titles and answers of the entries of one package, as a process of its own gives them."""
    command = [sys.executable, "-m", "benchmarks.outside.worker", checker, *[entry.title for entry in entries]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        for text in process.stdout:
            if text.startswith('{"'):
                yield from json.loads(text).items()


def chosen(options: list[str]) -> list[Package]:
    """The packages to be run: those that are not held out, or those that are, or all, or the one of this name."""
    name = options[options.index("--package") + 1] if "--package" in options else None
    half = "held out" if "--held-out" in options else "held out later" if "--second" in options else "open"
    every = "--all" in options
    found = [one for one in packages() if (every or one.half == half) and name in (None, one.name)]
    if not found:
        raise SystemExit(f"no package is called {name!r} among those that are {half}: see --held-out, --second, --all")
    if every and not all(one.installed() for one in found):
        raise SystemExit("--all scores all packages: install benchmarks/outside/requirements.txt")
    for package in [one for one in found if not one.installed()]:
        print(f"{package.name}: left out, not installed")
    return [one for one in found if one.installed()]


def measure(package: Package, checker: str, stored: Stored) -> list[Result]:
    """Every entry of a package, in order; what is stored is not run again."""
    missing = [entry for entry in package.entries if f"{checker}: {entry.title}" not in stored.found]
    for title, answer in answers(missing, checker) if missing else ():
        stored(f"{checker}: {title}", lambda answer=answer: answer)
    lost = {"verdict": "crash", "seconds": 0.0, "reasons": ["the process that imported the package ended"]}
    return [Result(entry, stored.found.get(f"{checker}: {entry.title}", lost)) for entry in package.entries]


def line(result: Result) -> str:
    """One entry; for an alarm or what was not decided the reasons as well."""
    text = f"  {result.outcome:<12}{result.answer['seconds']:>7.1f} s  {result.entry.title}"
    if result.outcome in ("right", "MISSED"):
        return text
    reasons = [f"{one['kind']} of {one['input']} [{one['test_case']}]: {one['message']}" for one in failures(result)]
    return "\n        ".join([text, *(reasons or result.answer.get("reasons", []))[:4]])


def failures(result: Result) -> list[dict[str, str]]:
    """What fg.check listed."""
    return list(result.answer.get("failures", []))


def summary(results: Iterable[Result], checker: str) -> str:
    """One row for each framework, and one for all."""
    results = list(results)
    columns = ("found", "FALSE ALARM", "MISSED", "right", "undecided", "raised", "timeout", "crash")
    lines = [
        f"{checker:<12}{'wrong':>6}{'right':>6} |" + "".join(f"{name:>12}" for name in columns) + f"{'median s':>10}"
    ]
    for framework in (*FRAMEWORKS, "all"):
        part = [one for one in results if framework in ("all", one.entry.framework)]
        if not part:
            continue
        wrong = sum(one.entry.judgement == "wrong" for one in part)
        counts = "".join(f"{sum(one.outcome == name for one in part):>12}" for name in columns)
        seconds = statistics.median(one.answer["seconds"] for one in part)
        lines.append(f"{framework:<12}{wrong:>6}{len(part) - wrong:>6} |{counts}{seconds:>10.3f}")
    return "\n".join(lines)


def main(options: list[str]) -> None:
    """Print each entry and the summary of each checker, then the same as JSON."""
    jobs = int(options[options.index("--jobs") + 1]) if "--jobs" in options else 1
    found, stored, tables = chosen(options), Stored(options), []
    everything: dict[str, Any] = {}
    for checker in CHECKERS:
        print(f"-- {checker}")
        results = []
        with ThreadPoolExecutor(jobs) as pool:
            for of_package in pool.map(lambda package, name=checker: measure(package, name, stored), found):
                print(*map(line, of_package), sep="\n", flush=True)
                results += of_package
        tables.append(summary(results, checker))
        everything[checker] = {one.entry.title: {"outcome": one.outcome, **one.answer} for one in results}
    print("\n\n".join(tables))
    print(json.dumps(everything))
