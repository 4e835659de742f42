"""The proof that most judgements rest on, made without fg.check: extrapolated central differences.

    python -m benchmarks.outside.evidence                   every entry, into evidence.csv
    python -m benchmarks.outside.evidence --package copt    the entries of one package alone

For each entry, at its example and at twelve neighbours of it, the VJP of its author for a random incoming gradient is
compared with Ridders' extrapolation of central differences along random directions and some coordinates. What is
written is the largest relative mismatch at the example and at the neighbours (quantiles: 1/2 and 1), each with the
error that the extrapolation expects of itself. Neighbours at which the function raises or is not finite are left out.
"""

from __future__ import annotations

import csv
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.outside.calling import Callable64
from benchmarks.outside.entry import Entry, packages

FILE = Path(__file__).with_name("evidence.csv")
SHRINK = 1.6
TURNS = 9


@dataclass
class Evidence:
    """Of one entry: points compared, mismatch at the example, and of the neighbours the middle and the largest one."""

    title: str
    points: int
    example: float
    middle: float
    largest: float
    error_bar: float


def ridders(function: Callable[[float], float], step: float) -> tuple[float, float]:
    """The derivative at 0, and an estimate of its error.

    Source: Ridders, Accurate computation of F'(x) and F'(x) F''(x), Advances in Engineering Software 4 (1982).
    """
    best, error = np.nan, np.inf
    before: list[float] = []
    for turn in range(TURNS):
        row = [(function(step) - function(-step)) / (2 * step)]
        for place, old in enumerate(before):
            factor = SHRINK ** (2 * (place + 1))
            row.append((row[place] * factor - old) / (factor - 1))
            found = max(abs(row[-1] - row[-2]), abs(row[-1] - old))
            if found <= error:
                best, error = row[-1], found
        if turn > 1 and abs(row[-1] - before[-1]) > 2 * error:
            break
        before = row
        step /= SHRINK
    return best, error


def neighbours(start: list[Any], rng: np.random.Generator) -> Iterator[list[Any]]:
    """Changed by a few per cent, by a tenth and by a half of each element."""
    for scale in (0.03, 0.1, 0.5):
        for _ in range(4):
            yield [x * (1 + scale * rng.uniform(-1, 1, np.shape(x))) for x in start]


def directions(arrays: list[Any], rng: np.random.Generator) -> Iterator[list[Any]]:
    """Two directions in which all move, then three elements of each input alone; each by its own size."""
    sizes = [np.maximum(np.abs(x), 0.01) for x in arrays]
    for _ in range(2):
        yield [rng.uniform(-1, 1, np.shape(x)) * size for x, size in zip(arrays, sizes, strict=True)]
    for place, array in enumerate(arrays):
        for k in rng.permutation(np.size(array))[:3]:
            alone = [np.zeros(np.shape(x)) for x in arrays]
            alone[place].flat[k] = sizes[place].flat[k]
            yield alone


def compared(target: Callable64, arrays: list[Any], rng: np.random.Generator) -> tuple[float, float]:
    """The largest relative mismatch at a point, and the error bar of the differences there."""
    grads = [rng.normal(size=np.shape(y)) for y in target.values(arrays)]
    found = target.vjp(arrays, grads)
    worst = (0.0, 0.0)
    for along in directions(arrays, rng):
        analytic = sum(float(np.sum(g * d)) for g, d in zip(found, along, strict=True))

        def value(t: float, along: list[Any] = along) -> float:
            moved = [x + t * d for x, d in zip(arrays, along, strict=True)]
            return sum(float(np.sum(g * y)) for g, y in zip(grads, target.values(moved), strict=True))

        numeric, error = ridders(value, 0.02)
        terms = sum(float(np.sum(np.abs(g * d))) for g, d in zip(found, along, strict=True))
        scale = max(abs(analytic), abs(numeric), 1e-3 * terms, 1e-12)
        mismatch = abs(analytic - numeric) / scale
        if not mismatch <= worst[0]:
            worst = (mismatch, error / scale)
    return worst


def examined(entry: Entry) -> Evidence:
    """Example and neighbours."""
    rng = np.random.default_rng(list(entry.title.encode()))
    case = entry.make()
    target = Callable64(case, entry.framework)
    example, bar = compared(target, target.start, rng)
    found = []
    for arrays in neighbours(target.start, rng):
        try:
            mismatch, error = compared(target, arrays, rng)
        except (ArithmeticError, ValueError, RuntimeError):
            continue
        if np.isfinite(mismatch):
            found.append((mismatch, error))
    ordered = sorted(found) or [(np.nan, np.nan)]
    middle, largest = ordered[len(ordered) // 2], ordered[-1]
    return Evidence(entry.title, 1 + len(found), example, middle[0], largest[0], max(bar, largest[1]))


def shown(entry: Entry) -> Evidence | None:
    """Printed, with a mark where it speaks against the judgement; None if the entry cannot be run."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            found = examined(entry)
        except Exception as error:
            print(f"{entry.title}: {type(error).__name__}: {str(error)[:150]}", flush=True)
            return None
    agrees = found.example < 1e-6 and found.largest < max(1e-5, 50 * found.error_bar)
    mark = "  " if agrees == (entry.judgement == "right") else "!!"
    figures = "".join(f"{x:>10.1e}" for x in astuple(found)[2:])
    print(f"{mark} {entry.judgement:<6}{entry.title:<60}{found.points:>4}{figures}", flush=True)
    return found


def write(rows: list[list[Any]]) -> None:
    """Into the file, in the place of older rows of the same entries."""
    table = {row[0]: row for row in csv.reader(FILE.open())} if FILE.exists() else {}
    table.update({row[0]: row for row in rows})
    titles = [entry.title for package in packages() for entry in package.entries]
    with FILE.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["entry", "points", "example", "middle", "largest", "error bar"])
        writer.writerows(table[title] for title in titles if title in table)


def main(arguments: list[str]) -> None:
    """Print the evidence and write it into the file."""
    chosen = arguments[arguments.index("--package") + 1] if "--package" in arguments else None
    for package in packages():
        if chosen in (None, package.name) and package.installed():
            found = [row for row in map(shown, package.entries) if row is not None]
            write([[row.title, row.points, *[f"{x:.1e}" for x in astuple(row)[2:]]] for row in found])


if __name__ == "__main__":
    main(sys.argv[1:])
