"""Which kind of target is checked how."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flowgraph.box import Box
from flowgraph.checking.cases import Case
from flowgraph.checking.check_box import check_built, check_case, check_class
from flowgraph.checking.frameworks import check_framework
from flowgraph.checking.report import Report
from flowgraph.errors import UsageError
from flowgraph.graph import Graph


def check_kind(
    target: Any,
    inputs: tuple[Any, ...],
    feeds: Mapping[str, Any],
    order: int,
    seed: int,
    budget: int | None,
    valid: Callable[..., Any] | None,
    names: Sequence[str] | None,
    framework: str | None = None,
    framework_seconds: float = 12.0,
) -> Report:
    """fg.check without a bprop: the target knows its own."""
    if isinstance(target, Graph):
        from flowgraph.checking.check_graph import check_graph

        return check_graph(target, _feeds(inputs, feeds), order, seed, budget)
    if callable(target) and not _is_of_boxes(target):
        foreign = check_framework(
            target, inputs, feeds, order, seed, budget, valid, names, framework, framework_seconds
        )
        if foreign is not None:
            return foreign
    if feeds:
        raise UsageError(
            f"check: found {next(iter(feeds))}=, but only the inputs of a graph and the arguments of a function of "
            "torch, JAX, autograd or MyGrad are given by name"
        )
    if isinstance(target, type) and issubclass(target, Box):
        _alone(target.__name__, inputs)
        return check_class(target, order, seed, budget)
    if isinstance(target, Box):
        _alone(target.title, inputs)
        return check_built(target, order, seed, budget)
    if isinstance(target, Case):
        return check_case(target, order, seed, budget, vary=False, regimes=False)
    if callable(target):
        from flowgraph.checking.check_function import check_function

        return check_function(target, inputs, order, seed, budget, valid, names)
    raise UsageError(f"check: found {type(target).__name__}, needs a box class, a box, a Graph, or a function")


def _is_of_boxes(target: Any) -> bool:
    return isinstance(target, Box | Case) or (isinstance(target, type) and issubclass(target, Box))


def _feeds(inputs: tuple[Any, ...], feeds: Mapping[str, Any]) -> dict[Any, Any]:
    if len(inputs) > 1 or not all(isinstance(one, Mapping) for one in inputs):
        raise UsageError("check: a graph is given its inputs by name, x=..., or as one dict of boxes")
    return {**(inputs[0] if inputs else {}), **feeds}


def _alone(name: str, inputs: tuple[Any, ...]) -> None:
    if inputs:
        raise UsageError(
            f"check: found {len(inputs)} values beside {name}, which draws its own from its declarations; "
            f"add an example to the class for values of yours"
        )
