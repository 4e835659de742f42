"""Figures with the numbers that they show: of finite differences, permuted units, learning rates, shrunk weights."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Array, Box
from flowgraph.box.leaves import Input, Parameter
from flowgraph.boxes.neural.loss import SquaredError
from flowgraph.boxes.reduction.sums import Mean
from flowgraph.derivatives import gradient, hessian_blocks
from flowgraph.errors import DataError, UsageError
from flowgraph.graph import Graph
from flowgraph.plan import compile
from flowgraph.training.display import bare, logarithmic, picture, write_picture
from flowgraph.training.mlp import MLP
from flowgraph.training.newton import ParameterVector
from flowgraph.training.schedules import Schedule
from flowgraph.training.settings import read_count

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#A8437A", "#E69F00", "#7B8794")
"""Of lines, in their order; distinct for every kind of colour vision (Okabe and Ito)."""


class Figure:
    """A picture by matplotlib and the numbers in it, `data`; a notebook shows it.

    Parameters
    ----------
    draw : function
        It draws on a figure of matplotlib.
    data : mapping of str to array
        The numbers that are shown.
    size : (float, float), default (6.2, 4)
        Width and height in inches.

    Examples
    --------
    >>> from flowgraph import figures, schedules
    >>> shown = figures.learning_rates({"α/t": schedules.InverseTime(0.1, delta=1.0)}, updates=3)
    >>> shown.data["α/t"].round(3)
    array([0.05 , 0.033, 0.025])
    """

    def __init__(
        self, draw: Callable[[Any], None], data: Mapping[str, Any], size: tuple[float, float] = (6.2, 4)
    ) -> None:
        self._draw, self.data, self._size = draw, data, size

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the figure into a file.

        Parameters
        ----------
        path : str or path
            A .svg, .png or .pdf file.

        Returns
        -------
        Path
            The file that was written.

        Raises
        ------
        UsageError
            If the suffix is none of these.
        """
        return write_picture(path, self._bytes)

    def _bytes(self, suffix: str) -> bytes:
        def draw(figure: Any) -> None:
            axes = figure.subplots()
            self._draw(axes)
            bare(axes)

        return picture(self._size, draw, suffix, who="figures")

    def __repr__(self) -> str:
        return f"<Figure of {', '.join(map(str, self.data))}>"

    def _repr_svg_(self) -> str:
        return self._bytes(".svg").decode()


def difference_errors(function: Any, at: float = 1.0) -> Figure:
    """The relative error of one-sided and central differences of a function of one number, for steps ε from 1 to 1e-16.

    The true slope is that of `bprop`. One-sided differences err by about ε, central ones by ε², until rounding, which
    grows as the machine epsilon over ε, is larger: so a gradient check takes central differences and no tiny step.

    Parameters
    ----------
    function : callable
        Takes a box and returns a box, both without axes: `np.tanh`, `lambda a: a ** 3`.
    at : float
        Where the slope is taken.

    Returns
    -------
    Figure
        `data` has the arrays "step", "one-sided" and "central".

    Raises
    ------
    UsageError
        If the function gives no scalar box.

    References
    ----------
    Larochelle, Training neural networks, "gradient checking".

    Examples
    --------
    >>> import numpy as np
    >>> from flowgraph import figures
    >>> errors = figures.difference_errors(np.tanh).data
    >>> bool(errors["central"].min() < errors["one-sided"].min())
    True
    """
    a = Parameter(float(at), name="a")
    made = function(a)
    if not isinstance(made, Box) or made.shape != ():
        raise UsageError("difference_errors: found no box without axes, needs a function such as np.tanh")
    graph = Graph(made)
    run = graph.fprop()
    true = float(run.bprop()[a])
    if true == 0 or not np.isfinite(true):
        raise UsageError(
            f"difference_errors: found the slope {true:g} at {at}, needs a point where it is a number but 0"
        )

    def value(x: float) -> float:
        return float(run.update({a: x}).outputs[0])

    steps = np.logspace(0, -16, 97)
    forward = [abs((value(at + e) - value(at)) / e - true) / abs(true) for e in steps]
    central = [abs((value(at + e) - value(at - e)) / (2 * e) - true) / abs(true) for e in steps]
    data = {"step": steps, "one-sided": np.array(forward), "central": np.array(central)}

    def draw(axes: Any) -> None:
        for name, colour in zip(("one-sided", "central"), COLOURS, strict=False):
            axes.plot(steps, data[name], color=colour, label=name)
        eps = np.finfo(float).eps
        axes.plot(steps, eps / steps, color=COLOURS[-1], linestyle=":", label="rounding, machine epsilon / ε")
        axes.set(xlabel="step ε", ylabel="relative error", xscale="log", yscale="log", ylim=(1e-14, 10))
        axes.legend(frameon=False)

    return Figure(draw, data)


