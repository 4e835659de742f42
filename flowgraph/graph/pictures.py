"""How graphs, runs and plans are drawn and explained: by rooms above this one, which are imported when they are asked.

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
    """What a graph can be drawn as."""

    def render(
        self: Any,
        path: str | os.PathLike[str],
        view: View = "forward",
        run: Run | None = None,
        grads: Grads | None = None,
        **settings: Any,
    ) -> Any:
        """Draw the graph into a .svg, .png, .pdf, .html or .dot, and return its path; see `flowgraph.rendering`."""
        from flowgraph import rendering

        return rendering.render(self, path, view=view, run=run, grads=grads, **settings)

    def animate(self: Any, path: str | os.PathLike[str], run: Run, grads: Grads | None = None, **settings: Any) -> Any:
        """Write the steps of a run and its bprop as a page (.html) or a playing picture (.svg), and return its path."""
        from flowgraph import rendering

        return rendering.animate(self, path, run, grads, **settings)

    def playground(self: Any, path: str | os.PathLike[str], data: Any = None) -> Any:
        """Write a page (.html) in which this classifier of two inputs trains, and return its path."""
        from flowgraph.playground import playground

        return playground(path, self, data)

    def explain(self: Any, path: str | os.PathLike[str], wrt: Iterable[Any] | None = None) -> Any:
        """Write the derivation of the gradients as mathematics into a .html, .md or .tex, and return its path."""
        from flowgraph import rendering

        return rendering.explain(self, path, wrt)

    def interactive(self: Any, **settings: Any) -> Any:
        """The picture to move about in, for a notebook: pan, zoom, search; settings as in `render`."""
        from flowgraph import rendering

        return rendering.interactive(self, **settings)

    def to_svg(self: Any, **settings: Any) -> str:
        """The graph as SVG text; settings as in `render`."""
        from flowgraph import rendering

        return rendering.to_svg(self, **settings)

    def to_dot(self: Any, **settings: Any) -> str:
        """The graph as DOT text, the same for the same graph; settings as in `render`."""
        from flowgraph import rendering

        return rendering.to_dot(self, **settings)

    def to_graphviz(self: Any, **settings: Any) -> Any:
        """The graph as a `graphviz.Source`, to go on with."""
        from flowgraph import rendering

        return rendering.to_graphviz(self, **settings)

    def _repr_svg_(self: Any) -> str | None:
        """The picture in a notebook."""
        from flowgraph import rendering

        return rendering.notebook_svg(self)


class ExplainedRun:
    """What a run can say of its values."""

    def explain_nan(self: Any, box: Box | None = None, grad: Value = None) -> NanExplanation:
        """The first NaN or infinity on the way to a box: who made it, of which elements, and the usual remedy.

        Without `box` it looks at the outputs, then at the gradients of the parameters, where `grad` arrives at the
        outputs (ones, if it is not given).
        """
        from flowgraph import debugging

        self._needs_all("explain_nan")
        return debugging.explain_nan(self.graph, self._values, self._seeds, box, grad)


class ExplainedGrads:
    """What gradients can say of themselves."""

    def why_zero(self: Any, key: object) -> ZeroReport:
        """Why the gradient of a parameter, or of a box that this bprop kept, is zero: where it is lost on the way."""
        from flowgraph import debugging

        return debugging.why_zero(self.graph, self._values, self._seeds, self.graph.box(key), self[key])


class DrawnPlan:
    """What a plan can be drawn as."""

    def __repr__(self: Any) -> str:
        inputs = ", ".join(map(printable, self.input_names))
        ran = "not run yet" if self.last is None else f"{len(self.graph)} boxes, {self.bytes:,} bytes of buffers"
        return f"<Plan of {inputs or 'no inputs'}: {ran}>"

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
        """Draw the graph of the function that ran last, with its buffers and what is written in place."""
        from flowgraph import rendering
        from flowgraph.rendering.memory import memory_of

        latest = self._latest()
        return rendering.render(latest.graph, path, memory=memory_of(latest.schedule), **settings)
