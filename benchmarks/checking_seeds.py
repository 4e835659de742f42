"""fg.check on the whole catalogue at many seeds: what is missed and what is called wrong, by name.

    python -m benchmarks.checking_seeds              right operations and mistakes at seeds 0 to 9
    python -m benchmarks.checking_seeds 10 15        at seeds 10 to 14
    python -m benchmarks.checking_seeds --right      right operations alone
    python -m benchmarks.checking_seeds --keep FILE  a run that was stopped goes on where it was

An hour for ten seeds on one core. A verdict depends on the seed, and on time only where the budget cuts something off.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

from benchmarks.stored import Stored
from flowgraph.checking import check


def verdict(entry: Any, seed: int) -> tuple[str, float]:
    """What fg.check says, and the seconds of the processor."""
    start = time.process_time()
    report = check(entry.fprop, *entry.inputs, bprop=entry.bprop, seed=seed, strict=True, **entry.options)
    return report.verdict, time.process_time() - start


def main() -> None:
    """Print one line for each seed, and the names."""
    from tests.checking.scoring import ENTRIES

    arguments = sys.argv[1:]
    stored = Stored(arguments)
    numbers = [int(word) for word in arguments if word.isdigit()]
    first, last = numbers if len(numbers) == 2 else (0, 10)
    entries = [entry for entry in ENTRIES if entry.family == "ok" or "--right" not in arguments]
    seconds = []
    for seed in range(first, last):
        missed, alarms = [], []
        for entry in entries:
            said, spent = stored(f"{seed}: [{entry.family}] {entry.name}", lambda e=entry, s=seed: verdict(e, s))
            seconds.append(spent)
            if entry.family == "ok" and said == "fail":
                alarms.append(entry.name)
            if entry.family != "ok" and said != "fail":
                missed.append(f"[{entry.family}] {entry.name}")
        right = sum(entry.family == "ok" for entry in entries)
        caught = len(entries) - right - len(missed)
        print(f"seed {seed}: {caught} of {len(entries) - right} caught, {len(alarms)} alarms of {right}", flush=True)
        for name in (*missed, *alarms):
            print(f"    {name}")
    print(f"median {np.median(seconds):.2f} s, most {max(seconds):.2f} s of the processor")


if __name__ == "__main__":
    main()
