"""Weights of a linear model against the factor of a regularizer: L2 shrinks them, L1 makes them 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import Array
from flowgraph.box.leaves import Input, Parameter
from flowgraph.boxes.neural.loss import SquaredError
from flowgraph.boxes.reduction.sums import Mean
from flowgraph.derivatives import gradient
from flowgraph.errors import DataError
from flowgraph.figures.drawing import COLOURS, Figure
from flowgraph.plan import compile

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
    inputs, targets = _scaled(x, y)
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


def _scaled(x: Any, y: Any) -> tuple[Array, Array]:
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
    return np.array([np.linalg.solve(x.T @ x / count + one * np.eye(x.shape[1]), x.T @ y / count) for one in factors])


def _with_l1(x: Array, y: Array, factors: Array) -> Array:
    """By proximal gradient descent, each factor from the weights of the one before."""
    of_x, of_y, factor = Input("x", shape=x.shape), Input("y", shape=y.shape), Input("factor", shape=())
    w = Parameter(np.zeros(x.shape[1]), name="w")
    loss = Mean(SquaredError(of_x @ w, of_y))
    rate = 0.5 / float(np.linalg.eigvalsh(x.T @ x / len(x))[-1])
    step = w - rate * gradient(loss, [w])[0]
    bound = rate * factor
    plan = compile([loss], {w: step - np.minimum(np.maximum(step, -bound), bound)})
    found = []
    for one in factors:
        for _ in range(_UPDATES):
            plan(x=x, y=y, factor=one)
        found.append(w.value.copy())
    return np.array(found)
