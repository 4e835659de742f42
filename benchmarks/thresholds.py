"""The sizes from which a plan writes another line: both lines over a range of sizes, interleaved, the best of each.

A number above 1 says that the line which plans take from the threshold on is the faster one. The sizes in
`flowgraph/plan` are chosen from this table; where a crossing moves with the machine, they are powers of two near it.

    python -m benchmarks thresholds
    python -m benchmarks thresholds --quick
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from flowgraph.plan.blas import accumulator
from flowgraph.plan.numpy.selection import Selected

Call = Callable[[], Any]


class Experiment(NamedTuple):
    """What is compared, the sizes, and for a size the line below the threshold and the one above it."""

    title: str
    sizes: Sequence[int]
    lines: Callable[[int], tuple[Call, Call]]


def extreme(size: int) -> tuple[Call, Call]:
    """The largest of a row: by its place, or by a reduction (`numpy.lines`, _SHORT)."""
    a = np.random.default_rng(0).standard_normal(size).astype("float32")
    return (lambda: a[a.argmax()]), (lambda: np.maximum.reduce(a, axis=None))


def row_sum(size: int) -> tuple[Call, Call]:
    """The sum of a row: as a product with ones, or by a reduction (`passes.idioms`, _ONES)."""
    a, ones = np.random.default_rng(0).standard_normal(size).astype("float32"), np.ones(size, "float32")
    return (lambda: a.dot(ones)), (lambda: np.add.reduce(a))


def sum_of_product(size: int) -> tuple[Call, Call]:
    """c + a b of 32 columns between: in two passes, or while BLAS makes the product (`passes.accumulation`, LARGE)."""
    rng = np.random.default_rng(0)
    a, b, c = (rng.standard_normal(shape).astype("float32") for shape in ((size, 32), (32, size), (size, size)))
    out, add = np.empty_like(c), accumulator(c)

    def two_passes() -> None:
        np.add(c, a.dot(b, out), out)

    return two_passes, lambda: add(a, b)


def scores(rows: int, copied: bool) -> tuple[Call, Call]:
    """The softmax of a product with 10 classes: in rows, or as columns (`passes.idioms`, MANY and LARGE)."""
    rng = np.random.default_rng(0)
    h, w = rng.standard_normal((rows, 64)).astype("float32"), rng.standard_normal((64, 10)).astype("float32")
    a, b = np.empty((rows, 10), "float32"), np.empty((10, rows), "float32")

    def in_rows() -> Any:
        h.dot(w, a)
        np.exp(np.subtract(a, np.maximum.reduce(a, axis=1, keepdims=True), a), a)
        return np.divide(a, np.add.reduce(a, axis=1, keepdims=True), a)

    def in_columns() -> Any:
        np.copyto(b, h.dot(w, a).T) if copied else w.T.dot(h.T, b)
        np.exp(np.subtract(b, np.maximum.reduce(b, axis=0), b), b)
        return np.divide(b, np.add.reduce(b, axis=0), b)

    return in_rows, in_columns


def layouts(rows: int) -> tuple[Call, Call]:
    """The same in columns that are made as such, or made in rows and copied (`passes.idioms`, LARGE)."""
    return scores(rows, False)[1], scores(rows, True)[1]


def extremes(columns: int) -> tuple[Call, Call]:
    """The largest of each of 1,024 rows: by a reduction of rows, or of columns (`numpy.short_rows`, SHORT)."""
    a = np.random.default_rng(0).standard_normal((1024, columns)).astype("float32")
    largest, turned = np.empty(1024, "float32"), np.empty((columns, 1024), "float32")

    def by_columns() -> None:
        np.copyto(turned, a.T)
        np.maximum.reduce(turned, axis=0, out=largest)

    return (lambda: np.maximum.reduce(a, axis=1, out=largest)), by_columns


def stacks(rows: int) -> tuple[Call, Call]:
    """64 matrices times one of 64 by 64: in a stack, or as one product (`passes.products`, product_with_weights)."""
    rng = np.random.default_rng(0)
    a, w = (rng.standard_normal(shape).astype("float32") for shape in ((64, rows, 64), (64, 64)))
    out, flat = np.empty_like(a), a.reshape(-1, 64)
    of_all = out.reshape(-1, 64)
    return (lambda: np.matmul(a, w, out)), (lambda: flat.dot(w, of_all))


def choices(size: int) -> tuple[Call, Call]:
    """Either of two numbers by a mask in no order: copied where it holds, or by bits (`numpy.selection`, MANY)."""
    rng = np.random.default_rng(0)
    mask = rng.random(size) < 0.5
    yes, no = (rng.standard_normal(size).astype("float32") for _ in range(2))
    out = np.empty_like(yes)
    by_bits = Selected(np.empty(size, np.int32), out)

    def copied() -> None:
        np.copyto(out, no)
        np.copyto(out, yes, where=mask)

    return copied, (lambda: by_bits(mask, yes, no))


EXPERIMENTS = [
    Experiment("largest of a row of n: reduction", (64, 1024, 4096, 16384, 65536), extreme),
    Experiment("sum of a row of n: reduction", (64, 1024, 4096, 16384, 65536), row_sum),
    Experiment("n x n sum and product: one pass", (32, 64, 128, 256, 512), sum_of_product),
    Experiment("softmax of n x 10: in columns", (4, 8, 16, 64, 256), lambda rows: scores(rows, False)),
    Experiment("largest of rows of n: in columns", (4, 8, 16, 32, 64, 128), extremes),
    Experiment("choice of n in no order: by bits", (256, 1024, 4096, 16384, 262144), choices),
    Experiment("64 of n rows times one: one product", (4, 8, 16, 32, 64, 128), stacks),
    Experiment("columns of n x 10: copied", (64, 128, 256, 512, 2048), layouts),
]


def best_of_both(lines: tuple[Call, Call], rounds: int) -> tuple[float, float]:
    """Seconds of either line, in turn."""
    start = time.perf_counter()
    lines[0]()
    calls = range(max(1, int(1e-3 / max(1e-9, time.perf_counter() - start))))
    best = [np.inf, np.inf]
    for number in range(2 * rounds):
        call = lines[number % 2]
        begin = time.perf_counter()
        for _ in calls:
            call()
        best[number % 2] = min(best[number % 2], (time.perf_counter() - begin) / len(calls))
    return best[0], best[1]


def rows_of_table(rounds: int, sizes: int | None) -> Iterator[str]:
    """A line for each experiment: by size, the time below the threshold by that above it."""
    for title, all_sizes, lines in EXPERIMENTS:
        cells = []
        for size in all_sizes[:sizes]:
            below, above = best_of_both(lines(size), rounds)
            cells.append(f"{size}: {below / above:.2f}")
        yield f"{title:36} " + "  ".join(cells)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks thresholds", description=str(__doc__).splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    arguments = sys.argv[1:]
    options = parser.parse_args(arguments[arguments[:1] == ["thresholds"] :])
    for row in rows_of_table(2 if options.quick else 200, 2 if options.quick else None):
        print(row, flush=True)


if __name__ == "__main__":
    main()
