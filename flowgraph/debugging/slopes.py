"""For one box and one child: for which share of the elements its slope is zero, and what that is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Elementwise, Value
from flowgraph.box.vocabulary import CHOICE
from flowgraph.boxes.indexing.index import Index
from flowgraph.debugging.saturation import FLAT, dead_units, is_flat
from flowgraph.debugging.zero_report import Cause
from flowgraph.graph.passes import Step

STAIRCASE = frozenset({"0", "0, 0"})


def lost_at(
    step: Step, position: int, arrived: Value, values: Sequence[Any], names: Mapping[Box, str], lost: bool
) -> Cause | None:
    """Why a box sends zeros to a child, where it does; `lost` says that it sends nothing else."""
    box = step.box
    own = values[step.slot]
    if isinstance(own, tuple):
        return None
    label = box.names_of_children()[position]
    # ones show the slope of each element; where a box mixes elements they can cancel, as in a softmax
    sent = np.ones_like(own) if isinstance(box, Elementwise) else _unlike(own)
    probe = step.bprop(sent, own, *step.read(values))[position]
    if isinstance(probe, tuple):
        return None
    if isinstance(box, Index) and position == 0:
        kind, share, text = _never_indexed(probe)
    elif isinstance(box, Elementwise):
        kind, share, text = _by_slope(step, position, probe, arrived, values, names)
    else:
        kind, text = _by_value(box, position, values, step, names)
        share = float(np.mean(np.equal(probe, 0))) if kind == "multiplied by zeros" else float(not np.any(probe))
    if lost and share < 1:
        kind, share = "adds up to zero", 1.0
        text = f"neither what arrives nor its slope for {label!r} is zero, but all that it sends adds up to 0"
    if not share:
        return None
    return Cause(kind, box, names[box], label, share, text)


def _unlike(own: Value) -> Any:
    """A gradient whose elements have nothing to do with each other."""
    return np.random.default_rng(0).normal(size=np.shape(own)).astype(own.dtype)[()]


def _never_indexed(probe: Value) -> tuple[str, float, str]:
    taken = np.any(probe, axis=tuple(range(1, np.ndim(probe)))) if np.ndim(probe) else np.any(probe)
    rows = np.size(taken)
    never = rows - int(np.count_nonzero(taken))
    first = ", ".join(str(row) for row in np.flatnonzero(~np.atleast_1d(taken))[:5])
    text = f"{never} of {rows} rows are never indexed in this run (rows {first}{', ...' if never > 5 else ''})"
    return "never indexed", never / rows if rows else 0.0, text


def _by_slope(
    step: Step, position: int, probe: Value, arrived: Value, values: Sequence[Any], names: Mapping[Box, str]
) -> tuple[str, float, str]:
    """An elementwise box: the share of the elements at which a gradient arrives but the slope is zero or tiny."""
    box = step.box
    shape = np.shape(values[step.slot])
    slopes = np.abs(np.broadcast_to(probe, shape))
    reached = np.broadcast_to(np.asarray(arrived) != 0, shape)
    saturated = box.saturates == "saturated"
    flat = is_flat(box, slopes) if saturated else slopes == 0
    share = float(flat[reached].mean()) if reached.any() else 0.0
    kind, text = _by_value(box, position, values, step, names)
    if saturated:
        text = f"{share:.0%} of its elements have a slope below {FLAT:.0%} of that at 0{_units(flat)}"
        return "saturated units", share, text
    if box.derivative in STAIRCASE:
        return "staircase", share, "its derivative is 0"
    if kind == "flat" and (box.saturates == "dead" or box.kinks or box.slopes in CHOICE):
        return "dead units", share, f"its slope is 0 at {share:.0%} of the elements{_units(flat)}"
    return kind, share, text


def _by_value(box: Box, position: int, values: Sequence[Any], step: Step, names: Mapping[Box, str]) -> tuple[str, str]:
    """In words, which other child makes the slope zero."""
    if box.slopes in CHOICE and box.children[0].dtype.kind not in "fc":
        return "branch not taken", f"its child {box.names_of_children()[position]!r} is not chosen"
    for other, (child, value) in enumerate(zip(box.children, step.read(values), strict=True)):
        if other == position or child.dtype.kind not in "fc" or not np.size(value):
            continue
        zeros = float(np.mean(np.equal(value, 0)))
        if zeros:
            amount = "all zeros" if zeros == 1 else f"{zeros:.0%} zeros"
            text = f"it multiplies by {type(child).__name__} {names[child]!r}, which is {amount}"
            return "multiplied by zeros", text
    return "flat", "its derivative is 0 at the values that it read, as at a minimum or on a plateau"


def _units(flat: Value) -> str:
    """How many of the units, the last axis, are flat for every example."""
    if np.ndim(flat) < 2 or not flat.size:
        return ""
    dead = dead_units(flat)
    examples = flat.size // flat.shape[-1]
    return f"; {int(dead.sum())} of {dead.size} units for every one of {examples} examples"
