"""What the checker says of the kind of a mistake: sixty that are planted, each at three seeds.

A diagnosis is right if it names the kind and what belongs to it (an axis, a factor), silent if the report says nothing
of the kind, and wrong if it says anything else of any input.

    python -m benchmarks diagnosis            the table
    python -m benchmarks diagnosis --names    also what is said of those that are not right
    python -m benchmarks diagnosis --quick    every fourth mistake at one seed
"""

from __future__ import annotations

import re
import sys
from collections import Counter

from benchmarks.planted.mistakes import KINDS, MISTAKES, Planted
from flowgraph.checking import Report, check

SEEDS = (0, 1, 2)
ANSWERS = ("right", "wrong", "silent")


def said(report: Report) -> list[str]:
    """What a report says of the kind of mistake: diagnoses, and faults of the contract that are one."""
    messages = [one.message for one in report.failures if one.kind == "stale"]
    return [*(one.diagnosis for one in report.failures if one.diagnosis), *messages]


def judged(mistake: Planted, seed: int) -> tuple[str, list[str]]:
    """The answer, and the words."""
    fprop, bprop, example = mistake.made()
    words = said(check(fprop, *example, bprop=bprop, seed=seed))
    if not words:
        return "silent", words
    right = [re.search(KINDS[mistake.kind], text) and re.search(mistake.says, text) for text in words]
    return ("right" if all(right) else "wrong"), words


def main() -> None:
    """Print one row for each kind, and the shares of all."""
    quick = "--quick" in sys.argv
    counts: Counter[tuple[str, str]] = Counter()
    for mistake in MISTAKES[::4] if quick else MISTAKES:
        for seed in SEEDS[:1] if quick else SEEDS:
            answer, words = judged(mistake, seed)
            counts[mistake.kind, answer] += 1
            if answer != "right" and "--names" in sys.argv:
                print(f"{answer} ({seed}) {mistake.name}: {' / '.join(words)}", flush=True)
    print(f"{'kind':<24}" + "".join(f"{answer:>8}" for answer in ANSWERS))
    for kind in KINDS:
        print(f"{kind:<24}" + "".join(f"{counts[kind, answer]:>8}" for answer in ANSWERS))
    whole = sum(counts.values())
    totals = [sum(counts[kind, answer] for kind in KINDS) for answer in ANSWERS]
    print(f"{f'all of {whole}':<24}" + "".join(f"{100 * total / whole:>6.1f} %" for total in totals))


if __name__ == "__main__":
    main()
