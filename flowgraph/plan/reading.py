"""Conversion of the arguments of a call to arrays and numbers of the inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Box
from flowgraph.box.random_draws import Seed, seed_of_run
from flowgraph.errors import FeedError
from flowgraph.graph import Graph, feeding
from flowgraph.graph.topology import debugging
from flowgraph.plan.agreement import Expected
from flowgraph.plan.store import Store

KEYWORDS: dict[str, Any] = {"seed": None, "prepare": False}
"""The keywords of every call, with their defaults; an input of such a name takes what is given by that keyword."""

MISSING: Any = type("missing", (), {"__repr__": lambda self: "missing"})()


class Read(NamedTuple):
    """The inputs of a call in their order, its keywords, and in debug mode what looks at its results."""

    values: Sequence[Any]
    seed: Any
    prepare: bool
    compare: Callable[[Sequence[Any]], None] | None


class Inputs:
    """The inputs of a plan in their order, and their names."""

    def __init__(self, inputs: Sequence[Box], graph: Graph, store: Store) -> None:
        self.boxes = tuple(inputs)
        self.names = [graph.names[box] if box in graph else str(box.name) for box in inputs]
        self._graph = graph
        self._store = store

    def read(
        self, given: Sequence[Any], named: Sequence[Any], unknown: Mapping[str, Any], seed: Seed, prepare: bool
    ) -> Read:
        """A call with a dict, with what has to be converted or refused, of debug mode, or one that only compiles.

        `named` are values by the place of their input, MISSING where there is none.
        """
        by_name = self._by_name(given, named, unknown)
        left = feeding.keywords_left({"seed": seed, "prepare": prepare}, KEYWORDS, self.names, by_name)
        values = self._values(by_name)
        if left["prepare"] or not debugging():
            return Read(values, left["seed"], left["prepare"], None)
        seed = seed_of_run(left["seed"], "plan")
        return Read(values, seed, False, self._expected(values, seed))

    def _by_name(self, given: Sequence[Any], named: Sequence[Any], unknown: Mapping[str, Any]) -> dict[str, Any]:
        """What is given by position, in a dict and by name, all by the names of the inputs."""
        values = {name: value for name, value in zip(self.names, named, strict=True) if value is not MISSING}
        first = given[0] if given else next(iter(values.values()), None)
        feeds: Mapping[Any, Any] = {}
        if isinstance(first, Mapping):
            feeds, given = first, given[1:]
            values = {name: value for name, value in values.items() if value is not feeds}
        if len(given) > len(self.boxes):
            raise FeedError(f"plan: found {len(given)} arrays, needs {len(self.boxes)}: {', '.join(self.names)}")
        of_feeds = {key if isinstance(key, str) else str(key.name): value for key, value in feeds.items()}
        by_place = dict(zip(self.names, given, strict=False))
        for name in by_place.keys() & (values.keys() | unknown.keys()):
            raise FeedError(f"plan: found the input {name!r} by position and by name, needs it once")
        named_too = {**by_place, **values, **unknown}
        for name in of_feeds.keys() & named_too.keys():
            raise FeedError(f"plan: found the input {name!r} in the dict and by itself, needs it once")
        return {**of_feeds, **named_too}

    def _values(self, named: dict[str, Any]) -> list[Any]:
        """The inputs in their order, as arrays and numbers of their dtypes."""
        for name in named:
            if name not in self.names:
                raise FeedError(f"plan: found {name!r}, which is none of its inputs {', '.join(self.names)}")
        values = []
        for name, box in zip(self.names, self.boxes, strict=True):
            value = named.get(name, MISSING)
            if value is MISSING:
                raise FeedError(f"plan: needs the input {name!r}; it is called with {', '.join(self.names)}")
            values.append(value if is_plain(box, value) else feeding.read_array(name, box, value))
        return values

    def _expected(self, values: Sequence[Any], seed: Seed) -> Callable[[Sequence[Any]], None]:
        """What holds the results of a call, and the new values of parameters, against the graph."""
        expected = Expected(self._graph, dict(zip(self.names, values, strict=True)), seed)
        count = len(self._graph.outputs) - len(self._store.parameters)
        boxes, new = self._graph.outputs[:count], self._graph.outputs[count:]
        updated = dict(zip(self._store.parameters, new, strict=True))
        return lambda found: expected.compare(boxes, found, updated)


def is_plain(box: Box, value: object) -> bool:
    """Whether a function of a plan takes this for an input: an array, or a number, of its dtype."""
    if not box.shape:
        return type(value) is box.dtype.type
    return type(value) is np.ndarray and value.dtype == box.dtype and value.ndim == len(box.shape)
