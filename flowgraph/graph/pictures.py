"""The methods that draw and explain graphs, runs and plans; they import the packages above this one when called.

This is the only file that imports what stands above its own folder. `self` is the graph, run or plan that a class here
is mixed into.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from flowgraph.box import Box
from flowgraph.box.value import Value
from flowgraph.markup import folded, inline, text
from flowgraph.printable import printable

if TYPE_CHECKING:
    from flowgraph.debugging import NanExplanation, ZeroReport
    from flowgraph.graph.grads import Grads
    from flowgraph.graph.graph import Run

MOST_LINES = 300
"""Lines of the code of a plan that a notebook shows, folded away."""

View: TypeAlias = Literal["forward", "values", "gradients", "backward", "both"]


def render(subject: Any, *examples_and_path: Any, **settings: Any) -> Any:
    """Draw a graph, or what one can be made of, into a file, and return its path.

    Parameters
    ----------
    subject : Graph, Box, list of Box, Plan or function
        What is drawn; a function may be one of NumPy, PyTorch (or an `nn.Module`) or JAX.
    *examples_and_path : array_like, then str or path
        What a function is called with, then the path, whose suffix says the format: .svg, .png, .pdf, .html or .dot.
    **settings
        Those of `Graph.render`: `view`, `run`, `grads`, `collapse`, `theme`, `engine` and others.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    UsageError
        If the suffix of the path is no format.
    RenderError
        If a program or package is missing that the format needs.

    Examples
    --------
    >>> import tempfile, numpy as np, flowgraph as fg
    >>> folder = tempfile.mkdtemp()
    >>> fg.render(lambda x, w: np.tanh(x @ w), np.ones((2, 3)), np.ones(3), f"{folder}/net.svg").name
    'net.svg'
    """
    from flowgraph import rendering

    return rendering.render(subject, *examples_and_path, **settings)


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
            The file; its suffix selects the format: .svg, .png, .pdf, .html or .dot.
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
            ("auto", "light", "dark" or "print"), `engine` and `timeout` (seconds) of the layout program.

        Returns
        -------
        Path
            The file that was written; an .svg, with a warning, where no program on this machine writes the format.

        Raises
        ------
        UsageError
            If the suffix is no format, or a setting has none of its values.
        """
        from flowgraph import rendering

        return rendering.render(self, path, view=view, run=run, grads=grads, **settings)

    def animate(self: Any, path: str | os.PathLike[str], run: Run, grads: Grads | None = None, **settings: Any) -> Any:
        """Write the steps of a run and its bprop, one after the other, as an animation.

        Parameters
        ----------
        path : str or path
            A .html with buttons, or a .svg that plays by itself.
        run : Run
            The forward pass.
        grads : Grads, optional
            The backward pass.
        **settings
            Those of `render` but `view`, `engine` and `timeout`.

        Returns
        -------
        Path
            The file that was written.

        Raises
        ------
        UsageError
            If the suffix is none of these.
        """
        from flowgraph import rendering

        return rendering.animate(self, path, run, grads, **settings)

    def playground(self: Any, path: str | os.PathLike[str], data: Any = None) -> Any:
        """Write a page in which this classifier of points in the plane trains, in JavaScript and without a server.

        Parameters
        ----------
        path : str or path
            A .html file.
        data : Examples or pair of array_like, optional
            Inputs of shape (n, 2) and classes of shape (n,), shown besides the toy data of the page.

        Returns
        -------
        Path
            The file that was written.
        """
        from flowgraph.playground import playground

        return playground(path, self, data)

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
        from flowgraph import rendering

        return rendering.explain(self, path, wrt)

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
        from flowgraph import rendering

        return rendering.interactive(self, **settings)

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
        from flowgraph import rendering

        return rendering.to_svg(self, **settings)

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
        from flowgraph import rendering

        return rendering.to_dot(self, **settings)

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
        from flowgraph import rendering

        return rendering.to_graphviz(self, **settings)

    def _repr_svg_(self: Any) -> str | None:
        """The picture in a notebook."""
        from flowgraph import rendering

        return rendering.notebook_svg(self)


class ExplainedRun:
    """The methods of a run that explain its values."""

    def explain_nan(self: Any, box: Box | None = None, grad: Value = None) -> NanExplanation:
        """The first NaN or infinity that a box depends on: which box made it, from which elements, and a remedy.

        Parameters
        ----------
        box : Box or str, optional
            Where to look; by default at the outputs, then at the gradients of the parameters.
        grad : array_like, optional
            The gradient at the outputs, of their shape; by default ones.

        Returns
        -------
        NanExplanation
            What was found; it prints as a paragraph.

        Raises
        ------
        UsageError
            If this run was made with `keep` other than "all".
        """
        from flowgraph import debugging

        self._needs_all("explain_nan")
        return debugging.explain_nan(self.graph, self._values, self._seeds, box, grad)


class ExplainedGrads:
    """What gradients can say of themselves."""

    def why_zero(self: Any, key: object) -> ZeroReport:
        """Why the gradient of a box is zero: which box on the way lost it.

        Parameters
        ----------
        key : Box or str
            A box of `wrt`, or any box if `bprop` was called with `keep="all"`.

        Returns
        -------
        ZeroReport
            The status (zero, partly zero, vanishing, not zero), its share of zeros and the causes.

        Raises
        ------
        UsageError
            If the box has several outputs; ask for one of them.
        """
        from flowgraph import debugging

        return debugging.why_zero(self.graph, self._values, self._seeds, self.graph.box(key), self[key])


class DrawnPlan:
    """The methods of a plan that draw it."""

    def __repr__(self: Any) -> str:
        inputs = ", ".join(map(printable, self.input_names))
        ran = "not run yet" if self.last is None else f"{len(self.graph)} boxes, {self.bytes:,} bytes of buffers"
        note = f"; {printable(self.last.note)}" if self.last is not None and self.last.note else ""
        return f"<Plan of {inputs or 'no inputs'}: {ran}{note}>"

    def _repr_html_(self: Any) -> str:
        from flowgraph import rendering

        head = f"<b>{text(repr(self).strip('<>'))}</b>"
        if self.last is None:
            return f"<div>{head}</div>"
        lines = self.source.splitlines()
        more = [f"... {len(lines) - MOST_LINES:,} more lines ..."] if len(lines) > MOST_LINES else []
        code = "\n".join(text(line) for line in [*lines[:MOST_LINES], *more])
        drawn = rendering.notebook_svg(self.graph)
        picture = "" if drawn is None else inline(drawn)
        return f"<div>{head}{folded('its code', f'<pre>{code}</pre>')}{picture}</div>"

    def render(self: Any, path: str | os.PathLike[str], **settings: Any) -> Any:
        """Draw the optimised graph of the function that ran last, with its buffers and in-place operations.

        Parameters
        ----------
        path : str or path
            The file; its suffix selects the format: .svg, .png, .pdf, .html or .dot.
        **settings
            Those of `Graph.render`.

        Returns
        -------
        Path
            The file that was written.
        """
        from flowgraph import rendering
        from flowgraph.rendering.memory import memory_of

        latest = self._latest()
        return rendering.render(latest.graph, path, memory=memory_of(latest.schedule), **settings)
