"""The pictures of the demo's trained network: its values, its gradients, its steps, its derivation."""

from __future__ import annotations

from pathlib import Path

from flowgraph.demo.digits import Examples, Network
from flowgraph.graph import Graph

SHOWN_EXAMPLES = 32  # one batch of the training


def write_pictures(network: Network, examples: Examples, out: Path) -> tuple[Path, ...]:
    """Write them, and return their paths."""
    graph = Graph(network.objective)
    run = graph.fprop({network.x: examples.images[:SHOWN_EXAMPLES], network.y: examples.digits[:SHOWN_EXAMPLES]})
    grads = run.bprop(keep="all")
    return (
        graph.render(out / "values.svg", view="values", run=run, grads=grads),
        graph.render(out / "gradients.svg", view="gradients", run=run, grads=grads),
        graph.animate(out / "steps.svg", run, grads),
        graph.animate(out / "steps.html", run, grads),
        graph.explain(out / "backprop.html"),
    )
