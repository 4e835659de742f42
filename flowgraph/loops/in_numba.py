"""Loops of numbers as functions that Numba compiles."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Array, Box
from flowgraph.graph import Graph
from flowgraph.loops.body import Body, fit_body, known_of
from flowgraph.loops.boxes import Scan, While
from flowgraph.loops.numbers import (
    OF_MATH,
    Numbers,
    code_of_step,
    evaluate_graph,
    in_numbers,
    lines_of,
    names_of,
    slots_of,
    split_numbers,
    step_of,
)
from flowgraph.plan.numba import compiling
from flowgraph.plan.numba.compiled_calls import compiled_for
from flowgraph.plan.numpy.rules import ufunc_of
from flowgraph.plan.passes.inlining import open_composites
from flowgraph.plan.passes.simplify import simplify
from flowgraph.plan.rebuild import shape_of
from flowgraph.plan.schedule import Schedule

# Loops of few numbers through Numba: all steps that Python would run, and the condition that ends them, compiled.

FIRST = 256
"""Steps for which there is room at first, where values are stacked until a condition ends them; then twice as many."""

_COMPARISONS: dict[Any, str] = {
    np.less: "<", np.less_equal: "<=", np.greater: ">", np.greater_equal: ">=", np.equal: "==", np.not_equal: "!=",
}  # fmt: skip


@compiled_for(Scan)
def _scan(plan: Schedule, box: Scan) -> Callable[..., Any] | None:
    """The loop of the box, None where its body is not one of few numbers, or its length not known."""
    body = fit_body(box.body, box.of_step([child.spec for child in box.children]))
    numbers = known_of(body, "numbers", lambda: in_numbers(body))
    if numbers is None:
        return None
    steps = CompiledSteps(body, numbers)

    def run_steps(arrays: Sequence[Array]) -> tuple[Any, ...] | None:
        length = len(arrays[body.carries]) if body.elements else box.length
        return steps(arrays, length, length, box.reverse) if length else None

    return _or_numpy(box, run_steps)


@compiled_for(While)
def _while(plan: Schedule, box: While) -> Callable[..., Any] | None:
    """The loop of the box, None where its body is not one of few numbers, or its condition no comparison of such."""
    specs = [child.spec for child in box.children]
    body, condition = fit_body(box.body, specs), fit_body(box.condition, specs)
    numbers = known_of(body, "numbers", lambda: in_numbers(body))
    holds = None if numbers is None else _comparison(condition, numbers)
    if numbers is None or holds is None:
        return None
    steps, most = CompiledSteps(body, numbers, holds), box.max_steps
    return _or_numpy(box, lambda arrays: steps(arrays, min(most, FIRST) if steps.width else most, most))


def _or_numpy(box: Box, compiled: Callable[[Sequence[Array]], tuple[Any, ...] | None]) -> Callable[..., Any]:
    """The results of the compiled loop; where it gives none, NumPy computes them, with its warnings and errors."""

    def run(*values: Any) -> Any:
        results = compiled([np.asarray(value) for value in values])
        if results is None:
            return box.fprop(*values)
        return results[0] if len(results) == 1 else results

    return run


_TYPES = ("float64[1]", "float64[2]", "out float64[1]", "out float64[2]", "int64", "int64", "int64")
"""Those of `given`, `columns`, `last`, `rows`, `done`, `room` and `reverse`, in the text of the steps."""


class CompiledSteps:
    """The function of all steps of a body, which reads and fills arrays; `holds` tells whether they go on."""

    def __init__(self, body: Body, numbers: Numbers, holds: tuple[list[str], str] | None = None) -> None:
        self.kernel = compiling.compiled_kernel(_text(body, numbers, holds), _TYPES, of_math=OF_MATH)
        self.carries = [shape_of(result) for result in body.results[: body.carries]]
        self.stacks = [shape_of(result) for result in body.results[body.carries :]]
        self.width = sum(map(math.prod, self.stacks))
        self.inner = body.carries + body.elements

    def __call__(self, arrays: Sequence[Array], room: int, most: int, reverse: bool = False) -> tuple[Any, ...] | None:
        """The last carries and what was stacked; None where they are not all finite, or the steps did not end."""
        carries = arrays[: len(self.carries)]
        given = np.concatenate([[0.0], *[a.ravel() for a in (*carries, *arrays[self.inner :])]])
        columns = [a.reshape(most, -1) for a in arrays[len(carries) : self.inner]]
        elements = np.concatenate(columns, axis=1) if columns else np.empty((0, 0))
        last, done = np.empty(sum(a.size for a in carries)), 0
        rows = np.empty((room if self.width else 0, self.width))
        while (taken := self.kernel(given, elements, last, rows, done, room, reverse)) < 0:
            if room == most:
                return None
            given[1 : 1 + len(last)] = last
            more = np.empty((min(most, 2 * room), self.width))
            more[:room] = rows
            done, room, rows = room, len(more), more
        rows = rows[:taken] if self.width else np.empty((taken, 0))
        if not (np.isfinite(last).all() and np.isfinite(rows).all()):
            return None
        return (*split_numbers(last, self.carries, ()), *split_numbers(rows, self.stacks, (taken,)))


def _text(body: Body, numbers: Numbers, holds: tuple[list[str], str] | None) -> str:
    """The source: what is given are the carries and what is read from outside, after one number for none.

    It returns the number of steps that were taken, or -1 where the room is used up and the condition holds on.
    """
    slots, inner = numbers.slots, body.carries + body.elements
    state, columns = names_of(slots[: body.carries]), names_of(slots[body.carries : inner])
    written = step_of(body, state, numbers.results)
    heads = [f"{name} = given[{place}]" for place, name in enumerate([*state, *names_of(slots[inner:])], 1)]
    kept = [f"last[{place}] = {name}" for place, name in enumerate(state)]
    before, goes_on = holds or ([], "")
    test = [*before, f"if not ({goes_on}):", *(f"    {line}" for line in [*kept, "return n"])] if holds else []
    step = [*test, *["t = room - 1 - n if reverse else n"] * bool(columns or written.stacked)]
    step += [f"{name} = columns[t, {place}]" for place, name in enumerate(columns)]
    step += [
        *written.lines,
        *[f"rows[t, {i}] = {text}" for i, text in enumerate(written.stacked)],
    ]
    loop = ["n = done", "while n < room:", *(f"    {line}" for line in [*step, *written.changed, "n += 1"])]
    end = [*test, *kept, "return -1" if holds else "return room"]
    lines = [*heads, *loop, *end]
    return (
        "\n".join(["def kernel(given, columns, last, rows, done, room, reverse):", *(f"    {line}" for line in lines)])
        + "\n"
    )


def _comparison(condition: Body, numbers: Numbers) -> tuple[list[str], str] | None:
    """Lines, and the text that is true as long as the loop goes on; None where it is no comparison of numbers."""
    (box,) = condition.results
    sign = _COMPARISONS.get(ufunc_of(box))
    if sign is None or any(child.dtype != np.float64 or child.shape for child in box.children):
        return None
    slots: dict[Box, Any] = {
        slot: slots_of(numbers.code, place, slot.shape) for place, slot in enumerate(condition.leaves)
    }
    writer = code_of_step()
    try:
        values = evaluate_graph(simplify(open_composites(Graph(*box.children))), slots, numbers.code)
        left, right = (writer.text_of_result(value.flat[0]) for value in values)
    except Exception:  # whatever a fprop raises on expressions, on arrays it runs
        return None
    return lines_of(writer), f"({left}) {sign} ({right})"
