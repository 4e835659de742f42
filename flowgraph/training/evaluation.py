"""Measures of a model on examples, computed in parts so that memory does not grow with their number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowgraph.box import Box
from flowgraph.box.leaves import Parameter
from flowgraph.graph import Graph
from flowgraph.graph.steps import replay
from flowgraph.graph.topology import Boxes
from flowgraph.plan import compile
from flowgraph.plan.backends import BackendName
from flowgraph.training.examples import Fed, read_examples
from flowgraph.training.problem import Problem

DRAWS_OF_EVALUATION = 1 << 39
"""What tells the draws of random leaves in an evaluation from those of the steps, which are counted from 1."""

BATCH = 1024
"""Examples that are evaluated at once: calls of NumPy then cost little, and layers stay in the cache."""


class Evaluator:
    """Evaluates the measures of a problem, `problem.evaluated`, on many examples.

    They are evaluated in parts of 1024, and each part counts by its number of examples: the mean of an objective that
    is a mean over examples, regularizers aside, is its value on all of them at once. Of an objective that is none, a
    sum, it is the mean over the parts; up to 1024 examples are one part. `penalty` is what an update rule minimises
    beside the objective; `averages` stand in place of the parameters they are of. `backend` and `mesh` are those of
    `fg.compile`.

    Parameters
    ----------
    problem : Problem
        What is watched.
    penalty : Box, optional
        What an update rule minimises beside the objective.
    averages : mapping of Parameter to Parameter, optional
        Averages that stand in place of the parameters they are of.
    backend : {'numpy', 'numba', 'jax'}, default 'numpy'
        What runs the plan; see `fg.compile`.
    mesh : jax.sharding.Mesh or Placement, optional
        The devices among which JAX divides each part.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> from flowgraph.training import Evaluator
    >>> x, w = fg.Input("x", shape=("N",)), fg.Parameter(1.0, name="w")
    >>> Evaluator(fg.Problem(fg.mean((x - w) ** 2) + 0.5 * fg.L2(w))).measure({x: np.arange(2000) % 2})
    {'objective': 1.0, 'loss': 0.5}
    """

    def __init__(
        self,
        problem: Problem,
        penalty: Box | None = None,
        *,
        averages: Mapping[Parameter, Parameter] | None = None,
        backend: BackendName = "numpy",
        mesh: Any = None,
    ) -> None:
        self.problem = problem
        measures = problem.evaluated.with_penalty(penalty).by_name()
        self._measures = dict(zip(measures, averaged([*measures.values()], averages or {}), strict=True))
        boxes = Boxes(dict.fromkeys(self._measures.values()))
        self._plan = compile(boxes, backend=backend, mesh=mesh)
        self._places = {name: boxes.index(box) for name, box in self._measures.items()}
        self._inputs = Graph(*boxes).inputs

    def __call__(self, data: object) -> tuple[float, float | None]:
        """Loss and error, None where there is no error to speak of."""
        found = self.measure(data)
        return found["loss"], found.get("error")

    def measure(self, data: object, *, seed: int = 0) -> dict[str, float]:
        """The objective, the loss and the error, averaged over examples.

        Parameters
        ----------
        data : Examples or tuple of array_like
            The examples; they are computed in parts.
        seed : int, default 0
            Seed of what random leaves draw.

        Returns
        -------
        dict of str to float
            Means over the examples by the name of the measure; loss and objective in the unit of the loss.
        """
        examples: Fed = read_examples(self.problem, data)
        totals = dict.fromkeys(self._measures, 0.0)
        for number, (count, feeds) in enumerate(examples.parts(BATCH)):
            values = self._plan({box: array for box, array in feeds.items() if box in self._inputs}, seed=seed + number)
            for name, place in self._places.items():
                totals[name] += float(values[place]) * count
        return {name: total / len(examples) for name, total in totals.items()}


def averaged(boxes: list[Any], averages: Mapping[Parameter, Parameter]) -> list[Any]:
    """The boxes with the averages in place of the parameters that they are of."""
    if not averages:
        return boxes
    graph = Graph(*boxes)
    values = replay(graph.boxes, graph.slots, averages)
    return [values[graph.slots[box]] for box in boxes]
