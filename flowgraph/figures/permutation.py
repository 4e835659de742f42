"""Permuted hidden units: another point of parameter space with the same function, and the ridge between the two."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.errors import UsageError
from flowgraph.figures.drawing import COLOURS, Figure
from flowgraph.graph import Graph
from flowgraph.training.mlp import MLP
from flowgraph.training.newton import ParameterVector


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
    first, last = here.read(), here.join(list(permuted.values()))
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
