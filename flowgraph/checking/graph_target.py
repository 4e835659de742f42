"""What builds a graph, as a target: a function on boxes, bprop on boxes, a graph itself. bprop is that of the graph."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np

from flowgraph.box import Box, Constant, Value
from flowgraph.box.leaves import Input
from flowgraph.boxes import sum as sum_of
from flowgraph.boxes.elementwise.complex_numbers import conjugate_if_complex, real_part
from flowgraph.checking.box_target import BoxCalls
from flowgraph.checking.report import Report, nothing, with_failures
from flowgraph.checking.reproduce import function_definition, gradient_definition, graph_definition
from flowgraph.checking.runner import generator, parts
from flowgraph.checking.scope import with_settings
from flowgraph.checking.target import Inputs, Target, by_form, without_first
from flowgraph.derivatives import gradient
from flowgraph.derivatives.opaque import BpropOf
from flowgraph.errors import UsageError
from flowgraph.graph import Graph
from flowgraph.graph.graph import Run

_OBLIQUE = 0.8 + 0.6j  # of modulus 1, and on no axis of the complex plane
Built: TypeAlias = tuple[Run, Sequence[Box | None]]
"""A run of a graph, and for each input its leaf, or None for a setting."""


@dataclass
class Traced:
    """What builds a graph of its inputs, with one graph for each form of them.

    `build(*inputs)` gives a run on these inputs and their leaves. `differentiated` inputs may change their values
    within one graph; `defaulted` last ones get no gradient, not even None.
    """

    build: Callable[..., Built]
    differentiated: Collection[int]
    defaulted: int = 0
    _built: dict[Hashable, Built] = field(default_factory=dict)

    def run(self, *inputs: Value) -> Built:
        """The run on these inputs; only what descends from a changed leaf is computed again."""
        run, leaves = by_form(self._built, inputs, self.differentiated, lambda: self.build(*inputs))
        pairs = [(leaf, np.asarray(x)) for leaf, x in zip(leaves, inputs, strict=True) if leaf is not None]
        read = [(leaf, x) for leaf, x in pairs if leaf in run.graph and not isinstance(leaf, Constant)]
        moved = {leaf: x for leaf, x in read if not np.array_equal(x, run[leaf])}
        return (run.update(moved) if moved else run), leaves

    def fprop(self, *inputs: Value) -> Value:
        """The outputs of the graph."""
        return _unwrapped(self.run(*inputs)[0].outputs)

    def bprop(self, grad: Value, output: Value, *inputs: Value) -> tuple[Value, ...]:
        """The gradients of the differentiated inputs, by the bprop of the graph; None for the others."""
        run, leaves = self.run(*inputs)
        wanted = {i: leaf for i, leaf in enumerate(leaves) if i in self.differentiated and leaf is not None}
        reached = [leaf for leaf in wanted.values() if leaf in run.graph and leaf.dtype.kind == "f"]
        arriving = grad[0] if isinstance(grad, tuple | list) and len(run.graph.outputs) == 1 else grad
        found: Any = run.bprop(arriving, wrt=reached, unused="zeros") if reached else {}
        own = inputs[: len(inputs) - self.defaulted]
        return tuple(_gradient(found, wanted[i], x) if i in wanted else None for i, x in enumerate(own))


def _unwrapped(values: Sequence[Any]) -> Any:
    return values[0] if len(values) == 1 else tuple(values)


def _gradient(found: Any, leaf: Box, x: Value) -> Any:
    """In the type of the input, also of a float32 graph in which a box widens."""
    gradient = found[leaf].astype(np.asarray(x).dtype, copy=False) if leaf in found else np.zeros_like(x)
    return float(gradient) if type(x) is float else gradient


def function_target(target: Target, keywords: Any) -> tuple[Target, Traced]:
    """A function written in NumPy, whose bprop is that of the graph that it builds on boxes."""
    function, differentiated = target.fprop, target.differentiated
    definition = function_definition(function, differentiated)
    target = replace(with_settings(target, keywords), code=(function,), may_share=True, definition=definition)
    names = [name if name.strip() else "x" for name in target.names]

    def build(*inputs: Value) -> Built:
        leaves = [
            Input(name, shape=np.shape(x), dtype=np.asarray(x).dtype) if i in differentiated else None
            for i, (name, x) in enumerate(zip(names, inputs, strict=True))
        ]
        graph = _graph_of(target, [x if leaf is None else leaf for leaf, x in zip(leaves, inputs, strict=True)])
        fed = {leaf: np.asarray(x) for leaf, x in zip(leaves, inputs, strict=True) if leaf is not None}
        return graph.fprop({leaf: x for leaf, x in fed.items() if leaf in graph}), leaves

    traced = Traced(build, differentiated, target.defaulted)
    return replace(target, bprop=traced.bprop), traced


def _graph_of(target: Target, arguments: Sequence[Any]) -> Graph:
    outputs = parts(target.fprop(*arguments))
    for part in outputs:
        if not isinstance(part, Box):
            raise UsageError(
                f"check: {target.name} run on boxes returned {type(part).__name__}: it leaves the graph "
                f"on the way; use NumPy functions that boxes understand, or give its gradient, bprop="
            )
    return Graph(*outputs)


def graph_target(run: Run, wrt: Sequence[Box], name: str) -> Target:
    """The outputs as a function of the leaves in `wrt`, beside the other values of this run."""
    graph, traced = run.graph, Traced(lambda *_: (run, wrt), range(len(wrt)))
    names = tuple(graph.names[leaf] for leaf in wrt)
    beside = tuple(graph.names[leaf] for leaf in graph.inputs if leaf not in set(wrt))
    forward = f"graph.fprop({{**feeds, **dict(zip(names, values))}}{f', seed={run.seed!r}' if graph.randoms else ''})"
    return Target(
        traced.fprop,
        traced.bprop,
        tuple(np.array(run[leaf]) for leaf in wrt),
        names,
        name,
        tuple(range(len(wrt))),
        definition=graph_definition(forward, names, beside, len(graph.outputs) == 1),
        may_share=True,
        role="parameters" if graph.parameters else "inputs",
        beside=beside,
    )


def gradient_target(target: Target, calls: BoxCalls) -> Target | Report:
    """The bprop of a box as an operation, whose bprop is that of its gradient graph.

    A report where that graph cannot be built or gives other numbers.
    """
    values = parts(target.fprop(*target.inputs))
    rng, shift = generator(0), len(values)
    inputs = (*(np.asarray(rng.normal(size=np.shape(part))) for part in values), *target.inputs)
    active = [i for i in target.differentiated if i not in target.constant]
    traced = Traced(_builder(calls, active, shift), {*range(shift), *(i + shift for i in active)})

    def fprop(*inputs: Value) -> Value:
        return _first_order(target, active, inputs[:shift], inputs[shift:])

    name = f"the gradient graph of {target.name}"
    wrong = _other_numbers(traced, fprop, inputs, [target.names[i] for i in active])
    opaque = None if wrong else next((one for one in traced.run(*inputs)[0].graph if isinstance(one, BpropOf)), None)
    if opaque is not None:
        if len(opaque.box.outputs) > 1 or not _runs(opaque.box):
            why = f"the second derivative of {target.name} was not checked: its bprop does not run on boxes"
            return nothing(name, f"{why} ({opaque.why})", 0)
        wrong = f"bprop does not run on boxes as on arrays: {opaque.why}"
    if wrong:
        calls.finding("second", wrong)
        return with_failures(nothing(name, "the gradient graph is not that of bprop", 0), [calls.findings["second"]])
    kinds = ["Parameter" if np.asarray(x).dtype.kind == "f" else "Constant" for x in inputs[: shift + calls.count]]
    names = (*(["grad_"] if shift == 1 else [f"grad{i}" for i in range(shift)]), *target.names)
    return replace(
        target,
        fprop=fprop,
        bprop=traced.bprop,
        inputs=inputs,
        names=names,
        name=name,
        differentiated=(*range(shift), *(i + shift for i in target.differentiated)),
        valid=without_first(target.valid, shift),
        constant=frozenset(i + shift for i in target.constant),
        domain={i + shift: ends for i, ends in target.domain.items()},
        annotations={},
        definition=gradient_definition(calls.cls, calls.keywords, names, kinds, active, shift),
        arriving=shift,
    )


def _first_order(target: Target, active: Sequence[int], grads: Inputs, own: Inputs) -> Value:
    """The gradients of the children, as the first-order bprop gives them."""
    value = target.fprop(*own)
    values = parts(value)
    if [np.shape(g) for g in grads] != [np.shape(v) for v in values]:
        raise ValueError("the incoming gradient has another shape than the value")
    if not all(np.all(np.isfinite(v)) for v in values):
        raise ValueError("the value is not finite")
    arriving = tuple(_in_plane(np.asarray(g), v.dtype) for g, v in zip(grads, values, strict=True))
    found = target.bprop(arriving if isinstance(value, tuple) else arriving[0], value, *own)
    return _unwrapped([found[i] for i in active])


def _builder(calls: BoxCalls, active: Sequence[int], shift: int) -> Callable[..., Built]:
    """The gradients of a box as boxes, of one incoming gradient per output and the children; integers are constants."""

    def build(*inputs: Value) -> Built:
        children, settings = calls.split(inputs[shift:])
        leaves: list[Any] = [
            Input(f"child{i}", shape=x.shape, dtype=x.dtype) if x.dtype.kind == "f" else Constant(x)
            for i, x in enumerate(children)
        ]
        box = calls.cls(*leaves, **settings)
        outputs = [box] if len(box.outputs) == 1 else list(box)
        arriving: list[Any] = [
            Input(f"grad{i}", shape=np.shape(g), dtype=part.dtype.type(0).real.dtype)
            for i, (g, part) in enumerate(zip(inputs[:shift], outputs, strict=True))
        ]
        turned = [_in_plane(grad, part.dtype) for grad, part in zip(arriving, outputs, strict=True)]
        wrt = [leaves[i] for i in active]
        if shift == 1:
            graph = Graph(*gradient(box, wrt, turned[0]))
        else:
            products = [real_part(conjugate_if_complex(g) * part) for g, part in zip(turned, outputs, strict=True)]
            total: Any = sum(map(sum_of, products))
            graph = Graph(*gradient(total, wrt))
        own = [*arriving, *leaves]
        fed = {leaf: np.asarray(x) for leaf, x in zip(own, inputs, strict=False) if isinstance(leaf, Input)}
        run = graph.fprop({leaf: x for leaf, x in fed.items() if leaf in graph})
        return run, [*own, *(None for _ in inputs[len(own) :])]

    return build


def _in_plane(grad: Value, dtype: np.dtype[Any]) -> Any:
    """A real gradient rotated in the complex plane, away from both axes."""
    return np.astype(grad * (_OBLIQUE if dtype.kind == "c" else 1), dtype)


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


def _other_numbers(traced: Traced, fprop: Callable[..., Any], inputs: Inputs, names: Sequence[str]) -> str:
    """The fault of the gradient graph; nothing if its values are those of bprop."""
    try:
        found = parts(traced.fprop(*inputs))
    except Exception as error:
        return f"bprop does not run on boxes, so there is no gradient graph: {type(error).__name__}: {error}"
    for name, one, other in zip(names, found, parts(fprop(*inputs)), strict=True):
        if np.shape(one) != np.shape(other):
            return f"bprop on boxes gives {np.shape(one)} for {name}, on arrays {np.shape(other)}"
        gap = float(np.abs(np.asarray(one) - other).max(initial=0.0))
        if not gap <= 1e-8 * (1.0 + float(np.abs(other).max(initial=0.0))):
            return f"bprop on boxes gives other numbers for {name} than on arrays: they differ by {gap:.2g}"
    return ""
