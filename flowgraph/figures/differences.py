"""The error of finite differences against the step: what truncation leaves, and what rounding adds."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.box.leaves import Parameter
from flowgraph.errors import UsageError
from flowgraph.figures.drawing import COLOURS, Figure
from flowgraph.graph import Graph


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
    if true == 0:
        raise UsageError(f"difference_errors: found the slope 0 at {at}, needs a point where it is not 0")

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
