"""Two-way pictures for notebooks, by anywidget: JupyterLab, VS Code, marimo. All other pictures need no widget.

>>> import flowgraph as fg
>>> from flowgraph.interop.widget import GraphWidget
>>> x = fg.Input("x", shape=(2,))
>>> widget = GraphWidget(fg.Graph(fg.sum(x * x).named("loss")), x=[1.0, 2.0])  # the last line of a cell shows it
>>> widget.select("loss")                    # or a click on the box
>>> widget.value
array(5.)
"""

from __future__ import annotations

import difflib
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flowgraph.box import Array, Box
from flowgraph.errors import UsageError, optional
from flowgraph.graph import Graph
from flowgraph.graph.graph import Run
from flowgraph.markup import sized_to_fit
from flowgraph.rendering.files import picture_of, svg_of
from flowgraph.rendering.wording import number_text, numbers_in_javascript
from flowgraph.shapes.spec import shape_text
from flowgraph.training.callbacks import Callback
from flowgraph.training.display import MEASURES
from flowgraph.training.history import Epoch

if TYPE_CHECKING:
    from flowgraph.training.trainer import Trainer

__all__ = ["GraphWidget", "TrainingWidget"]

_INSTEAD = ". Pictures show themselves in notebooks without it, and graph.interactive() moves and searches"
optional("anywidget", "flowgraph.interop.widget: needs anywidget", "widget", _INSTEAD)

import anywidget
import traitlets

HERE = Path(__file__).parent

STYLE = HERE / "widget.css"

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
        value: Array = np.asarray(self._run[box]) if len(box.outputs) == 1 else self._run[box]
        return value

    @property
    def grad(self) -> Array | None:
        """The gradient of the selected box; None where there is none."""
        box = self.box
        if box is None or self._grads is None or box not in self._grads:
            return None
        grad: Array = np.asarray(self._grads[box])
        return grad

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
    array, lengths = np.asarray(array), [0]
    write = number_text if array.dtype.kind in "fc" else lambda number: str(number).replace("-", "−")

    def align_number(number: Any) -> str:
        text = write(number)
        lengths.append(len(text))
        return text.rjust(max(lengths))

    for _ in range(2):  # the second time the longest is known
        text = np.array2string(array, threshold=MOST_NUMBERS, prefix="value ", formatter={"all": align_number})
    return text


class TrainingWidget(anywidget.AnyWidget, Callback):
    """A callback of `fg.fit` that shows in a notebook how the training goes.

    Show it in a cell, then give it to a training, which may run in the same cell below `display(widget)`.

    Parameters
    ----------
    graph : Graph, optional
        What is drawn after each epoch, with values and, where it ends in one number, gradients.
    watch : "objective", "loss" or "error"
        What the curve shows, of the training examples and of the validation examples.
    every : int
        Draw the graph after each so many epochs.
    **feeds
        Arrays for the inputs of the graph, a few examples.

    Attributes
    ----------
    points : list of dict
        What the curve shows: the epoch, and the measure of the training and validation examples.
    stop_asked : bool
        Whether the button was pressed; the training ends after the epoch.

    >>> from flowgraph.interop.widget import TrainingWidget
    >>> live = TrainingWidget()            # fg.fit(..., callbacks=[live])

    Raises
    ------
    UsageError
        If `watch` or `every` does not fit.
    """

    _esm = numbers_in_javascript() + (HERE / "training.js").read_text("utf-8")
    _css = STYLE

    points: Any = traitlets.List().tag(sync=True)
    stop_asked = traitlets.Bool(False).tag(sync=True)
    _status = traitlets.Unicode("not started").tag(sync=True)
    _running = traitlets.Bool(False).tag(sync=True)
    _measure = traitlets.Unicode("loss").tag(sync=True)
    _svg = traitlets.Unicode("").tag(sync=True)

    def __init__(self, graph: Graph | None = None, *, watch: str = "loss", every: int = 1, **feeds: Any) -> None:
        if watch not in MEASURES:
            raise UsageError(f"TrainingWidget: found watch={watch!r}, needs one of {', '.join(MEASURES)}")
        if type(every) is not int or every < 1:
            raise UsageError(f"TrainingWidget: found every={every!r}, needs a whole number from 1")
        if graph is None and feeds:
            raise UsageError(f"TrainingWidget: found the feed {next(iter(feeds))!r} and no graph to run with it")
        super().__init__(_measure=watch)
        self._graph, self._feeds, self._every = graph, feeds, every
        self._draw()

    def on_start(self, trainer: Trainer, epochs: int) -> None:
        """Show what the trainer has measured before."""
        self.stop_asked, self._running = False, True
        self.points = [_point(epoch, self._measure) for epoch in trainer.history]
        self._status = f"epoch {trainer.epoch} of {epochs}"
        self._epochs = epochs

    def on_epoch(self, trainer: Trainer, epoch: Epoch) -> None:
        """Extend the curve, draw the graph, and stop the training if the button was pressed."""
        self.points = [*self.points, _point(epoch, self._measure)]
        self._status = f"epoch {epoch.number} of {self._epochs}"
        if epoch.number % self._every == 0:
            self._draw()
        if self.stop_asked:
            trainer.stop("stopped by the button of the widget")

    def on_end(self, trainer: Trainer) -> None:
        """Show why the training ended."""
        self._running = False
        self._status = f"ended after epoch {trainer.epoch}{': ' + trainer.stopped if trainer.stopped else ''}"
        self._draw()

    def _draw(self) -> None:
        """Draw the graph with its current values on the examples."""
        graph = self._graph
        if graph is None:
            return
        settings: dict[str, Any] = {}
        if self._feeds or not graph.inputs:
            settings = {"view": "values", "run": graph.fprop(**self._feeds)}
            if ends_in_a_number(graph):
                settings |= {"view": "both", "grads": settings["run"].bprop(keep="all")}
        self._svg = graph.to_svg(engine="builtin", **settings)


def _point(epoch: Epoch, measure: str) -> dict[str, Any]:
    """One point of the curve; values that are not finite are left out, as JSON cannot hold them."""
    measured = {"train": getattr(epoch, f"train_{measure}"), "valid": epoch.valid(measure)}
    return {"epoch": epoch.number} | {
        part: float(value) if value is not None and math.isfinite(value) else None for part, value in measured.items()
    }
