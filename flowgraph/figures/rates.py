"""Learning rates over updates, with the conditions under which stochastic gradient descent converges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from flowgraph.errors import UsageError
from flowgraph.figures.drawing import COLOURS, Figure
from flowgraph.training.display import logarithmic
from flowgraph.training.schedules import Schedule
from flowgraph.training.settings import read_count


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
    if not schedules or not all(isinstance(one, Schedule) for one in schedules.values()):
        raise UsageError("learning_rates: found no schedules, needs a dict such as {'fixed': schedules.Fixed(0.1)}")
    t = np.arange(1, updates + 1)
    data = {name: np.array([one(int(k)) for k in t]) for name, one in schedules.items()}

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
