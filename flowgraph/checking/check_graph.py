"""fg.check of a graph: each box in place, then end to end on the parameters."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from flowgraph.box import Box, Constant, Value
from flowgraph.box.leaves import Input, Parameter, Random
from flowgraph.boxes import sum as sum_of
from flowgraph.checking.box_target import differentiable, target_of
from flowgraph.checking.cases import Case
from flowgraph.checking.check_target import check_target
from flowgraph.checking.complex_parts import leaves_in_parts, with_leaves
from flowgraph.checking.describe import combined
from flowgraph.checking.report import Report, with_failures
from flowgraph.checking.runner import Stopwatch
from flowgraph.checking.scope import Asked, Scope
from flowgraph.checking.target import Target
from flowgraph.derivatives import gradient
from flowgraph.errors import UsageError
from flowgraph.graph import Graph
from flowgraph.graph.graph import Run

IN_PLACE = 2 / 3  # of the seconds of a graph, for its boxes; the rest is for it as a whole
BUDGET_OF_A_BOX = 6_000  # a tenth of that of a target: ten boxes of a graph take as long as one function


def check_graph(graph: Graph, feeds: Mapping[Any, Any], asked: Asked) -> Report:
    """At these inputs, in float64; a float32 graph is checked through its float64 twin."""
    asked.refuse("a graph is checked at the values of one run, which are not varied", "valid", "vary", "fixed")
    asked.refuse("the boxes of a graph have names", "names")
    twin, leaves = in_double(graph)
    fed = {leaves.get(key, key) if isinstance(key, Box) else key: value for key, value in feeds.items()}
    return _check(*leaves_in_parts(twin, fed), "graph", asked)


def _check(graph: Graph, feeds: Mapping[Any, Any], name: str, asked: Asked) -> Report:
    order, seed = asked.order, asked.seed
    run = graph.fprop(feeds, seed=seed)
    wrt = tuple(graph.parameters) or tuple(box for box in graph.inputs if box.dtype.kind == "f")
    if not wrt:
        raise UsageError("check: the graph has no parameters and no float inputs; there is nothing to differentiate")
    seconds = asked.effort.graph / order * asked.calls / asked.effort.budget
    scope = replace(asked.scope(strict=True), strict=True)
    reports = boxes_in_place(graph, run, wrt, seed, seconds * IN_PLACE)
    target = graph_target(graph, run, wrt, name)
    whole = check_target(target, 1, seed, asked.calls, seconds * (1 - IN_PLACE), regimes=False, scope=scope)
    report = joined(name, reports, whole, seed)
    if order < 2 or report.verdict == "fail":
        return report
    gradients = gradient(_total(graph), wrt)
    inner = Graph(*gradients)
    left = {key: value for key, value in feeds.items() if key in inner}
    second = _check(inner, left, f"the gradient graph of {name}", replace(asked, order=order - 1))
    return combined(name, [report, second], seed)


def joined(name: str, boxes: Sequence[Report], whole: Report, seed: int) -> Report:
    """The reports joined: end-to-end failures are reported only if no box explains them."""
    if any(report.failures for report in boxes) and whole.verdict == "fail":
        whole.failures.clear()
    report = combined(name, [*boxes, whole], seed)
    return replace(report, checked=whole.checked, role=whole.role, not_differentiated=whole.not_differentiated)


def graph_target(graph: Graph, run: Run, wrt: Sequence[Box], name: str) -> Target:
    """The outputs as a function of the leaves in `wrt`; only what descends from a changed leaf is computed again."""
    fprop, bprop = _calls(graph, run, wrt)
    names = tuple(graph.names[leaf] for leaf in wrt)
    fed = ", ".join(repr(graph.names[leaf]) for leaf in graph.inputs if leaf not in set(wrt))
    wanted = ", ".join(repr(one) for one in names)
    same = f", seed={run.seed!r}" if graph.randoms else ""
    definition = (
        f"# graph is your graph; feeds are its inputs by name{f' ({fed})' if fed else ''}",
        f"names = [{wanted}]",
        "",
        "def fprop(*values):",
        f"    return graph.fprop({{**feeds, **dict(zip(names, values))}}{same}).outputs"
        + ("" if len(graph.outputs) > 1 else "[0]"),
        "",
        "def bprop(grad, output, *values):",
        f"    run = graph.fprop({{**feeds, **dict(zip(names, values))}}{same})",
        "    grads = run.bprop(grad, wrt=names, unused='zeros')",
        "    return [grads[name] for name in names]",
    )
    values = tuple(np.array(run[leaf]) for leaf in wrt)
    return Target(
        fprop,
        bprop,
        values,
        names,
        name,
        tuple(range(len(wrt))),
        definition=definition,
        may_share=True,
        role="parameters" if graph.parameters else "inputs",
        beside=tuple(graph.names[leaf] for leaf in graph.inputs if leaf not in set(wrt)),
    )


def _calls(graph: Graph, run: Run, wrt: Sequence[Box]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    base = [run[leaf] for leaf in wrt]

    def at(values: Sequence[Any]) -> Run:
        moved = {
            leaf: value
            for leaf, value, old in zip(wrt, values, base, strict=True)
            if value is not old and not np.array_equal(value, old)
        }
        return run.update(moved) if moved else run

    def fprop(*values: Value) -> Value:
        outputs = at(values).outputs
        return outputs if len(outputs) > 1 else outputs[0]

    def bprop(grad: Value, output: Value, *values: Value) -> tuple[Value, ...]:
        grads = at(values).bprop(grad, wrt=wrt, unused="zeros")
        return tuple(grads[leaf] for leaf in wrt)

    return fprop, bprop


def in_double(graph: Graph) -> tuple[Graph, dict[Box, Box]]:
    """The graph with float64 leaves, and its leaf for each old one; the graph itself where it is in float64."""
    twins: dict[Box, Any] = {box: _leaf_in_double(box) for box in graph if not box.children and _narrow(box)}
    return (with_leaves(graph, twins), twins) if twins else (graph, {})


def _narrow(leaf: Box) -> bool:
    return bool(leaf.dtype.kind == "f" and leaf.dtype != np.float64)


def _leaf_in_double(leaf: Box) -> Box:
    if isinstance(leaf, Input):
        twin: Box = Input("x", shape=leaf.shape)
    elif isinstance(leaf, Random):
        twin = Random(leaf.draw, shape=leaf.shape)
    elif isinstance(leaf, Parameter):
        twin = Parameter(leaf.value.astype(np.float64))
    elif isinstance(leaf, Constant):
        twin = Constant(leaf.value.astype(np.float64))
    else:
        return leaf
    twin._place(leaf.name, leaf.scope, leaf.built_at)
    return twin


def _total(graph: Graph) -> Any:
    """One number that depends on every element of every output; its gradients make the gradient graph."""
    if len(graph.outputs) == 1 and graph.outputs[0].shape == ():
        return graph.outputs[0]
    total: Any = 0.0
    for output in graph.outputs:
        total = total + sum_of(output * np.cos(output))
    return total


def boxes_in_place(
    graph: Graph, run: Run, wrt: Sequence[Box], seed: int, seconds: float, regimes: bool = False
) -> list[Report]:
    """One report per box that leads to `wrt`, in topological order; with `regimes` also near these values."""
    watch = Stopwatch()
    boxes = [step.box for step in reversed(graph.bsteps(tuple(wrt)))]
    reports: dict[Box, Report] = {}
    left = 0
    for box in _new_kinds_first(boxes):
        if watch.seconds() > seconds:
            left += 1
            continue
        report = _box_in_place(graph, run, box, seed, regimes, min(2.0, max(seconds - watch.seconds(), 0.1)))
        if report is not None:
            reports[box] = report
    found = [reports[box] for box in boxes if box in reports]
    if left and found:
        text = (
            f"the time was used up before {left} of {len(boxes)} boxes were looked at in place; give effort='thorough'"
        )
        last = found[-1]
        verdict = last.verdict if last.failures else "undecided"
        found[-1] = replace(last, verdict=verdict, warnings=[*last.warnings, text])
    return found


def _box_in_place(graph: Graph, run: Run, box: Box, seed: int, regimes: bool, seconds: float) -> Report | None:
    """None for a box that has no gradient or reads several outputs; a tuple has no perturbation of its own."""
    values = [run[child] for child in box.children]
    if any(isinstance(value, tuple) for value in values):
        return None
    case = Case(type(box), tuple(np.array(value) for value in values), box.setting_values())
    title = f"{type(box).__name__} {graph.names[box]!r}"
    if not differentiable(case):
        return None
    target, calls = target_of(case, vary=False, title=title)
    try:
        report = check_target(target, 1, seed, BUDGET_OF_A_BOX, seconds, regimes, Scope(strict=True))
    except ValueError as reason:
        if "cannot be run" not in str(reason):
            raise
        empty = combined(title, [], seed)
        empty.warnings[:] = [f"{title} was not looked at: its value is not finite in this run"]
        return empty
    return with_failures(report, calls.findings.values())


def _new_kinds_first(boxes: Sequence[Box]) -> Iterator[Box]:
    """One box of each class, settings and number of axes before the many that are like it."""
    seen: set[Hashable] = set()
    later = []
    for box in boxes:
        kind = (type(box), repr(box.setting_values()), tuple(len(child.outputs[0].shape) for child in box.children))
        if kind in seen:
            later.append(box)
        else:
            seen.add(kind)
            yield box
    yield from later
