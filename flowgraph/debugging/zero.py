"""Finds where a gradient is lost on the way from the outputs to a box, and which units are saturated or dead."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from flowgraph.box import Array, Box, Elementwise, Value
from flowgraph.box.vocabulary import CHOICE
from flowgraph.boxes.elementwise.complex_numbers import Cast
from flowgraph.boxes.indexing.index import Index
from flowgraph.debugging.elements import vjp_contribution
from flowgraph.errors import UsageError
from flowgraph.graph.passes import Step, sweep
from flowgraph.graph.where_masking import mask_untaken

if TYPE_CHECKING:
    from flowgraph.graph import Graph

FLAT = 0.06
"""A slope below this part of that at 0 is flat: |tanh(a)| > 0.97, by which Karpathy counts saturated units.

Source: Karpathy, Neural networks: zero to hero, part 3, "activations & gradients, BatchNorm".
"""


def is_flat(box: Box, slopes: Array) -> Any:
    """At which of these slopes a unit of a box that `saturates` is flat; one that can die has none there."""
    if box.saturates == "dead":
        return np.equal(slopes, 0)
    zero = np.zeros((1,), box.children[0].dtype)
    (at_zero,) = box.bprop(np.ones_like(zero), box.fprop(zero), zero)
    return np.less(np.abs(slopes), FLAT * np.abs(at_zero))


def share_flat(box: Box, value: Value, read: Value) -> float | None:
    """The share of values that are saturated, or of units that are dead for all examples; None for other boxes.

    The last axis counts the units, the others the examples.
    """
    if not box.saturates or not np.size(value) or value.dtype.kind != "f":
        return None
    (slopes,) = box.bprop(np.ones_like(value), value, read)
    flat = is_flat(box, slopes)
    return float(np.mean(dead_units(flat) if box.saturates == "dead" else flat))


def dead_units(flat: Array) -> Any:
    """Which units, counted by the last axis, are flat for every example."""
    return flat.reshape(-1, flat.shape[-1]).all(axis=0) if np.ndim(flat) else flat


ADVICE = {
    "constant child": "give it as another child, or write a bprop that has a gradient for it",
    "integer cast": "leave it a float as long as a gradient is needed",
    "no gradient passes": "replace the choice by a smooth one, such as fg.sigmoid or fg.Softmax",
    "dead units": "smaller steps, fg.he_normal weights and biases of 0, or fg.LeakyReLU, fg.ELU",
    "saturated units": "smaller weights at the start (fg.glorot_uniform), inputs of mean 0 and variance 1, or fg.ReLU",
    "never indexed": "no step will change these rows until a batch holds them",
    "multiplied by zeros": "start from random numbers where both sides of a product are learned; look at the mask",
    "branch not taken": "the condition never chooses this branch: look at the condition",
    "staircase": "its slope is 0 everywhere: leave it out of the loss, or take a smooth box in its place",
    "nothing arrives": "bprop was started with a gradient of zeros, grad=",
}


@dataclass(frozen=True)
class Cause:
    """A box that passes no gradient to its child: `share` is that of the elements."""

    kind: str
    box: Box
    name: str
    child: str
    share: float
    text: str

    def __str__(self) -> str:
        advice = f"\n    what helps: {ADVICE[self.kind]}" if self.kind in ADVICE else ""
        where = f"{type(self.box).__name__} {self.name!r}"
        return f"{self.kind} at {where}: {self.text}\n    built at {self.box.built_at}{advice}"


@dataclass(frozen=True)
class ZeroReport:
    """Why the gradient of a box is zero.

    `status` is "zero", "partly zero", "vanishing" (below 1e-7), "not zero" or "empty"; `share` is that of the elements
    that are exactly 0; `causes` stand with the strongest first.
    """

    box: Box
    name: str
    status: str
    share: float
    largest: float
    causes: tuple[Cause, ...]

    @property
    def zero(self) -> bool:
        """Whether every element is exactly 0."""
        return self.status == "zero"

    @property
    def reason(self) -> str:
        """The kind of the first cause, or the status where there is none."""
        return self.causes[0].kind if self.causes else self.status

    def __str__(self) -> str:
        verdict = {
            "zero": "is zero",
            "partly zero": f"is zero in {self.share:.0%} of its elements, elsewhere up to {self.largest:.3g}",
            "vanishing": f"is not zero, but nothing is larger than {self.largest:.3g}",
            "not zero": f"is not zero; its largest element is {self.largest:.3g}",
            "empty": "has no elements",
        }[self.status]
        lines = [f"why_zero: the gradient of {type(self.box).__name__} {self.name!r} {verdict}"]
        lines += [f"  {cause}" for cause in self.causes]
        if not self.causes and self.status in ("zero", "partly zero", "vanishing"):
            lines.append("  no box loses it: what arrives on several ways, or for several examples, adds up to 0")
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


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
    """A random gradient, whose elements do not cancel each other by chance."""
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


VANISHING = 1e-7
"""The largest element of a vanishing gradient: below the machine epsilon of float32 it moves no parameter of size 1."""

WORTH_TELLING = 0.05
"""A box at which fewer elements of a gradient are lost than one in twenty is no reason, and is left out."""


def why_zero(graph: Graph, values: Sequence[Any], seeds: Sequence[Any], box: Box, gradient: Value) -> ZeroReport:
    """See `Grads.why_zero`; `seeds` are the gradients that arrived at the outputs."""
    name = graph.names[box]
    if isinstance(gradient, tuple):
        raise UsageError(f"why_zero: {box.title} has several outputs; ask for one of its parts, box[0], ...")
    size = np.size(gradient)
    largest = float(np.max(np.abs(gradient))) if size else 0.0
    share = float(np.mean(np.equal(gradient, 0))) if size else 0.0
    status = (
        "empty" if not size
        else "zero" if share == 1
        else "vanishing" if largest < VANISHING
        else "partly zero" if share else "not zero"
    )  # fmt: skip
    causes: list[Cause] = []
    if status in ("zero", "partly zero", "vanishing"):
        causes = _causes(graph, values, seeds, box, status == "zero")
    return ZeroReport(box, name, status, share, largest, tuple(causes))


def _causes(graph: Graph, values: Sequence[Any], seeds: Sequence[Any], box: Box, whole: bool) -> list[Cause]:
    cuts = _cuts(graph, box) if whole else []
    if graph.cut((box,)):
        return cuts
    outputs = [output for output in graph.outputs if seeds[graph.slots[output]] is not None]
    if not any(np.any(seeds[graph.slots[output]]) for output in outputs):
        output = outputs[0]
        return [Cause("nothing arrives", output, graph.names[output], "", 1.0, "the gradient given to bprop is zero")]
    steps = graph.bsteps((box,))
    grads = list(seeds)
    with np.errstate(all="ignore"):
        sweep(mask_untaken(steps, grads), values, grads)
        losses, partial = _losses(graph, steps, values, grads, graph.slots[box], whole)
    partial.sort(key=lambda cause: -cause.share)
    return [*losses, *(cause for cause in partial if cause.share >= WORTH_TELLING), *cuts]


def _losses(
    graph: Graph, steps: Sequence[Step], values: Sequence[Any], grads: Sequence[Any], slot: int, whole: bool
) -> tuple[list[Cause], list[Cause]]:
    """Where all or part of a gradient is lost, going up from the box while only zeros arrive."""
    losses: list[Cause] = []
    partial: list[Cause] = []
    starved = {slot}
    for step in reversed(steps):
        arrived = grads[step.slot]
        if arrived is None or isinstance(arrived, tuple):
            continue
        for position, child in step.wanted:
            if whole and child in starved and not np.any(arrived):
                starved.add(step.slot)
                continue
            lost = (
                whole
                and child in starved
                and not np.any(vjp_contribution(step, child, arrived, values[step.slot], *step.read(values)))
            )
            cause = lost_at(step, position, arrived, values, graph.names, lost)
            if cause is not None:
                (losses if lost else partial).append(cause)
    return losses, partial


def _cuts(graph: Graph, box: Box) -> list[Cause]:
    """The edges above a box through which no gradient passes."""
    above = {box}
    causes = []
    for parent in graph.boxes:
        labels = parent.names_of_children()
        for label, child, free in zip(labels, parent.children, parent.differentiable_wrt, strict=True):
            if child not in above:
                continue
            if free:
                above.add(parent)
            else:
                causes.append(_cut(graph, parent, label, child))
    return causes


def _cut(graph: Graph, parent: Box, label: str, child: Box) -> Cause:
    below = f"{type(child).__name__} {graph.names[child]!r}"
    dtype = parent.outputs[0].dtype
    if isinstance(parent, Cast):
        kind, text = "integer cast", f"{below} becomes {dtype} here, and no gradient passes integers or booleans"
    elif dtype.kind not in "fc":
        kind, text = "no gradient passes", f"its value has dtype {dtype}, which depends on {below} in jumps"
    else:
        kind, text = "constant child", f"{below} is its child {label!r}, which it takes as a constant"
    return Cause(kind, parent, graph.names[parent], label, 1.0, text)
