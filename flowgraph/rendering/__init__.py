"""Pictures: a graph becomes tiles, links and frames, these become DOT text or places, and these a file."""

from flowgraph.rendering.animation import animate
from flowgraph.rendering.files import render
from flowgraph.rendering.texts import notebook_svg, to_dot, to_graphviz, to_svg

__all__ = ["animate", "notebook_svg", "render", "to_dot", "to_graphviz", "to_svg"]
