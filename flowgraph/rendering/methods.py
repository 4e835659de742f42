"""What a graph, a run, gradients and a plan can do with a picture: methods that are attached to their classes.

`import flowgraph` reads this file, and each method imports what draws when it is called.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from flowgraph.box import Box
from flowgraph.box.attached import attached_to
from flowgraph.graph import Graph
from flowgraph.graph.graph import Grads, Run
from flowgraph.markup import fold_text, inline, text
from flowgraph.plan import Plan
from flowgraph.rendering.views import View

MOST_LINES = 300
"""Lines of the code of a plan that a notebook shows, folded away."""


@attached_to(Graph)
class DrawnGraph:
    """The methods of a graph that draw it."""

    def render(
        self: Any,
        path: str | os.PathLike[str],
        view: View = "forward",
        run: Run | None = None,
        grads: Grads | None = None,
        **settings: Any,
    ) -> Any:
        """Draw the graph into a file.

        Parameters
        ----------
        path : str or path
            The file; its suffix selects the format: .svg, .png, .pdf, .eps, .html, .tex, .dot or .mmd (Mermaid).
        view : {"forward", "values", "gradients", "backward", "both"}, default "forward"
            The boxes, their values in `run`, the gradients in `grads`, the backward graph, or both graphs.
        run : Run, optional
            The run whose values are shown.
        grads : Grads, optional
            The gradients that are shown.
        **settings
            `direction` ("right" or "down"), `detail` ("auto", "boxes" or "rows": parameters as tiles or inside the
            boxes that read them), `collapse` (scopes drawn as one tile: "auto", True, False or names), `wrap` (columns
            before the picture continues below; 0 never), `stubs` (repeat a distant child beside its reader), `theme`
            ("auto", "light", "dark" or "print"), `engine` and `timeout` (seconds) of the layout program. What the
            picture is to fit with letters that can be read: `inches` (a width, or width and height), `page` ("a4",
            "letter", or "a4 landscape"), or `slide` ("16:9", "4:3", or width and height in pixels).

        Returns
        -------
        Path
            The file that was written; an .svg, with a warning, where no program on this machine writes the format.

        Raises
        ------
        UsageError
            If the suffix is no format, a setting has none of its values, or the picture cannot fit.
        """
        from flowgraph.rendering.entry import render

        return render(self, path, view=view, run=run, grads=grads, **settings)

    def animate(
        self: Any, path: str | os.PathLike[str], run: Run | None = None, grads: Grads | None = None, **settings: Any
    ) -> Any:
        """Write the steps of a run and its bprop, one after the other, as an animation.

        Parameters
        ----------
        path : str or path
            A .html with buttons, a .svg that plays by itself, a film (.gif, or .mp4 by the program ffmpeg), or a .pdf
            with a page for each step.
        run : Run
            The forward pass, which is needed.
        grads : Grads, optional
            The backward pass.
        **settings
            Those of `render` but `view`, `engine`, `timeout`, `inches`, `page` and `slide`.

        Returns
        -------
        Path
            The file that was written.

        Raises
        ------
        UsageError
            If the suffix is none of these.
        """
        from flowgraph.rendering.animation import animate

        return animate(self, path, run, grads, **settings)

    def explain(self: Any, path: str | os.PathLike[str], wrt: Iterable[Any] | None = None) -> Any:
        """Write the derivation of the gradients in mathematical notation.

        Parameters
        ----------
        path : str or path
            A .html, .md or .tex file.
        wrt : iterable of Box or str, optional
            What to differentiate by; by default the parameters.

        Returns
        -------
        Path
            The file that was written.

        Raises
        ------
        UsageError
            If the suffix is none of these.
        """
        from flowgraph.rendering.derivation import explain

        return explain(self, path, wrt)

    def interactive(self: Any, **settings: Any) -> Any:
        """The picture for a notebook, with pan, zoom and search.

        Parameters
        ----------
        **settings
            Those of `render` but `engine` and `timeout`, and `height` in pixels, default 480.

        Returns
        -------
        Interactive
            Shows itself in a notebook; `.text` is the page.
        """
        from flowgraph.rendering.viewer import interactive

        return interactive(self, **settings)

    def plot(self: Any, ax: Any = None, **settings: Any) -> Any:
        """Draw the graph on axes of matplotlib, whose label is the description of the picture in words.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; without it, a new figure of pyplot.
        **settings
            Those of `render` but `engine`, `timeout`, `inches`, `page` and `slide`.

        Returns
        -------
        matplotlib.axes.Axes
            The axes.

        Raises
        ------
        RenderError
            If matplotlib is missing.
        """
        from flowgraph.rendering.files import plot

        return plot(self, ax, **settings)

    def summary(self: Any, depth: int | None = 0) -> Any:
        """The graph in a table by modules: what each gives, its parameters and its floating-point operations.

        Parameters
        ----------
        depth : int or None, default 0
            How many scopes may stand around one that has one row; None gives each box a row.

        Returns
        -------
        Summary
            A table that `print` and notebooks show; `.rows` are its rows.

        Raises
        ------
        UsageError
            If the depth is no whole number from 0.
        """
        from flowgraph.rendering.summary import Summary

        return Summary(self, depth)

    def to_svg(self: Any, **settings: Any) -> str:
        """The picture as SVG text.

        Parameters
        ----------
        **settings
            Those of `render`.

        Returns
        -------
        str
            The SVG.
        """
        from flowgraph.rendering.files import to_svg

        return to_svg(self, **settings)

    def to_dot(self: Any, **settings: Any) -> str:
        """The picture in Graphviz's DOT language, the same text for the same graph.

        Parameters
        ----------
        **settings
            Those of `render` but `engine` and `timeout`.

        Returns
        -------
        str
            The DOT text.
        """
        from flowgraph.rendering.files import to_dot

        return to_dot(self, **settings)

    def to_graphviz(self: Any, **settings: Any) -> Any:
        """The picture as an object of the package graphviz, for further editing.

        Parameters
        ----------
        **settings
            Those of `render` but `engine` and `timeout`.

        Returns
        -------
        graphviz.Source
            The DOT text as an object that renders itself.
        """
        from flowgraph.rendering.files import to_graphviz

        return to_graphviz(self, **settings)

    def _repr_svg_(self: Any) -> str | None:
        """The picture in a notebook."""
        from flowgraph.rendering.files import notebook_svg

        return notebook_svg(self)


@attached_to(Box)
class DrawnBox:
    """How a box shows itself in a notebook."""

    def _repr_html_(self: Any) -> str:
        from flowgraph.rendering.files import box_html

        return box_html(self)


@attached_to(Run)
class DrawnRun:
    """How a run shows itself in a notebook."""

    def _repr_html_(self: Any) -> str:
        from flowgraph.rendering.value_table import values_html

        values = {box: self._values[slot] for box, slot in self.graph.slots.items()}
        kept = {box: value for box, value in values.items() if value is not None}
        return values_html(self.graph, kept, repr(self).strip("<>"))


@attached_to(Grads)
class DrawnGrads:
    """How gradients show themselves in a notebook."""

    def _repr_html_(self: Any) -> str:
        from flowgraph.rendering.value_table import values_html

        return values_html(self.graph, self._grads, f"Grads of {len(self):,} boxes")


@attached_to(Plan)
class DrawnPlan:
    """The methods of a plan that draw it."""

    def _repr_html_(self: Any) -> str:
        from flowgraph.rendering.files import notebook_svg

        head = f"<b>{text(repr(self).strip('<>'))}</b>"
        if self.last is None:
            return f"<div>{head}</div>"
        lines = self.source.splitlines()
        more = [f"... {len(lines) - MOST_LINES:,} more lines ..."] if len(lines) > MOST_LINES else []
        code = "\n".join(text(line) for line in [*lines[:MOST_LINES], *more])
        drawn = notebook_svg(self.graph)
        picture = "" if drawn is None else inline(drawn)
        return f"<div>{head}{fold_text('its code', f'<pre>{code}</pre>')}{picture}</div>"

    def render(self: Any, path: str | os.PathLike[str], **settings: Any) -> Any:
        """Draw the optimised graph of the function that ran last, with its buffers and in-place operations.

        Parameters
        ----------
        path : str or path
            The file; its suffix selects the format: .svg, .png, .pdf, .eps, .html, .tex, .dot or .mmd (Mermaid).
        **settings
            Those of `Graph.render`.

        Returns
        -------
        Path
            The file that was written.
        """
        from flowgraph.rendering.files import render
        from flowgraph.rendering.labels import memory_of

        latest = self._latest()
        return render(latest.graph, path, memory=memory_of(latest.schedule), **settings)