def permuted_units(mlp: MLP, loss: Box, data: Any, seed: int = 0, points: int = 61) -> Figure:
    """The loss on the straight line from the parameters of a network to those with its hidden units permuted.

    Both ends compute the same function, so the loss is equal there; between them it is not: the loss of a network with
    hidden units is not convex, and a minimum is never alone.

    Parameters
    ----------
    mlp : MLP
        A network with hidden layers, such as a trained one; it is left as it is.
    loss : Box
        The loss that its parameters lead to.
    data : dict
        The inputs of the loss, by name.
    seed : int
        Fixes the permutation of each layer.
    points : int
        Places on the line.

    Returns
    -------
    Figure
        `data` has "share" from 0 to 1 and "loss".

    Raises
    ------
    UsageError
        If the network has no hidden layer.

    References
    ----------
    Larochelle, Training neural networks, "local optimum, global optimum, and plateau".

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> from flowgraph import figures
    >>> x, y = fg.Input("x", shape=("N", 2)), fg.Input("y", shape=("N",), dtype=int)
    >>> net = fg.MLP([2, 5, 2], output="linear", rng=0)
    >>> X = np.random.default_rng(0).normal(size=(30, 2))
    >>> shown = figures.permuted_units(net, fg.mean(fg.SoftmaxCrossEntropy(net(x), y)), {"x": X, "y": X[:, 0] > 0})
    >>> bool(np.isclose(shown.data["loss"][0], shown.data["loss"][-1]))
    True
    """
    weights, biases = mlp.weights, mlp.biases
    if len(weights) < 2:
        raise UsageError("permuted_units: found a network without hidden layers, needs one with units to permute")
    rng, permuted = np.random.default_rng(seed), {}
    order = np.arange(weights[0].shape[0])
    for number, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        columns = np.arange(weight.shape[1])
        if number < len(weights) - 1:
            columns = np.roll(rng.permutation(columns), 1)
        permuted[weight] = weight.value[order][:, columns]
        permuted[bias] = bias.value[columns]
        order = columns
    here = ParameterVector(tuple(permuted))
    first, last = here.values_now(), here.join(list(permuted.values()))
    run = Graph(loss).fprop(data)
    shares = np.linspace(0, 1, points)
    losses = np.array([_loss_at(run, here, first + share * (last - first)) for share in shares])

    def draw(axes: Any) -> None:
        axes.plot(shares, losses, color=COLOURS[0])
        axes.plot([0, 1], losses[[0, -1]], "o", color=COLOURS[1], label="the same function, units permuted")
        axes.set(xlabel="share of the way to the permuted parameters", ylabel="loss")
        axes.legend(frameon=False)

    return Figure(draw, {"share": shares, "loss": losses})


def _loss_at(run: Any, here: ParameterVector, vector: Any) -> float:
    return float(run.update(here.split(vector)).outputs[0])


def learning_rates(schedules: Mapping[str, Schedule], updates: int = 1000) -> Figure:
    """The rate αₜ of each update under schedules, and whether Σαₜ = ∞ and Σαₜ² < ∞ hold.

    Parameters
    ----------
    schedules : mapping of str to Schedule
        By the name in the legend.
    updates : int
        How many updates are shown.

    Returns
    -------
    Figure
        Its `data` has an array of the rates by name.

    Raises
    ------
    UsageError
        If there is no schedule.

    References
    ----------
    Larochelle, Training neural networks, "learning rate"; Robbins and Monro 1951.

    Examples
    --------
    >>> from flowgraph import figures, schedules
    >>> shown = figures.learning_rates({"fixed": schedules.Fixed(0.1), "α/t": schedules.InverseTime(0.1, delta=1.0)})
    >>> sorted(shown.data)
    ['fixed', 'α/t']
    """
    read_count("learning_rates", "updates", updates)
    if not schedules or not all(isinstance(schedule, Schedule) for schedule in schedules.values()):
        raise UsageError("learning_rates: found no schedules, needs a dict such as {'fixed': schedules.Fixed(0.1)}")
    t = np.arange(1, updates + 1)
    data = {name: np.array([schedule(int(k)) for k in t]) for name, schedule in schedules.items()}

    def draw(axes: Any) -> None:
        for (name, rates), colour in zip(data.items(), COLOURS * len(data), strict=False):
            conditions = schedules[name].converges()
            total = "Σα = ∞" if conditions.sum_is_infinite else "Σα < ∞"
            squares = "Σα² < ∞" if conditions.squares_are_finite else "Σα² = ∞"
            axes.plot(t, rates, color=colour, label=f"{name}: {total}, {squares}{', converges' if conditions else ''}")
        axes.set(xlabel="update t", ylabel="learning rate α")
        shown = np.concatenate(list(data.values()))
        if shown.max() > shown.min() > 0:
            logarithmic(axes.yaxis, float(shown.max() / shown.min()))
        axes.legend(frameon=False)

    return Figure(draw, data)


