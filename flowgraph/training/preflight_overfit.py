"""The check that the model can overfit a few examples, on copies of the parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Array, Box, Constant
from flowgraph.box.leaves import Input, Parameter
from flowgraph.graph import Graph
from flowgraph.graph.steps import replay
from flowgraph.training.examples import Fed
from flowgraph.training.parameter_vector import ParameterVector
from flowgraph.training.preflight_data import class_losses
from flowgraph.training.problem import Problem
from flowgraph.training.rules import Adam

MOST = 16
"""Examples that the model should overfit: at most a quarter of the parameters, so few that steps take no time."""

ROUNDS = (4, 7, 10, 30, 70, 150, 310)
"""After how many steps the loss is looked at, at first often, as most need three.

The MLPs of `preflight_model.ABOVE_CHANCE` on iris, wine and digits need 28 at most; ten times as many are enough.
"""

RATE = 0.01
"""Of Adam, ten times its usual rate: 16 examples have no noise that a smaller one would average."""

SHARE = 0.5
"""The part of the loss at the start that is enough: what does not halve has not begun to learn."""


def check_overfitting(problem: Problem, examples: Fed, order: Array) -> tuple[Any, ...] | None:
    """Whether some steps halve the loss of as many examples as the parameters should be able to hold, at most 16.

    The steps run on graphs, box by box: so few of them are done before a plan would be compiled. They are Adam's, which
    has none for complex parameters: with these nothing is checked.
    """
    if any(parameter.dtype.kind == "c" for parameter in problem.parameters):
        return None
    numbers = sum(parameter.value.size for parameter in problem.parameters)
    few = examples.take(order[: min(max(numbers // 4, 2), MOST)])
    descent = _Descent(problem, few)
    start = loss = descent.loss()
    enough = max(SHARE * start, _small(problem))
    done = 0
    for until in ROUNDS:
        while done < until and loss > enough:
            descent.step(done)
            done += 1
        loss = descent.loss()
    told = f"the loss of {len(next(iter(few.values())))} examples falls from {start:.3g} to {loss:.3g}"
    if loss <= enough:
        return "the model can overfit a few examples", True, told
    advice = (
        "look for labels that do not belong to their examples, inputs of very different sizes, a regularizer or "
        "dropout that is too strong, a model that is too small, or a loss whose smallest value is far above 0"
    )
    return "the model can overfit a few examples", False, f"{told} in {done} steps of Adam", advice


class _Descent:
    """Adam on copies of all parameters of a problem as one vector.

    The gradient is that of the graph, so that no backward graph is built for so few steps.
    """

    def __init__(self, problem: Problem, few: dict[Box, Array]) -> None:
        self.objective, self.watched, self.parameters = _copies(problem)
        self.feeds, self.shown = few, {box: array for box, array in few.items() if box in self.watched}
        self.flat = ParameterVector(self.parameters)
        self.theta = Parameter(self.flat.read(), name="theta")
        grad = Input("grad", shape=self.theta.shape)
        self.updates = Adam().updates({self.theta: grad}, Constant(RATE))
        self.rule = Graph(*self.updates.values())

    def loss(self) -> float:
        """The loss with the parameters as they are now."""
        return float(self.watched.fprop(self.shown, seed=0))

    def step(self, number: int) -> None:
        """One update from all examples; the number fixes what dropout draws."""
        grads = self.objective.fprop(self.feeds, seed=number).bprop(wrt=self.parameters)
        found = self.rule.fprop(grad=self.flat.join([grads[parameter] for parameter in self.parameters]))
        for parameter, box in self.updates.items():
            parameter.value = found[box]
        self.flat.write(self.theta.value)


def _copies(problem: Problem) -> tuple[Graph, Graph, list[Parameter]]:
    """The objective and the loss that should fall, on copies of the parameters, and the copies of those trained.

    The loss is that of the evaluation, but where statistics are carried along, which lag behind.
    """
    measures = problem.measures if problem.updates else problem.evaluated
    outputs = [problem.objective, measures.loss]
    graph = Graph(*outputs)
    copies: dict[Any, Any] = {p: Parameter(np.array(p.value), name=p.name) for p in graph.parameters}
    values = replay(graph.boxes, graph.slots, copies)
    objective, loss = (Graph(values[graph.slots[box]]) for box in outputs)
    return objective, loss, [copies[parameter] for parameter in problem.parameters]


def _small(problem: Problem) -> float:
    """A loss of classes that is small already, a tenth of that of chance, as that of a trained model."""
    return max((0.1 * float(np.log(box.children[0].shape[-1])) for box in class_losses(problem)), default=1e-6)
