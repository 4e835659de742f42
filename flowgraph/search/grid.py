"""The points of a grid, handed out one at a time to the processes that share a study."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from flowgraph.search.space import Space

if TYPE_CHECKING:
    from optuna.study import Study

POINT = "point"
"""The attribute of a trial that says which point of the grid it tries."""


class Grid:
    """All points of a space's grid, in an order that the seed fixes.

    Optuna's own sampler may give one point to two processes when the other points are running, and leave another
    point out; here a point is taken as long as a trial of it runs, waits or has come to an end.
    """

    def __init__(self, space: Space, seed: int) -> None:
        names = sorted(space)
        points = list(itertools.product(*(space[name].grid() for name in names)))
        np.random.RandomState(seed).shuffle(points)
        self.points = [dict(zip(names, point, strict=True)) for point in points]

    def __len__(self) -> int:
        return len(self.points)

    def hand_out(self, study: Study, number: int, taken: set[Any]) -> None:
        """Let the next trial of the study try the first point that is not taken, unless a trial waits already."""
        if not any(trial.state.name == "WAITING" for trial in study.get_trials(deepcopy=False)):
            place = next(place for place in range(len(self.points)) if place not in taken)
            study.enqueue_trial(self.points[place], user_attrs={POINT: place, "round": number})


def point_of(trial: Any) -> Any:
    """Which point of a grid a trial tries; of another search, every trial is a point of its own."""
    return trial.user_attrs.get(POINT, f"trial {trial.number}")
