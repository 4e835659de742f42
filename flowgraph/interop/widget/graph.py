"""A picture of a graph in which a click on a box gives its value to Python."""

from __future__ import annotations

import difflib
from typing import Any

import numpy as np

from flowgraph.box import Array, Box
from flowgraph.errors import UsageError
from flowgraph.graph import Graph
from flowgraph.graph.graph import Run
from flowgraph.interop.widget.kit import HERE, STYLE, anywidget, traitlets
from flowgraph.markup import sized_to_fit
from flowgraph.rendering.files import picture_of, svg_of
from flowgraph.shapes.spec import shape_text

MOST_NUMBERS = 40
"""Elements of a value that the panel under the picture shows."""


class GraphWidget(anywidget.AnyWidget):
    """A graph in a notebook: a click on a box makes the box, its value and its gradient available in Python.

    Parameters
    ----------
    graph : Graph or Run
        What is drawn, of a run with its values.
    grads : Grads, optional
        The gradients of that run; those by the parameters if left out and the graph ends in one number.
    settings : dict, optional
        Settings of the picture, as `graph.render` takes them: {"direction": "down"}.
    **feeds
        Arrays for the inputs, by name; the graph is run with them.

    Attributes
    ----------
    selected : str
        The name of the box that was clicked, "" for none; `observe` it to act on clicks. Assigning a name marks it.

    Raises
    ------
    UsageError
        If settings of the picture are unknown, or inputs are missing.

    Examples
    --------
    >>> import flowgraph as fg
    >>> from flowgraph.interop.widget import GraphWidget
    >>> w = fg.Parameter([1.0, 2.0], name="w")
    >>> GraphWidget(fg.Graph(fg.sum(w * w))).selected
    ''
    """

    _esm = HERE / "graph.js"
    _css = STYLE

    selected = traitlets.Unicode("").tag(sync=True)
    _svg = traitlets.Unicode("").tag(sync=True)
    _tiles = traitlets.Dict().tag(sync=True)
    _details = traitlets.Unicode("").tag(sync=True)

    def __init__(
        self, graph: Graph | Run, grads: Any = None, settings: dict[str, Any] | None = None, **feeds: Any
    ) -> None:
        if isinstance(graph, Run) and feeds:
            raise UsageError(f"GraphWidget: found a run and the feed {next(iter(feeds))!r}, needs one of them")
        if not isinstance(graph, Graph | Run):
            raise UsageError(f"GraphWidget: found a {type(graph).__name__}, needs a graph or a run")
        super().__init__()
        self._settings = dict(settings or {})
        self._graph = graph if isinstance(graph, Graph) else graph.graph
        self._run: Run | None = graph if isinstance(graph, Run) else None
        self._grads = grads
        if feeds:
            self.run(**feeds)
        else:
            self._draw()

    def run(self, **feeds: Any) -> None:
        """Run the graph on other inputs, and update the picture and the value of the selected box.

        Parameters
        ----------
        **feeds : array_like
            Inputs by name.
        """
        self._run, self._grads = self._graph.fprop(**feeds), None
        self._draw()

    def select(self, box: str | Box) -> None:
        """Select a box, whose value is then shown.

        Parameters
        ----------
        box : str or Box
            The box or its name.
        """
        self.selected = box if isinstance(box, str) else self._name_of(box)

    @property
    def box(self) -> Box | None:
        """The selected box."""
        return self._graph.box(self.selected) if self.selected else None

    @property
    def value(self) -> Array | None:
        """The value of the selected box in the run; None where nothing is selected, or nothing ran."""
        box = self.box
        if box is None or self._run is None:
            return None
        found: Array = np.asarray(self._run[box]) if len(box.outputs) == 1 else self._run[box]
        return found

    @property
    def grad(self) -> Array | None:
        """The gradient of the selected box; None where there is none."""
        box = self.box
        if box is None or self._grads is None or box not in self._grads:
            return None
        found: Array = np.asarray(self._grads[box])
        return found

    def _draw(self) -> None:
        """The picture, and which tile shows which box."""
        if self._run is not None and self._grads is None and ends_in_a_number(self._graph):
            self._grads = self._run.bprop(keep="all")
        view = "both" if self._grads is not None else "values" if self._run is not None else "forward"
        picture = picture_of(
            self._graph, self._settings.get("view", view), self._run, self._grads,
            **{name: value for name, value in self._settings.items() if name not in ("view", "theme")},
        )  # fmt: skip
        shown = {tile.id for tile in picture.tiles}
        self._tiles = {name: tile for name, tile in picture.owners.items() if tile in shown}
        self._svg = sized_to_fit(svg_of(picture, self._settings.get("theme", "auto"), "builtin"))
        self._tell()

    def _name_of(self, box: Box) -> str:
        for name in self._tiles:
            if self._graph.box(name) is box:
                return str(name)
        raise UsageError(f"GraphWidget: found {box.title}, which is not in the graph that is drawn")

    @traitlets.validate("selected")
    def _check_selected(self, proposal: Any) -> str:
        name = str(proposal["value"])
        if name and name not in self._tiles:
            near = difflib.get_close_matches(name, self._tiles, 3) or list(self._tiles)[:3]
            raise UsageError(f"GraphWidget: found no box {name!r} in the picture; there are {', '.join(near)} ...")
        return name

    @traitlets.observe("selected")
    def _on_selected(self, change: Any) -> None:
        self._tell()

    def _tell(self) -> None:
        """Update the panel under the picture: the box, its value and gradient."""
        box = self.box
        if box is None:
            self._details = ""
            return
        specs = ", ".join(f"{shape_text(spec.shape)} {spec.dtype}" for spec in box.outputs)
        lines = [f"{self.selected}: {type(box).__name__}  {specs}"]
        lines += [f"{word} {_short(array)}" for word, array in (("value", self.value), ("grad", self.grad))
                  if array is not None]  # fmt: skip
        self._details = "\n".join(lines)


def ends_in_a_number(graph: Graph) -> bool:
    """Whether the output is a scalar, so that bprop needs no incoming gradient."""
    (output, *others) = graph.outputs
    return not others and output.shape == () and output.dtype.kind == "f" and bool(graph.parameters)


def _short(array: Any) -> str:
    if isinstance(array, tuple):
        return f"of {len(array)} outputs"
    return np.array2string(np.asarray(array), precision=4, threshold=MOST_NUMBERS, prefix="value ")
