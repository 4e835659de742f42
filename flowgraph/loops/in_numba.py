"""Loops of numbers as functions that Numba compiles."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Array, Box
from flowgraph.graph import Graph
from flowgraph.loops.body import Body, fitted, known_of
from flowgraph.loops.boxes import Scan, While
from flowgraph.loops.numbers import (
    OF_MATH,
    Numbers,
    evaluated,
    in_numbers,
    lines_of,
    names_of,
    parted,
    slots_of,
    statements,
    step_of,
)
from flowgraph.plan.numba import compiling
from flowgraph.plan.numba.compiled_calls import compiled_for
from flowgraph.plan.numba.kernels import address_of
from flowgraph.plan.numpy.ufuncs import ufunc_of
from flowgraph.plan.passes.inlining import open_composites
from flowgraph.plan.passes.simplify import simplify
from flowgraph.plan.rebuild import shape_of
from flowgraph.plan.schedule import Schedule

# Loops of few numbers through Numba: the function of all steps that Python would run, compiled.


@compiled_for(Scan)
def _scan(plan: Schedule, box: Scan) -> Callable[..., Any] | None:
    """The loop of the box, None where its body is not one of few numbers, or its length not known."""
    body = fitted(box.body, box.of_step([child.spec for child in box.children]))
    numbers = known_of(body, "numbers", lambda: in_numbers(body))
    if numbers is None:
        return None
    loop = CompiledNumbers(_kernel_text(body, numbers.slots, numbers.results), body)

    def run(*values: Any) -> Any:
        arrays = [np.asarray(value) for value in values]
        inner = body.carries + body.elements
        length = len(arrays[body.carries]) if body.elements else box.length
        found = loop(arrays, length, box.reverse, inner) if length else None
        if found is None:
            return box.fprop(*values)
        return found[0] if len(found) == 1 else found

    return run


class CompiledNumbers:
    """The function of all steps, which reads and fills arrays."""

    def __init__(self, text: str, body: Body) -> None:
        self.kernel = compiling.compiled_kernel(text, ("int64",) * 6, of_math=OF_MATH)
        self.carries = [shape_of(one) for one in body.results[: body.carries]]
        self.stacks = [shape_of(one) for one in body.results[body.carries :]]
        self.ends = [math.prod(shape) for shape in (*self.carries, *self.stacks)]
        self.count = body.carries

    def __call__(self, arrays: Sequence[Array], length: int, reverse: bool, inner: int) -> tuple[Any, ...] | None:
        """The last carries and what was stacked; None where they are not all finite, and NumPy is to warn."""
        given = np.concatenate([[0.0], *[a.ravel() for a in (*arrays[: self.count], *arrays[inner:])]])
        columns = [a.reshape(length, -1) for a in arrays[self.count : inner]]
        elements = np.concatenate(columns, axis=1) if columns else np.empty((0, 0))
        last = np.empty(sum(self.ends[: self.count]) + 1)
        rows = np.empty((length, sum(self.ends[self.count :])))
        self.kernel(*map(address_of, (given, elements, last, rows)), length, reverse)
        if not (np.isfinite(last[:-1]).all() and np.isfinite(rows).all()):
            return None
        return (*parted(last[:-1], self.carries, ()), *parted(rows, self.stacks, (length,)))


def _kernel_text(body: Body, slots: Sequence[Any], results: Sequence[Any]) -> str:
    """The source for Numba: what is given are the carries and what is read from outside, after one number for none."""
    inner = body.carries + body.elements
    state, given = names_of(slots[: body.carries]), names_of(slots[inner:])
    columns = names_of(slots[body.carries : inner])
    one = step_of(body, state, results)
    names = ("given", "columns", "last", "rows")
    head = [f"{name} = pointer(g{place}, float64)" for place, name in enumerate(names)]
    head += [f"{name} = given[{place}]" for place, name in enumerate([*state, *given], 1)]
    step = ["t = length - 1 - n if reverse else n"]
    step += [f"{name} = columns[{len(columns)} * t + {place}]" for place, name in enumerate(columns)]
    rows = [f"rows[{len(one.stacked)} * t + {i}] = {text}" for i, text in enumerate(one.stacked)]
    step += [*one.lines, *rows, *one.changed]
    tail = [f"last[{place}] = {name}" for place, name in enumerate(state)]
    lines = [*head, "for n in range(length):", *(f"    {line}" for line in step), *tail, "return 0"]
    return "\n".join(["def kernel(g0, g1, g2, g3, length, reverse):", *(f"    {line}" for line in lines)]) + "\n"


# Loops of few numbers that a condition ends, through Numba: the steps and the condition in one compiled function.

FIRST = 256
"""Steps for which there is room at first, where values are stacked; twice as many when they are used up."""

_COMPARISONS: dict[Any, str] = {
    np.less: "<", np.less_equal: "<=", np.greater: ">", np.greater_equal: ">=", np.equal: "==", np.not_equal: "!=",
}  # fmt: skip


@compiled_for(While)
def _while(plan: Schedule, box: While) -> Callable[..., Any] | None:
    """The loop of the box, None where its body is not one of few numbers, or its condition no comparison of such."""
    specs = [child.spec for child in box.children]
    body, condition = fitted(box.body, specs), fitted(box.condition, specs)
    numbers = known_of(body, "numbers", lambda: in_numbers(body))
    holds = None if numbers is None else _comparison(condition, numbers)
    if numbers is None or holds is None:
        return None
    kernel = compiling.compiled_kernel(_text(body, numbers, *holds), ("int64",) * 5, of_math=OF_MATH)
    carries = [shape_of(one) for one in body.results[: body.carries]]
    stacks = [shape_of(one) for one in body.results[body.carries :]]
    width = sum(int(np.prod(shape, dtype=int)) for shape in stacks)

    def run(*values: Any) -> Any:
        arrays = [np.asarray(value) for value in values]
        found = _steps(kernel, arrays, body.carries, width, box.max_steps)
        if found is None:
            return box.fprop(*values)
        last, rows = found
        results = (*parted(last, carries, ()), *parted(rows, stacks, (len(rows),)))
        return results[0] if len(results) == 1 else results

    return run


def _steps(
    kernel: Callable[..., int], arrays: Sequence[Array], carries: int, width: int, most: int
) -> tuple[Array, Array] | None:
    """The last numbers and the rows that were stacked; None where NumPy is to say what comes of it."""
    given = np.concatenate([[0.0], *[a.ravel() for a in arrays]])
    last = np.empty(sum(a.size for a in arrays[:carries]))
    room, done = min(most, FIRST) if width else most, 0
    rows = np.empty((room if width else 0, width))
    while True:
        places = [address_of(a) for a in (given, last, rows)]
        found = kernel(*places, done, room)
        if found >= 0:
            break
        if room == most:
            return None
        given[1 : 1 + len(last)] = last
        more = np.empty((min(most, 2 * room), width))
        more[:room] = rows
        done, room, rows = room, len(more), more
    rows = rows[:found] if width else np.empty((found, 0))
    return (last, rows) if np.isfinite(last).all() and np.isfinite(rows).all() else None


def _comparison(condition: Body, numbers: Numbers) -> tuple[list[str], str] | None:
    """Lines, and the text that is true as long as the loop goes on; None where it is no comparison of numbers."""
    (box,) = condition.results
    sign = _COMPARISONS.get(ufunc_of(box))
    if sign is None or any(child.dtype != np.float64 or child.shape for child in box.children):
        return None
    slots: dict[Box, Any] = {
        slot: slots_of(numbers.tape, place, slot.shape) for place, slot in enumerate(condition.leaves)
    }
    writer = statements()
    try:
        found = evaluated(simplify(open_composites(Graph(*box.children))), slots)
        left, right = (writer.read(one.flat[0]) for one in found)
    except Exception:  # whatever a fprop raises on expressions, on arrays it runs
        return None
    return lines_of(writer), f"({left}) {sign} ({right})"


def _text(body: Body, numbers: Numbers, before: Sequence[str], holds: str) -> str:
    """The source: what is given are the carries and what is read from outside, after one number for none.

    It returns the number of steps that were taken, or -1 where the room is used up and the condition holds on.
    """
    slots, results = numbers.slots, numbers.results
    state = names_of(slots[: body.carries])
    one = step_of(body, state, results)
    head = [f"{name} = pointer(g{place}, float64)" for place, name in enumerate(("given", "last", "rows"))]
    head += [f"{name} = given[{place}]" for place, name in enumerate(names_of(slots), 1)]
    kept = [f"last[{place}] = {name}" for place, name in enumerate(state)]
    test = [*before, f"if not ({holds}):", *(f"    {line}" for line in kept), "    return n"]
    rows = [f"rows[{len(one.stacked)} * n + {i}] = {text}" for i, text in enumerate(one.stacked)]
    step = [*test, *one.lines, *rows, *one.changed]
    lines = [*head, "n = done", "while n < room:", *(f"    {line}" for line in [*step, "n += 1"]), *test, *kept]
    return "\n".join(["def kernel(g0, g1, g2, done, room):", *(f"    {line}" for line in [*lines, "return -1"])]) + "\n"
