"""A stretch of time spent on random programs: what was compared on each path, and what differed."""

from __future__ import annotations

import importlib.util
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.fuzz import outside
from tests.fuzz.case import Case
from tests.fuzz.drawing import draw_case
from tests.fuzz.paths import OWN, Difference, differences
from tests.fuzz.plan_paths import jax as plan_in_jax
from tests.fuzz.shrinking import shrink

EVERY: Mapping[str, int] = {
    "plan bare": 3, "plan but one": 2, "plan but some": 2, "plan of large": 2, "plan in shards": 2,
    "native in Python": 3, "native": 30, "kernels in Python": 3, "kernels": 30, "javascript": 3, "functional": 3,
    "loaded": 4, "copied": 3, "jax": 8, "plan in JAX": 30,
}  # fmt: skip
"""Paths that are tried in one of so many programs, as they take long or find less; the others in each."""

FORGETTING = 1000
"""Programs after which other packages let go of what they keep; JAX keeps 0.4 MB of each."""

MISSING = frozenset(name for name in ("autograd", "jax", "torch") if importlib.util.find_spec(name) is None)
"""Packages that are not installed; the table says so."""

OUTSIDE = {"autograd": outside.autograd, "jax": outside.jax, "torch": outside.torch}
PATHS = {**OWN, **{name: path for name, path in OUTSIDE.items() if name not in MISSING}}
if "jax" not in MISSING:
    PATHS["plan in JAX"] = plan_in_jax


class Failure(NamedTuple):
    """A program that shows a difference, as small as it was made."""

    seed: int
    number: int
    difference: Difference
    case: Case

    def __str__(self) -> str:
        head = f"{self.difference.path}: {self.difference.what}\nseed {self.seed}, program {self.number}"
        return f"{head}\n{self.case.text()}"


@dataclass
class Session:
    """Programs drawn from one seed, number after number."""

    seed: int
    only: frozenset[str] = frozenset()
    """Paths that are tried of each program, and no others; none for all, each as often as it is worth."""
    compared: Counter[str] = field(default_factory=Counter)
    differed: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    programs: int = 0
    lines: int = 0

    def run(
        self, most: int = 10**9, seconds: float = math.inf, stop: Callable[[Failure], bool] = lambda failure: False
    ) -> Session:
        """Try so many programs, or as many as these seconds of the processor allow; `stop` ends it at a failure."""
        end = time.process_time() + seconds
        while time.process_time() < end and self.programs < most:
            if any(map(stop, self._try(self.programs))):
                break
        return self

    def _try(self, number: int) -> list[Failure]:
        case = draw_case([self.seed, number])
        self.programs += 1
        if number % FORGETTING == FORGETTING - 1:
            outside.forget()
        self.lines += len(case.lines)
        due = {name: path for name, path in PATHS.items() if self._is_due(name, number)}
        found: dict[str, Difference] = {}
        for one in differences(case, [self.seed, number], due):
            if isinstance(one, str):
                self.compared[one] += 1
            else:
                found.setdefault(one.path, one)
        self.differed.update(list(found))
        failures = [self._shrunk(number, case, one) for one in list(found.values())[:2]]
        self.failures += failures
        return failures

    def _is_due(self, name: str, number: int) -> bool:
        return name in self.only if self.only else (number + len(name)) % EVERY.get(name, 1) == 0

    def _shrunk(self, number: int, case: Case, difference: Difference) -> Failure:
        """The failure with the smallest program that shows a difference on the same path."""
        only = {name: path for name, path in PATHS.items() if name == difference.path}

        def first(one: Case) -> Difference | None:
            tried = differences(one, [self.seed, number], only)
            return next((d for d in tried if isinstance(d, Difference) and d.path == difference.path), None)

        small = shrink(case, lambda one: first(one) is not None)
        return Failure(self.seed, number, first(small) or difference, small)

    def table(self) -> str:
        """Programs, comparisons and differences for each path."""
        lines = [f"{self.programs} programs of {self.lines} lines, seed {self.seed}"]
        lines += [f"{'path':<20}{'programs':>10}{'differ':>8}"]
        lines += [f"{path:<20}{count:>10}{self.differed[path]:>8}" for path, count in self._rows()]
        lines += [f"{name:<20}{'not installed':>18}" for name in sorted(MISSING)]
        return "\n".join(lines)

    def _rows(self) -> list[tuple[str, int]]:
        """Each path and the programs compared on it, those that were never come to last."""
        return [*self.compared.items(), *((path, 0) for path in self.differed if path not in self.compared)]
