"""The loss over two directions of parameter space, with the paths that methods take there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Array, Box
from flowgraph.box.leaves import Parameter
from flowgraph.derivatives import gradient, hessian_blocks
from flowgraph.errors import UsageError
from flowgraph.figures.drawing import COLOURS, Figure
from flowgraph.graph import Graph
from flowgraph.training.newton import ParameterVector
from flowgraph.training.settings import read_count

METHODS = ("SGD", "momentum", "Newton")


def loss_surface(
    loss: Box,
    data: Mapping[str, Any],
    *,
    steps: int = 30,
    learning_rate: float = 0.1,
    momentum: float = 0.9,
    methods: tuple[str, ...] = METHODS,
    points: int = 41,
) -> Figure:
    """Contours of a loss, with the paths of descent, momentum and Newton's method from where the parameters are.

    With two parameters the axes are these; with more, the two directions in which the paths spread most (principal
    components), so that the paths lie as near to the plane as they can. The dashed contours are the quadratic model
    that Newton's first step minimises. The parameters are left as they are.

    Parameters
    ----------
    loss : Box
        A scalar box; its parameters are moved.
    data : dict
        The inputs of the loss, by name.
    steps : int
        Steps of each method.
    learning_rate, momentum : float
        α of gradient descent and momentum, β of momentum.
    methods : tuple of str
        Some of "SGD", "momentum", "Newton"; Newton needs the whole Hessian, so few parameters.
    points : int
        Places along each axis of the grid.

    Returns
    -------
    Figure
        `data` has "paths" (by method an array (steps + 1, 2) of coordinates), "losses" (by method), "grid" (the two
        axes), "surface" and "model" (points, points).

    Raises
    ------
    UsageError
        If the loss is no scalar, or a method is unknown.

    References
    ----------
    Larochelle, Training neural networks, "Newton's method"; Li et al. 2018, Visualizing the loss landscape of
    neural nets.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> from flowgraph import figures
    >>> w = fg.Parameter([2.0, 1.0], name="w")
    >>> shown = figures.loss_surface(w[0] ** 2 + 10 * w[1] ** 2, {}, steps=5, learning_rate=0.05)
    >>> shown.data["paths"]["Newton"][-1].round(9)
    array([0., 0.])
    """
    read_count("loss_surface", "steps", steps)
    unknown = set(methods) - set(METHODS)
    if unknown or not methods:
        raise UsageError(f"loss_surface: found methods={methods!r}, needs some of {', '.join(METHODS)}")
    if loss.shape != ():
        raise UsageError(f"loss_surface: found {loss.title} of shape {loss.shape}, needs a scalar; take its mean")
    paths = _Paths(loss, data)
    walked = {name: paths.walk(name, steps, learning_rate, momentum) for name in methods}
    plane = _plane(paths.start, np.concatenate(list(walked.values())))
    shown = {name: plane.coordinates(path) for name, path in walked.items()}
    axes_of = _grid(np.concatenate(list(shown.values())), points)
    places = [[plane.point(u, v) for u in axes_of[0]] for v in axes_of[1]]
    surface = np.array([[paths.loss_at(place) for place in row] for row in places])
    model = np.array([[paths.model_at(place) for place in row] for row in places]) if "Newton" in methods else None
    data_shown = {
        "paths": shown,
        "losses": {name: np.array([paths.loss_at(parameters) for parameters in path]) for name, path in walked.items()},
        "grid": axes_of,
        "surface": surface,
        "model": model,
    }
    return Figure(lambda axes: _draw(axes, data_shown, plane.labels), data_shown, (6.4, 5))


class _Plane(NamedTuple):
    origin: Array
    directions: Array
    labels: tuple[str, str]

    def coordinates(self, path: Array) -> Array:
        return (path - self.origin) @ self.directions.T

    def point(self, u: float, v: float) -> Any:
        return self.origin + u * self.directions[0] + v * self.directions[1]


def _plane(start: Array, visited: Array) -> _Plane:
    if len(start) == 2:
        return _Plane(np.zeros(2), np.eye(2), ("first parameter", "second parameter"))
    if len(start) < 2:
        raise UsageError("loss_surface: found one parameter, needs two or more")
    _, _, directions = np.linalg.svd(visited - start, full_matrices=True)
    return _Plane(start, directions[:2], ("first direction", "second direction"))


def _grid(seen: Array, points: int) -> tuple[Array, Array]:
    """Two axes that hold all paths, with a margin of a third on either side."""
    low, high = seen.min(axis=0), seen.max(axis=0)
    margin = (high - low) / 3 + 1e-3
    return (
        np.linspace(low[0] - margin[0], high[0] + margin[0], points),
        np.linspace(low[1] - margin[1], high[1] + margin[1], points),
    )


class _Paths:
    """The loss, its gradient and its Hessian as functions of one vector."""

    def __init__(self, loss: Box, data: Mapping[str, Any]) -> None:
        graph = Graph(loss)
        if not graph.parameters:
            raise UsageError(f"loss_surface: found no parameter in {loss.title}, needs some to move")
        self.vector = ParameterVector([parameter for parameter in graph.parameters if isinstance(parameter, Parameter)])
        self.start = self.vector.read()
        self._loss = graph.fprop(data)
        self._grads = Graph(loss, *gradient(loss, list(graph.parameters))).fprop(data)
        self._blocks: Any = None
        self._of_blocks = loss, graph, data
        self._model: tuple[float, Array, Array] | None = None

    def _at(self, run: Any, vector: Array) -> Any:
        return run.update(self.vector.split(vector)).outputs

    def loss_at(self, vector: Array) -> float:
        return float(self._at(self._loss, vector)[0])

    def gradient_at(self, vector: Array) -> Array:
        return self.vector.join(self._at(self._grads, vector)[1:])

    def hessian_at(self, vector: Array) -> Array:
        if self._blocks is None:
            loss, graph, data = self._of_blocks
            blocks = [block for row in hessian_blocks(loss, list(graph.parameters)) for block in row]
            self._blocks = Graph(loss, *blocks).fprop(data)
        sizes = [p.value.size for p in self.vector.parameters]
        blocks = iter(self._at(self._blocks, vector)[1:])
        return np.block([[np.reshape(next(blocks), (m, n)) for n in sizes] for m in sizes])

    def model_at(self, vector: Array) -> float:
        """The quadratic model at the start."""
        if self._model is None:
            self._model = self.loss_at(self.start), self.gradient_at(self.start), self.hessian_at(self.start)
        value, slope, curvature = self._model
        move = vector - self.start
        return float(value + slope @ move + 0.5 * move @ curvature @ move)

    def _shortened(self, here: Array, move: Array) -> Array:
        """A step of Newton's method, halved until the loss falls: the quadratic model holds only near its point."""
        before = self.loss_at(here)
        for _ in range(40):
            if self.loss_at(here + move) <= before:
                return move
            move = move / 2
        return np.zeros_like(move)

    def walk(self, method: str, steps: int, rate: float, momentum: float) -> Array:
        """The vectors that a method visits."""
        visited, velocity = [self.start], np.zeros_like(self.start)
        for _ in range(steps):
            here = visited[-1]
            slope = self.gradient_at(here)
            if method == "Newton":
                move = self._shortened(here, -_solved(self.hessian_at(here), slope))
            else:
                velocity = (momentum if method == "momentum" else 0.0) * velocity - rate * slope
                move = velocity
            visited.append(here + move)
        return np.array(visited)


