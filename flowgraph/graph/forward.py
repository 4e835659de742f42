"""The forward pass: the fprop of each box in topological order, each on the values of its children."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box.underflow import is_underflow
from flowgraph.box.value import Value
from flowgraph.errors import BoxContractError
from flowgraph.graph.debug_mode import debugging
from flowgraph.graph.postconditions import assert_values
from flowgraph.graph.steps import Fstep, guarded, reader
from flowgraph.graph.topology import Topology

_SETTLED = frozenset({np.ndarray, tuple, np.float64, np.float32, np.int64, np.bool_})
"""The types of values that are kept as a fprop returned them; to look here costs less than a call of `as_values`."""


def forward_steps(graph: Topology, kept: frozenset[int] | None, dirty: frozenset[int] | None) -> tuple[Fstep, ...]:
    """The fprops, children before parents: all, or those of the descendants of the slots `dirty`.

    A value that is not `kept` is dropped behind the last step that reads it; None keeps all.
    """
    changed = set(dirty or ())
    last: dict[int, int] = {}
    steps: list[Fstep] = []
    for slot, box in enumerate(graph.boxes):
        children = [graph.slots[child] for child in box.children]
        if not box.children or (dirty is not None and changed.isdisjoint(children)):
            continue
        changed.add(slot)
        last.update(dict.fromkeys(children, len(steps)))
        steps.append(Fstep(slot, guarded(box, box.fprop), reader(children), ()))
    if kept is None:
        return tuple(steps)
    dead: list[list[int]] = [[] for _ in steps]
    for slot, step in last.items():
        if slot not in kept:
            dead[step].append(slot)
    return tuple(step._replace(done=tuple(slots)) for step, slots in zip(steps, dead, strict=True))


def forward(graph: Topology, steps: Sequence[Fstep], values: list[Any]) -> None:
    """Run the steps on the list of values, in place."""
    slot = 0
    try:
        for slot, fprop, read, done in steps:
            value = fprop(*read(values))
            values[slot] = value if type(value) in _SETTLED else as_values(value)
            for dead in done:
                values[dead] = None
    except Exception as error:
        if is_underflow(error):
            rest = tuple(itertools.dropwhile(lambda step: step.slot != slot, steps))
            with np.errstate(under="ignore"):
                return forward(graph, rest, values)
        if debugging():
            assert_values(graph, values, {})  # the box that fails may not be the one at fault
        box = graph.boxes[slot]
        error.add_note(f"in fprop of {type(box).__name__} {graph.names[box]!r}, built at {box.built_at}")
        raise


def as_values(value: Value) -> Any:
    """The result of an fprop as an array or a tuple of arrays."""
    if isinstance(value, tuple):
        return tuple(np.asarray(part)[()] for part in value)
    if value is None:
        raise BoxContractError("fprop returned None, needs an array; does it end without return?")
    return np.asarray(value)[()]
