"""Pictures: a graph becomes tiles, links and frames, these become DOT text or places, and these a file."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowgraph.rendering.animation import animate
    from flowgraph.rendering.derivation import explain
    from flowgraph.rendering.entry import render
    from flowgraph.rendering.files import notebook_svg, to_dot, to_graphviz, to_svg
    from flowgraph.rendering.viewer import interactive

__all__ = ["animate", "explain", "interactive", "notebook_svg", "render", "to_dot", "to_graphviz", "to_svg"]

_FILES = {"animate": "animation", "explain": "derivation", "interactive": "viewer", "render": "entry"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_FILES.get(name, 'files')}"), name)
