"""The proof of the judgements: differences that know their own error, at inputs like the example.

    python -m benchmarks.outside.fresh.proof                     every entry, into proof.csv
    python -m benchmarks.outside.fresh.proof --package NAME...   the entries of these packages

At the example and at twelve neighbours of it, as in `benchmarks.outside.evidence`, then at inputs that are like the
example: a single zero, all zeros, a tie, one large value, others drawn anew, all of them a thousandth, a hundred and a
thousand times as large. Each point is compared along two random directions and several coordinates with Ridders'
extrapolation of central differences; where that disagrees, the two one-sided extrapolations say whether the function
has a kink there, between whose slopes the gradient has to lie. A gradient that is not finite where the value is
disagrees. Nothing of flowgraph is used.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.outside.calling import Callable64
from benchmarks.outside.entry import Entry
from benchmarks.outside.evidence import directions, neighbours, ridders
from benchmarks.outside.fresh import registry

FILE = Path(__file__).with_name("proof.csv")
COLUMNS = ("entry", "judgement", "regime", "points", "mismatch", "error bar")
RIGHT = 1e-6
STEPS = (0.02, 1e-3, 3e-5)


def regimes(start: list[Any], rng: np.random.Generator) -> Iterator[tuple[str, list[Any]]]:
    """Inputs like the example, by name; one input at a time is changed where a single element is."""
    yield "example", start
    yield "same graph again", start
    for arrays in neighbours(start, rng):
        yield "neighbour", arrays
    for place, array in enumerate(start):
        for name, changed in _singular(array, rng):
            yield name, [changed if k == place else x for k, x in enumerate(start)]
    for scale, name in ((1e-3, "a thousandth"), (100.0, "hundred times"), (1e3, "thousand times")):
        yield name, [scale * x for x in start]
    for _ in range(3):
        yield "drawn anew", [_drawn(x, rng) for x in start]


def _singular(array: Any, rng: np.random.Generator) -> Iterator[tuple[str, Any]]:
    if np.size(array) == 0:
        return
    flat = np.ravel(array)
    for name, value in (("a zero", 0.0), ("a large value", 30.0 * (np.max(np.abs(flat)) + 0.1))):
        changed = flat.copy()
        changed[rng.integers(flat.size)] = value
        yield name, changed.reshape(np.shape(array))
    yield "all zeros", np.zeros(np.shape(array))
    if flat.size > 1:
        first, second = rng.choice(flat.size, 2, replace=False)
        changed = flat.copy()
        changed[second] = changed[first]
        yield "a tie", changed.reshape(np.shape(array))


def _drawn(array: Any, rng: np.random.Generator) -> Any:
    """Of the range of the example; of both signs if it is."""
    low, high = np.min(array, initial=np.inf), np.max(array, initial=-np.inf)
    if low < 0 < high:
        return rng.normal(size=np.shape(array)) * np.std(array)
    return rng.uniform(low, high, np.shape(array))


def one_sided(function: Any, step: float) -> tuple[float, float]:
    """Slopes to the right and to the left at 0, extrapolated from steps of halving size."""
    found = []
    for sign in (1.0, -1.0):
        table: list[float] = []
        for turn in range(12):
            h = sign * step / 2**turn
            row = [(function(h) - function(0.0)) / h]
            for place, old in enumerate(table[:2]):
                row.append(row[place] + (row[place] - old) / (2 ** (place + 1) - 1))
            table = row
        found.append(table[-1])
    return found[0], found[1]


def compared(target: Callable64, arrays: list[Any], rng: np.random.Generator) -> tuple[float, float]:
    """The largest relative mismatch at a point outside of the one-sided slopes, with the error bar there."""
    grads = [rng.normal(size=np.shape(y)) for y in target.values(arrays)]
    try:
        found = target.vjp(arrays, grads)
    except Exception:
        return np.inf, 0.0
    if not all(np.all(np.isfinite(g)) for g in found):
        return np.inf, 0.0
    shapes = [(np.shape(g), np.shape(x)) for g, x in zip(found, arrays, strict=True)]
    if any(g != x for g, x in shapes):
        return np.inf, 0.0
    values = target.values(arrays)
    rounded = all(np.array_equal(np.float32(y), y) for y in values) and any(np.any(y % 1) for y in values)
    size = sum(float(np.sum(np.abs(g * y))) for g, y in zip(grads, values, strict=True))
    noise = (6e-8 if rounded else 1e-16) * size
    worst = (0.0, 0.0)
    for along in directions(arrays, rng):
        analytic = sum(float(np.sum(g * d)) for g, d in zip(found, along, strict=True))

        def value(t: float, along: list[Any] = along) -> float:
            moved = [x + t * d for x, d in zip(arrays, along, strict=True)]
            return sum(float(np.sum(g * y)) for g, y in zip(grads, target.values(moved), strict=True))

        terms = sum(float(np.sum(np.abs(g * d))) for g, d in zip(found, along, strict=True))
        single = sum(np.count_nonzero(d) for d in along) == 1
        mismatch, bar = _mismatch(value, analytic, terms, noise, single)
        if not mismatch <= worst[0]:
            worst = (mismatch, bar)
    return worst


def again(target: Callable64, arrays: list[Any], rng: np.random.Generator) -> tuple[float, float]:
    """Of PyTorch, whether a second backward pass over the same graph gives what the first one gave."""
    if target.framework != "torch":
        return np.nan, np.nan
    import torch

    inputs = target.copies(arrays)
    value = target.function(*inputs)
    outputs = value if isinstance(value, tuple | list) else (value,)
    grads = [torch.tensor(rng.normal(size=tuple(y.shape)), dtype=y.dtype) for y in outputs]
    active = [inputs[k] for k in target.places]
    try:
        first, second = (
            [g.clone() for g in torch.autograd.grad(outputs, active, grads, retain_graph=True)] for _ in range(2)
        )
    except RuntimeError:
        return np.nan, np.nan
    pairs = zip(first, second, strict=True)
    return max(float((a - b).abs().max() / (a.abs().max() + 1e-300)) for a, b in pairs), 0.0


def _mismatch(value: Any, analytic: float, terms: float, noise: float, single: bool) -> tuple[float, float]:
    """Agreement at one of three steps is enough: a wrong gradient agrees at none of them."""
    tried = []
    for step in STEPS:
        numeric, error = ridders(value, step)
        scale = max(abs(analytic), abs(numeric), 1e-3 * terms, 1e-12)
        bar = error + noise / step
        tried.append((abs(analytic - numeric) / scale, bar / scale))
        if abs(analytic - numeric) <= max(RIGHT * scale, 20 * bar) and bar < 0.1 * scale:
            return tried[-1]
    right, left = one_sided(value, 1e-3)
    low, high = min(right, left), max(right, left)
    scale = max(abs(analytic), abs(low), abs(high), 1e-3 * terms, 1e-12)
    if not single and high - low > 0.01 * scale:  # a kink in several elements: judged along each of them alone
        return 0.0, 0.0
    outside = max(low - analytic, analytic - high, 0.0) if np.isfinite(analytic) else np.inf
    return min((outside / scale, max(noise / 1e-3 / scale, 1e-7)), *tried, key=lambda one: one[0])


def examined(entry: Entry) -> dict[str, tuple[int, float, float]]:
    """Of each regime: points that were compared, largest mismatch, error bar of that point."""
    rng = np.random.default_rng(list(entry.title.encode()))
    target = Callable64(entry.make(), entry.framework)
    rows: dict[str, tuple[int, float, float]] = {}
    for name, arrays in regimes(target.start, rng):
        try:
            finite = all(np.all(np.isfinite(y)) for y in target.values(arrays))
            judged = again if name == "same graph again" else compared
            mismatch, bar = judged(target, arrays, rng) if finite else (np.nan, np.nan)
        except Exception as error:
            if name == "example":
                raise
            mismatch, bar = np.nan, np.nan
            del error
        points, worst, its = rows.get(name, (0, 0.0, 0.0))
        if np.isnan(mismatch):
            rows[name] = (points, worst, its)
        else:
            rows[name] = (points + 1, *((mismatch, bar) if mismatch > worst else (worst, its)))
    return rows


def disagreeing(found: dict[str, tuple[int, float, float]]) -> dict[str, str]:
    """The regimes in which the gradient is not that of the value."""
    return {name: f"{worst:.1e}±{bar:.0e}" for name, (_, worst, bar) in found.items() if worst > max(1e-5, 50 * bar)}


def shown(entry: Entry) -> list[list[Any]]:
    """The rows of the table; what disagrees is printed."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            found = examined(entry)
        except Exception as error:
            print(f"?? {entry.title}: {type(error).__name__}: {str(error)[:200]}", flush=True)
            return []
    disagree = disagreeing(found)
    mark = "  " if bool(disagree) == (entry.judgement == "wrong") else "!!"
    visited = sum(points for points, _, _ in found.values())
    print(
        f"{mark} {entry.judgement:<6}{entry.title:<56}{visited:>4} {found['example'][1]:.1e} {disagree or ''}",
        flush=True,
    )
    return [
        [entry.title, entry.judgement, name, points, f"{worst:.1e}", f"{bar:.1e}"]
        for name, (points, worst, bar) in found.items()
    ]


def _title(row: list[Any]) -> str:
    return str(row[0])


def write(rows: list[list[Any]]) -> None:
    """Into the file, in the place of older rows of the same entries."""
    old: list[list[Any]] = [list(row) for row in csv.reader(FILE.open())][1:] if FILE.exists() else []
    new = {row[0] for row in rows}
    with FILE.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(sorted([*(row for row in old if row[0] not in new), *rows], key=_title))


def main(options: list[str]) -> None:
    """Each package in a process of its own: some name their modules alike."""
    if "--here" in options:
        chosen = options[options.index("--here") + 1]
        entries = [one for package in registry.all_packages() if package.name == chosen for one in package.entries]
        write([row for one in entries for row in shown(one)])
        return
    named = options[1:] if options[:1] == ["--package"] else []
    installed = dict.fromkeys(package.name for package in registry.all_packages() if package.installed())
    for name in installed:
        if not named or name in named:
            subprocess.run([sys.executable, "-m", "benchmarks.outside.fresh.proof", "--here", name], check=False)


if __name__ == "__main__":
    main(sys.argv[1:])
