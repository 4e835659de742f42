"""The postconditions of fprop and bprop: executed in debug mode, and to find where a NaN was made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.arrays import read_only
from flowgraph.box.inference import refuse_writing
from flowgraph.errors import BoxContractError, BpropError
from flowgraph.graph.steps import Step
from flowgraph.graph.sweep import sweep
from flowgraph.graph.topology import Topology
from flowgraph.graph.where_masking import mask_untaken
from flowgraph.shapes.size import Size, evaluate


def assert_values(graph: Topology, values: Sequence[Any], sizes: dict[str, int]) -> None:
    """Every value has the shape and the dtype that its box was built with; of values that are there."""
    for box, value in zip(graph.boxes, values, strict=True):
        parts = value if isinstance(value, tuple) else (value,)
        if value is None:
            continue
        if len(parts) != len(box.outputs):
            raise _unlike(box, f"{len(parts)} outputs", len(box.outputs), sizes)
        for spec, part in zip(box.outputs, parts, strict=True):
            if part.dtype != spec.dtype:
                raise _unlike(box, f"dtype {part.dtype}", spec.dtype, sizes)
            same = part.ndim == len(spec.shape)
            for found, size in zip(part.shape, spec.shape, strict=False):
                known = not (isinstance(size, Size) and size.names - sizes.keys())
                same &= not known or evaluate(size, sizes) == found
            if not same:
                raise _unlike(box, f"shape {part.shape}", spec.shape, sizes)


def _unlike(box: Box, found: str, needed: object, sizes: dict[str, int]) -> BoxContractError:
    where = f" for {', '.join(f'{name} = {size}' for name, size in sizes.items())}" if sizes else ""
    return BoxContractError(
        f"{box.title}: fprop gave {found}, but the box was built with {needed}{where}; its inference and its "
        f"fprop contradict each other; mend one of them, and call fg.check({type(box).__name__})\n"
        f"  built at {box.built_at}"
    )


def checked_sweep(graph: Topology, steps: Sequence[Step], values: Sequence[Any], grads: list[Any]) -> None:
    """The sweep with checks: arguments of each bprop are read-only, and what it returns is verified."""
    frozen = [read_only(value) for value in values]
    for step in mask_untaken(steps, grads):
        grads[step.slot] = read_only(grads[step.slot])
        before = [grads[child] for _, child in step.wanted]
        try:
            sweep((step,), frozen, grads)
        except ValueError as error:
            refuse_writing(step.box, "bprop", error)
            raise
        for (position, child), old in zip(step.wanted, before, strict=True):
            if is_nan(grads[child]) and not is_nan(old) and not read_nan(step, values, grads):
                raise BpropError(nan_text(graph, step, position))


def nan_text(graph: Topology, step: Step, position: int) -> str:
    """Who made the NaN, for whom, where in the user's code."""
    box: Box = step.box
    return (
        f"{type(box).__name__} {graph.names[box]!r}: bprop made a NaN for child {box.names_of_children()[position]!r}, "
        f"which neither its values nor the gradient that arrived had; its derivative has no value there\n"
        f"  built at {box.built_at}; run.explain_nan() shows the element and what fed it"
    )


def read_nan(step: Step, values: Sequence[Any], grads: Sequence[Any]) -> bool:
    """Whether a step has a NaN among the gradient, the value and the children that its bprop reads."""
    return any(is_nan(part) for part in (grads[step.slot], values[step.slot], *step.read(values)))


def is_nan(value: Value) -> bool:
    """Whether a value, or a part of it, holds a NaN; None holds none."""
    if isinstance(value, tuple):
        return any(is_nan(part) for part in value)
    return value is not None and value.dtype.kind in "fc" and bool(np.isnan(value).any())
