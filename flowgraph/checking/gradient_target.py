"""The second derivative of a box: its bprop run on boxes is a flow graph, checked against differences of bprop."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from flowgraph.box import Box, Constant, Value
from flowgraph.box.leaves import Input
from flowgraph.boxes import sum as sum_of
from flowgraph.boxes.elementwise.complex_numbers import conjugate_if_complex, real_part
from flowgraph.checking.box_target import BoxCalls, by_form, import_of
from flowgraph.checking.report import Report, nothing, with_failures
from flowgraph.checking.runner import generator
from flowgraph.checking.target import Inputs, Target, without_first
from flowgraph.derivatives import gradient
from flowgraph.derivatives.opaque import BpropOf
from flowgraph.graph import Graph
from flowgraph.graph.order import Boxes

_OBLIQUE = 0.8 + 0.6j  # of modulus 1, and on no axis of the complex plane
GradientGraph = tuple[Graph, list[Box]]
"""The gradients of a box as boxes, and the leaves that they are of: one per output, and the children."""


@dataclass
class GradientCalls:
    """fprop is bprop of the box on arrays; bprop is that of its gradient graph."""

    calls: BoxCalls
    target: Target
    outputs: int
    _graphs: dict[Hashable, GradientGraph] = field(default_factory=dict)

    @property
    def active(self) -> list[int]:
        """The children that have a gradient."""
        return [i for i in self.target.differentiated if i not in self.target.constant]

    def fprop(self, *inputs: Value) -> Value:
        """The gradients of the children, as the first-order bprop gives them."""
        grads, own = inputs[: self.outputs], inputs[self.outputs :]
        value = self.target.fprop(*own)
        parts = value if isinstance(value, tuple) else (value,)
        if len(parts) != len(grads) or any(np.shape(g) != np.shape(v) for g, v in zip(grads, parts, strict=True)):
            raise ValueError("the incoming gradient has another shape than the value")
        if not all(np.all(np.isfinite(v)) for v in parts):
            raise ValueError("the value is not finite")
        arriving = tuple(_in_plane(np.asarray(g), v.dtype) for g, v in zip(grads, parts, strict=True))
        found = self.target.bprop(arriving if isinstance(value, tuple) else arriving[0], value, *own)
        return tuple(found[i] for i in self.active)

    def bprop(self, arriving: Value, _: Value, *inputs: Value) -> tuple[Value, ...]:
        """The gradients of what fprop gives, by the bprop of the gradient graph."""
        graph, leaves = built = self.built(*inputs)
        run = graph.fprop(_feeds(built, inputs))
        wanted = [leaf for i, leaf in enumerate(leaves) if self._differentiated(i)]
        reached = [leaf for leaf in wanted if leaf in graph and leaf.dtype.kind == "f"]
        grad = tuple(arriving) if len(arriving) > 1 else arriving[0]
        found = run.bprop(grad=grad, wrt=reached, unused="zeros") if reached else {}
        return tuple(
            None
            if not self._differentiated(i)
            else found[leaf].astype(np.asarray(x).dtype)  # of a float32 graph in which the box itself widens
            if leaf in Boxes(reached)
            else np.zeros_like(x)
            for i, (leaf, x) in enumerate(zip([*leaves, *self.calls.setting_names], inputs, strict=True))
        )

    def values(self, *inputs: Any) -> tuple[Any, ...]:
        """The gradients by the gradient graph."""
        built = self.built(*inputs)
        outputs: tuple[Any, ...] = built[0].fprop(_feeds(built, inputs)).outputs
        return outputs

    def _differentiated(self, i: int) -> bool:
        return i < self.outputs or i - self.outputs in self.active

    def built(self, *inputs: Any) -> GradientGraph:
        """The gradient graph for these shapes, dtypes and settings; integer children are constants of it."""
        children, settings = self.calls.split(inputs[self.outputs :])
        grads, fixed = inputs[: self.outputs], [x.tobytes() for x in children if x.dtype.kind not in "fc"]
        arrays, named = [*grads, *children], [*settings.values(), *fixed]
        return by_form(self._graphs, arrays, named, lambda: self._build(children, settings, grads))

    def _build(self, children: list[Any], settings: dict[str, Any], grads: tuple[Any, ...]) -> GradientGraph:
        leaves = [
            Input(f"child{i}", shape=x.shape, dtype=x.dtype) if x.dtype.kind == "f" else Constant(x)
            for i, x in enumerate(children)
        ]
        box = self.calls.cls(*leaves, **settings)
        parts = [box] if len(box.outputs) == 1 else list(box)
        arriving: list[Box] = [
            Input(f"grad{i}", shape=np.shape(g), dtype=part.dtype.type(0).real.dtype)
            for i, (g, part) in enumerate(zip(grads, parts, strict=True))
        ]
        wrt = [leaves[i] for i in self.active]
        if len(parts) == 1:
            return Graph(*gradient(box, wrt, _in_plane(arriving[0], box.dtype))), [*arriving, *leaves]
        total: Any = 0.0
        for part, grad in zip(parts, arriving, strict=True):
            total = total + sum_of(real_part(conjugate_if_complex(_in_plane(grad, part.dtype)) * part))
        return Graph(*gradient(total, wrt)), [*arriving, *leaves]


def _feeds(built: GradientGraph, inputs: tuple[Any, ...]) -> dict[Any, Any]:
    graph, leaves = built
    pairs = zip(leaves, inputs, strict=False)
    return {leaf: np.asarray(x) for leaf, x in pairs if isinstance(leaf, Input) and leaf in graph}


def gradient_target(target: Target, calls: BoxCalls) -> Target | Report:
    """The gradient graph as a target of its own; a report where it cannot be built or gives other numbers."""
    value = target.fprop(*target.inputs)
    parts = value if isinstance(value, tuple) else (value,)
    rng = generator(0)
    grads = tuple(np.asarray(rng.normal(size=np.shape(part))) for part in parts)
    inputs = (*grads, *target.inputs)
    second = GradientCalls(calls, target, len(parts))
    name = f"the gradient graph of {target.name}"
    wrong = _other_numbers(second, inputs)
    if wrong:
        calls.finding("second", wrong)
        return with_failures(nothing(name, "the gradient graph is not that of bprop", 0), [calls.findings["second"]])
    opaque = next((one for one in second.built(*inputs)[0] if isinstance(one, BpropOf)), None)
    if opaque is not None:
        return _without_graph(calls, second, opaque, name)
    names = ("grad_",) if len(parts) == 1 else tuple(f"grad{i}" for i in range(len(parts)))
    shift = len(parts)
    return Target(
        second.fprop,
        second.bprop,
        inputs,
        (*names, *target.names),
        name,
        (*range(shift), *(i + shift for i in target.differentiated)),
        valid=without_first(target.valid, shift),
        constant=frozenset(i + shift for i in target.constant),
        domain={i + shift: ends for i, ends in target.domain.items()},
        kinks=target.kinks,
        code=target.code,
        strict_types=True,
        may_share=True,
        definition=_definition(calls, second, (*names, *target.names), inputs),
        arriving=shift,
        has_more_examples=target.has_more_examples,
    )


def _definition(calls: BoxCalls, second: GradientCalls, names: tuple[str, ...], inputs: Inputs) -> tuple[str, ...]:
    """Python text of the second derivative: the graph of the gradients, and what that graph says of its own."""
    shift, children = second.outputs, names[second.outputs : second.outputs + calls.count]
    wanted = ", ".join(f"leaves[{i + shift}]" for i in second.active)
    floats = [np.asarray(x).dtype.kind == "f" for x in inputs[shift : shift + calls.count]]
    leaves = [f"fg.Parameter({name})" for name in names[:shift]]
    leaves += [f"fg.{'Parameter' if f else 'Constant'}({name})" for name, f in zip(children, floats, strict=True)]
    keywords = "".join(f", {name}={name}" for name in calls.setting_names)
    keywords += "".join(f", {name}={value!r}" for name, value in calls.fixed.items())
    arguments = ", ".join(names)
    if shift == 1:
        gradients = f"fg.gradient(box, [{wanted}], leaves[0])"
    else:
        products = "sum(fg.sum(part * grad) for part, grad in zip(box, leaves))"
        gradients = f"fg.gradient({products}, [{wanted}])"
    return (
        *import_of(calls.cls),
        "",
        f"def graph_of({arguments}):",
        f"    leaves = [{', '.join(leaves)}]",
        f"    box = {calls.cls.__name__}(*leaves[{shift}:]{keywords})",
        f"    return fg.Graph(*{gradients}), leaves",
        "",
        f"def fprop({arguments}):",
        f"    graph, _ = graph_of({arguments})",
        "    return graph.fprop().outputs",
        "",
        f"def bprop(grad, output, {arguments}):",
        f"    graph, leaves = graph_of({arguments})",
        "    reached = [leaf for leaf in leaves if leaf in graph and isinstance(leaf, fg.Parameter)]",
        "    grads = graph.fprop().bprop(grad if len(grad) > 1 else grad[0], wrt=reached, unused='zeros')",
        "    return [grads[leaf] if leaf in grads else np.zeros(leaf.shape) for leaf in leaves]",
    )


def _without_graph(calls: BoxCalls, second: GradientCalls, opaque: BpropOf, name: str) -> Report:
    """A note if bprop does not run on boxes, and so has no second derivative; a failure if its graph is wrong."""
    box = opaque.box
    if len(box.outputs) == 1 and _runs(box):
        calls.finding("second", f"bprop does not run on boxes as on arrays: {opaque.why}")
        return with_failures(nothing(name, "the gradient graph is not that of bprop", 0), [calls.findings["second"]])
    why = f"the second derivative of {second.target.name} was not checked: its bprop does not run on boxes"
    return nothing(name, f"{why} ({opaque.why})", 0)


def _runs(box: Box) -> bool:
    """Whether bprop returns when it is given boxes."""
    leaves = [
        child if isinstance(child, Constant) else Input(f"child{i}", shape=child.shape, dtype=child.dtype)
        for i, child in enumerate(box.children)
    ]
    try:
        box.bprop(Input("grad", shape=box.shape, dtype=box.dtype), box.with_children(*leaves), *leaves)
    except Exception:
        return False
    return True


def _other_numbers(second: GradientCalls, inputs: tuple[Any, ...]) -> str:
    """The fault of the gradient graph; nothing if its values are those of bprop."""
    try:
        found = second.values(*inputs)
    except Exception as error:
        return f"bprop does not run on boxes, so there is no gradient graph: {type(error).__name__}: {error}"
    for i, one, other in zip(second.active, found, second.fprop(*inputs), strict=True):
        name = second.target.names[i]
        if np.shape(one) != np.shape(other):
            return f"bprop on boxes gives {np.shape(one)} for {name}, on arrays {np.shape(other)}"
        gap = float(np.abs(np.asarray(one) - other).max(initial=0.0))
        if not gap <= 1e-8 * (1.0 + float(np.abs(other).max(initial=0.0))):
            return f"bprop on boxes gives other numbers for {name} than on arrays: they differ by {gap:.2g}"
    return ""


def _in_plane(grad: Value, dtype: np.dtype[Any]) -> Any:
    """A real gradient rotated in the complex plane, away from both axes."""
    return np.astype(grad * (_OBLIQUE if dtype.kind == "c" else 1), dtype)
