"""A plan: a graph compiled into one function of NumPy calls, which also updates parameters."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from flowgraph import feeding
from flowgraph.box import Box
from flowgraph.debug import debugging
from flowgraph.errors import FeedError, PlanError
from flowgraph.graph import Graph
from flowgraph.leaves import Parameter
from flowgraph.plan.agreement import Expected
from flowgraph.plan.calling import MISSING, make_call
from flowgraph.plan.specialise import concrete_leaves
from flowgraph.plan.specialised import Specialised, copies
from flowgraph.plan.store import Store

LARGEST_CACHE = 16
"""Sets of shapes for which a plan keeps its function; the one compiled first makes room."""


class Plan:
    """A graph as straight-line NumPy: `step(x=X, y=Y)` gives the values of the outputs and updates the parameters.

    Values come as a tuple in the order of the outputs, or alone where a single box was compiled. All updates read the
    old values and are applied together at the end of the call: an exception or Ctrl-C leaves every parameter as it was,
    or every one updated. For inputs of other shapes the plan is compiled once more, and both functions stay.

    In debug mode (`fg.debug()`) every call is held against the graph.

    Two plans may run in two threads; a plan called from two threads runs one call after the other.
    """

    def __init__(
        self,
        outputs: Sequence[Box],
        updates: Mapping[Parameter, Box],
        inputs: Sequence[Box],
        *,
        alone: bool,
        borrow: bool,
        without: frozenset[str],
        make: Callable[..., Specialised] = Specialised,
    ) -> None:
        self._forward = Graph(*outputs, *updates.values())
        self.inputs = tuple(inputs)
        self.store = Store(list(updates))
        self._reads = tuple(p for p in self._forward.parameters if isinstance(p, Parameter) and p not in updates)
        self._alone = alone
        self._borrow = borrow
        self._without = without
        self._make = make
        self.known: dict[Any, Specialised] = {}
        self._compiling = threading.Lock()
        self.last: Specialised | None = None
        self.input_names = [self._forward.names[box] if box in self._forward else str(box.name) for box in self.inputs]
        self._call = make_call(self, more=bool(self._forward.randoms or self._reads))

    def __call__(self, *positional: Any, **named: Any) -> Any:
        """Run once: inputs by name, in a dict of boxes or names, or by position in the order of `inputs`.

        `seed=` fixes what random leaves draw, as in `Graph.fprop`.
        """
        if positional and isinstance(positional[0], Mapping):
            named = {**{_name(key): value for key, value in positional[0].items()}, **named}
            positional = positional[1:]
        if debugging() and not named.get("prepare"):
            return self._checked(positional, named)
        return self._call(*positional, **named)

    def _checked(self, positional: Sequence[Any], named: Mapping[str, Any]) -> Any:
        """A call held against the graph, in debug mode."""
        feeds = {**dict(zip(self.input_names, positional, strict=False)), **named}
        seed = feeds.pop("seed", 0)
        expected = Expected(self._forward, feeds, seed)
        found = self._call(*positional, **named)
        count = len(self._forward.outputs) - len(self.store.parameters)
        boxes, new = self._forward.outputs[:count], self._forward.outputs[count:]
        updated = dict(zip(self.store.parameters, new, strict=True))
        expected.compare(boxes, [found] if self._alone else found, updated)
        return found

    @property
    def source(self) -> str:
        """The function that ran last, as text."""
        return self._latest().source.text

    @property
    def graph(self) -> Graph:
        """The simplified flow graph of the function that ran last: its outputs, then the new values."""
        return self._latest().graph

    @property
    def bytes(self) -> int:
        """Bytes of the buffers of the function that ran last, without the parameters and their spare copies."""
        return self._latest().memory.bytes

    def render(self, path: Any, **settings: Any) -> Any:
        """Draw the graph of the function that ran last, with its buffers and what is written in place."""
        from flowgraph import rendering
        from flowgraph.rendering.memory import memory_of

        latest = self._latest()
        return rendering.render(latest.graph, path, memory=memory_of(latest.schedule), **settings)

    def _latest(self) -> Specialised:
        if self.last is None:
            shapes = tuple([box.shape for box in self.inputs])
            if not all(isinstance(size, int) for shape in shapes for size in shape):
                names = ", ".join(self.input_names)
                raise PlanError(
                    f"plan: its source and its graph follow the shapes of the inputs, and {names} have sizes "
                    f"with names; run it once, or compile it for arrays with plan.prepare(x=..., ...)"
                )
            self.last = self.specialised(shapes)
        return self.last

    def prepare(self, *positional: Any, **named: Any) -> Plan:
        """Compile for the shapes of these inputs without running, and return the plan."""
        self(*positional, prepare=True, **named)
        return self

    def read(self, place: int, value: Any) -> Any:
        """An input that is no array of the dtype of its box."""
        name = self.input_names[place]
        if value is MISSING:
            raise FeedError(f"plan: needs the input {name!r}; it is called with {', '.join(self.input_names)}")
        return feeding.read_array(name, self.inputs[place], value)

    def otherwise(
        self, given: Sequence[Any], extra: Sequence[Any], unknown: Mapping[str, Any], seed: Any, prepare: bool
    ) -> Any:
        """A call with names that are no words of Python, or with what no input takes."""
        values = dict(zip(self.input_names, given, strict=True))
        for name, value in unknown.items():
            if name not in values:
                raise FeedError(f"plan: found {name!r}, which is none of its inputs {', '.join(self.input_names)}")
            values[name] = value
        if extra:
            raise FeedError(
                f"plan: found {len(given) + len(extra)} arrays, needs {len(given)}: {', '.join(self.input_names)}"
            )
        return self._call(*values.values(), seed=seed, prepare=prepare)

    def specialised(self, shapes: tuple[Any, ...]) -> Specialised:
        """The function for inputs of these shapes, compiled if it is not known."""
        with self._compiling:
            if shapes in self.known:
                return self.known[shapes]
            given = dict(zip(self.inputs, shapes, strict=True))
            for name, box, shape in zip(self.input_names, self.inputs, shapes, strict=True):
                feeding.read_array(name, box, np.broadcast_to(np.zeros((), box.dtype), shape))
            sizes = feeding.bind_sizes(self._forward, {box: given[box] for box in self._forward.inputs})
            leaves = {**{box: box for box in self.inputs}, **concrete_leaves(self._forward, given, sizes)}
            found = self._make(self._forward, self.store, leaves, self._reads, self._without)
            while len(self.known) >= LARGEST_CACHE:
                del self.known[next(iter(self.known))]
            self.known[shapes] = found
            return found

    def more(self, found: Specialised, seed: Any) -> list[Any]:
        """What the function takes beside the inputs: random draws, and parameters that it only reads."""
        drawn = [
            found.leaves[leaf].value_for(seed, number, {})[()] for number, leaf in enumerate(self._forward.randoms)
        ]
        return drawn + [parameter.value for parameter in self._reads]

    def results(self, found: Specialised, results: tuple[Any, ...]) -> Any:
        """What the caller gets: copies, unless it borrows; the value alone, if it asked for one box."""
        if not self._borrow and any(found.copied):
            results = copies(results, found.copied)
        return results[0] if self._alone else results

    def run_again(self) -> None:
        raise PlanError("plan: called by a fprop that it is running itself; compile a second plan for it")


def _name(key: Any) -> str:
    return key if isinstance(key, str) else str(key.name)
