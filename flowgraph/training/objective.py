"""Empirical risk as boxes; the problem of a model: a Problem itself, an objective, or an MLP with its usual loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Box, Value
from flowgraph.box.leaves import Input, Parameter
from flowgraph.boxes import L1, L2, BinaryCrossEntropy, SoftmaxCrossEntropy, SquaredError
from flowgraph.boxes.engine.shape_like import reshape_like
from flowgraph.boxes.neural.activation import sigmoid
from flowgraph.boxes.neural.softmax import log_softmax, softmax
from flowgraph.boxes.reduction.sums import mean
from flowgraph.data.examples import rectangular
from flowgraph.errors import FeedError, ShapeError, UsageError
from flowgraph.training.mlp import MLP
from flowgraph.training.problem import Problem, weights_like
from flowgraph.training.settings import read_number, strict_keywords


@strict_keywords
def objective(
    losses: Box, regularizer: Box | None = None, strength: float | None = None, *, name: str = "objective"
) -> Any:
    """Mean loss + strength · Omega(theta), a scalar box to minimise.

    `losses` has one number per example. `regularizer` is a scalar box of the weights, `fg.L2(W1, W2)` or another;
    biases are left out by not naming them. It needs a strength, from 0 on.

    Parameters
    ----------
    losses : Box, shape (N,)
        One loss per example, in nats for the losses of classes.
    regularizer : Box, optional
        A scalar box of the weights, such as `fg.L2(W1, W2)`; biases are left out by not naming them.
    strength : float, optional
        Its weight λ, from 0 on; needed with a regularizer.
    name : str, default 'objective'
        Name of the sum.

    Returns
    -------
    Box
        A scalar to minimise.

    Raises
    ------
    UsageError
        If an argument is no box, or one of regularizer and strength is missing.
    ShapeError
        If the regularizer is no scalar.

    Examples
    --------
    >>> import flowgraph as fg
    >>> x, y = fg.Input("x", shape=("N", 4)), fg.Input("y", shape=("N",), dtype=int)
    >>> mlp = fg.MLP([4, 5, 3], rng=0)
    >>> losses = fg.SoftmaxCrossEntropy(mlp.logits(x), y)
    >>> fg.objective(losses, fg.L2(*mlp.weights), strength=1e-4)
    <Add 'objective': () float64>

    Source: Larochelle, Training neural networks, "empirical risk minimization".
    """
    for what, box in (("losses", losses), ("regularizer", regularizer)):
        if not isinstance(box, Box) and not (box is None and what == "regularizer"):
            raise UsageError(f"objective: found {type(box).__name__} as {what}, needs a box")
    if strength is not None:
        strength = read_number("objective", "strength", strength, low=0)
    if regularizer is None:
        if strength:
            raise UsageError(f"objective: found strength={strength} without a regularizer; give one, fg.L2(W1, W2)")
        return _risk(losses, name)
    if strength is None:
        raise UsageError(
            f"objective: found the regularizer {regularizer.title} without a strength; needs strength=, such as 1e-4"
        )
    if regularizer.shape != ():
        raise ShapeError(f"objective: the regularizer {regularizer.title} has the shape {regularizer.shape}, needs ()")
    return (_risk(losses, None) + strength * regularizer).named(name)


def _risk(losses: Box, name: str | None) -> Any:
    risk = losses if losses.shape == () else mean(losses)
    return risk.named(name) if name else risk


def problem_of(
    model: object,
    data: object,
    l1: float = 0.0,
    l2: float = 0.0,
    *,
    evaluate: Box | None = None,
    updates: Mapping[Parameter, Box] | None = None,
    who: str = "fit",
) -> Problem:
    """The problem of a model: a Problem itself, one for an objective box, or one for an MLP and its targets."""
    l1, l2 = read_number(who, "l1", l1, low=0), read_number(who, "l2", l2, low=0)
    if isinstance(model, MLP):
        if evaluate is not None:
            raise UsageError(
                f"{who}: found evaluate= for an MLP, which is evaluated without dropout by itself; give an objective "
                f"of its output, fg.objective(fg.SoftmaxCrossEntropy(mlp.logits(x), y))"
            )
        return mlp_problem(model, _targets(data), l1, l2, updates=updates)
    if l1 or l2:
        raise UsageError(f"{who}: l1= and l2= are for an MLP; add the regularizer to the objective, fg.objective(...)")
    if isinstance(model, Problem):
        if evaluate is not None or updates:
            raise UsageError(f"{who}: found evaluate= or updates= beside a Problem, which has its own; give them to it")
        return model
    if isinstance(model, Box):
        return Problem(model, evaluate=evaluate, updates=updates)
    raise UsageError(
        f"{who}: found {type(model).__name__} as the model, needs an fg.MLP, an objective box or a Problem"
    )


def weighted_problem(problem: Problem) -> Problem:
    """The problem with weights of its examples; itself if it has them."""
    if problem.sample_weight is not None:
        return problem
    return Problem(
        problem.objective,
        evaluate=None if problem.evaluate is problem.objective else problem.evaluate,
        **problem.given,
        updates=problem.updates,
        sample_weight=weights_like(problem.objective, problem.losses),
        losses=problem.losses,
    )


def without_updates(problem: Problem, who: str) -> Problem:
    """The problem, refused where it has updates, which belong to steps on batches."""
    if problem.updates:
        raise UsageError(f"{who}: found a problem with updates=, which belong to the steps of fg.fit; train it there")
    return problem


def mlp_problem(
    mlp: MLP,
    targets: Value,
    l1: float = 0.0,
    l2: float = 0.0,
    *,
    updates: Mapping[Parameter, Box] | None = None,
    loss: Callable[[Any, Any], Any] | None = None,
) -> Problem:
    """The usual objective of a network: cross entropy for a softmax or sigmoid output, else the squared error.

    `targets` are an array like those to come: integer labels, probabilities or numbers. `loss` is another loss: a
    function of the box of scores (of numbers, where the output is linear) and that of targets.
    """
    dtype = mlp.weights[0].dtype
    targets = rectangular(targets, "fit: 'y'")
    x = Input("x", shape=("N", mlp.sizes[0]), dtype=dtype)
    y = Input("y", shape=("N", *targets.shape[1:]), dtype=_target_dtype(mlp, targets, dtype))
    penalty: Any = None
    for strength, regularizer in ((l1, L1), (l2, L2)):
        if read_number("fit", regularizer.__name__.lower(), strength, low=0):
            part: Any = float(strength) * regularizer(*mlp.weights)
            penalty = part if penalty is None else penalty + part

    def whole(training: bool) -> Any:
        losses.append(_losses(mlp, mlp.logits(x, training=training), y, loss))
        return objective(losses[-1]) if penalty is None else objective(losses[-1], penalty, 1.0)

    losses: list[Any] = []
    evaluate, trained = whole(False) if any(mlp.dropout) else None, whole(True)
    own = [loss for loss in losses if loss.shape] if loss is not None else ()
    return Problem(trained, evaluate=evaluate, updates=updates, losses=own)


def _targets(data: object) -> Any:
    """The y of a pair (X, y) or of a dict."""
    if isinstance(data, Mapping) and "y" in data:
        return data["y"]
    if hasattr(data, "x") and hasattr(data, "y"):
        return data.y
    if isinstance(data, tuple | list) and len(data) == 2:
        return data[1]
    raise FeedError(f"fit: found {type(data).__name__} as the data of an MLP, needs a pair (X, y) or a dict of x and y")


def _losses(mlp: MLP, a: Value, y: Value, loss: Callable[[Any, Any], Any] | None) -> Any:
    if y.ndim == 1 and mlp.sizes[-1] == 1 and not _is_classes(mlp):
        a = reshape_like(a, y)
    if loss is not None:
        return loss(a, y)
    if _is_classes(mlp):
        return SoftmaxCrossEntropy(a, y, name="loss")
    if mlp.output is sigmoid:
        return BinaryCrossEntropy(a, y, name="loss")
    return SquaredError(mlp.output(a), y, name="loss")


def _is_classes(mlp: MLP) -> bool:
    return mlp.output is softmax or mlp.output is log_softmax


def _target_dtype(mlp: MLP, targets: Value, dtype: DTypeLike | None) -> Any:
    """Labels are whole numbers; everything else has the dtype of the network."""
    return np.dtype(int) if targets.ndim == 1 and _is_classes(mlp) else dtype
