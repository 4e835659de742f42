"""Pictures: a graph becomes tiles, links and frames, these become DOT text or places, and these a file."""

from flowgraph.rendering.animation import animate
from flowgraph.rendering.entry import render
from flowgraph.rendering.explain import explain
from flowgraph.rendering.texts import notebook_svg, to_dot, to_graphviz, to_svg
from flowgraph.rendering.viewer import interactive

__all__ = ["animate", "explain", "interactive", "notebook_svg", "render", "to_dot", "to_graphviz", "to_svg"]
