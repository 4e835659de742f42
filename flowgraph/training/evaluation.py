"""Loss and error of a model on examples, in batches, so that memory does not grow with their number."""

from __future__ import annotations

from typing import Any

from flowgraph.graph import Graph
from flowgraph.plan import compile
from flowgraph.training.examples import Fed, read_examples
from flowgraph.training.problem import Problem

BATCH = 1024


class Evaluator:
    """Evaluates the loss and the error of a problem: means over the examples, each counted once."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        boxes = [problem.loss] + ([] if problem.error is None else [problem.error])
        self._plan = compile(boxes)
        self._inputs = Graph(*boxes).inputs

    def __call__(self, data: Any) -> tuple[float, float | None]:
        """Loss and error, None where there is no error to speak of."""
        examples: Fed = read_examples(self.problem, data)
        totals = [0.0, 0.0]
        for count, feeds in examples.parts(BATCH):
            values = self._plan({box: array for box, array in feeds.items() if box in self._inputs})
            for place, value in enumerate(values):
                totals[place] += float(value) * count
        loss, error = (total / len(examples) for total in totals)
        return loss, None if self.problem.error is None else error
