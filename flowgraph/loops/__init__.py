"""Loops as boxes: one body graph, run over the steps, differentiated by another loop that runs backwards."""

from flowgraph.loops.checkpoint import checkpoint
from flowgraph.loops.scan import scan
from flowgraph.loops.while_loop import while_loop

__all__ = ["checkpoint", "scan", "while_loop"]
