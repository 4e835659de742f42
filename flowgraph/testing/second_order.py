"""Checks that bprop, run on boxes, builds a graph of the right gradients, which has the right gradients itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.boxes.reduction.sums import sum as sum_of
from flowgraph.checking.cases import Case
from flowgraph.derivatives import gradients
from flowgraph.derivatives.opaque import BpropOf
from flowgraph.graph import Graph
from flowgraph.testing.probes import (
    assert_same,
    differentiable,
    draw,
    grads_of,
    outputs_of,
    parts,
    product,
    require,
    seeds,
    symbolic,
)


def gradient_graph_equals_bprop(case: Case) -> None:
    """bprop on boxes builds a graph that gives the numbers of bprop on arrays, and that can be differentiated again."""
    if not differentiable(case):
        return
    box, wrt, grads = symbolic(case)
    seed = seeds(case.box.fprop(*case.children))
    arrays: dict[Box, Any] = dict(zip([*box.children, *grads], [*case.children, *parts(seed)], strict=True))
    built = gradients(outputs_of(box), wrt, grads)
    called = [node for node in Graph(*built) if isinstance(node, BpropOf)]
    require(not called, f"{case}: its bprop does not run on boxes: {called[0].why if called else ''}")
    graph = Graph(*built)
    run = graph.fprop({leaf: arrays[leaf] for leaf in graph.inputs})
    for gradient, needed in zip(built, grads_of(case, seed), strict=True):
        assert_same(run[gradient], needed, case, "gradient graph")


def second_derivative(case: Case) -> None:
    """The gradient of the gradient graph is the slope of bprop, by central differences."""
    if not differentiable(case):
        return
    seed = seeds(case.box.fprop(*case.children))
    rng = np.random.default_rng(5)
    weights = [draw(rng, case.children[i]) for i in case.floats]
    second = _second_order_grads(case, seed, weights)
    for place, i in enumerate(case.floats):
        direction = draw(rng, case.children[i])
        analytic = 0.0 if second[place] is None else float(product(second[place], direction))
        # of first derivatives in double: the steps are near the cube root of eps, which leaves about ten digits
        coarse, fine = (_difference(case, i, direction, step, seed, weights) for step in (2e-4, 1e-4))
        numeric = (4 * fine - coarse) / 3
        scale = 1 + abs(numeric) + sum(float(np.sum(np.abs(w))) for w in weights)
        require(
            abs(analytic - numeric) <= 3e-7 * scale + abs(fine - coarse),
            f"{case}: the second derivative is {analytic}, central differences of bprop give {numeric}",
        )


def _second_order_grads(case: Case, seed: Value, weights: list[Any]) -> list[Any]:
    """The gradients of Σ weight · gradient by each child, from the graph; None if there is no path to the child."""
    box, wrt, sent = symbolic(case)
    total: Any = 0.0
    for gradient, weight in zip(gradients(outputs_of(box), wrt, sent), weights, strict=True):
        total = total + sum_of(np.real(gradient * np.conjugate(weight)))
    graph = Graph(total)
    feeds: dict[Box, Any] = {leaf: case.children[i] for i, leaf in zip(case.floats, wrt, strict=True)}
    feeds |= dict(zip(sent, parts(seed), strict=True))
    run = graph.fprop({leaf: a for leaf, a in feeds.items() if leaf in graph})
    reached = [leaf for leaf in (*wrt, *sent) if leaf in graph]
    second = run.bprop(wrt=reached, unused="zeros") if reached else None
    return [second[leaf] if second is not None and leaf in graph else None for leaf in wrt]


def _difference(case: Case, i: int, direction: Value, step: float, seed: Value, weights: list[Any]) -> float:
    """The central difference of Σ weight · bprop along a direction of one child."""

    def objective(step: float) -> float:
        moved = list(case.children)
        moved[i] = case.children[i] + step * direction
        grads = grads_of(case.replace(*moved), seed)
        return float(sum(product(w, g) for w, g in zip(weights, grads, strict=True)))

    return (objective(step) - objective(-step)) / (2 * step)
