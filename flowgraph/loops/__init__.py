"""Loops as boxes: one body graph, run over the steps, differentiated by another loop that runs backwards."""

from flowgraph.loops.checkpoint import checkpoint
from flowgraph.loops.scan import scan

__all__ = ["checkpoint", "scan"]
