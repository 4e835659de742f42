"""What a box costs in a plan: beside NumPy's own call, and beside a plan of what the box is made of.

Every class of boxes on its examples, made larger along a new first axis, or along the first one, where the class takes
that. Times are those of the processor, the least of some rounds in which all take turns, less what a call of a plan
without boxes takes. "call" and "parts" are the times of NumPy's call and of the plan of the parts, divided by that of
the plan of the box: below 1 the plan is the slower one. Examples that are taken in less than a microsecond, of which
mostly the clock is seen, are left out.

    python -m benchmarks boxes
    python -m benchmarks boxes --boxes XLogY,Clip --elements 100000
    python -m benchmarks boxes --below 0.95                   those alone in which the plan is slower
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import flowgraph as fg
from flowgraph.box.opening import inside_of
from flowgraph.testing import Case, cases

ELEMENTS = 20_000
BATCH_SECONDS = 2e-3
LEAST = 1e-6
LARGEST = 10
"""The elements of a value by those of the children, above which an example is not made larger."""


class Row(NamedTuple):
    """One example: seconds of the plan, of NumPy's call, and of the plan of the parts, None for a box without."""

    case: Case
    plan: float
    call: float
    parts: float | None

    @property
    def ratios(self) -> list[float]:
        """The times of the others divided by that of the plan."""
        return [other / self.plan for other in (self.call, self.parts) if other is not None]


def enlarged(case: Case, elements: int) -> Case:
    """The example with so many elements in all, of further rows, where the class takes them."""
    most = max(child.ndim for child in case.children)
    size = max(child.size for child in case.children)
    times = max(1, elements // max(size, 1))

    def of_rows(along: Callable[[Any], Any], which: Callable[[Any], bool]) -> Case | None:
        other = case.replace(*[along(child) if which(child) else child for child in case.children])
        try:
            with np.errstate(all="ignore"):
                value = other.value
            sizes = [np.size(part) for part in (value if isinstance(value, tuple) else (value,))]
            return other if all(0 < size <= LARGEST * elements for size in sizes) else None
        except Exception:  # whatever a class says of children that do not fit
            return None

    def in_front(child: Any) -> Any:
        return np.repeat(child[None], times, axis=0)

    def longer(child: Any) -> Any:
        return np.tile(child, (times, *(1,) * (child.ndim - 1)))

    tries = [
        (in_front, lambda child: child.ndim == most), (in_front, lambda child: True),
        (longer, lambda child: child.ndim == most and child.ndim > 0),
    ]  # fmt: skip
    return next((other for along, which in tries if (other := of_rows(along, which)) is not None), case)


def plan_of(leaves: list[Any], *outputs: Any) -> Any:
    """A plan that returns its own memory."""
    return fg.compile(list(outputs), inputs=leaves, borrow=True)


def measured(case: Case, rounds: int) -> Row | None:
    """The times of an example; None for one that a plan does not compute, or that takes too little time."""
    arrays = [np.asarray(child) for child in case.children]
    leaves = [fg.Input(f"a{i}", shape=a.shape, dtype=a.dtype) for i, a in enumerate(arrays)]
    box = case.cls(*leaves, **case.settings)
    inside, outputs = inside_of(box), list(box) if len(box.outputs) > 1 else [box]
    fprop, given = box.fprop, [a[()] for a in arrays]
    calls = [
        lambda: fprop(*given),
        _called(plan_of(leaves, *outputs), given),
        _called(plan_of(leaves, fg.Constant(0.0)), given),
    ]
    if inside is not None:
        calls.append(_called(plan_of(leaves, *inside), given))
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        call, plan, nothing, *parts = _least(calls, rounds)
    plan, call = plan - nothing, call
    if min(plan, call) < LEAST:
        return None
    return Row(case, plan, call, parts[0] - nothing if parts else None)


def _called(plan: Any, given: list[Any]) -> Callable[[], Any]:
    return lambda: plan(*given)


def _least(calls: list[Callable[[], Any]], rounds: int) -> list[float]:
    """The least seconds of each, in turns."""
    least = [np.inf] * len(calls)
    counts = []
    for call in calls:
        call()
        start = time.perf_counter()
        call()
        counts.append(max(1, int(BATCH_SECONDS / max(time.perf_counter() - start, 1e-7))))
    for _ in range(rounds):
        for place, (call, count) in enumerate(zip(calls, counts, strict=True)):
            start = time.process_time()
            for _ in range(count):
                call()
            least[place] = min(least[place], (time.process_time() - start) / count)
    return least


def rows_of(names: list[str], elements: int, rounds: int) -> Iterator[Row]:
    """Every example of these classes, of all that have some without names."""
    for name, cls in sorted(fg.registry.items()):
        if (names and name not in names) or not cls.__module__.startswith("flowgraph.boxes."):
            continue
        try:
            listed = cases(cls)
        except fg.FlowgraphError:
            continue
        seen: set[Any] = set()
        for case in listed:
            settings = tuple(map(repr, case.settings.items()))
            if not case.children or settings in seen:
                continue
            seen.add(settings)
            try:
                row = measured(enlarged(case, elements), rounds)
            except fg.FlowgraphError:
                continue
            if row is not None:
                yield row


def main() -> None:
    """Measure, and print a line for each example."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks boxes", description=str(__doc__).splitlines()[0])
    parser.add_argument("--boxes", default="", help="names of classes, all without")
    parser.add_argument("--elements", type=int, default=ELEMENTS)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--below", type=float, help="print examples alone of which a ratio is below this")
    options = parser.parse_args([one for one in sys.argv[1:] if one != "boxes"])
    names = [name for name in options.boxes.split(",") if name]
    print(f"{'microseconds':52}{'plan':>10}{'call':>8}{'parts':>8}")
    slower, count = [], 0
    for row in rows_of(names, options.elements, options.rounds):
        count += 1
        if options.below is not None and min(row.ratios) < options.below:
            row = min((row, measured(row.case, 3 * options.rounds) or row), key=lambda one: -min(one.ratios))
        if options.below is not None and min(row.ratios) >= options.below:
            continue
        slower.append(row)
        parts = "" if row.parts is None else f"{row.parts / row.plan:8.2f}"
        print(f"{str(row.case)[:51]:52}{1e6 * row.plan:10.1f}{row.call / row.plan:8.2f}{parts}", flush=True)
    if options.below is not None:
        print(f"{len(slower)} of {count} examples below {options.below}")


if __name__ == "__main__":
    main()
