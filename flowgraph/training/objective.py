"""Empirical risk minimisation as boxes: the mean loss of the examples plus λ times a regularizer of the weights."""

from __future__ import annotations

from typing import Any

from flowgraph.box import Box
from flowgraph.boxes.reduction.sums import mean
from flowgraph.errors import ShapeError, UsageError
from flowgraph.training.keywords import strict_keywords
from flowgraph.training.settings import read_number


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