def _solved(curvature: Array, slope: Array) -> Array:
    """H⁻¹ ∇, each curvature counted as positive and at least a thousandth of the largest: steps go downhill."""
    values, vectors = np.linalg.eigh(curvature)
    bent = np.maximum(np.abs(values), 1e-3 * max(float(np.abs(values).max()), 1e-12))
    return np.asarray(vectors @ ((vectors.T @ slope) / bent))


def _draw(axes: Any, shown: Mapping[str, Any], labels: tuple[str, str]) -> None:
    u, v = shown["grid"]
    finite = np.where(np.isfinite(shown["surface"]), shown["surface"], np.nan)
    lowest = np.nanmin(finite)
    axes.contourf(u, v, np.log10(finite - lowest + 1e-3 * (np.nanmax(finite) - lowest)), 18, cmap="Greys", alpha=0.55)
    if shown["model"] is not None:
        axes.contour(u, v, shown["model"], 8, colors=[COLOURS[2]], linestyles="dashed", linewidths=0.7)
        axes.plot([], [], "--", color=COLOURS[2], linewidth=0.7, label="quadratic model at the start")
    for (name, path), colour in zip(shown["paths"].items(), COLOURS, strict=False):
        axes.plot(path[:, 0], path[:, 1], marker="o", markersize=2.5, color=colour, label=name)
    axes.plot(*next(iter(shown["paths"].values()))[0], "s", color=COLOURS[-1], label="start")
    axes.set(xlabel=labels[0], ylabel=labels[1])
    axes.legend(facecolor="white", edgecolor="none", framealpha=0.85)
