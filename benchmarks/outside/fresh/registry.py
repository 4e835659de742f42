"""The packages of the sets, which set each belongs to, and the entries that a mistake is planted in.

All packages of the first two sets were gathered before they were split. The split is drawn within each framework: the
packages in an order drawn with a fixed seed, each into the set that has fewer entries so far; split.csv holds what came
of it. The third set is `packages/later.py`, gathered when the second had been scored. The entries that get a planted
mistake are drawn with the same seed among those of a set that are right; the entry itself stays in the set beside it.
"""

from __future__ import annotations

import csv
import importlib
import pkgutil
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np

from benchmarks.outside.entry import FRAMEWORKS, Entry, Package

SetName = Literal["one", "two", "three"]
SETS: tuple[SetName, ...] = ("one", "two", "three")
SEED = 20261129
SPLIT = Path(__file__).with_name("split.csv")
PLANTED: dict[SetName, int] = {"one": 20, "two": 40, "three": 20}


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


def draw() -> dict[str, SetName]:
    """How split.csv came about; what has been taken out since makes another draw of it."""
    rng = np.random.default_rng(SEED)
    found: dict[str, SetName] = {}
    for framework in FRAMEWORKS:
        packages = [one for one in gathered() if one.framework == framework and split()[one.name] != "three"]
        sizes: dict[SetName, int] = {"one": 0, "two": 0}
        for k in rng.permutation(len(packages)):
            smaller = min(SETS, key=lambda name: sizes[name])
            found[packages[k].name] = smaller
            sizes[smaller] += len(packages[k].entries)
    return found


def of_set(name: SetName) -> tuple[Package, ...]:
    """The packages of a set, as gathered."""
    return tuple(one for one in gathered() if split()[one.name] == name)


def order(name: SetName) -> list[Entry]:
    """The right entries of a set, in the order in which they are drawn for a mistake."""
    right = [entry for package in of_set(name) for entry in package.entries if entry.judgement == "right"]
    return [right[k] for k in np.random.default_rng([SEED, SETS.index(name)]).permutation(len(right))]


@cache
def all_packages() -> tuple[Package, ...]:
    """All packages, each followed by one of its planted mistakes, if it has any."""
    from benchmarks.outside.fresh.planted import planted

    mistakes = planted()
    return tuple(one for package in gathered() for one in (package, mistakes.get(package.name)) if one is not None)


def found_among(title: str, packages: tuple[Package, ...]) -> Entry:
    """The entry of this title."""
    return next(one for package in packages for one in package.entries if one.title == title)


def found(title: str) -> Entry:
    """The entry of this title, planted ones included."""
    return found_among(title, all_packages())
