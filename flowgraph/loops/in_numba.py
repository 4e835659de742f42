"""Loops of few numbers through Numba: the function of all steps that Python would run, compiled."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Array
from flowgraph.loops.body import Body, fitted, known_of
from flowgraph.loops.expressions import OF_MATH, names_of, step_of
from flowgraph.loops.numbers import in_numbers, parted
from flowgraph.loops.scan_box import Scan
from flowgraph.plan.numba import compiling
from flowgraph.plan.numba.compiled_calls import compiled_for
from flowgraph.plan.numba.kernels import address_of
from flowgraph.plan.rebuild import shape_of
from flowgraph.plan.schedule import Schedule


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