_UPDATES = 4000
"""Of proximal gradient descent for each factor: the weights of 20 inputs no longer change in the sixth digit."""


def shrinkage(x: Any, y: Any, factors: Sequence[float] | None = None) -> Figure:
    """The weights of least squares with λ ΣW² and with λ Σ|W|, for growing λ, side by side in one picture.

    Parameters
    ----------
    x : array of shape (N, D)
        Inputs; each column is scaled to mean 0 and standard deviation 1.
    y : array of shape (N,)
        Targets, centred.
    factors : sequence of float, optional
        The factors λ, above 0; by default 25 from 1e-3 to 10.

    Returns
    -------
    Figure
        `data` has "factors", and under "L1" and "L2" an array (factors, D) of weights.

    Raises
    ------
    DataError
        If x and y do not fit each other.

    References
    ----------
    Larochelle, Training neural networks, "regularization"; Parikh and Boyd 2014, Proximal algorithms.

    Examples
    --------
    >>> import numpy as np
    >>> from flowgraph import figures
    >>> x = np.random.default_rng(0).normal(size=(60, 4))
    >>> shown = figures.shrinkage(x, x @ [3.0, 1.0, 0.0, 0.0], factors=[0.5, 3.0])
    >>> (shown.data["L1"] == 0).sum(axis=1), (shown.data["L2"] == 0).sum()
    (array([2, 3]), np.int64(0))
    """
    inputs, targets = _scale_data(x, y)
    taken = np.logspace(-3, 1, 25) if factors is None else np.asarray(factors, float)
    if taken.ndim != 1 or not len(taken) or not (taken > 0).all():
        raise DataError("shrinkage: found factors that are not above 0, needs a list such as [0.01, 0.1, 1]")
    data = {"factors": taken, "L1": _with_l1(inputs, targets, taken), "L2": _with_l2(inputs, targets, taken)}

    def draw(axes: Any) -> None:
        for number in range(inputs.shape[1]):
            colour = COLOURS[number % len(COLOURS)]
            axes.plot(taken, data["L1"][:, number], color=colour, label="L1, λ Σ|W|" if not number else None)
            axes.plot(taken, data["L2"][:, number], color=colour, linestyle="--", label=None if number else "L2, λ ΣW²")
        axes.axhline(0, color=COLOURS[-1], linewidth=0.6)
        axes.set(xlabel="factor λ", ylabel="weights", xscale="log")
        axes.legend(frameon=False)

    return Figure(draw, data)


def _scale_data(x: Any, y: Any) -> tuple[Array, Array]:
    inputs, targets = np.asarray(x, float), np.asarray(y, float)
    if inputs.ndim != 2 or targets.shape != inputs.shape[:1] or not np.isfinite(inputs).all():
        raise DataError(
            f"shrinkage: found x of shape {inputs.shape} and y of shape {targets.shape}, needs finite (N, D) and (N,)"
        )
    width = inputs.std(axis=0)
    return (inputs - inputs.mean(axis=0)) / np.where(width == 0, 1, width), targets - targets.mean()


def _with_l2(x: Array, y: Array, factors: Array) -> Array:
    """The minimum of mean (x w − y)² + λ ΣW², where its gradient is 0."""
    count = len(x)
    return np.array(
        [np.linalg.solve(x.T @ x / count + factor * np.eye(x.shape[1]), x.T @ y / count) for factor in factors]
    )


def _with_l1(x: Array, y: Array, factors: Array) -> Array:
    """By proximal gradient descent, each factor from the weights of the one before."""
    of_x, of_y, factor = Input("x", shape=x.shape), Input("y", shape=y.shape), Input("factor", shape=())
    w = Parameter(np.zeros(x.shape[1]), name="w")
    loss = Mean(SquaredError(of_x @ w, of_y))
    rate = 0.5 / float(np.linalg.eigvalsh(x.T @ x / len(x))[-1])
    step = w - rate * gradient(loss, [w])[0]
    bound = rate * factor
    plan = compile([loss], {w: step - np.minimum(np.maximum(step, -bound), bound)})
    weights = []
    for strength in factors:
        for _ in range(_UPDATES):
            plan(x=x, y=y, factor=strength)
        weights.append(w.value.copy())
    return np.array(weights)


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
        self.start = self.vector.values_now()
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

    def _halve_step(self, here: Array, move: Array) -> Array:
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
                move = self._halve_step(here, -_solve_downhill(self.hessian_at(here), slope))
            else:
                velocity = (momentum if method == "momentum" else 0.0) * velocity - rate * slope
                move = velocity
            visited.append(here + move)
        return np.array(visited)


def _solve_downhill(curvature: Array, slope: Array) -> Array:
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
