"""The packages of the sets, which set each belongs to, and the entries that a mistake is planted in.

All packages of the first two sets were gathered before they were split. The split was drawn within each framework: the
packages in an order drawn with a fixed seed, each into the set that had fewer entries so far; split.csv holds what came
of it. The third set is `packages/later.py`, gathered when the second had been scored, the fourth `packages/rules.py`.
The entries that get a planted mistake were drawn with the same seed among those of a set that are right; the entry
itself stays in the set beside it.
"""

from __future__ import annotations

import csv
import importlib
import pkgutil
from functools import cache
from pathlib import Path
from typing import Literal

from benchmarks.outside.entry import FRAMEWORKS, Package

SetName = Literal["one", "two", "three", "four"]
SETS: tuple[SetName, ...] = ("one", "two", "three", "four")
SPLIT = Path(__file__).with_name("split.csv")


@cache
def gathered() -> tuple[Package, ...]:
    """All packages, by framework and name, without planted mistakes; none of the distributions is imported by this."""
    from benchmarks.outside.fresh import packages as folder

    names = [module.name for module in pkgutil.iter_modules(folder.__path__)]
    found = [one for name in names for one in importlib.import_module(f"{folder.__name__}.{name}").PACKAGES]
    return tuple(sorted(found, key=lambda package: (FRAMEWORKS.index(package.framework), package.name)))


@cache
def split() -> dict[str, SetName]:
    """The set of each package, by its name, as it was drawn."""
    with SPLIT.open() as file:
        return {row["package"]: row["set"] for row in csv.DictReader(file)}  # type: ignore[misc]


@cache
def all_packages() -> tuple[Package, ...]:
    """All packages, each followed by one of its planted mistakes, if it has any."""
    from benchmarks.outside.fresh.planted import planted

    mistakes = planted()
    return tuple(one for package in gathered() for one in (package, mistakes.get(package.name)) if one is not None)
