"""Runs outputs and updates of a graph until plans do it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flowgraph.box import Box
from flowgraph.graph import Graph


class StandIn:
    """The interface of a plan."""

    def __init__(self, outputs: Any, updates: Mapping[Any, Box] | None = None) -> None:
        self.single = isinstance(outputs, Box)
        self.outputs: Sequence[Box] = [outputs] if isinstance(outputs, Box) else list(outputs)
        self.updates = dict(updates or {})
        self.graph = Graph(*self.outputs, *self.updates.values())

    def __call__(self, feeds: Mapping[Any, Any] | None = None, /, *, seed: Any = 0, **named: Any) -> Any:
        run = self.graph.fprop(feeds, keep="outputs", seed=seed, **named)
        values = tuple(run[box] for box in self.outputs)
        for parameter, box in self.updates.items():
            parameter.value = run[box]
        return values[0] if self.single else values


def compile(outputs: Any, updates: Mapping[Any, Box] | None = None) -> StandIn:
    """A stand-in for a plan."""
    return StandIn(outputs, updates)
