"""The check that a few examples can be learnt by heart, on copies of the parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.backward import replay
from flowgraph.box import Array
from flowgraph.graph import Graph
from flowgraph.leaves import Parameter
from flowgraph.training.evaluation import Evaluator
from flowgraph.training.examples import Examples
from flowgraph.training.preflight_data import class_losses
from flowgraph.training.problem import Problem
from flowgraph.training.rules import Adam

MOST = 16
ROUNDS = (10, 20, 40, 80, 160)
SHARE = 0.5


def check_overfitting(problem: Problem, examples: Examples, order: Array) -> tuple[Any, ...]:
    """Whether some steps halve the loss of as many examples as the parameters should be able to hold, at most 16."""
    from flowgraph.training.trainer import Trainer

    numbers = sum(parameter.value.size for parameter in problem.parameters)
    few = Examples(examples.take(order[: min(max(numbers // 4, 2), MOST)]))
    twin = copy_of(problem)
    trainer = Trainer(twin, few, rule=Adam(), learning_rate=0.01, batch_size=None)
    evaluate = Evaluator(twin)
    start, _ = evaluate(few)
    enough = max(SHARE * start, _small(problem))
    loss = start
    for steps in ROUNDS:
        if loss <= enough:
            break
        for _ in range(steps):
            trainer.step()
        loss, _ = evaluate(few)
    told = f"the loss of {len(few)} examples falls from {start:.3g} to {loss:.3g}"
    if loss <= enough:
        return "a few examples can be learnt by heart", True, told
    advice = (
        "look for labels that do not belong to their examples, inputs of very different sizes, a regularizer or "
        "dropout that is too strong, or a model that is too small"
    )
    return "a few examples can be learnt by heart", False, f"{told} in {sum(ROUNDS)} steps of Adam", advice


def copy_of(problem: Problem) -> Problem:
    """The same problem on copies of the parameters."""
    outputs = [problem.objective, problem.loss, *([] if problem.error is None else [problem.error])]
    graph = Graph(*outputs)
    copies: dict[Any, Any] = {p: Parameter(np.array(p.value), name=p.name) for p in graph.parameters}
    values = replay(graph.boxes, graph.slots, copies)
    objective, loss, *error = (values[graph.slots[box]] for box in outputs)
    return Problem(objective, loss=loss, error=error[0] if error else None)


def _small(problem: Problem) -> float:
    """A loss of classes that is small already, as that of a trained model."""
    return max((0.1 * float(np.log(box.children[0].shape[-1])) for box in class_losses(problem)), default=1e-6)
