"""A training shown while it runs: its curve, and the picture of the graph after each epoch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from flowgraph.errors import UsageError
from flowgraph.graph import Graph
from flowgraph.interop.widget.graph import ends_in_a_number
from flowgraph.interop.widget.kit import HERE, STYLE, anywidget, traitlets
from flowgraph.markup import sized_to_fit
from flowgraph.training.callbacks import Callback
from flowgraph.training.display import MEASURES
from flowgraph.training.history import Epoch

if TYPE_CHECKING:
    from flowgraph.training.trainer import Trainer


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

    _esm = HERE / "training.js"
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
        self._svg = sized_to_fit(graph.to_svg(engine="builtin", **settings))


def _point(epoch: Epoch, measure: str) -> dict[str, Any]:
    """One point of the curve; values that are not finite are left out, as JSON cannot hold them."""
    found = {"train": getattr(epoch, f"train_{measure}"), "valid": epoch.valid(measure)}
    return {"epoch": epoch.number} | {
        part: float(value) if value is not None and math.isfinite(value) else None for part, value in found.items()
    }
