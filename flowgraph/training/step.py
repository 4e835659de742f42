"""One step of a training as a plan: what it changes, what it measures, and the moving averages of parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.box.leaves import Input, Parameter
from flowgraph.box.node import reopen_scope
from flowgraph.derivatives import gradient
from flowgraph.plan import compile
from flowgraph.plan.backends import BackendName
from flowgraph.training.problem import Problem
from flowgraph.training.rule import Rule, Updates
from flowgraph.training.rules import norm_of


class Step:
    """The plan of a step, all parameters together, and what there is to read of it.

    It returns the `measures`, then the norm of the gradient of each of the `layers`, named in this order.
    `parameters` are those of the problem by name, `memory` those of the rule, `owned` these and the averages.
    `averages` maps each parameter that is trained to the exponential moving average of its values, if the decay
    `average` is given: E becomes β E + (1 − β) theta with the new theta, from the first values on. The model is used
    with those `in_use`, averages where there are any.

    Source: Polyak and Juditsky 1992, Acceleration of stochastic approximation by averaging; with the exponential mean
    of Kingma and Ba 2015, Adam, section 7.2.
    """

    def __init__(
        self,
        problem: Problem,
        rule: Rule,
        backend: BackendName,
        average: float | None = None,
        placement: Any = None,
    ) -> None:
        grads: dict[Parameter, Box] = dict(
            zip(problem.parameters, gradient(problem.objective, problem.parameters), strict=True)
        )
        norms = _norms(problem, grads)
        if rule.needs_weights:
            rule = rule.of_weights(problem.weights(rule.name))
        self.penalty = rule.penalty
        measures = problem.measures.with_penalty(rule.penalty).by_name()
        self.measures, self.layers = [*measures], [*norms]
        dtypes = {parameter.dtype for parameter in problem.parameters}
        rate = Input("learning_rate", dtype=dtypes.pop() if len(dtypes) == 1 else float)
        updates = rule.updates(grads, rate)
        self.averages = {} if average is None else {p: _average_of(p) for p in grads}
        updates |= _move_averages(self.averages, updates, average or 0.0)
        self.plan = compile(
            [*measures.values(), *norms.values()],
            updates | problem.updates,
            [*problem.inputs, rate],
            backend=backend,
            mesh=placement,
        )
        self.parameters: dict[str, Parameter] = {problem.names[p]: p for p in (*grads, *problem.updates)}
        self.in_use = {name: self.averages.get(p, p) for name, p in self.parameters.items()}
        own = [parameter for parameter in updates if parameter not in grads]
        known = {f"rule/{number}/{p.name}": p for number, p in enumerate(own)}
        self.owned = {f"parameter/{name}": p for name, p in self.parameters.items()} | known
        averages = set(self.averages.values())
        self.memory = {name: p for name, p in known.items() if p not in averages}

    def totals(self, sums: Mapping[str, float], norms: Mapping[str, float]) -> list[float]:
        """The sums of what the plan returns, in its order, of sums by name; 0 where there is none."""
        return [sums.get(name, 0.0) for name in self.measures] + [norms.get(layer, 0.0) for layer in self.layers]

    def sums_by_name(self, totals: Sequence[float]) -> tuple[dict[str, float], dict[str, float]]:
        """The sums by name: those of the measures, and those of the norms of the gradient."""
        sums = dict(zip(self.measures, totals, strict=False))
        return sums, dict(zip(self.layers, totals[len(sums) :], strict=True))


def _norms(problem: Problem, grads: Mapping[Parameter, Box]) -> dict[str, Any]:
    """The Euclidean norm of the gradient of each layer."""
    by_layer: dict[str, list[Any]] = {}
    for parameter, grad in grads.items():
        by_layer.setdefault(problem.layer_of(parameter), []).append(grad)
    return {layer: norm_of(parts) for layer, parts in by_layer.items()}


def _average_of(parameter: Parameter) -> Parameter:
    with reopen_scope(""):
        return Parameter(np.array(parameter.value), name=f"{parameter.name or 'parameter'}/average")


def _move_averages(averages: Mapping[Parameter, Parameter], updates: Updates, decay: float) -> Updates:
    """The new values of the averages, from the new values of the parameters."""
    new: Mapping[Parameter, Any] = updates
    return {average: decay * average + (1 - decay) * new[p] for p, average in averages.items()}
