"""The check that a few examples can be learnt by heart, on copies of the parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.backward import replay
from flowgraph.box import Array, Box, Constant
from flowgraph.graph import Graph
from flowgraph.leaves import Input, Parameter
from flowgraph.training.examples import Fed
from flowgraph.training.flat import Flat
from flowgraph.training.preflight_data import class_losses
from flowgraph.training.problem import Problem
from flowgraph.training.rules import Adam

MOST = 16
ROUNDS = (4, 7, 10, 30, 70, 150, 310)
RATE = 0.01
SHARE = 0.5


def check_overfitting(problem: Problem, examples: Fed, order: Array) -> tuple[Any, ...] | None:
    """Whether some steps halve the loss of as many examples as the parameters should be able to hold, at most 16.

    The steps run on graphs, box by box: so few of them are done before a plan would be compiled. They are Adam's, which
    has none for complex parameters: with these nothing is checked.
    """
    if any(parameter.dtype.kind == "c" for parameter in problem.parameters):
        return None
    numbers = sum(parameter.value.size for parameter in problem.parameters)
    few = examples.take(order[: min(max(numbers // 4, 2), MOST)])
    twin = copy_of(problem)
    descent = _Descent(twin, few)
    watched = Graph(twin.loss)
    shown = {box: array for box, array in few.items() if box in watched}
    start = loss = float(watched.fprop(shown))
    enough = max(SHARE * start, _small(problem))
    done = 0
    for until in ROUNDS:
        while done < until and loss > enough:
            descent.step(done)
            done += 1
        loss = float(watched.fprop(shown))
    told = f"the loss of {len(next(iter(few.values())))} examples falls from {start:.3g} to {loss:.3g}"
    if loss <= enough:
        return "a few examples can be learnt by heart", True, told
    advice = (
        "look for labels that do not belong to their examples, inputs of very different sizes, a regularizer or "
        "dropout that is too strong, or a model that is too small"
    )
    return "a few examples can be learnt by heart", False, f"{told} in {done} steps of Adam", advice


class _Descent:
    """Adam on all parameters of a problem as one vector.

    The gradient is that of the graph, so that no backward graph is built for so few steps.
    """

    def __init__(self, problem: Problem, feeds: dict[Box, Array]) -> None:
        self.problem, self.feeds = problem, feeds
        self.flat = Flat(problem.parameters)
        self.theta = Parameter(self.flat.read(), name="theta")
        grad = Input("grad", shape=self.theta.shape)
        self.updates = Adam().updates({self.theta: grad}, Constant(RATE))
        self.rule = Graph(*self.updates.values())

    def step(self, number: int) -> None:
        """One update from all examples; the number fixes what dropout draws."""
        grads = self.problem.graph.fprop(self.feeds, seed=number).bprop()
        found = self.rule.fprop(grad=self.flat.join([grads[parameter] for parameter in self.problem.parameters]))
        for parameter, box in self.updates.items():
            parameter.value = found[box]
        self.flat.write(self.theta.value)


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
