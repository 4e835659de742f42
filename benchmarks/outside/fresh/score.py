"""Verdicts of one set against its judgements: `python -m benchmarks.outside.fresh.score --set one`."""

from __future__ import annotations

import json
import statistics
import sys

from benchmarks.outside.checkers import CHECKERS
from benchmarks.outside.entry import FRAMEWORKS
from benchmarks.outside.fresh.registry import SETS, all_packages, split
from benchmarks.outside.score import Result, line, measure, summary
from benchmarks.stored import Stored


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
        raise SystemExit(f"--set: needs one of {', '.join(SETS)}")
    chosen = [one for one in all_packages() if split()[one.name] == name and option("--package") in (None, one.name)]
    chosen = [one for one in chosen if one.installed() and one.entries]
    for checker in CHECKERS:
        if option("--checker") in (None, checker):
            print(f"-- {checker}")
            results = []
            for package in chosen:
                of_package = measure(package, checker, stored)
                print(*map(line, of_package), sep="\n", flush=True)
                results += of_package
            tables += [summary(results, checker), fails(results)]
            everything[checker] = {one.entry.title: {"outcome": one.outcome, **one.answer} for one in results}
    print("\n\n".join(tables))
    print(json.dumps(everything))


if __name__ == "__main__":
    main(sys.argv[1:])
