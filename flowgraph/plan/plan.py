"""A plan: a graph compiled into one function of NumPy calls, which also updates parameters."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from flowgraph import feeding
from flowgraph.box import Box
from flowgraph.errors import FeedError, PlanError
from flowgraph.graph import Graph
from flowgraph.leaves import Parameter
from flowgraph.plan.specialise import concrete_leaves
from flowgraph.plan.specialised import Specialised, copies
from flowgraph.plan.store import Store

LARGEST_CACHE = 16
"""Sets of shapes for which a plan keeps its function; the one unused for longest makes room."""


class Plan:
    """A graph as straight-line NumPy: `step(x=X, y=Y)` gives the values of the outputs and updates the parameters.

    Values come as a tuple in the order of the outputs, or alone where a single box was compiled. All updates read the
    old values and are applied together at the end of the call: an exception or Ctrl-C leaves every parameter as it was,
    or every one updated. For inputs of other shapes the plan is compiled once more, and both functions stay.

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
    ) -> None:
        self._forward = Graph(*outputs, *updates.values())
        self._inputs = tuple(inputs)
        self._store = Store(list(updates))
        self._reads = tuple(p for p in self._forward.parameters if p not in updates)
        self._alone = alone
        self._borrow = borrow
        self._without = without
        self._known: OrderedDict[Any, Specialised] = OrderedDict()
        self._names = [self._forward.names[box] if box in self._forward else str(box.name) for box in self._inputs]
        self._expected = [(name, box.dtype) for name, box in zip(self._names, self._inputs, strict=True)]
        self._running = False

    def __call__(self, *positional: Any, seed: Any = 0, **named: Any) -> Any:
        """Run once: inputs by name, in a dict of boxes or names, or by position in the order of `inputs`."""
        values = self._read(positional, named)
        with self._alone_in_memory():
            found = self._specialised(tuple([np.shape(value) for value in values]))
            if self._forward.randoms:
                values += self._draws(found, seed)
            if self._reads:
                values += [parameter.value for parameter in self._reads]
            store = self._store
            results = found.functions[store.commits & 1](*values)
            if not self._borrow:
                results = copies(results, found.copied)
            store.commit()
        return results[0] if self._alone else results

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

    def _latest(self) -> Specialised:
        if not self._known:
            shapes = [box.shape for box in self._inputs]
            if not all(isinstance(size, int) for shape in shapes for size in shape):
                raise PlanError(
                    "plan: its source and its graph follow the shapes of the inputs, and "
                    f"{', '.join(self._names)} have sizes with names; run it once, or call plan.prepare(x=..., ...)"
                )
            self._specialised(tuple(shapes))
        return next(reversed(self._known.values()))

    def prepare(self, *positional: Any, **named: Any) -> Plan:
        """Compile for the shapes of these inputs without running, and return the plan."""
        values = self._read(positional, named)
        with self._alone_in_memory():
            self._specialised(tuple([np.shape(value) for value in values]))
        return self

    def _read(self, positional: Sequence[Any], named: dict[str, Any]) -> list[Any]:
        """The inputs in their order, each an array or a number of its dtype."""
        if positional:
            named = self._by_name(positional, named)
        values = []
        for name, dtype in self._expected:
            value = named.pop(name, _MISSING)
            if type(value) is np.ndarray and value.dtype is dtype and value.ndim:
                values.append(value)
            elif value is _MISSING:
                raise FeedError(f"plan: needs the input {name!r}; it is called with {', '.join(self._names)}")
            else:
                values.append(feeding.read_array(name, self._inputs[len(values)], value))
        if named:
            raise FeedError(f"plan: found {sorted(named)[0]!r}, which is none of its inputs {', '.join(self._names)}")
        return values

    def _by_name(self, positional: Sequence[Any], named: dict[str, Any]) -> dict[str, Any]:
        if len(positional) == 1 and isinstance(positional[0], Mapping):
            keys = {key if isinstance(key, str) else key.name: value for key, value in positional[0].items()}
            return {**keys, **named}
        if len(positional) > len(self._names):
            raise FeedError(f"plan: found {len(positional)} arrays, needs {len(self._names)}: {', '.join(self._names)}")
        return {**dict(zip(self._names, positional, strict=False)), **named}

    def _specialised(self, shapes: tuple[Any, ...]) -> Specialised:
        found = self._known.get(shapes)
        if found is not None:
            if len(self._known) > 1:
                self._known.move_to_end(shapes)
            return found
        given = {box: shape for box, shape in zip(self._inputs, shapes, strict=True)}
        for name, box, shape in zip(self._names, self._inputs, shapes, strict=True):
            feeding.read_array(name, box, np.broadcast_to(np.zeros((), box.dtype), shape))
        sizes = feeding.bind_sizes(self._forward, {box: given[box] for box in self._forward.inputs})
        leaves = {**{box: box for box in self._inputs}, **concrete_leaves(self._forward, given, sizes)}
        found = Specialised(self._forward, self._store, leaves, self._reads, self._without)
        self._known[shapes] = found
        if len(self._known) > LARGEST_CACHE:
            self._known.popitem(last=False)
        return found

    def _draws(self, found: Specialised, seed: Any) -> list[Any]:
        drawn = []
        for number, leaf in enumerate(self._forward.randoms):
            concrete = found.leaves[leaf]
            drawn.append(concrete.value_for(seed, number, {})[()])
        return drawn

    @contextlib.contextmanager
    def _alone_in_memory(self) -> Iterator[None]:
        """The buffers belong to one call at a time."""
        store = self._store
        if not store.complete:
            store.take()
        with store.lock:
            if self._running:
                raise PlanError("plan: called by a fprop that it is running itself; compile a second plan for it")
            self._running = True
            try:
                yield
            finally:
                self._running = False


_MISSING: Any = object()
