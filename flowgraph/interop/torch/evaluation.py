"""The graph in use of a graph that trains."""

from __future__ import annotations

from typing import Any

from flowgraph.box import Box, Leaf
from flowgraph.boxes.engine.passing_on import InTraining
from flowgraph.boxes.engine.shape_like import broadcast_like
from flowgraph.errors import UsageError
from flowgraph.graph import Graph
from flowgraph.graph.topology import topological_order
from flowgraph.plan.rebuild import on_children, rebuild


def in_evaluation(graph: Graph) -> Graph:
    """The graph in which running statistics stand for those of the batch; the graph itself, if it has none of these."""

    def rule(box: Box, children: tuple[Box, ...]) -> Any:
        if isinstance(box, InTraining):
            leaf: Any = box.in_evaluation
            return broadcast_like(leaf if leaf.dtype == box.dtype else leaf.astype(box.dtype), children[0])
        _refuse_inside(box)
        return on_children(box, children)

    return rebuild(graph, rule)


def _refuse_inside(box: Box) -> None:
    """Refuse a loop or a checkpoint in which there are statistics of a batch."""
    if isinstance(box, Leaf):
        return
    for body in [value for value in box.setting_values().values() if isinstance(value, Box)]:
        inside = next((one for one in topological_order([body]) if isinstance(one, InTraining)), None)
        if inside is not None:
            raise UsageError(
                f"module: found {inside.title} in the body of {box.title}, which stays what it is in evaluation; "
                f"build the graph of predictions, with training=False, and make a module of that\n"
                f"  built at {box.built_at}"
            )
