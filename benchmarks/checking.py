"""Gradient checkers on one catalogue: planted mistakes caught, false alarms on right operations, calls and time.

Every checker is given the same pair of NumPy functions and the same example: PyTorch's gradcheck as an
autograd.Function, JAX's check_grads as a custom_vjp around pure_callback, autograd's check_grads as a primitive, each
with its defaults in float64, and a plain central difference (step 1e-5, rtol 1e-4) as a student writes it.

    python -m benchmarks.checking            everything
    python -m benchmarks.checking --quick    every seventh entry
    python -m benchmarks.checking --keep FILE    a run that was stopped goes on where it was

The time is that of the processor in this process, so that other work of the machine does not count.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from benchmarks.peers.checking import PEERS
from benchmarks.stored import Stored
from flowgraph.checking import check

FAMILIES = ("V", "S", "R", "E", "C", "2")


@dataclass
class Counted:
    """An entry whose fprop counts its calls."""

    entry: Any
    calls: int = 0

    def fprop(self, *inputs: Any) -> Any:
        """The entry's fprop, counted."""
        self.calls += 1
        return self.entry.fprop(*inputs)


@dataclass
class Score:
    """Of one checker: caught per family, false alarms by name, calls of fprop, seconds."""

    caught: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FAMILIES, 0))
    alarms: list[str] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def _flowgraph(counted: Counted, inputs: tuple[Any, ...]) -> bool:
    entry = counted.entry  # itself, since what is written in its code counts
    report = check(entry.fprop, *inputs, bprop=entry.bprop, strict=True, **entry.options)
    counted.calls = report.evaluations
    return report.verdict == "fail"


CHECKERS: dict[str, Callable[[Counted, tuple[Any, ...]], bool]] = {"flowgraph": _flowgraph, **PEERS}


def judge(checker: Callable[[Counted, tuple[Any, ...]], bool], counted: Counted) -> bool:
    """Whether the checker says that the gradient is wrong; to raise is to say so."""
    inputs = tuple(x.copy() if isinstance(x, np.ndarray) else x for x in counted.entry.inputs)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return checker(counted, inputs)
        except ImportError:
            raise
        except Exception:
            return True


def judged(name: str, entry: Any) -> list[Any]:
    """Whether it is said to be wrong, calls of fprop, seconds."""
    counted = Counted(entry)
    start = time.process_time()
    alarmed = judge(CHECKERS[name], counted)
    return [bool(alarmed), counted.calls, time.process_time() - start]


def measure(entries: list[Any], stored: Stored) -> dict[str, Score]:
    """All checkers in turn on each entry; who is not installed is left out by name."""
    scores = {}
    for name, checker in CHECKERS.items():
        try:
            judge(checker, Counted(entries[0]))  # imports and compiles what is needed once
            scores[name] = Score()
        except ImportError as error:
            print(f"{name}: left out ({error})")
    for entry in entries:
        for name, score in scores.items():
            key = f"{name}: [{entry.family}] {entry.name}"
            alarmed, calls, seconds = stored(key, lambda n=name, e=entry: judged(n, e))
            score.seconds.append(seconds)
            score.calls.append(calls)
            if alarmed and entry.family == "ok":
                score.alarms.append(entry.name)
            elif alarmed:
                score.caught[entry.family] += 1
    return scores


def table(entries: list[Any], scores: dict[str, Score]) -> str:
    """One row per checker."""
    count = {family: sum(entry.family == family for entry in entries) for family in ("ok", *FAMILIES)}
    heads = [f"{family} ({count[family]})" for family in FAMILIES]
    wrong = len(entries) - count["ok"]
    totals = (f"caught of {wrong}", f"alarms of {count['ok']}")
    lines = [
        f"{'checker':<22}" + "".join(f"{head:>9}" for head in heads)
        + f"{totals[0]:>16}{totals[1]:>15}{'calls':>8}{'median s':>10}{'most s':>8}"
    ]  # fmt: skip
    for name, score in scores.items():
        lines.append(
            f"{name:<22}" + "".join(f"{score.caught[family]:>9}" for family in FAMILIES)
            + f"{sum(score.caught.values()):>16}{len(score.alarms):>15}{int(np.median(score.calls)):>8}"
            + f"{np.median(score.seconds):>10.3f}{max(score.seconds):>8.2f}"
        )  # fmt: skip
    return "\n".join(lines)


def main() -> None:
    """Print the table, and the same as JSON."""
    from tests.checking.scoring import ENTRIES

    entries = sorted(ENTRIES, key=lambda entry: (entry.family, entry.name))
    entries = entries[::7] if "--quick" in sys.argv else entries
    scores = measure(entries, Stored(sys.argv))
    print(table(entries, scores))
    counts = {family: sum(entry.family == family for entry in entries) for family in (*FAMILIES, "ok")}
    print(json.dumps({"counts": counts, "checkers": {name: asdict(score) for name, score in scores.items()}}))


if __name__ == "__main__":
    main()
