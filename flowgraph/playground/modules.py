"""A network as modules of JavaScript: what the page calls for fields, losses, gradients, updates and Newton steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import flowgraph.boxes as boxes
from flowgraph.box import Box, Elementwise
from flowgraph.box.leaves import Input, Parameter
from flowgraph.boxes.linear_algebra.inverse import Solve
from flowgraph.boxes.reduction.sums import Mean, Sum
from flowgraph.derivatives import gradient, hvp
from flowgraph.errors import FlowgraphError
from flowgraph.graph import Graph
from flowgraph.plan import compile
from flowgraph.plan.javascript.emit import AFTER_KERNELS
from flowgraph.plan.rebuild import on_children, rebuild
from flowgraph.playground.network import Network


class Modules(NamedTuple):
    """Bodies of functions over the kernels, by name, and the names of what those return of which the page has no list.

    `refused` is why there is no Newton step of the network; empty where there is one.
    """

    functions: dict[str, str]
    kernels: tuple[str, ...]
    forward_names: list[str]
    learn_names: list[str]
    slope_names: list[str]
    refused: str = ""


def modules_of(network: Network) -> Modules:
    """Forward values at any points, losses of given examples, a step, and the product of the Hessian with a direction.

    A step is that of the lecture: v = βv − α∇, then θ + v, of the mean loss plus l1 Σ|W| + l2 ΣW² of the weights.
    """
    mean, objective, settings = _objective(network)
    shown = {f"a{k}": column.pre_activation for k, column in enumerate(network.columns, 1)}
    shown |= {f"h{k}": column.value for k, column in enumerate(network.columns, 1)}
    learn = {"loss": mean, "objective": objective, "f": network.probabilities, **shown}
    learn |= _step(network, shown, objective, settings)
    forward = {"f": network.probabilities, **shown}
    slopes = _slopes(network)
    wanted = {
        "forward": list(forward.values()),
        "losses": [network.losses, network.probabilities],
        "learn": list(learn.values()),
        **({"slopes": list(slopes.values())} if slopes else {}),
    }
    functions, kernels = _emitted(network, wanted)
    refused = ""
    try:
        curved, more = _emitted(network, {"curve": _curvature(network, objective)})
        functions |= curved
        kernels |= more
    except FlowgraphError as error:
        refused = f"the loss has no second derivative here: {str(error).splitlines()[0]}"
    return Modules(functions, tuple(kernels), list(forward), list(learn), list(slopes), refused)


def newton_module() -> tuple[str, tuple[str, ...]]:
    """The step Δ of (H + μ I) Δ = −∇ as the body of a function over the kernels that are listed beside it."""
    curvature, identity = (Input(name, shape=("P", "P")) for name in ("H", "I"))
    slope, damping = Input("g", shape=("P",)), Input("mu", shape=())
    body, kernels = _split(compile([Solve(curvature + damping * identity, -slope)], backend="javascript").source)
    return body, kernels


def _objective(network: Network) -> tuple[Box, Any, dict[str, Box]]:
    """The mean loss, the same with the penalties of the weights, and the settings that a page gives."""
    settings: dict[str, Box] = {name: Input(name, shape=()) for name in ("rate", "momentum", "l1", "l2")}
    mean = Mean(network.losses)
    weights = [column.weights for column in network.columns if column.weights is not None]
    objective: Any = mean
    for penalty, factor in ((boxes.L1, settings["l1"]), (boxes.L2, settings["l2"])):
        objective = objective + factor * penalty(*weights)
    return mean, objective, settings


def _step(network: Network, shown: Mapping[str, Box], objective: Any, settings: Mapping[str, Any]) -> dict[str, Box]:
    """Gradients of what is shown and of what is adjusted, and the new values of the latter."""
    listed = list(dict.fromkeys([*shown.values(), *network.adjustable]))
    grads = dict(zip(listed, gradient(objective, listed), strict=True))
    found: dict[str, Any] = {f"d{name}": grads[box] for name, box in shown.items()}
    for number, one in enumerate(network.adjustable):
        velocity: Any = Input(f"v{number}", shape=one.shape)
        new: Any = settings["momentum"] * velocity - settings["rate"] * grads[one]
        found |= {f"dp{number}": grads[one], f"new_v{number}": new, f"new_p{number}": one + new}
    return found


def _slopes(network: Network) -> dict[str, Box]:
    """The slope of each activation, h'(a): where it is 0, the unit lets no gradient pass."""
    return {
        f"s{k}": gradient(Sum(column.value), [column.pre_activation])[0]
        for k, column in enumerate(network.columns, 1)
        if isinstance(column.value, Elementwise) and column.value is not column.pre_activation
    }


def _curvature(network: Network, objective: Any) -> list[Box]:
    """The Hessian of the objective times a direction, a part for each adjustable leaf: a column of it, for a unit."""
    directions = [Input(f"u{number}", shape=one.shape) for number, one in enumerate(network.adjustable)]
    return list(hvp(objective, list(network.adjustable), directions))


def _emitted(network: Network, wanted: Mapping[str, list[Box]]) -> tuple[dict[str, str], dict[str, None]]:
    """The body of a function for each list of boxes, and the kernels that they call."""
    functions, kernels = {}, dict[str, None]()
    for name, listed in wanted.items():
        source = compile(_as_inputs(listed, network), backend="javascript").source
        functions[name], own = _split(source)
        kernels |= dict.fromkeys(own)
    return functions, kernels


def _split(source: str) -> tuple[str, tuple[str, ...]]:
    head, body = source.split(f"\n\n{AFTER_KERNELS}\n")
    return body.replace("export ", ""), tuple(head.split("\n\n"))


def _as_inputs(wanted: Sequence[Box], network: Network) -> list[Box]:
    """The boxes with an input in place of every parameter, so that the page keeps the values."""
    names = names_of(network)
    stand: Mapping[Box, Box] = {
        one: Input(names[one], shape=one.shape, dtype=one.dtype)
        for one in network.adjustable
        if isinstance(one, Parameter)
    }
    graph = rebuild(
        Graph(*wanted), lambda box, children: stand.get(box, box) if not children else on_children(box, children)
    )
    return list(graph.outputs)


def names_of(network: Network) -> dict[Box, str]:
    """The name by which the page gives each adjustable leaf."""
    return {one: f"p{number}" for number, one in enumerate(network.adjustable)}
