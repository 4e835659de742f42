"""The packages that widgets are made with, and where their scripts are."""

from __future__ import annotations

from pathlib import Path

from flowgraph.errors import install_hint

try:
    import anywidget
    import traitlets
except ImportError as missing:
    raise ImportError(
        f"flowgraph.interop.widget: needs anywidget, which is not installed; {install_hint('widget')}. Pictures show "
        f"themselves in notebooks without it, and graph.interactive() moves and searches"
    ) from missing

HERE = Path(__file__).parent

STYLE = HERE / "widget.css"

__all__ = ["HERE", "STYLE", "anywidget", "traitlets"]
